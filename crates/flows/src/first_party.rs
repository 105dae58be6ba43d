//! `/api/auth/*`: sign-in, refresh and sign-out of first-party apps, with the refresh token in a cookie. Design §1 A, §5;
//! BB-1, BB-2, BB-6, BB-9.

use std::sync::Arc;

use brama_protocol::client::{Client, ClientId, GrantType};
use brama_protocol::cookie_endpoint::Sender;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::error::{
    CREDENTIALS, DPOP_MISSING, NOT_FIRST_PARTY, ORIGIN, REFRESH_UNKNOWN, Refusal, SIGN_IN_AGAIN, WHICH_CLIENT,
};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::GrantId;
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::resource::Resources;
use brama_store::client::ClientRecord;
use brama_store::grant::{NewGrant, Presentation, Presenter};

use crate::context::Ctx;
use crate::dpop::{self, Proofs};
use crate::login::password;
use crate::login::session::{self, BegunSession, BrowserFacts, Keep};
use crate::login::throttle::Source;
use crate::token::issue::{Approval, Holder, Minted, issue};
use crate::token::{Delivery, refresh_token};

/// A password sign-in by the app itself. A4.
pub struct Login<'a> {
    /// The typed name.
    pub username: &'a str,
    /// The typed password.
    pub password: &'a str,
    /// Chooses among the clients that list the origin; it opens nothing by itself.
    pub client: Option<&'a ClientId>,
    /// Where the attempt comes from.
    pub source: Source,
    /// What is known of the browser.
    pub browser: BrowserFacts,
    /// The DPoP headers of the request.
    pub proofs: Proofs<'a>,
}

/// A first-party sign-in that succeeded.
pub struct LoggedIn {
    /// Access token, and the refresh token for its cookie.
    pub minted: Minted,
    /// The session, with the secret for its cookie.
    pub session: BegunSession,
    /// The client it is for: part of the cookie's name.
    pub client: ClientId,
}

/// Sign in with a password: a session and a grant, as if the person had come through the sign-in page. A4; BB-10.
///
/// # Errors
/// `origin_not_allowed`, `unauthorized_client` for third parties, `invalid_credentials`, `too_many_attempts`,
/// `temporarily_unavailable`.
pub async fn login(ctx: &Ctx, sender: &Sender, login: Login<'_>) -> Result<LoggedIn, Refusal> {
    let record = client_of(ctx, sender, login.client).await?;
    let client = &record.client;
    let proven = password::verify(ctx, login.username, login.password, login.source).await?;
    // After the password: a proof is remembered, and strangers are to leave nothing behind.
    let key = key_of(ctx, client, &login.proofs).await?;
    let begun = session::begin(ctx, &proven, login.browser, Keep::Lasting).await?;
    let new = NewGrant {
        id: GrantId::new(ctx.now, ctx.random()?),
        user: proven.user().id,
        epoch: proven.user().epoch,
        client: client.id.clone(),
        session: begun.session.id,
        scope: brama_protocol::scope::GrantedScope::from_stored(client.scope.clone()),
        resources: Resources::default(),
        claims: NamedClaims::default(),
        authentication: begun.session.authentication.clone(),
        offline: false,
        jkt: key,
        expires_at: ctx.after(ctx.settings.tokens.refresh)?,
    };
    let grant = ctx.store.give_grant(new, ctx.now).await?;
    // The account changed between the two writes.
    let grant = Box::new(grant.ok_or(&CREDENTIALS)?);
    let minted = issue(ctx, Holder { client, key }, Approval::Cookie { grant }).await?;
    Ok(LoggedIn { minted, session: begun, client: client.id.clone() })
}

/// The key that the sender proves to hold, if it does; a client whose tokens are always bound has to. RFC 9449 §5; TE-22.
async fn key_of(ctx: &Ctx, client: &Client, proofs: &Proofs<'_>) -> Result<Option<JwkThumbprint>, Refusal> {
    let key = dpop::at_server(ctx, proofs).await?;
    if key.is_none() && client.dpop_bound_access_tokens {
        return Err(Refusal::from(&DPOP_MISSING).with_detail(format!("client {}", client.id)));
    }
    Ok(key)
}

