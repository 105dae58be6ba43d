//! Client authentication, the same at every endpoint. OAuth 2.1 §2.4, §3.2.1; RFC 7521 §4.2; TE-2 to TE-17.

mod guesses;
mod keys;
mod mistakes;
mod private_key_jwt;
mod secret;

use std::sync::Arc;

use brama_faults::{Fault, planted};
use brama_protocol::client::{AuthMethod, Client, ClientId};
use brama_protocol::error::{CLIENT_UNAUTHENTICATED, Refusal};
use brama_protocol::token::request::Credentials;
use brama_store::client::ClientRecord;

use crate::client_auth::guesses::{Guesses, Lanes};
use crate::client_auth::keys::RemoteKeys;
use crate::context::Ctx;

/// A client that is who it says, as it was registered. Only [`authenticate`] makes it.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<ClientRecord>);

impl AuthenticatedClient {
    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }
}

/// What a node remembers between requests: who failed lately, and keys that clients publish.
#[derive(Default)]
pub struct Memory {
    guesses: Guesses,
    keys: RemoteKeys,
}

/// Why a client is not believed. Clients are told one thing for all but the last two; the operator's log says which.
enum Failure {
    /// The credentials do not prove it.
    NotProven(String),
    /// Too many failures from there: nothing was looked at.
    Wait(Refusal),
    /// It cannot be decided now.
    Undecided(Refusal),
}

impl Failure {
    fn not_proven(why: impl Into<String>) -> Self {
        Self::NotProven(why.into())
    }
}

impl<T: Into<Refusal>> From<T> for Failure {
    fn from(refusal: T) -> Self {
        Self::Undecided(refusal.into())
    }
}

/// Check a client's credentials before anything else of its request is looked at. The same answer for an unknown client,
/// a wrong secret, a missing one and another way than the registered one (TE-3, TE-9). Failures are counted for the
/// client at its address and for the address, here in memory and in the database for all nodes; beyond the limit nothing
/// is looked at.
///
/// # Errors
/// `invalid_client`; `temporarily_unavailable` when there were too many failures from there, or when the keys of the
/// client or the database do not answer.
pub async fn authenticate(ctx: &Ctx, credentials: &Credentials) -> Result<AuthenticatedClient, Refusal> {
    let id = credentials.client();
    let lanes = Lanes::of(ctx, id);
    let outcome = match credentials {
        // Naming oneself is no attempt to guess anything.
        Credentials::None { .. } => {
            return public(ctx, id).await.map_err(|failure| match failure {
                Failure::NotProven(why) => unproven(id, &why),
                Failure::Wait(refusal) | Failure::Undecided(refusal) => refusal,
            });
        }
        Credentials::Secret { secret, basic, .. } => secret::check(ctx, id, secret.as_ref(), *basic, &lanes).await,
        Credentials::Assertion { assertion, .. } => private_key_jwt::check(ctx, id, assertion, &lanes).await,
    };
    match outcome {
        Ok(client) => Ok(client),
        Err(Failure::NotProven(why)) => {
            guesses::tell_all_nodes(ctx, &lanes).await?;
            Err(unproven(id, &why))
        }
        Err(Failure::Wait(refusal) | Failure::Undecided(refusal)) => Err(refusal),
    }
}

fn unproven(client: &ClientId, why: &str) -> Refusal {
    Refusal::from(&CLIENT_UNAUTHENTICATED).with_detail(format!("{client}: {why}"))
}

/// A public client names itself. TE-5.
async fn public(ctx: &Ctx, id: &ClientId) -> Result<AuthenticatedClient, Failure> {
    let record = registered(ctx.client(id).await?, |method| method == AuthMethod::None || planted(Fault::Refresh06))?;
    Ok(AuthenticatedClient(record))
}

/// The record of a client that may be used, and that proves itself in a way that fits. TE-3: no other way will do.
fn registered(
    record: Option<Arc<ClientRecord>>,
    fits: impl FnOnce(AuthMethod) -> bool,
) -> Result<Arc<ClientRecord>, Failure> {
    let record = record.ok_or_else(|| Failure::not_proven("not registered"))?;
    if !record.client.enabled && !planted(Fault::Revoke02) {
        return Err(Failure::not_proven("disabled"));
    }
    let method = record.client.auth_method;
    if !fits(method) {
        return Err(Failure::not_proven(format!("it has to authenticate by {}", method.as_str())));
    }
    Ok(record)
}
