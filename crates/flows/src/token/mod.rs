//! The token endpoint: authenticate the client, ask the grant, mint. OAuth 2.1 §3.2.
//!
//! The endpoint owns the shared steps; a grant adds only its own.

mod authorization_code;
mod client_credentials;
mod device_code;
pub mod issue;
pub(crate) mod refresh_token;

use brama_faults::{Fault, planted};
use brama_protocol::client::{Client, ClientType, GrantType, RefreshDelivery};
use brama_protocol::cookie_endpoint::{Provenance, Sender};
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::error::{DPOP_MISSING, GRANT_DEAD, GRANT_NOT_ALLOWED, Refusal, TOKEN_TARGET};
use brama_protocol::parameters::Parameters;
use brama_protocol::resource::Resources;
use brama_protocol::token::request::{Credentials, Grant};

use crate::client_auth::authenticate;
use crate::context::Ctx;
use crate::dpop::{self, Proofs};
use crate::token::authorization_code::Redemption;
use crate::token::device_code::Poll;
use crate::token::issue::{Holder, Minted};
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

/// Decide where this client's refresh token goes for a request from there. Design §5. `bound`: it will be bound to a key that
/// the sender holds; only such a one is given to a script on another site.
#[must_use]
pub fn delivery(ctx: &Ctx, client: &Client, provenance: &Provenance<'_>, bound: bool) -> Delivery {
    match (client.refresh_delivery, client.client_type) {
        (RefreshDelivery::Body, _) => Delivery::Body,
        (RefreshDelivery::Auto, ClientType::Web | ClientType::Native | ClientType::Service | ClientType::Device) => {
            Delivery::Body
        }
        (RefreshDelivery::Cookie, _) | (RefreshDelivery::Auto, ClientType::Browser) => {
            let own = &ctx.settings.own_origin;
            match provenance.admit(own) {
                Ok(Sender::NoBrowser) => Delivery::Cookie,
                Ok(Sender::Script { origin, same_site: true }) if client.lists_origin(&origin) => Delivery::Cookie,
                _ => {
                    let script = provenance.cross_site_script(own).is_some_and(|origin| client.lists_origin(&origin));
                    let auto = client.refresh_delivery == RefreshDelivery::Auto;
                    if auto && bound && script { Delivery::Body } else { Delivery::None }
                }
            }
        }
    }
}

/// The resource that a token request names; it may not go beyond the grant. RFC 8707 §2.2; TE-29.
pub(crate) struct Target {
    named: Option<String>,
    default: String,
    /// All that the client may have tokens for.
    own: Resources,
}

impl Target {
    /// Read the `resource` parameters of a token request: none or one that the client may have.
    pub(crate) fn parse(ctx: &Ctx, client: &Client, parameters: &Parameters) -> Result<Self, Refusal> {
        let named = Resources::requested(parameters, client, &ctx.settings.default_audience).ok_or(&TOKEN_TARGET)?;
        // One token, one resource. TK-3.
        if named.len() > 1 {
            return Err((&TOKEN_TARGET).into());
        }
        Ok(Self { named: named.first().map(ToOwned::to_owned), ..Self::unnamed(ctx, client) })
    }

    /// A request that names no resource.
    pub(crate) fn unnamed(ctx: &Ctx, client: &Client) -> Self {
        let default = client.resources.first().unwrap_or(&ctx.settings.default_audience).clone();
        let own = client.resources.iter().chain([&ctx.settings.default_audience]).collect();
        Self { named: None, default, own }
    }

