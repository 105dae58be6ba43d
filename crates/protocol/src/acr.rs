//! How strong a sign-in was, and how strong it has to be. OpenID Core §2 `acr`, §5.5.1.1; RFC 9470; SE-10.
//!
//! One rule says which level satisfies which. What the levels of a person's factors are is the sign-in's to say.

/// How strong a sign-in was: each level is one of the levels of NIST SP 800-63B, and satisfies all below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One factor, such as a password.
    One,
    /// Two factors.
    Two,
    /// Two factors, one of which cannot be phished.
    Three,
}

impl Level {
    /// The `acr` value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "urn:brama:acr:1",
            Self::Two => "urn:brama:acr:2",
            Self::Three => "urn:brama:acr:3",
        }
    }

    /// Read an `acr` value; nothing for one that this server does not know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            // Sessions of before these names say it so.
            "urn:brama:acr:1" | "aal1" => Some(Self::One),
            "urn:brama:acr:2" => Some(Self::Two),
            "urn:brama:acr:3" => Some(Self::Three),
            _ => None,
        }
    }

    /// Whether a sign-in of this level is enough where `wanted` is asked for.
    #[must_use]
    pub fn satisfies(self, wanted: Self) -> bool {
        self >= wanted
    }
}

/// The values that sign-ins can have today, as metadata lists them.
pub const SUPPORTED: &[&str] = &["urn:brama:acr:1"];

/// What a request asks of the strength of the sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcrRequest {
    /// Values in order of preference; none: anything will do.
    pub values: Vec<String>,
    /// Whether the request fails without one of them. OpenID Core §5.5.1.1.
    pub essential: bool,
}

/// What the strength of a sign-in means for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// It will do: it is strong enough, or nothing better can be had and the wish was voluntary.
    Enough,
    /// The person can do better, and is asked to.
    StepUp(Level),
    /// The person cannot do what is essential: `unmet_authentication_requirements`.
    Unmet,
}

impl AcrRequest {
    /// Judge a sign-in of the level `has`, of a person who can reach `reachable`. RFC 9470 §5.
    #[must_use]
    pub fn judge(&self, has: Level, reachable: Level) -> Strength {
        let wanted = || self.values.iter().filter_map(|value| Level::parse(value));
        if self.values.is_empty() || wanted().any(|level| has.satisfies(level)) {
            return Strength::Enough;
        }
        match wanted().find(|level| reachable.satisfies(*level)) {
            Some(level) => Strength::StepUp(level),
            None if self.essential => Strength::Unmet,
            None => Strength::Enough,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(values: &[&str], essential: bool) -> AcrRequest {
        AcrRequest { values: values.iter().map(|value| (*value).to_owned()).collect(), essential }
    }

    #[test]
    fn rfc9470_what_nobody_can_do_is_unmet_only_where_it_is_essential() {
        for values in [&["urn:brama:acr:2"][..], &["urn:brama:acr:3", "urn:brama:acr:2"], &["phr"], &["", "x"]] {
            assert_eq!(request(values, true).judge(Level::One, Level::One), Strength::Unmet, "{values:?}");
            assert_eq!(request(values, false).judge(Level::One, Level::One), Strength::Enough, "{values:?}");
        }
        assert_eq!(request(&["urn:brama:acr:3"], true).judge(Level::Two, Level::Two), Strength::Unmet);
    }

    #[test]
    fn rfc9470_a_weak_sign_in_steps_up_where_the_person_can() {
        for essential in [false, true] {
            let two = request(&["urn:brama:acr:2"], essential);
            assert_eq!(two.judge(Level::One, Level::Two), Strength::StepUp(Level::Two));
            assert_eq!(two.judge(Level::One, Level::Three), Strength::StepUp(Level::Two));
            // The first that can be reached, in the order of the request.
            let any = request(&["urn:brama:acr:3", "urn:brama:acr:2"], essential);
            assert_eq!(any.judge(Level::One, Level::Two), Strength::StepUp(Level::Two));
            assert_eq!(any.judge(Level::One, Level::Three), Strength::StepUp(Level::Three));
        }
    }

    #[test]
    fn a_stronger_sign_in_satisfies_a_weaker_wish() {
        for essential in [false, true] {
            for (has, values) in [
                (Level::One, &["urn:brama:acr:1"][..]),
                (Level::Three, &["urn:brama:acr:1"]),
                (Level::Two, &["unknown", "urn:brama:acr:2"]),
                (Level::One, &["urn:brama:acr:3", "urn:brama:acr:1"]),
                (Level::One, &[]),
            ] {
                assert_eq!(request(values, essential).judge(has, Level::Three), Strength::Enough, "{values:?}");
            }
        }
    }

    #[test]
    fn every_level_has_its_name() {
        for level in [Level::One, Level::Two, Level::Three] {
            assert_eq!(Level::parse(level.as_str()), Some(level));
        }
        assert!(SUPPORTED.iter().all(|value| Level::parse(value).is_some()));
    }
}
