//! Beginning a session for a person who has just proved who they are. SE-5 to SE-9.

use brama_protocol::error::{CREDENTIALS, Refusal};
use brama_protocol::handle::{Handle, HandleHash, kind};
use brama_protocol::id::SessionId;
use brama_store::session::{BeginSession, Lifetime, NewSession, Session};

use crate::context::Ctx;
use crate::login::password::ProvenUser;

/// What is known of the browser that signs in.
#[derive(Clone, Debug, Default)]
pub struct BrowserFacts {
    /// A coarse name of browser and system; see [`crate::login::device`].
    pub device: String,
    /// The session cookie it had before. SE-4: only looked up, never adopted.
    pub session: Option<HandleHash<kind::Session>>,
}

/// A session that has begun, with the secret for its cookie.
#[derive(Debug)]
pub struct BegunSession {
    /// The session.
    pub session: Session,
    /// What the cookie carries; given out once.
    pub secret: Handle<kind::Session>,
}

/// How long a sign-in is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Until the browser is closed: the sign-in page, by default. SE-9.
    UntilClosed,
    /// Over restarts of the browser, for the usual time: an app's own sign-in, whose refresh cookie lasts. A2.
    Lasting,
    /// Over restarts, and longer: "keep me signed in".
    Remembered,
}

/// Begin a session: always a new secret; the browser's old one is dead afterwards. SE-5, SE-7.
///
/// # Errors
/// `invalid_credentials` if the account changed while the password was checked (SE-14); an unavailable store.
pub async fn begin(ctx: &Ctx, proven: &ProvenUser, browser: BrowserFacts, keep: Keep) -> Result<BegunSession, Refusal> {
    let settings = ctx.settings.sessions;
    let (idle, absolute) = match keep {
        Keep::Remembered => (settings.remember_idle, settings.remember_absolute),
        Keep::UntilClosed | Keep::Lasting => (settings.idle, settings.absolute),
    };
    let secret = ctx.handle::<kind::Session>()?;
    let new = NewSession {
        id: SessionId::new(ctx.now, ctx.random()?),
        secret: secret.hash(),
        user: proven.user().id,
        epoch: proven.user().epoch,
        authentication: proven.authentication().clone(),
        lifetime: Lifetime {
            idle_seconds: u32::try_from(idle.as_secs()).unwrap_or(u32::MAX),
            expires_at: ctx.after(absolute)?,
            persistent: keep != Keep::UntilClosed,
        },
        device: browser.device,
        replaces: browser.session,
        max_per_user: settings.max_per_user,
    };
    match ctx.store.begin_session(new, ctx.now).await? {
        BeginSession::Begun(session) => {
            // The browser's session of somebody else, or one too many, has ended. SE-7, SE-19.
            ctx.backchannel.wake();
            Ok(BegunSession { session, secret })
        }
        BeginSession::AccountChanged => Err(Refusal::from(&CREDENTIALS).with_detail("the account changed meanwhile")),
    }
}
