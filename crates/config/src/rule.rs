//! What a key allows and what it is when nobody sets it.

use std::cmp::Ordering;

use crate::Profile;
use crate::problem::Code;
use crate::reader::Entry;
use crate::value::{Setting, Shown, Wrong};

/// Default and limits of one key.
pub(crate) struct Rule<T> {
    default: T,
    /// What the reference says when the default depends on something.
    described: Option<&'static str>,
    /// The default in development mode, when it differs.
    dev: Option<T>,
    required: bool,
    /// What a fix shows when the default teaches nothing.
    example: Option<T>,
    limits: Option<Limits<T>>,
}

struct Limits<T> {
    least: Option<T>,
    most: T,
    why: &'static str,
    compare: fn(&T, &T) -> Option<Ordering>,
}

/// A key that is `default` when nobody sets it.
pub(crate) fn or<T: Setting>(default: T) -> Rule<T> {
    Rule { default, described: None, dev: None, required: false, example: None, limits: None }
}

/// A key that has to be set. `example` is what a fix shows.
pub(crate) fn required<T: Setting>(example: T) -> Rule<T> {
    Rule { required: true, ..or(example) }
}

impl<T: Setting + PartialOrd> Rule<T> {
    /// Both ends are allowed. `why` says what breaks beyond them.
    pub(crate) fn between(self, least: T, most: T, why: &'static str) -> Self {
        self.within(Some(least), most, why)
    }

    /// No lower limit of its own: a check between keys has it.
    pub(crate) fn at_most(self, most: T, why: &'static str) -> Self {
        self.within(None, most, why)
    }

    fn within(self, least: Option<T>, most: T, why: &'static str) -> Self {
        let compare = T::partial_cmp;
        let limits = Limits { least, most, why, compare };
        Self { limits: Some(limits), ..self }
    }
}

impl<T: Setting> Rule<T> {
    /// The text of the reference for a default that depends on other values.
    pub(crate) fn described(self, described: &'static str) -> Self {
        Self { described: Some(described), ..self }
    }

    /// What a fix shows when there is no better value.
    pub(crate) fn such_as(self, example: T) -> Self {
        Self { example: Some(example), ..self }
    }

    /// The default of development mode.
    pub(crate) fn in_dev(self, dev: T) -> Self {
        Self { dev: Some(dev), ..self }
    }

    /// The value when nobody sets it; `None` when somebody has to.
    pub(crate) fn default(&self, profile: Profile) -> Option<T> {
        match (profile, &self.dev) {
            (Profile::Dev, Some(dev)) => Some(dev.clone()),
            _ if self.required => None,
            _ => Some(self.default.clone()),
        }
    }

    /// A value that is certainly accepted.
    pub(crate) fn example(&self) -> T {
        self.example.as_ref().unwrap_or(&self.default).clone()
    }

    /// The row of the reference.
    pub(crate) fn entry(&self, key: String) -> Entry {
        let default = self.default.show();
        Entry {
            key,
            expected: self.expected(),
            default: (!self.required && self.described.is_none()).then_some(default),
            described: self.described,
            dev: self.dev.as_ref().map(Setting::show),
            required: self.required,
            limits: self.limits.as_ref().map(|l| (l.least.as_ref().map(Setting::show), l.most.show())),
        }
    }

    pub(crate) fn expected(&self) -> String {
        match &self.limits {
            None => T::expected(),
            Some(Limits { least, most, why, .. }) => {
                let most = most.show().words();
                let range = match least {
                    Some(least) => format!("from {} to {most}", least.show().words()),
                    None => format!("at most {most}"),
                };
                format!("{}, {range}: {why}", T::expected())
            }
        }
    }

    /// The value, if it is within the limits.
    pub(crate) fn check(&self, value: T) -> Result<T, Wrong> {
        let Some(Limits { least, most, compare, .. }) = &self.limits else {
            return Ok(value);
        };
        let wrong =
            |what: &str, bound: Shown| Err(Wrong::new(Code::OutOfRange, what, self.expected()).better(Some(bound)));
        let below = |least: &&T| compare(&value, least) == Some(Ordering::Less);
        if let Some(least) = least.as_ref().filter(below) {
            wrong("is below its limit", least.show())
        } else if compare(&value, most) == Some(Ordering::Greater) {
            wrong("is above its limit", most.show())
        } else {
            Ok(value)
        }
    }
}
