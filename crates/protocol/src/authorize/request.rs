//! The authorization request, validated in the order that AZ-3 demands. OAuth 2.1 §4.1.1; OpenID Core §3.1.2.1.

use std::fmt;

use brama_faults::{Fault, planted};

use crate::acr::AcrRequest;
use crate::authorize::mistakes;
use crate::authorize::prompt::Prompt;
use crate::authorize::response::{AuthorizeError, ResponseMode, Return};
use crate::client::{Client, ClientId};
use crate::dpop::JwkThumbprint;
use crate::error::{self, Refusal, Row};
use crate::limits;
use crate::oidc::claims_request::{ClaimsRequest, NamedClaims};
use crate::parameters::{Duplicate, Parameters};
use crate::pkce::{BadChallenge, Challenge};
use crate::redirect_uri::{MatchedRedirectUri, NoMatch, difference};
use crate::resource::Resources;
use crate::scope::{GrantedScope, Scope};

/// A request that may be stored and acted upon.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: ClientId,
    /// Where the answer goes, and how.
    pub back: Return,
    /// What the client may be given of what it asked.
    pub scope: GrantedScope,
    /// Copied into the ID token. OpenID Core §2.
    pub nonce: Option<String>,
    /// What the verifier has to fit. RFC 7636. Nothing only for a client that may leave it out. AZ-23.
    pub challenge: Option<Challenge>,
    /// The key that has to redeem the code. RFC 9449 §10.
    pub dpop_jkt: Option<JwkThumbprint>,
    /// Who has to see which page.
    pub prompt: Prompt,
    /// Oldest acceptable authentication, seconds.
    pub max_age: Option<u32>,
    /// Name to fill into the sign-in page; proves nothing.
    pub login_hint: Option<String>,
    /// Languages the person prefers, BCP 47, separated by spaces.
    pub ui_locales: Option<String>,
    /// An ID token we issued before, unverified: the person expected to be signed in.
    pub id_token_hint: Option<String>,
    /// The `sub` that was asked for by value: the person expected to be signed in. OpenID Core §5.5.1.
    pub expected_sub: Option<String>,
    /// How strong the sign-in has to be.
    pub acr: AcrRequest,
    /// Claims asked for by name, as far as the client may have them.
    pub claims: NamedClaims,
    /// The resources that tokens are for. RFC 8707 §2.
    pub resources: Resources,
}

/// Without the hints and the nonce: a token, and names of people.
impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AuthorizationRequest");
        shown.field("client", &self.client).field("back", &self.back).field("scope", &self.scope);
        shown.field("prompt", &self.prompt).field("resources", &self.resources).finish_non_exhaustive()
    }
}

/// What the operator decided for all clients.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The resource that every client may name.
    pub default_audience: &'a str,
    /// Requests have to be pushed. EP-6.
    pub require_pushed: bool,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Through the browser.
    Front,
    /// From the client itself, to the PAR endpoint: through the browser comes only its name. RFC 9126.
    Pushed,
}

/// Read the client id, the first thing of a request that is looked at. AZ-3.
///
/// # Errors
/// A refusal for our own page: missing, repeated or impossible ids never redirect.
pub fn client_id(parameters: &Parameters) -> Result<ClientId, Refusal> {
    let text = parameters.one("client_id").map_err(|_| Refusal::from(&error::AUTHORIZE_REPEATED))?;
    parameters.one("redirect_uri").map_err(|_| Refusal::from(&error::AUTHORIZE_REPEATED))?;
    text.and_then(|text| text.parse().ok()).ok_or_else(|| (&error::AUTHORIZE_CLIENT).into())
}

/// Check everything else against the registered client. AZ-3 to AZ-33.
///
/// # Errors
/// [`AuthorizeError::OnPage`] until the redirect URI matched, [`AuthorizeError::BackToClient`] afterwards.
pub fn validate(
    parameters: &Parameters,
    client: &Client,
    policy: Policy<'_>,
    channel: Channel,
) -> Result<AuthorizationRequest, AuthorizeError> {
    let redirect_uri = match_redirect_uri(parameters, client)?;
    // From here on the client hears of it. `state` is echoed only if it came exactly once (standards §1.2), and a mode
    // that is not offered is the default one (AZ-31).
    let state = parameters.one("state");
    let mode = parameters.one("response_mode").ok().and_then(ResponseMode::parse);
    let mode = mode.filter(|mode| *mode == ResponseMode::Query || redirect_uri.takes_forms()).unwrap_or_default();
    let back = Return {
        redirect_uri,
        mode,
        state: state.ok().flatten().filter(|state| state.len() <= limits::STATE_BYTES).map(ToOwned::to_owned),
    };
    check(parameters, client, policy, channel, &back)
        .map_err(|refusal| AuthorizeError::BackToClient(Box::new(back), refusal))
}

