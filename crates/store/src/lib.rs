//! What the server remembers, in the words of the protocol: one file per noun with its record, its states and its trait.
//!
//! Every operation is atomic, and the guard is inside the statement: a state read earlier is a hint, the conditional
//! write decides. An operation that returns has been committed durably (design §7). Backends pass the suite in
//! `conformance` (feature `conformance`).

pub mod audit;
pub mod authorization;
pub mod catalog;
pub mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod consent;
pub mod device;
pub mod grant;
pub mod lease;
pub mod logout_delivery;
pub mod par;
pub mod registration;
pub mod replay;
pub mod revoked_token;
pub mod session;
pub mod signing_key;
pub mod stored;
pub mod sweep;
pub mod throttle;
pub mod transfer;
pub mod user;

pub use audit::AuditLog;
pub use authorization::Authorizations;
pub use catalog::Catalog;
pub use client::Clients;
pub use consent::Consents;
pub use device::Devices;
pub use grant::Grants;
pub use lease::Leases;
pub use logout_delivery::LogoutDeliveries;
pub use par::PushedRequests;
pub use registration::Registrations;
pub use replay::Replays;
pub use revoked_token::RevokedTokens;
pub use session::Sessions;
pub use signing_key::SigningKeys;
pub use sweep::Sweep;
pub use throttle::Throttles;
pub use user::Users;

/// Why a store operation has no answer. Nothing was changed, or the caller cannot know and may repeat it.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Too much is waiting; try again in a moment.
    #[error("the storage queue is full")]
    Busy,
    /// The database failed.
    #[error("the storage failed: {0}")]
    Failed(String),
    /// A row that fits no state. It is a bug or somebody edited the database.
    #[error("a row of {table} fits no state: {why}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What does not fit; never a secret.
        why: String,
    },
}

/// Everything a backend does.
pub trait Store:
    Authorizations
    + AuditLog
    + Catalog
    + Clients
    + Consents
    + Devices
    + Grants
    + Leases
    + LogoutDeliveries
    + PushedRequests
    + Registrations
    + Replays
    + RevokedTokens
    + Sessions
    + SigningKeys
    + Sweep
    + Throttles
    + Users
{
}

impl<T> Store for T where
    T: Authorizations
        + AuditLog
        + Catalog
        + Clients
        + Consents
        + Devices
        + Grants
        + Leases
        + LogoutDeliveries
        + PushedRequests
        + Registrations
        + Replays
        + RevokedTokens
        + Sessions
        + SigningKeys
        + Sweep
        + Throttles
        + Users
{
}

impl From<Unavailable> for brama_protocol::error::Refusal {
    fn from(unavailable: Unavailable) -> Self {
        use brama_protocol::error::{INTERNAL, Refusal, STORAGE, STORAGE_BUSY};
        let refusal = match &unavailable {
            Unavailable::Busy => Refusal::from(&STORAGE_BUSY).retry_after(1),
            Unavailable::Failed(_) => Refusal::from(&STORAGE).retry_after(2),
            Unavailable::Corrupt { .. } => Refusal::from(&INTERNAL),
        };
        refusal.with_detail(unavailable.to_string())
    }
}
