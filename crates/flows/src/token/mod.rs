//! The token endpoint: authenticate the client, ask the grant, mint. OAuth 2.1 §3.2.
//!
//! The endpoint owns the shared steps; a grant adds only its own.

mod authorization_code;
mod client_credentials;
pub mod issue;
pub(crate) mod refresh_token;

use brama_protocol::client::{Client, ClientType, RefreshDelivery};
use brama_protocol::cookie_endpoint::{Provenance, Sender};
use brama_protocol::error::Refusal;
use brama_protocol::parameters::Parameters;
use brama_protocol::token::request::{Credentials, Grant};

use crate::client_auth::authenticate;
use crate::context::Ctx;
use crate::token::issue::Minted;

/// Where a refresh token goes. Design §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Into the HttpOnly cookie of the client, never into the body.
    Cookie,
    /// Into the body.
    Body,
    /// Nowhere: a browser on another site gets none.
    None,
}

/// Decide where this client's refresh token goes for a request from there. Design §5.
#[must_use]
pub fn delivery(ctx: &Ctx, client: &Client, provenance: &Provenance<'_>) -> Delivery {
    match (client.refresh_delivery, client.client_type) {
        (RefreshDelivery::Body, _) => Delivery::Body,
        (RefreshDelivery::Auto, ClientType::Web | ClientType::Native | ClientType::Service) => Delivery::Body,
        (RefreshDelivery::Cookie, _) | (RefreshDelivery::Auto, ClientType::Browser) => {
            match provenance.admit(&ctx.settings.own_origin) {
                Ok(Sender::NoBrowser) => Delivery::Cookie,
                Ok(Sender::Script { origin, same_site: true }) if client.lists_origin(&origin) => Delivery::Cookie,
                _ => Delivery::None,
            }
        }
    }
}

/// Answer a token request.
///
/// # Errors
/// A row of the token endpoint.
pub async fn token(
    ctx: &Ctx,
    authorization: &[&str],
    parameters: &Parameters,
    provenance: &Provenance<'_>,
) -> Result<Minted, Refusal> {
    let credentials = Credentials::parse(authorization, parameters)?;
    let client = authenticate(ctx, &credentials).await?;
    let grant = Grant::parse(parameters)?;
    let approval = match grant {
        Grant::AuthorizationCode { code, verifier, redirect_uri } => {
            let delivery = delivery(ctx, client.client(), provenance);
            authorization_code::approve(ctx, &client, code, &verifier, redirect_uri.as_deref(), delivery).await?
        }
        Grant::RefreshToken { token, scope } => refresh_token::approve(ctx, &client, &token, scope.as_ref()).await?,
        Grant::ClientCredentials { scope } => client_credentials::approve(ctx, &client, scope.as_ref(), parameters)?,
    };
    issue::issue(ctx, client.client(), approval)
}
