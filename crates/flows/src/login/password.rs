//! Signing in with a password: one path for pages and for `/api/auth/login`. SE-23, PW-20, PW-21.

use std::sync::Arc;

use brama_protocol::acr::Level;
use brama_protocol::error::{CREDENTIALS, INTERNAL, Refusal};
use brama_protocol::id::UserId;
use brama_protocol::password::Password;
use brama_protocol::username::NameKey;
use brama_store::session::Authentication;
use brama_store::user::{SealedPasswordHash, User, UserStatus};
use zeroize::Zeroizing;

use crate::context::Ctx;
use crate::login::throttle::{self, Source};

/// A person who has just shown a right password. Only [`verify`] makes it.
#[derive(Debug)]
pub struct ProvenUser {
    user: User,
    authentication: Authentication,
}

impl ProvenUser {
    /// The account, as it was when the password was checked.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// How it was proved.
    #[must_use]
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }
}

fn row(user: UserId) -> String {
    format!("password/sealed/{user}")
}

/// Check a typed name and password: size limits, throttle in memory, hashing permit, throttle, look-up, verification, in
/// this order (PW-20). An unknown name, a wrong password, an account without a password and a disabled one give the same
/// answer after the same work (PW-21, PW-22).
///
/// # Errors
/// `invalid_credentials`, `too_many_attempts`, `temporarily_unavailable`.
pub async fn verify(ctx: &Ctx, typed_name: &str, typed_password: &str, source: Source) -> Result<ProvenUser, Refusal> {
    throttle::admit(ctx, source)?;
    // Held to the end: as many sign in at a time as can be hashed and wait for it.
    let _place = ctx.hashing.place()?;
    let name = NameKey::of(typed_name);
    let reserved = throttle::reserve(ctx, &name, source).await?;
    // A password that could never be set is wrong; nothing is hashed for it. PW-2.
    let Ok(password) = Password::parse(typed_password) else { return Err((&CREDENTIALS).into()) };
    let password = Arc::new(password);
    let found = ctx.store.find_sign_in(&name).await?;
    let (user, sealed) = match found {
        Some((user, sealed)) => (Some(user), sealed),
        None => (None, None),
    };
    let phc = match (&user, &sealed) {
        (Some(user), Some(sealed)) => Some(open(ctx, user.id, sealed)?),
        _ => None,
    };
    let verification = match ctx.hashing.verify(Arc::clone(&password), phc).await {
        Ok(verification) => verification,
        Err(refusal) => {
            // Being busy is our failure, not a wrong guess.
            reserved.withdrawn(ctx).await?;
            return Err(refusal);
        }
    };
    let (Some(user), Some(sealed), true) = (user, sealed, verification.fits) else { return Err((&CREDENTIALS).into()) };
    if user.status != UserStatus::Active {
        return Err(Refusal::from(&CREDENTIALS).with_detail(format!("the account {} is disabled", user.id)));
    }
    reserved.succeeded(ctx).await?;
    if verification.outdated {
        rehash(ctx, user.id, password, sealed).await;
    }
    let authentication =
        Authentication { at: ctx.now, amr: vec!["pwd".to_owned()], acr: Level::One.as_str().to_owned() };
    Ok(ProvenUser { user, authentication })
}

/// Store the password anew with today's parameters. A failure is logged; the sign-in goes on. PW-14.
async fn rehash(ctx: &Ctx, user: UserId, password: Arc<Password>, old: SealedPasswordHash) {
    let outcome = match hash(ctx, user, password).await {
        Ok(new) => ctx.store.rehash_password(user, old, new).await.map(drop).map_err(Refusal::from),
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = outcome {
        tracing::warn!(%user, %refusal, "the password could not be stored with the current parameters");
    }
}

fn open(ctx: &Ctx, user: UserId, sealed: &SealedPasswordHash) -> Result<Zeroizing<String>, Refusal> {
    let broken = |why: String| Refusal::from(&INTERNAL).with_detail(format!("password of {user}: {why}"));
    let bytes = ctx.password_sealer.open(&row(user), &sealed.0).map_err(|error| broken(error.to_string()))?;
    std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|error| broken(error.to_string()))
}

/// Hash and seal a password for a user. PW-12, PW-13.
///
/// # Errors
/// `temporarily_unavailable` when the pool is full.
pub async fn hash(ctx: &Ctx, user: UserId, password: Arc<Password>) -> Result<SealedPasswordHash, Refusal> {
    let phc = ctx.hashing.hash(password, ctx.random()?).await?;
    ctx.password_sealer
        .seal(ctx.random()?, &row(user), phc.as_bytes())
        .map(SealedPasswordHash)
        .map_err(|error| Refusal::from(&INTERNAL).with_detail(error.to_string()))
}
