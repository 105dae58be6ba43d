//! `private_key_jwt`: a JWT that the client signed for us, good once. RFC 7523 §3; OpenID Core §9; TE-11 to TE-16.

use brama_faults::{Fault, planted};
use brama_jose::{Algorithm, Typ};
use brama_protocol::client::{AuthMethod, Client, ClientId};
use brama_protocol::client_assertion::AssertionClaims;
use jiff::Timestamp;

use crate::client_auth::guesses::Lanes;
use crate::client_auth::{AuthenticatedClient, Failure, keys, mistakes, registered};
use crate::context::Ctx;
use crate::dpop::SKEW;

/// Check an assertion.
pub(super) async fn check(
    ctx: &Ctx,
    id: &ClientId,
    assertion: &str,
    lanes: &Lanes,
) -> Result<AuthenticatedClient, Failure> {
    let guesses = &ctx.client_auth.guesses;
    guesses.look(lanes, ctx.now).map_err(Failure::Wait)?;
    let outcome = prove(ctx, id, assertion).await;
    if let Err(Failure::NotProven(_)) = &outcome {
        guesses.attempt(lanes, ctx.now, || false).map_err(Failure::Wait)?;
    }
    outcome
}

async fn prove(ctx: &Ctx, id: &ClientId, assertion: &str) -> Result<AuthenticatedClient, Failure> {
    let record = registered(ctx.client(id).await?, |method| method == AuthMethod::PrivateKeyJwt)?;
    let claims = verify(ctx, &record.client, assertion).await?;
    let checked = claims
        .check(id, &ctx.settings.issuer, ctx.now)
        .map_err(|error| Failure::not_proven(format!("the assertion: {error}")))?;
    // Clocks of nodes differ a little, and one that is ahead must not forget too early.
    let until = checked.replay_until().saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    // Last, so that only what is right otherwise is remembered. The store being away refuses: nobody gets in twice. TE-14.
    let first = ctx.store.first_seen(checked.replay_key(), until, ctx.now).await?;
    if first || planted(Fault::Client04) {
        Ok(AuthenticatedClient(record))
    } else {
        Err(Failure::not_proven("the assertion was used before"))
    }
}

/// Signature, algorithm and kind. TE-15, TE-16.
async fn verify(ctx: &Ctx, client: &Client, assertion: &str) -> Result<AssertionClaims, Failure> {
    let unreadable = |error: brama_jose::JwsError| Failure::not_proven(format!("the assertion: {error}"));
    let header = brama_jose::parse(assertion).map_err(unreadable)?.header().clone();
    if let Some(registered) = &client.auth_signing_alg
        && registered.parse::<Algorithm>() != Ok(header.algorithm())
    {
        return Err(Failure::not_proven(format!("the assertion is not signed with {registered}")));
    }
    // Without a type, or `JWT`: most libraries write no other. TE-16.
    let typ = if Typ::ClientAuthentication.accepts(header.typ()) { Typ::ClientAuthentication } else { Typ::IdToken };
    let mut last = None;
    for key in keys::fitting(ctx, client, &header).await? {
        match brama_jose::parse(assertion).and_then(|unverified| unverified.verify(&key, typ)) {
            Ok(verified) => {
                let claims = mistakes::with_what_is_missing(ctx, &verified).map_or_else(|| verified.claims(), Ok);
                return claims.map_err(unreadable);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| Failure::not_proven("no key of the client fits the assertion"), unreadable))
}
