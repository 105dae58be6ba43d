//! Secrets: in the header or in the body, two of them while one takes the other's place. TE-6, TE-7, TE-9.

use brama_protocol::client::{AuthMethod, ClientId};
use brama_protocol::handle::{Handle, HandleHash, kind};

use crate::client_auth::guesses::Lanes;
use crate::client_auth::{AuthenticatedClient, Failure, registered};
use crate::context::Ctx;

/// Check a secret. `basic`: it came in the header.
pub(super) async fn check(
    ctx: &Ctx,
    id: &ClientId,
    secret: Option<&Handle<kind::ClientSecret>>,
    basic: bool,
    lanes: &Lanes,
) -> Result<AuthenticatedClient, Failure> {
    let guesses = &ctx.client_auth.guesses;
    guesses.look(lanes, ctx.now).map_err(Failure::Wait)?;
    let record = registered(ctx.client(id).await?, |method| match method {
        AuthMethod::ClientSecret => true,
        AuthMethod::ClientSecretBasic => basic,
        AuthMethod::ClientSecretPost => !basic,
        AuthMethod::None | AuthMethod::PrivateKeyJwt => false,
    });
    let presented = secret.map(Handle::hash);
    // A client that cannot be meant is compared like one that can.
    let nobody = [HandleHash::from_bytes([0; 32])];
    let stored = record.as_ref().map_or(&nobody[..], |record| &record.secrets);
    let right =
        guesses.attempt(lanes, ctx.now, || is_one_of(presented, stored) && record.is_ok()).map_err(Failure::Wait)?;
    let record = record?;
    if right { Ok(AuthenticatedClient(record)) } else { Err(Failure::not_proven("wrong secret")) }
}

/// Hashes are compared in constant time, and all of them: no short cut tells which one it was.
fn is_one_of(presented: Option<HandleHash<kind::ClientSecret>>, stored: &[HandleHash<kind::ClientSecret>]) -> bool {
    let presented_hash = presented.unwrap_or(HandleHash::from_bytes([1; 32]));
    let found = stored.iter().fold(false, |found, stored| found | (*stored == presented_hash));
    found && presented.is_some()
}
