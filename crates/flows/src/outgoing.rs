//! What the server asks of other servers: fetching a client's keys, telling an app that a session has ended.
//!
//! Addresses come from clients, so every one of these is a request that an attacker may have chosen. The port is the only way
//! out of the flows; the crate `net` implements it (resolve, check, pin, no redirects, limits of size and time). RG-24, RG-25.

use async_trait::async_trait;

/// Why a request to another server has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// The address is not one that may be asked: its scheme, its host, or where its name leads. Nothing was sent.
    #[error("the address may not be asked: {0}")]
    Refused(String),
    /// Too much goes out already, to this server or at all. Nothing was sent; a later try may do.
    #[error("too many requests to {0} at the moment")]
    Later(String),
    /// The other server did not answer, or not in a way that can be used.
    #[error("the other server did not answer: {0}")]
    Failed(String),
}

/// Requests to other servers.
#[async_trait]
pub trait Outgoing: Send + Sync {
    /// Fetch a JSON document: status 200, a JSON media type, at most so many bytes. Redirects are not followed.
    ///
    /// # Errors
    /// [`OutgoingError`]; it says for the log what went wrong.
    async fn get_json(&self, url: &str, most_bytes: usize) -> Result<Vec<u8>, OutgoingError>;

    /// Post a form (`application/x-www-form-urlencoded`, already encoded) and tell the status of the answer, whatever it
    /// is. The body of the answer is not read.
    ///
    /// # Errors
    /// [`OutgoingError`], where there is no status.
    async fn post_form(&self, url: &str, form: &str) -> Result<u16, OutgoingError>;
}

/// No way out: for servers without one, and for tests in which nobody else exists.
#[derive(Clone, Copy, Debug)]
pub struct NoWayOut;

#[async_trait]
impl Outgoing for NoWayOut {
    async fn get_json(&self, _url: &str, _most_bytes: usize) -> Result<Vec<u8>, OutgoingError> {
        Err(OutgoingError::Refused("this server asks nobody".to_owned()))
    }

    async fn post_form(&self, _url: &str, _form: &str) -> Result<u16, OutgoingError> {
        Err(OutgoingError::Refused("this server asks nobody".to_owned()))
    }
}
