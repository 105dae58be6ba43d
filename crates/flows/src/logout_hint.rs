//! Whose sign-out an app asks for: what its ID token says. A form of the app becomes a navigation, and in between the hint is
//! carried without the token, which would be read in histories and logs of proxies otherwise. LO-1, LO-2.

use aws_lc_rs::digest::{SHA256, digest};
use brama_jose::Typ;
use brama_protocol::access_token::Audience;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::oidc::id_token::IdTokenClaims;
use brama_protocol::oidc::logout::LogoutRequest;

use crate::context::Ctx;
use crate::csrf::Form;

/// How long a carried hint is one, minutes: a navigation, and a look at the page that asks.
const LIFE_MINUTES: i64 = 30;

/// What an ID token of ours says about a sign-in. Expired is fine.
pub(crate) struct Hint {
    /// The user.
    pub(crate) sub: String,
    /// The session.
    pub(crate) sid: Option<String>,
    /// The app.
    pub(crate) client: Option<ClientId>,
}

impl Hint {
    /// The hint of a request: an ID token with our signature, for this issuer, or one that was carried.
    pub(crate) fn of(ctx: &Ctx, request: &LogoutRequest) -> Option<Self> {
        let Some(token) = request.id_token_hint.as_deref() else {
            return carried(ctx, request.carried_hint.as_deref()?);
        };
        let claims: IdTokenClaims = ctx.keyring().own(token, Typ::IdToken)?.claims().ok()?;
        if claims.iss != ctx.settings.issuer {
            return None;
        }
        let client = match &claims.aud {
            Audience::One(one) => one.parse().ok(),
            Audience::Many(_) => None,
        };
        Some(Self { sub: claims.sub, sid: claims.sid, client })
    }
}

/// The same request for an address: with what its ID token says instead of the token. A token that says nothing is left out.
#[must_use]
pub fn without_token(ctx: &Ctx, request: LogoutRequest) -> LogoutRequest {
    let carried_hint = Hint::of(ctx, &request).and_then(|hint| {
        let (sid, client) = (hint.sid?, hint.client?);
        let said = format!("{}~{sid}~{}~{client}", minute(ctx), hint.sub);
        Some(format!("{}~{said}", ctx.csrf.token(hash(&said), Form::CarriedHint)))
    });
    LogoutRequest { id_token_hint: None, carried_hint, ..request }
}

fn carried(ctx: &Ctx, text: &str) -> Option<Hint> {
    let (tag, said) = text.split_once('~')?;
    if !ctx.csrf.is_valid(hash(said), Form::CarriedHint, tag) {
        return None;
    }
    let mut parts = said.splitn(4, '~');
    let (made, sid, sub, client) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let age = minute(ctx) - made.parse::<i64>().ok()?;
    let hint = || Hint { sub: sub.to_owned(), sid: Some(sid.to_owned()), client: client.parse().ok() };
    (0..=LIFE_MINUTES).contains(&age).then(hint)
}

fn minute(ctx: &Ctx) -> i64 {
    ctx.now.as_second().div_euclid(60)
}

/// What the tag is made of.
fn hash(said: &str) -> HandleHash<kind::Session> {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, said.as_bytes()).as_ref());
    HandleHash::from_bytes(bytes)
}
