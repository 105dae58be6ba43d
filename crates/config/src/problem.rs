//! What is wrong with a configuration, in the form people see.

use std::fmt;

use crate::origin::Origin;

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)+) => {
        /// The code of a start-up problem. B10xx are errors of the configuration, B105x its
        /// warnings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!($code, ": ", $meaning, ".")] $name,)+
        }

        impl Code {
            /// Every code of this crate.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code as people quote it, for example `B1004`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// What it means, one line.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),+ }
            }
        }
    };
}

codes! {
    FileUnreadable = "B1001", "the configuration file cannot be read";
    Syntax = "B1002", "a line of the file is not TOML";
    DuplicateKey = "B1003", "the same key or section is written twice";
    UnknownKey = "B1004", "the file has a key or section that does not exist";
    UnknownVariable = "B1005", "a `BRAMA_…` variable that does not exist";
    UnknownFlag = "B1006", "a flag for a key that does not exist";
    Missing = "B1010", "a key without default is not set";
    WrongType = "B1011", "the value has the wrong type";
    NotUnderstood = "B1012", "the type is right, the value makes no sense";
    OutOfRange = "B1013", "the value is outside its limits";
    NotInThisVersion = "B1014", "a good value that this version cannot serve yet";
    TooWeak = "B1015", "weaker than the least that is accepted";
    Contradiction = "B1016", "two values contradict each other";
    SecretFileUnreadable = "B1017", "the file named by a `…_FILE` variable cannot be read";
    GivenTwice = "B1018", "two variables give different values for one key";
    LoopbackOnly = "B1019", "development mode answers on this machine only";
    ShortPasswords = "B1051", "passwords shorter than recommended are allowed";
    ProxyNotTrusted = "B1052", "the addresses of people are hidden behind the proxy";
    WholeInternet = "B1053", "a network list contains the whole internet";
}

impl Code {
    /// Whether the server starts nevertheless.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::ShortPasswords | Self::ProxyNotTrusted | Self::WholeInternet)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One mistake: what, where, what was found, what was expected, what to do.
///
/// Never contains the content of a `…_FILE` nor the password of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable code, for `brama explain` and searches.
    pub code: Code,
    /// Where the value was set; `None` when there is no such place (a key that is missing).
    pub origin: Option<Origin>,
    /// The dotted key, when one key is concerned.
    pub key: Option<String>,
    /// What is wrong, one line.
    pub what: String,
    /// The value that was found, shortened and masked.
    pub got: Option<String>,
    /// What would have been right, and why.
    pub expected: Option<String>,
    /// What to write instead.
    pub fix: String,
}

impl Problem {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, origin: None, key: None, what: what.into(), got: None, expected: None, fix: String::new() }
    }

    pub(crate) fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn got(mut self, got: impl Into<String>) -> Self {
        self.got = Some(got.into());
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// The file the value is in, if it is in a file.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        match &self.origin {
            Some(Origin::File { path, .. }) => Some(path),
            _ => None,
        }
    }

    /// The line in [`Problem::file`], counted from 1.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        match &self.origin {
            Some(Origin::File { line, .. }) => Some(*line),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.what)?;
        let origin = self.origin.as_ref().map(ToString::to_string);
        let rows = [
            ("at", origin.as_deref()),
            ("got", self.got.as_deref()),
            ("expected", self.expected.as_deref()),
            ("fix", Some(self.fix.as_str())),
        ];
        for (label, text) in rows {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                write!(f, "\n      {label:<10}{text}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