/// The first-party client that a sender speaks for. BB-10, BB-12: the origin decides, `client_id` only chooses.
async fn client_of(ctx: &Ctx, sender: &Sender, named: Option<&ClientId>) -> Result<Arc<ClientRecord>, Refusal> {
    let origin = match sender {
        Sender::Script { origin, .. } => origin,
        Sender::NoBrowser => &ctx.settings.own_origin,
    };
    if let (Sender::NoBrowser, Some(named)) = (sender, named) {
        let found = ctx.client(named).await?.filter(|record| record.client.enabled);
        return found.filter(|record| record.client.first_party).ok_or_else(|| (&NOT_FIRST_PARTY).into());
    }
    let listed = ctx.clients_of_origin(origin.as_str()).await?;
    let listed: Vec<_> = listed.iter().filter(|record| named.is_none_or(|named| record.client.id == *named)).collect();
    if listed.is_empty() {
        return Err(Refusal::from(&ORIGIN).with_detail(format!("no client lists {origin}")));
    }
    let mut first_party = listed.into_iter().filter(|record| record.client.first_party).cloned();
    match (first_party.next(), first_party.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Refusal::from(&NOT_FIRST_PARTY).with_detail(format!("clients of {origin}"))),
        (Some(_), Some(_)) => Err((&WHICH_CLIENT).into()),
    }
}

/// One refresh cookie of a request.
pub struct RefreshCookie {
    /// The client in its name.
    pub client: ClientId,
    /// Its value. A secret.
    pub value: zeroize::Zeroizing<String>,
}

/// How a refresh cookie is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// `POST`: the token is replaced. A6.
    Rotate,
    /// `GET`: a new access token, nothing changes. Design §5.
    Look,
}

/// A refresh that succeeded.
pub struct Refreshed {
    /// The access token, and for [`Use::Rotate`] the refresh token for the cookie.
    pub minted: Minted,
    /// The client it is for.
    pub client: ClientId,
    /// Whether the refresh token was replaced, so that the cookie has to be.
    pub replaced: bool,
}

/// A refresh cookie that fits the sender and whose MAC is right.
struct Chosen {
    record: Arc<ClientRecord>,
    token: PresentedRefreshToken,
}

/// Choose the cookie that the request means. Cookies of clients that do not list the origin are not looked at.
async fn choose(
    ctx: &Ctx,
    sender: &Sender,
    named: Option<&ClientId>,
    cookies: Vec<RefreshCookie>,
) -> Result<Chosen, Refusal> {
    let mut fitting = Vec::new();
    let mut unlisted = false;
    for cookie in cookies.into_iter().filter(|cookie| named.is_none_or(|named| cookie.client == *named)) {
        let Some(record) = ctx.client(&cookie.client).await?.filter(|record| record.client.enabled) else {
            continue;
        };
        match sender {
            Sender::Script { origin, .. } if !record.client.lists_origin(origin) => unlisted = true,
            _ => fitting.push((record, cookie)),
        }
    }
    let mut fitting = fitting.into_iter();
    match (fitting.next(), fitting.next()) {
        (Some((record, cookie)), None) => {
            let token = ctx.refresh_tokens.open(&cookie.value).ok_or(&SIGN_IN_AGAIN)?;
            Ok(Chosen { record, token })
        }
        (Some(_), Some(_)) => Err((&WHICH_CLIENT).into()),
        (None, _) if unlisted => Err((&ORIGIN).into()),
        (None, _) => {
            // No cookie: an origin that nobody lists is still told so, before anything else.
            listing(ctx, sender).await?;
            Err((&SIGN_IN_AGAIN).into())
        }
    }
}