fn match_redirect_uri(parameters: &Parameters, client: &Client) -> Result<MatchedRedirectUri, AuthorizeError> {
    let on_page = |row: &'static Row| AuthorizeError::OnPage(Refusal::from(row).about_app(&client.name));
    let requested = parameters.one("redirect_uri").map_err(|_| on_page(&error::AUTHORIZE_REPEATED))?;
    // A scope that cannot be read counts as an OpenID one: the stricter of the two. AZ-9.
    let openid = match parameters.one("scope") {
        Ok(None) => false,
        Ok(Some(text)) => Scope::parse(text).map_or(true, |scope| scope.contains("openid")),
        Err(_) => true,
    };
    if let Some(unchecked) = mistakes::unchecked(parameters, requested) {
        return Ok(unchecked);
    }
    MatchedRedirectUri::find(requested, &client.redirect_uris, client.client_type, !openid).map_err(|why| match why {
        NoMatch::Missing => on_page(&error::AUTHORIZE_REDIRECT_URI_MISSING),
        NoMatch::Unregistered => {
            let difference = difference(requested.unwrap_or_default(), &client.redirect_uris);
            let fix = match difference.fix(client.id.as_str()) {
                Some(command) => format!("if that is where the app answers: {command}"),
                None => "the app has to send a registered one".to_owned(),
            };
            let detail = format!("client {}: {difference}; {fix}", client.id);
            let refusal = Refusal::from(&error::AUTHORIZE_REDIRECT_URI).with_detail(detail).about_app(&client.name);
            mistakes::told_to(requested).unwrap_or(AuthorizeError::OnPage(refusal))
        }
    })
}

fn check(
    parameters: &Parameters,
    client: &Client,
    policy: Policy<'_>,
    channel: Channel,
    back: &Return,
) -> Result<AuthorizationRequest, Refusal> {
    let one = |name| parameters.one(name).map_err(twice);
    at_most(one("state")?, limits::STATE_BYTES)?;
    response_type(one("response_type")?)?;
    if !client.may_authorize() {
        return Err((&error::AUTHORIZE_GRANT).into());
    }
    match ResponseMode::parse(one("response_mode")?) {
        None => return Err((&error::RESPONSE_MODE).into()),
        Some(mode) if mode != back.mode => return Err((&error::FORM_POST_TARGET).into()),
        Some(_) => {}
    }
    for (name, row) in [
        ("request", &error::REQUEST_OBJECT),
        ("request_uri", &error::REQUEST_URI),
        ("registration", &error::REGISTRATION),
        ("authorization_details", &error::AUTHORIZATION_DETAILS),
    ] {
        if one(name)?.is_some() {
            return Err(row.into());
        }
    }
    if channel == Channel::Front && (policy.require_pushed || client.require_pushed_authorization_requests) {
        return Err((&error::PUSH_REQUIRED).into());
    }
    let challenge = challenge(client, one("code_challenge")?, one("code_challenge_method")?)?;
    let requested = match one("scope")? {
        None => None,
        Some(text) => Some(Scope::parse(text).map_err(|_| Refusal::from(&error::AUTHORIZE_SCOPE))?),
    };
    let scope = Scope::granted(requested.as_ref(), &client.scope).ok_or(&error::AUTHORIZE_SCOPE)?;
    let openid = scope.scope().contains("openid");
    let wishes = match one("claims")? {
        // Without `openid` there are neither ID token nor userinfo.
        Some(text) => Some(ClaimsRequest::parse(text).map_err(|_| &error::CLAIMS)?).filter(|_| openid),
        None => None,
    };
    let ClaimsRequest { named, sub, acr } = wishes.unwrap_or_default();
    // Wishes that are never an error, and that we have no use for. OpenID Core §3.1.2.1, §5.2.
    for name in ["display", "claims_locales"] {
        one(name)?;
    }
    Ok(AuthorizationRequest {
        client: client.id.clone(),
        back: back.clone(),
        nonce: at_most(one("nonce")?, limits::NONCE_BYTES)?,
        challenge,
        dpop_jkt: dpop_jkt(one("dpop_jkt")?)?,
        prompt: Prompt::parse(one("prompt")?).map_err(|_| &error::PROMPT)?,
        max_age: max_age(one("max_age")?)?.or(client.default_max_age),
        // A hint that is too long is no hint: it is never an error (OpenID Core §3.1.2.1).
        login_hint: one("login_hint")?.filter(|hint| hint.len() <= limits::LOGIN_HINT_BYTES).map(ToOwned::to_owned),
        ui_locales: one("ui_locales")?.filter(|hint| hint.len() <= limits::LOGIN_HINT_BYTES).map(ToOwned::to_owned),
        id_token_hint: at_most(one("id_token_hint")?, limits::JWT_BYTES)?,
        expected_sub: sub,
        acr: strength(acr, at_most(one("acr_values")?, limits::ACR_VALUES_BYTES)?, client, openid),
        claims: named.within(&client.scope),
        resources: Resources::requested(parameters, client, policy.default_audience).ok_or(&error::AUTHORIZE_TARGET)?,
        scope,
    })
}

