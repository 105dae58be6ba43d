//! Revocation: a client gives a token back. RFC 7009; EP-34, EP-35.

use brama_faults::{Fault, planted};
use brama_protocol::access_token::AccessTokenClaims;
use brama_protocol::client::Client;
use brama_protocol::error::{INTERNAL, REVOCATION_FOREIGN, REVOCATION_KIND, Refusal};
use brama_protocol::parameters::Parameters;
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::token::request::Credentials;
use brama_store::grant::GaveBack;
use brama_store::revoked_token::RevokedToken;
use jiff::Timestamp;

use crate::client_auth::authenticate;
use crate::context::Ctx;
use crate::issued::{self, Issued};

/// Answer a revocation request. What does not count, or never did, is no error: it does not count afterwards either.
///
/// # Errors
/// `invalid_client`; `invalid_request` without a token; `invalid_grant` for another client's token, which stays as it is;
/// `unsupported_token_type` for an ID token.
pub async fn revoke(ctx: &Ctx, authorization: &[&str], parameters: &Parameters) -> Result<(), Refusal> {
    let credentials = Credentials::parse(authorization, parameters)?;
    let client = authenticate(ctx, &credentials).await?;
    let client = client.client();
    let token = issued::presented(parameters)?;
    if planted(Fault::Revoke04) && !client.is_confidential() {
        return Ok(());
    }
    match issued::recognise(ctx, token) {
        Some(Issued::Access(claims)) => access_token(ctx, client, *claims).await,
        Some(Issued::Refresh(token)) => refresh_token(ctx, client, token).await,
        Some(Issued::Other) => Err((&REVOCATION_KIND).into()),
        None => Ok(()),
    }
}

fn foreign(client: &Client, owner: &str) -> Refusal {
    Refusal::from(&REVOCATION_FOREIGN).with_detail(format!("{} sent a token of {owner}", client.id))
}

/// This token alone: its grant goes on. EP-35.
async fn access_token(ctx: &Ctx, client: &Client, claims: AccessTokenClaims) -> Result<(), Refusal> {
    // An expired one needs no list.
    if claims.exp <= ctx.now.as_second() {
        return Ok(());
    }
    if claims.client_id != client.id.as_str() {
        return Err(foreign(client, &claims.client_id));
    }
    let expires_at =
        Timestamp::from_second(claims.exp).map_err(|error| Refusal::from(&INTERNAL).with_detail(error.to_string()))?;
    let grant = claims.grant();
    let token = RevokedToken { jti: claims.jti, expires_at, client: client.id.clone(), grant };
    ctx.store.revoke_token(token, ctx.now).await?;
    Ok(())
}

/// The whole grant, and with it the access tokens that came from it. A token that was replaced long ago does it too: its
/// holder wants the app's access to end, and whoever stole it gains nothing by that.
async fn refresh_token(ctx: &Ctx, client: &Client, token: PresentedRefreshToken) -> Result<(), Refusal> {
    let given_back = ctx.store.revoke_grant(token.grant, &client.id, ctx.now).await;
    if given_back.is_err() && planted(Fault::Refresh05) {
        return Ok(());
    }
    match given_back? {
        GaveBack::Revoked | GaveBack::Nothing => Ok(()),
        GaveBack::Foreign => Err(foreign(client, "another client")),
    }
}