/// Refresh by cookie. `session`: the session cookie that came beside it, which binds the sender. A6; design §5.
///
/// # Errors
/// `login_required` only when signing in again is really needed; `origin_not_allowed`; `temporarily_unavailable`.
pub async fn refresh(
    ctx: &Ctx,
    sender: &Sender,
    named: Option<&ClientId>,
    cookies: Vec<RefreshCookie>,
    session: Option<HandleHash<kind::Session>>,
    proofs: &Proofs<'_>,
    usage: Use,
) -> Result<Refreshed, Refusal> {
    let Chosen { record, token } = choose(ctx, sender, named, cookies).await?;
    let client = &record.client;
    // TE-37.
    if !client.may_use(GrantType::RefreshToken) {
        return Err(Refusal::from(&SIGN_IN_AGAIN).with_detail(format!("client {} may not refresh", client.id)));
    }
    let key = key_of(ctx, client, proofs).await?;
    let presentation = Presentation {
        token,
        client: &client.id,
        presenter: Presenter::Cookie { session },
        jkt: key,
        window: ctx.settings.tokens.refresh_window,
    };
    let refreshed = match usage {
        Use::Rotate => ctx.store.rotate(presentation, ctx.now).await?,
        Use::Look => ctx.store.look(presentation, ctx.now).await?,
    };
    let sign_in_again = |refusal: Refusal| Refusal {
        row: if refusal.row.error == REFRESH_UNKNOWN.error { &SIGN_IN_AGAIN } else { refusal.row },
        ..refusal
    };
    let grant = refresh_token::standing(refreshed, &presentation).map_err(sign_in_again)?;
    let minted = issue(ctx, Holder { client, key }, Approval::Cookie { grant }).await.map_err(sign_in_again)?;
    debug_assert_eq!(minted.delivery, Delivery::Cookie);
    Ok(Refreshed { minted, client: client.id.clone(), replaced: usage == Use::Rotate })
}

/// What a sign-out did.
pub struct LoggedOut {
    /// The clients whose cookies go.
    pub clients: Vec<ClientId>,
    /// Whether the session cookie goes.
    pub session: bool,
}

/// End the sessions behind the refresh cookies of this origin's clients, and the one behind the session cookie.
/// Idempotent: a cookie that counts no more is no error, and goes. A8; BB-11.
///
/// # Errors
/// `origin_not_allowed`, an unavailable store.
pub async fn logout(
    ctx: &Ctx,
    sender: &Sender,
    named: Option<&ClientId>,
    cookies: Vec<RefreshCookie>,
    session: Option<HandleHash<kind::Session>>,
) -> Result<LoggedOut, Refusal> {
    let listing = listing(ctx, sender).await?;
    // An app of somebody else's gives back what is its own; the session by its cookie alone is not. LO-3.
    let ours = listing.is_none_or(|clients| clients.iter().any(|record| record.client.first_party));
    let mut clients = Vec::new();
    for cookie in cookies.into_iter().filter(|cookie| named.is_none_or(|named| cookie.client == *named)) {
        let record = ctx.client(&cookie.client).await?;
        let listed = match (sender, &record) {
            (Sender::NoBrowser, _) => true,
            (Sender::Script { origin, .. }, Some(record)) => record.client.lists_origin(origin),
            (Sender::Script { .. }, None) => false,
        };
        if !listed {
            continue;
        }
        if let Some(token) = ctx.refresh_tokens.open(&cookie.value) {
            ctx.store.sign_out_grant(token.grant, ctx.now).await?;
        }
        clients.push(cookie.client);
    }
    if let Some(session) = session.filter(|_| ours) {
        // An idle one too: what apps were given through it still stands.
        ctx.store.end_session_of_cookie(session, ctx.now).await?;
    }
    ctx.backchannel.wake();
    let session = ours || !clients.is_empty();
    Ok(LoggedOut { clients, session })
}

/// The clients that list a script's origin; there has to be one. Nothing: no browser. BB-12.
async fn listing(ctx: &Ctx, sender: &Sender) -> Result<Option<Arc<Vec<Arc<ClientRecord>>>>, Refusal> {
    let Sender::Script { origin, .. } = sender else { return Ok(None) };
    let clients = ctx.clients_of_origin(origin.as_str()).await?;
    if clients.is_empty() {
        return Err(Refusal::from(&ORIGIN).with_detail(format!("no client lists {origin}")));
    }
    Ok(Some(clients))
}
