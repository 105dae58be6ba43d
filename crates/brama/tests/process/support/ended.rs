//! A command that has ended: its exit code and what it wrote.

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Data.
    pub(crate) stdout: String,
    /// Messages.
    pub(crate) stderr: String,
}

impl Ended {
    /// It did what it was asked.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// It refused as X4 asks: exit code, code of the error, what to do, and neither data nor a trace of the program's own
    /// insides.
    #[track_caller]
    pub(crate) fn refused(self, exit: i32, code: &str, texts: &[&str]) -> Self {
        assert_eq!(self.code, Some(exit), "{self:#?}");
        assert!(self.stderr.contains(&format!("{code} ")), "no {code}: {self:#?}");
        assert!(self.stderr.contains("\n      fix       "), "no fix: {self:#?}");
        self.says(texts).nothing_inside()
    }

    /// Messages contain all of these.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?}: {self:#?}");
        }
        self
    }

    /// Whatever went wrong, people see neither a panic nor source files.
    #[track_caller]
    pub(crate) fn nothing_inside(self) -> Self {
        for inside in ["panicked", "RUST_BACKTRACE", "backtrace", ".rs:", "unwrap"] {
            assert!(!self.stderr.contains(inside), "{inside:?} was printed: {self:#?}");
        }
        assert_eq!(self.stdout, "", "a refusal is no data: {self:#?}");
        self
    }

    /// The secret was not printed.
    #[track_caller]
    pub(crate) fn keeps(self, secret: &str) -> Self {
        assert!(!secret.is_empty());
        assert!(!self.stdout.contains(secret) && !self.stderr.contains(secret), "a secret was printed");
        self
    }

    /// Its data, one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
