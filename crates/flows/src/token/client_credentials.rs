//! A machine acting for itself. OAuth 2.1 §4.2; TE-32.

use brama_protocol::client::GrantType;
use brama_protocol::error::{AUTHORIZE_SCOPE, GRANT_NOT_ALLOWED, Refusal};
use brama_protocol::scope::{GrantedScope, Scope};

use crate::client_auth::AuthenticatedClient;
use crate::token::Target;
use crate::token::issue::Approval;

/// Scopes that speak of a person.
const OF_A_PERSON: &[&str] = &["openid", "profile", "email", "offline_access"];

/// Grant a service what it may have: no person, so no refresh token, no ID token and none of their scopes.
pub(crate) fn approve(
    client: &AuthenticatedClient,
    scope: Option<&Scope>,
    target: Target,
) -> Result<Approval, Refusal> {
    let client = client.client();
    if !client.is_confidential() || !client.may_use(GrantType::ClientCredentials) {
        return Err((&GRANT_NOT_ALLOWED).into());
    }
    let impersonal: Vec<&str> = client.scope.iter().filter(|token| !OF_A_PERSON.contains(token)).collect();
    let allowed = Scope::parse(&impersonal.join(" ")).map_err(|_| Refusal::from(&AUTHORIZE_SCOPE))?;
    let scope: GrantedScope = Scope::granted(scope, &allowed).ok_or(&AUTHORIZE_SCOPE)?;
    Ok(Approval::Machine { scope, resource: target.named() })
}
