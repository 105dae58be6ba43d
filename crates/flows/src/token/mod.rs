//! The token endpoint: authenticate the client, ask the grant, mint. OAuth 2.1 §3.2.
//!
//! The endpoint owns the shared steps; a grant adds only its own.

mod authorization_code;
mod client_credentials;
pub mod issue;
pub(crate) mod refresh_token;

use brama_protocol::authorize::request;
use brama_protocol::client::{Client, ClientType, RefreshDelivery};
use brama_protocol::cookie_endpoint::{Provenance, Sender};
use brama_protocol::error::{Refusal, TOKEN_TARGET};
use brama_protocol::parameters::Parameters;
use brama_protocol::token::request::{Credentials, Grant};

use crate::client_auth::authenticate;
use crate::context::Ctx;
use crate::token::authorization_code::Redemption;
use crate::token::issue::Minted;
use crate::token::refresh_token::Wish;

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
        (RefreshDelivery::Auto, ClientType::Web | ClientType::Native | ClientType::Service | ClientType::Device) => {
            Delivery::Body
        }
        (RefreshDelivery::Cookie, _) | (RefreshDelivery::Auto, ClientType::Browser) => {
            match provenance.admit(&ctx.settings.own_origin) {
                Ok(Sender::NoBrowser) => Delivery::Cookie,
                Ok(Sender::Script { origin, same_site: true }) if client.lists_origin(&origin) => Delivery::Cookie,
                _ => Delivery::None,
            }
        }
    }
}

/// The resource that a token request names; it may not go beyond the grant. RFC 8707 §2.2; TE-29.
pub(crate) struct Target {
    named: Option<String>,
    default: String,
}

impl Target {
    /// Read the `resource` parameters of a token request: none or one that the client may have.
    fn parse(ctx: &Ctx, client: &Client, parameters: &Parameters) -> Result<Self, Refusal> {
        let named = request::resource(parameters, client, &ctx.settings.default_audience).ok_or(&TOKEN_TARGET)?;
        let default = client.resources.first().unwrap_or(&ctx.settings.default_audience).clone();
        Ok(Self { named, default })
    }

    /// Check it against what was granted; no grant of a resource is one of the default.
    pub(crate) fn within(&self, granted: Option<&str>) -> Result<(), Refusal> {
        match &self.named {
            Some(named) if named != granted.unwrap_or(&self.default) => Err((&TOKEN_TARGET).into()),
            _ => Ok(()),
        }
    }

    /// Whether a resource was named.
    pub(crate) fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// The named resource, for a client that acts for itself.
    pub(crate) fn named(self) -> Option<String> {
        self.named
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
    let delivery = delivery(ctx, client.client(), provenance);
    let target = Target::parse(ctx, client.client(), parameters)?;
    let approval = match grant {
        Grant::AuthorizationCode { code, verifier, redirect_uri } => {
            let redemption = Redemption { code, verifier, redirect_uri, target, delivery };
            authorization_code::approve(ctx, &client, redemption).await?
        }
        Grant::RefreshToken { token, scope } => {
            let wish = Wish { scope, target };
            refresh_token::approve(ctx, &client, &token, &wish, delivery).await?
        }
        Grant::ClientCredentials { scope } => client_credentials::approve(&client, scope.as_ref(), target)?,
    };
    issue::issue(ctx, client.client(), approval)
}
