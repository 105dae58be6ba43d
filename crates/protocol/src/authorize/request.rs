//! The authorization request, validated in the order that AZ-3 demands. OAuth 2.1 §4.1.1; OpenID Core §3.1.2.1.

use crate::authorize::prompt::Prompt;
use crate::authorize::response::{AuthorizeError, Return};
use crate::client::{Client, ClientId};
use crate::error::{self, Refusal, Row};
use crate::limits;
use crate::parameters::{Duplicate, Parameters};
use crate::pkce::{BadChallenge, Challenge};
use crate::redirect_uri::{MatchedRedirectUri, NoMatch};
use crate::scope::{GrantedScope, Scope};

/// A request that may be stored and acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: ClientId,
    /// Where the answer goes.
    pub redirect_uri: MatchedRedirectUri,
    /// Opaque to us, returned byte for byte. AZ-15.
    pub state: Option<String>,
    /// What the client may be given of what it asked.
    pub scope: GrantedScope,
    /// Copied into the ID token. OpenID Core §2.
    pub nonce: Option<String>,
    /// What the verifier has to fit. RFC 7636.
    pub challenge: Challenge,
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
    /// The resource the access token is for. RFC 8707 §2.
    pub resource: Option<String>,
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
/// `default_audience` is the resource that every client may name.
///
/// # Errors
/// [`AuthorizeError::OnPage`] until the redirect URI matched, [`AuthorizeError::BackToClient`] afterwards.
pub fn validate(
    parameters: &Parameters,
    client: &Client,
    default_audience: &str,
) -> Result<AuthorizationRequest, AuthorizeError> {
    let redirect_uri = match_redirect_uri(parameters, client)?;
    // From here on the client hears of it. `state` is echoed only if it came exactly once (standards §1.2).
    let state = parameters.one("state");
    let back = Return {
        redirect_uri: redirect_uri.clone(),
        state: state.ok().flatten().filter(|state| state.len() <= limits::STATE_BYTES).map(ToOwned::to_owned),
    };
    check(parameters, client, default_audience, redirect_uri, state)
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
    MatchedRedirectUri::find(requested, &client.redirect_uris, client.client_type, !openid).map_err(|why| match why {
        NoMatch::Missing => on_page(&error::AUTHORIZE_REDIRECT_URI_MISSING),
        NoMatch::Unregistered => {
            let detail = format!(
                "client {} got {:?}; registered {:?}",
                client.id,
                requested.unwrap_or_default(),
                client.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>()
            );
            AuthorizeError::OnPage(
                Refusal::from(&error::AUTHORIZE_REDIRECT_URI).with_detail(detail).about_app(&client.name),
            )
        }
    })
}

fn check(
    parameters: &Parameters,
    client: &Client,
    default_audience: &str,
    redirect_uri: MatchedRedirectUri,
    state: Result<Option<&str>, Duplicate>,
) -> Result<AuthorizationRequest, Refusal> {
    let one = |name| {
        parameters
            .one(name)
            .map_err(|Duplicate(name)| Refusal::from(&error::AUTHORIZE_DUPLICATE).with_detail(format!("{name} twice")))
    };
    let state = at_most(state.map_err(|_| Refusal::from(&error::AUTHORIZE_DUPLICATE))?, limits::STATE_BYTES)?;
    response_type(one("response_type")?)?;
    if !client.may_authorize() {
        return Err((&error::AUTHORIZE_GRANT).into());
    }
    // Only the query mode is offered; a fragment would put the code where scripts look. AZ-31, AZ-33.
    if !matches!(one("response_mode")?, None | Some("query")) {
        return Err((&error::RESPONSE_MODE).into());
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
    let challenge =
        Challenge::parse(one("code_challenge")?, one("code_challenge_method")?).map_err(|why| match why {
            BadChallenge::Missing => &error::CHALLENGE_MISSING,
            BadChallenge::Method => &error::CHALLENGE_METHOD,
            BadChallenge::Syntax => &error::CHALLENGE_SYNTAX,
        })?;
    let requested = match one("scope")? {
        None => None,
        Some(text) => Some(Scope::parse(text).map_err(|_| Refusal::from(&error::AUTHORIZE_SCOPE))?),
    };
    let scope = Scope::granted(requested.as_ref(), &client.scope).ok_or(&error::AUTHORIZE_SCOPE)?;
    Ok(AuthorizationRequest {
        client: client.id.clone(),
        redirect_uri,
        state,
        scope,
        nonce: at_most(one("nonce")?, limits::NONCE_BYTES)?,
        challenge,
        prompt: Prompt::parse(one("prompt")?).map_err(|_| &error::PROMPT)?,
        max_age: one("max_age")?.map(str::parse).transpose().map_err(|_| &error::MAX_AGE)?,
        // A hint that is too long is no hint: it is never an error (OpenID Core §3.1.2.1).
        login_hint: one("login_hint")?.filter(|hint| hint.len() <= limits::LOGIN_HINT_BYTES).map(ToOwned::to_owned),
        ui_locales: one("ui_locales")?.filter(|hint| hint.len() <= limits::LOGIN_HINT_BYTES).map(ToOwned::to_owned),
        id_token_hint: at_most(one("id_token_hint")?, limits::JWT_BYTES)?,
        resource: resource(parameters, client, default_audience).ok_or(&error::AUTHORIZE_TARGET)?,
    })
}

/// Only `code`, a set of one. AZ-11.
fn response_type(text: Option<&str>) -> Result<(), Refusal> {
    match text {
        None => Err((&error::RESPONSE_TYPE_MISSING).into()),
        Some("code") => Ok(()),
        Some(_) => Err((&error::RESPONSE_TYPE).into()),
    }
}

/// One resource that the client may have, or none named. The outer `None` is a refusal. RFC 8707 §2; TK-3.
#[must_use]
pub fn resource(parameters: &Parameters, client: &Client, default_audience: &str) -> Option<Option<String>> {
    let mut named = parameters.all("resource");
    let Some(first) = named.next() else { return Some(None) };
    let allowed = first == default_audience || client.resources.iter().any(|resource| resource == first);
    (allowed && named.next().is_none()).then(|| Some(first.to_owned()))
}

fn at_most(value: Option<&str>, bytes: usize) -> Result<Option<String>, Refusal> {
    match value {
        Some(value) if value.len() > bytes => Err((&error::AUTHORIZE_TOO_LONG).into()),
        value => Ok(value.map(ToOwned::to_owned)),
    }
}

#[cfg(test)]
mod tests;
