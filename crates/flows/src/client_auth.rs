//! Client authentication. OAuth 2.1 §2.4, §3.2.1; TE-2, TE-3, TE-5, TE-9.

use std::sync::Arc;

use brama_protocol::client::Client;
use brama_protocol::error::{CLIENT_UNAUTHENTICATED, Refusal};
use brama_protocol::token::request::Credentials;
use brama_store::client::ClientRecord;

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

/// Check a client's credentials before its grant is looked at. The same answer for an unknown client, a wrong secret
/// and a missing one; secrets are compared as hashes in constant time.
///
/// # Errors
/// `invalid_client`.
pub async fn authenticate(ctx: &Ctx, credentials: &Credentials) -> Result<AuthenticatedClient, Refusal> {
    let refused =
        |why: &str| Err(Refusal::from(&CLIENT_UNAUTHENTICATED).with_detail(format!("{}: {why}", credentials.client())));
    let Some(record) = ctx.client(credentials.client()).await? else { return refused("not registered") };
    if !record.client.enabled {
        return refused("disabled");
    }
    match (credentials, record.client.is_confidential()) {
        (Credentials::None { .. }, false) => Ok(AuthenticatedClient(record)),
        (Credentials::None { .. }, true) => refused("a confidential client has to authenticate"),
        (Credentials::Secret { .. }, false) => refused("a public client sent a secret"),
        (Credentials::Secret { secret, .. }, true) => {
            let fits = secret.as_ref().is_some_and(|secret| {
                let hash = secret.hash();
                // No short cut: every stored secret is compared.
                record.secrets.iter().fold(false, |found, stored| found | (*stored == hash))
            });
            if fits { Ok(AuthenticatedClient(record)) } else { refused("wrong secret") }
        }
    }
}
