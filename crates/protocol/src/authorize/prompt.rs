//! `prompt` and `max_age`. OpenID Core §3.1.2.1.

use jiff::{SignedDuration, Timestamp};

/// What the client asks of the sign-in, beyond the user being known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// `none`: show no page at all.
    pub none: bool,
    /// `login` or `select_account`: ask who it is, even with a session. Our chooser is the sign-in page.
    pub login: bool,
    /// `consent`: ask for consent again.
    pub consent: bool,
}

/// `prompt` has an undeclared value, or `none` beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPrompt;

/// The values we honour, as the metadata lists them.
pub const SUPPORTED: &[&str] = &["none", "login", "consent", "select_account"];

impl Prompt {
    /// Read a `prompt` parameter.
    ///
    /// # Errors
    /// [`BadPrompt`].
    pub fn parse(text: Option<&str>) -> Result<Self, BadPrompt> {
        let mut prompt = Self::default();
        for value in text.unwrap_or_default().split(' ').filter(|value| !value.is_empty()) {
            match value {
                "none" => prompt.none = true,
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return Err(BadPrompt),
            }
        }
        if prompt.none && (prompt.login || prompt.consent) { Err(BadPrompt) } else { Ok(prompt) }
    }
}

/// Whether an authentication is recent enough: it happened after the request came, or neither `prompt=login` nor
/// `max_age` asks for more. `max_age=0` is `prompt=login`. OpenID Core §3.1.2.1.
#[must_use]
pub fn is_fresh_enough(
    prompt: Prompt,
    max_age: Option<u32>,
    auth_time: Timestamp,
    requested_at: Timestamp,
    now: Timestamp,
) -> bool {
    if auth_time >= requested_at {
        return true;
    }
    let young_enough = max_age.is_none_or(|seconds| {
        seconds > 0 && now.duration_since(auth_time) <= SignedDuration::from_secs(i64::from(seconds))
    });
    !prompt.login && young_enough
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn undeclared_values_and_none_with_another_are_refused() {
        for wrong in ["none login", "consent none", "create", "Login", "login,consent"] {
            assert_eq!(Prompt::parse(Some(wrong)), Err(BadPrompt), "{wrong}");
        }
        assert_eq!(Prompt::parse(None), Ok(Prompt::default()));
        assert_eq!(Prompt::parse(Some("login consent")), Ok(Prompt { none: false, login: true, consent: true }));
        assert_eq!(Prompt::parse(Some("none")), Ok(Prompt { none: true, login: false, consent: false }));
    }

    #[test]
    fn max_age_and_prompt_login() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let login = Prompt { login: true, ..Prompt::default() };
        let plain = Prompt::default();
        // Signed in at 100, asked at 200, now 200.
        assert!(is_fresh_enough(plain, None, at(100), at(200), at(200)));
        assert!(is_fresh_enough(plain, Some(100), at(100), at(200), at(200)));
        assert!(!is_fresh_enough(plain, Some(99), at(100), at(200), at(200)));
        assert!(!is_fresh_enough(plain, Some(0), at(100), at(200), at(200)));
        assert!(!is_fresh_enough(login, None, at(100), at(200), at(200)));
        // Signed in for this very request.
        assert!(is_fresh_enough(login, Some(0), at(201), at(200), at(300)));
    }
}