fn twice(Duplicate(name): Duplicate) -> Refusal {
    Refusal::from(&error::AUTHORIZE_DUPLICATE).with_detail(format!("{name} twice"))
}

/// PKCE, for every client but a confidential one that the operator has exempted; what it sends is checked all the same.
/// AZ-23 to AZ-25.
fn challenge(client: &Client, challenge: Option<&str>, method: Option<&str>) -> Result<Option<Challenge>, Refusal> {
    let exempt = (client.danger_allow_missing_pkce || planted(Fault::Code03)) && client.is_confidential();
    if (exempt || planted(Fault::Code01)) && challenge.is_none() && method.is_none() {
        return Ok(None);
    }
    Challenge::parse(challenge, method).map(Some).map_err(|why| match why {
        BadChallenge::Missing => (&error::CHALLENGE_MISSING).into(),
        BadChallenge::Method => (&error::CHALLENGE_METHOD).into(),
        BadChallenge::Syntax => (&error::CHALLENGE_SYNTAX).into(),
    })
}

fn dpop_jkt(text: Option<&str>) -> Result<Option<JwkThumbprint>, Refusal> {
    text.map(|text| JwkThumbprint::parse(text).ok_or_else(|| (&error::DPOP_JKT).into())).transpose()
}

/// Digits only: `str::parse` would take a sign as well.
fn max_age(text: Option<&str>) -> Result<Option<u32>, Refusal> {
    let read = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    text.map(|text| read(text).ok_or_else(|| (&error::MAX_AGE).into())).transpose()
}

/// How strong the sign-in has to be: what `claims` says by value, or `acr_values`, or what the client registered.
///
/// In an OpenID request `acr_values` is a voluntary wish (OpenID Core §3.1.2.1). Where there is no ID token to tell what was
/// achieved, it can only be the step-up of RFC 9470, and that is met or refused.
fn strength(by_claims: Option<AcrRequest>, acr_values: Option<String>, client: &Client, openid: bool) -> AcrRequest {
    if let Some(asked) = by_claims {
        return asked;
    }
    match acr_values {
        Some(text) => {
            let values = text.split(' ').filter(|value| !value.is_empty()).map(ToOwned::to_owned).collect();
            AcrRequest { values, essential: !openid }
        }
        None => AcrRequest { values: client.default_acr_values.clone(), essential: false },
    }
}

/// Only `code`, a set of one. AZ-11.
fn response_type(text: Option<&str>) -> Result<(), Refusal> {
    match text {
        None => Err((&error::RESPONSE_TYPE_MISSING).into()),
        Some("code") => Ok(()),
        Some(_) => Err((&error::RESPONSE_TYPE).into()),
    }
}

fn at_most(value: Option<&str>, bytes: usize) -> Result<Option<String>, Refusal> {
    match value {
        Some(value) if value.len() > bytes => Err((&error::AUTHORIZE_TOO_LONG).into()),
        value => Ok(value.map(ToOwned::to_owned)),
    }
}

#[cfg(test)]
mod tests;
