//! `prompt` and `max_age`. OpenID Core §3.1.2.1.

use jiff::{SignedDuration, Timestamp};

/// What the client asks of the sign-in, beyond the user being known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// `none`: show no page at all.
    pub none: bool,
    /// `login`: ask who it is, even with a session.
    pub login: bool,
    /// `consent`: ask for consent again.
    pub consent: bool,
    /// `select_account`: ask which account, even with one session.
    pub select_account: bool,
}

/// `prompt` has an undeclared value, or `none` beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPrompt;

/// The values we honour, as the metadata lists them. `create` waits for accounts that people make themselves.
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
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err(BadPrompt),
            }
        }
        let shows_a_page = prompt.login || prompt.consent || prompt.select_account;
        if prompt.none && shows_a_page { Err(BadPrompt) } else { Ok(prompt) }
    }

    /// For its column: bits 1 `none`, 2 `login`, 4 `consent`, 8 `select_account`.
    #[must_use]
    pub fn to_bits(self) -> i64 {
        [self.none, self.login, self.consent, self.select_account]
            .into_iter()
            .enumerate()
            .fold(0, |bits, (place, set)| bits | i64::from(set) << place)
    }

    /// From its column.
    #[must_use]
    pub fn from_bits(bits: i64) -> Self {
        let bit = |place: u32| bits >> place & 1 == 1;
        Self { none: bit(0), login: bit(1), consent: bit(2), select_account: bit(3) }
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
        for wrong in
            ["none login", "consent none", "none select_account", "create", "login create", "Login", "login,consent"]
        {
            assert_eq!(Prompt::parse(Some(wrong)), Err(BadPrompt), "{wrong}");
        }
        let plain = Prompt::default();
        assert_eq!(Prompt::parse(None), Ok(plain));
        assert_eq!(Prompt::parse(Some("login consent")), Ok(Prompt { login: true, consent: true, ..plain }));
        assert_eq!(Prompt::parse(Some("none")), Ok(Prompt { none: true, ..plain }));
        assert_eq!(Prompt::parse(Some(" select_account ")), Ok(Prompt { select_account: true, ..plain }));
        for value in SUPPORTED {
            assert!(Prompt::parse(Some(value)).is_ok(), "{value}");
        }
    }

    #[test]
    fn bits_are_read_back() {
        for bits in 0..16 {
            assert_eq!(Prompt::from_bits(bits).to_bits(), bits);
        }
        assert_eq!(Prompt { consent: true, ..Prompt::default() }.to_bits(), 4);
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