    /// The resource of a token for a grant of these: the one that is named, if it was granted, or the first; nothing for the
    /// default. No grant of a resource is one of the default. What the operator has taken from the client since is left out,
    /// as it is of the scope.
    ///
    /// # Errors
    /// `invalid_target` for one that was not granted; `invalid_grant` if none of the granted ones is left.
    pub(crate) fn within(&self, granted: &Resources) -> Result<Option<String>, Refusal> {
        match &self.named {
            Some(named) if granted.contains(named) || (granted.is_empty() && *named == self.default) => {
                Ok(Some(named.clone()))
            }
            Some(named) if planted(Fault::Audiss05) => Ok(Some(named.clone())),
            Some(_) => Err((&TOKEN_TARGET).into()),
            None if granted.is_empty() => Ok(None),
            None => match granted.iter().find(|one| self.own.contains(one)) {
                Some(left) => Ok(Some(left.to_owned())),
                None => Err((&GRANT_DEAD).into()),
            },
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

/// What a grant needs to know of the sender.
#[derive(Clone, Copy)]
pub(crate) struct SenderKey {
    /// The key that it has proved to hold.
    pub(crate) key: Option<JwkThumbprint>,
    /// Where its refresh token goes.
    pub(crate) delivery: Delivery,
}

impl SenderKey {
    /// The key that the refresh tokens of this client are bound to: only those of a public one. TE-25.
    pub(crate) fn binds(self, client: &Client) -> Option<JwkThumbprint> {
        self.key.filter(|_| !client.is_confidential())
    }
}

/// A token request as it came.
pub struct TokenRequest<'a> {
    /// All `Authorization` headers.
    pub authorization: &'a [&'a str],
    /// The parameters of the body.
    pub parameters: &'a Parameters,
    /// Where a browser says it comes from.
    pub provenance: Provenance<'a>,
    /// Its DPoP headers.
    pub proofs: Proofs<'a>,
}

/// Answer a token request.
///
/// # Errors
/// A row of the token endpoint.
pub async fn token(ctx: &Ctx, request: &TokenRequest<'_>) -> Result<Minted, Refusal> {
    let TokenRequest { authorization, parameters, provenance, proofs } = request;
    if planted(Fault::Leak02) {
        tracing::debug!(parameters = parameters.to_encoded(), "a token request");
    }
    let credentials = Credentials::parse(authorization, parameters)?;
    // Nothing is written for a machine's token, so no write decides again whether its client is enabled and its secret counts:
    // what this node knows of it has to be as new as the database. REVOKE-02.
    let of_machine = parameters.one("grant_type") == Ok(Some(GrantType::ClientCredentials.as_str()));
    let renewed = if of_machine { ctx.renewed().await? } else { None };
    let ctx = renewed.as_ref().unwrap_or(ctx);
    let client = authenticate(ctx, &credentials).await?;
    let grant = Grant::parse(parameters)?;
    // TE-37, once for all grants.
    if !client.client().may_use(grant.grant_type()) {
        return Err(Refusal::from(&GRANT_NOT_ALLOWED).with_detail(grant.grant_type().as_str()));
    }
    // Before anything is spent: what a new proof heals costs the client nothing.
    let key = dpop::at_server(ctx, proofs).await?;
    if key.is_none() && client.client().dpop_bound_access_tokens {
        return Err(Refusal::from(&DPOP_MISSING).with_detail(format!("client {}", client.client().id)));
    }
    let sender = SenderKey { key, delivery: delivery(ctx, client.client(), provenance, key.is_some()) };
    let target = Target::parse(ctx, client.client(), parameters)?;
    let approval = match grant {
        Grant::AuthorizationCode { code, verifier, redirect_uri } => {
            let redemption = Redemption { code, verifier, redirect_uri, target, sender };
            authorization_code::approve(ctx, &client, redemption).await?
        }
        Grant::RefreshToken { token, scope } => {
            let wish = Wish { scope, target };
            refresh_token::approve(ctx, &client, &token, &wish, sender).await?
        }
        Grant::ClientCredentials { scope } => client_credentials::approve(&client, scope.as_ref(), target)?,
        Grant::DeviceCode { code, verifier } => {
            device_code::approve(ctx, &client, Poll { code, verifier, target, sender }).await?
        }
    };
    issue::issue(ctx, Holder { client: client.client(), key }, approval).await
}
