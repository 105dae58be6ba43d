//! RP-initiated logout. OpenID RP-Initiated Logout 1.0; LO-1 to LO-6.

use std::sync::Arc;

use brama_faults::{Fault, planted};
use brama_protocol::client::Registrar;
use brama_protocol::error::Refusal;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::SessionId;
use brama_protocol::oidc::logout::{LogoutRequest, post_logout_redirect};
use brama_protocol::username::NameKey;
use brama_store::client::ClientRecord;
use brama_store::user::User;

use crate::context::Ctx;
use crate::logout_hint::Hint;

/// What a logout request comes to.
pub enum Logout {
    /// The person has to be asked: the request could come from anybody. LO-3.
    Ask {
        /// The app, if it is known.
        client: Option<Arc<ClientRecord>>,
        /// Who would be signed out.
        username: String,
    },
    /// It is done.
    Done {
        /// The app, if it is known.
        client: Option<Arc<ClientRecord>>,
        /// Where the browser goes; nothing: our own page.
        redirect: Option<String>,
    },
}

/// Whether a `logout_hint` means the person who is signed in: by user name, address, or the id of user or session. LO-1.
fn is_named(hint: &str, session: SessionId, user: &User) -> bool {
    let key = NameKey::of(hint);
    let name = |name: &str| NameKey::of(name) == key;
    name(&user.username)
        || user.email.as_deref().is_some_and(name)
        || hint == user.id.to_string()
        || hint == session.to_string()
}

/// The session of this browser and its user, idle ones too.
async fn open_session(
    ctx: &Ctx,
    cookie: Option<HandleHash<kind::Session>>,
) -> Result<Option<(SessionId, User)>, Refusal> {
    let Some(cookie) = cookie else { return Ok(None) };
    let Some((session, user)) = ctx.store.session_of_cookie(cookie).await? else { return Ok(None) };
    Ok(ctx.store.find_user(user).await?.map(|user| (session, user)))
}

/// Decide and act. `cookie`: the session cookie of the browser. `confirmed`: the person has pressed the button of our own page, whose form token was right.
///
/// # Errors
/// An unavailable store.
pub async fn logout(
    ctx: &Ctx,
    request: &LogoutRequest,
    cookie: Option<HandleHash<kind::Session>>,
    confirmed: bool,
) -> Result<Logout, Refusal> {
    let hint = Hint::of(ctx, request);
    let of_hint = hint.as_ref().and_then(|hint| hint.client.clone());
    // A client_id that contradicts the hint makes both worthless.
    let agree = match (&request.client, &of_hint) {
        (Some(named), Some(hinted)) => named == hinted || planted(Fault::Audiss03),
        _ => true,
    };
    let hint = hint.filter(|_| agree);
    let id = if agree { request.client.clone().or(of_hint) } else { None };
    let client = match id {
        Some(id) => ctx.client(&id).await?.filter(|record| record.client.enabled),
        None => None,
    };
    // An idle session is ended like any other: what apps were given through it still stands.
    let mut proven = false;
    if let Some((session, user)) = open_session(ctx, cookie).await? {
        // A logout_hint that names somebody else contradicts the ID token.
        let names = request.logout_hint.as_deref().is_none_or(|named| is_named(named, session, &user));
        let fits = hint.is_some_and(|hint| {
            names && hint.sid.is_some_and(|sid| sid == session.to_string()) && hint.sub == user.id.to_string()
        });
        if !fits && !confirmed {
            return Ok(Logout::Ask { client, username: user.username });
        }
        proven = fits;
        if !planted(Fault::Revoke07) {
            ctx.store.end_session(user.id, session, ctx.now).await?;
        }
        ctx.backchannel.wake();
    }
    // Honoured also when no session was left (LO-4); to an app that registered itself nobody is led but by an ID token of this
    // very session: anybody can have one of their own for their own app. Our page names it and has a link. AZ-13, LO-6.
    let led = client.as_ref().filter(|record| proven || record.client.registrar == Registrar::Operator);
    let redirect = led.and_then(|record| {
        post_logout_redirect(&record.client, request.post_logout_redirect_uri.as_deref(), request.state.as_deref())
    });
    Ok(Logout::Done { client, redirect })
}
