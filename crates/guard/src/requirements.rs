//! What a route asks of a token beyond being good: scopes (RS-4) and how the user signed in (RS-7; RFC 9470).

use std::time::Duration;

use brama_protocol::acr::Level;

use crate::clock::Instant;
use crate::rejection::{InvalidToken, Reason};
use crate::token::AccessToken;

/// What a route needs. Checked by the layer, by [`Guard::check_for`](crate::Guard::check_for), or inside a handler by
/// [`Guard::demand`](crate::Guard::demand).
///
/// ```
/// use std::time::Duration;
/// use brama_guard::Requirements;
///
/// let payment = Requirements::new().scope("payments:write").acr("urn:brama:acr:2").max_age(Duration::from_secs(300));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    scopes: Vec<String>,
    acr_values: Vec<String>,
    max_age: Option<Duration>,
    bound: bool,
}

impl Requirements {
    /// A good token is enough.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A scope, or several separated by spaces; repeated calls add up. Without all of them: 403 that names all (RS-4).
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        add(&mut self.scopes, scope);
        self
    }

    /// An authentication context class, or several separated by spaces of which any one is enough; repeated calls add
    /// alternatives. `urn:brama:acr:3` is enough where `urn:brama:acr:2` is asked for. With another `acr`, or none: 401 `insufficient_user_authentication` that names them (RFC 9470 §3).
    #[must_use]
    pub fn acr(mut self, acr: &str) -> Self {
        add(&mut self.acr_values, acr);
        self
    }

    /// How long ago the user may have signed in; of several calls the shortest counts, whole seconds. Later, or with a token
    /// that does not say: 401 `insufficient_user_authentication` with `max_age` (RFC 9470 §3).
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        let whole = Duration::from_secs(max_age.as_secs());
        self.max_age = Some(self.max_age.map_or(whole, |before| before.min(whole)));
        self
    }

    /// Only tokens that are bound to a key (RFC 9449). The guard must know DPoP ([`GuardBuilder::dpop`](crate::GuardBuilder::dpop)),
    /// otherwise nobody passes.
    #[must_use]
    pub fn dpop(mut self) -> Self {
        self.bound = true;
        self
    }

    pub(crate) const fn needs_dpop(&self) -> bool {
        self.bound
    }

    /// All scopes, for challenges. `offline_access` is no business of an API (RS-22).
    pub(crate) fn scope_text(&self) -> Option<String> {
        let names: Vec<&str> =
            self.scopes.iter().map(String::as_str).filter(|name| *name != "offline_access").collect();
        (!names.is_empty()).then(|| names.join(" "))
    }

    pub(crate) fn check(&self, token: &AccessToken, now: Instant, leeway: Duration) -> Result<(), Reason> {
        if self.bound && !token.is_bound() {
            return Err(InvalidToken::DpopRequired.into());
        }
        let strong = self.acr_values.is_empty()
            || token.acr().is_some_and(|acr| self.acr_values.iter().any(|wanted| satisfies(acr, wanted)));
        let recent = self.max_age.is_none_or(|max_age| {
            token.auth_instant().is_some_and(|signed_in| now.saturating_sub(signed_in) <= max_age + leeway)
        });
        // Before the scope: one new sign-in can bring both, and the challenge names both.
        if !strong || !recent {
            return Err(Reason::InsufficientUserAuthentication {
                acr_values: (!self.acr_values.is_empty()).then(|| self.acr_values.join(" ")),
                max_age: self.max_age,
            });
        }
        if self.scopes.iter().all(|scope| token.has_scope(scope)) {
            return Ok(());
        }
        Err(Reason::InsufficientScope { required: self.scope_text().unwrap_or_default() })
    }
}

/// The same value, or a level of Brama's that includes the wanted one.
fn satisfies(acr: &str, wanted: &str) -> bool {
    let levels = (Level::parse(acr), Level::parse(wanted));
    acr == wanted || matches!(levels, (Some(has), Some(wanted)) if has.satisfies(wanted))
}

fn add(list: &mut Vec<String>, names: &str) {
    for name in names.split_ascii_whitespace() {
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
}
