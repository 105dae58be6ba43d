//! Values before and after they have a type.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::duration;
use crate::problem::Code;
use crate::suggest;

/// A table of the file: name to value.
pub(crate) type Table = BTreeMap<String, Item>;

/// A value of the file and the line it is on.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) raw: Raw,
    pub(crate) line: u32,
}

/// A value nobody has judged yet.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    Text(String),
    Integer(i128),
    Boolean(bool),
    /// A TOML type that no key uses, by its name.
    Other(&'static str),
    List(Vec<Item>),
    Table(Table),
    /// From a variable or a flag, where everything is text.
    Words(String),
    /// From the file named by a `…_FILE` variable: never shown.
    Secret {
        content: String,
        path: PathBuf,
    },
}

impl Raw {
    /// The value for people: shortened, without control characters, without passwords.
    pub(crate) fn got(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{}\"", shown(text)),
            Self::Words(text) if text.is_empty() => "an empty value".to_owned(),
            Self::Words(text) => shown(text),
            Self::Integer(n) => n.to_string(),
            Self::Boolean(b) => b.to_string(),
            Self::Other(name) => format!("a {name}"),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Table(_) => "a table".to_owned(),
            Self::Secret { path, .. } => format!("the content of {}", path.display()),
        }
    }

    /// The text, or what is wrong with the type.
    pub(crate) fn text(&self, expected: &str) -> Result<&str, Wrong> {
        match self {
            Self::Text(text) | Self::Words(text) | Self::Secret { content: text, .. } => Ok(text),
            _ => Err(Wrong::new(Code::WrongType, "has the wrong type", expected)),
        }
    }
}

/// Makes text safe to print: masks URL passwords and queries, escapes control characters, shortens.
pub(crate) fn shown(text: &str) -> String {
    let masked = match text.split_once("://") {
        Some((scheme, rest)) => {
            let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?…"));
            let (user, host) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("***@", host));
            format!("{scheme}://{user}{host}{query}")
        }
        None => text.to_owned(),
    };
    let mut out = String::new();
    for c in masked.chars().take(100) {
        if matches!(c, '"' | '\'') {
            out.push(c);
        } else {
            out.extend(c.escape_debug());
        }
    }
    if masked.chars().count() > 100 {
        out.push('…');
    }
    out
}

/// A value as people write it, in TOML or as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Bare(String),
    Quoted(String),
    List(Vec<String>),
}

impl Shown {
    pub(crate) fn toml(&self) -> String {
        match self {
            Self::Bare(text) => text.clone(),
            Self::Quoted(text) => quote(text),
            Self::List(items) => {
                format!("[{}]", items.iter().map(|item| quote(item)).collect::<Vec<_>>().join(", "))
            }
        }
    }

    pub(crate) fn words(&self) -> String {
        match self {
            Self::Bare(text) | Self::Quoted(text) => text.clone(),
            Self::List(items) => items.join(","),
        }
    }
}

/// A TOML basic string.
pub(crate) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Why a value is refused. `what` completes the sentence "`key` …" and never contains the value.
#[derive(Debug, Clone)]
pub(crate) struct Wrong {
    pub(crate) code: Code,
    pub(crate) what: String,
    pub(crate) expected: String,
    /// A better value; without one the example of the key is shown.
    pub(crate) better: Option<Shown>,
    /// The line of the list item that is wrong, and what it is.
    pub(crate) item: Option<(u32, String)>,
}

impl Wrong {
    pub(crate) fn new(code: Code, what: &str, expected: impl Into<String>) -> Self {
        Self { code, what: what.to_owned(), expected: expected.into(), better: None, item: None }
    }

    pub(crate) fn better(mut self, better: Option<Shown>) -> Self {
        self.better = better;
        self
    }
}

/// A type that a key can have.
pub(crate) trait Setting: Sized + Clone {
    /// What is right, in words: "a length of time such as \"15m\"".
    fn expected() -> String;
    fn read(raw: &Raw) -> Result<Self, Wrong>;
    fn show(&self) -> Shown;
}

impl Setting for String {
    fn expected() -> String {
        "a text".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let text = raw.text(&Self::expected())?;
        let wrong = |what| Err(Wrong::new(Code::NotUnderstood, what, Self::expected()));
        if text.trim().is_empty() {
            return wrong("is empty");
        }
        if text.chars().any(char::is_control) {
            return wrong("contains control characters");
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.clone())
    }
}

impl Setting for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        raw.text(&Self::expected())?;
        String::read(raw).map(Self::from).map_err(|wrong| Wrong { expected: Self::expected(), ..wrong })
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.display().to_string())
    }
}

impl Setting for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let wrong = || Wrong::new(Code::WrongType, "is neither true nor false", Self::expected());
        match raw {
            Raw::Boolean(b) => Ok(*b),
            Raw::Words(text) | Raw::Secret { content: text, .. } => text.parse().map_err(|_| wrong()),
            Raw::Text(text) => Err(wrong().better(text.parse::<bool>().ok().map(|value| value.show()))),
            _ => Err(wrong()),
        }
    }

    fn show(&self) -> Shown {
        Shown::Bare(self.to_string())
    }
}

macro_rules! whole_number {
    ($type:ty) => {
        impl Setting for $type {
            fn expected() -> String {
                "a whole number".to_owned()
            }

            fn read(raw: &Raw) -> Result<Self, Wrong> {
                let wrong = || Wrong::new(Code::WrongType, "is not a whole number", Self::expected());
                let outside = || Wrong::new(Code::OutOfRange, "is far outside its limits", Self::expected());
                match raw {
                    Raw::Integer(n) => Self::try_from(*n).map_err(|_| outside()),
                    Raw::Words(text) | Raw::Secret { content: text, .. } => {
                        let n = text.trim().parse::<i128>().map_err(|_| wrong())?;
                        Self::try_from(n).map_err(|_| outside())
                    }
                    Raw::Text(text) => Err(wrong().better(text.parse::<Self>().ok().map(|n| n.show()))),
                    _ => Err(wrong()),
                }
            }

            fn show(&self) -> Shown {
                Shown::Bare(self.to_string())
            }
        }
    };
}

whole_number!(u32);
whole_number!(usize);

impl Setting for Duration {
    fn expected() -> String {
        "a length of time such as \"90s\", \"15m\", \"12h\" or \"7d\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        if let Raw::Integer(n) = raw {
            let what = "is a number without a unit";
            return Err(
                Wrong::new(Code::WrongType, what, Self::expected()).better(Some(Shown::Quoted(format!("{n}s"))))
            );
        }
        let text = raw.text(&Self::expected())?;
        duration::parse(text).map_err(|why| {
            let bare = text.trim().parse::<u64>().ok();
            Wrong::new(Code::NotUnderstood, why, Self::expected()).better(bare.map(|n| Shown::Quoted(format!("{n}s"))))
        })
    }

    fn show(&self) -> Shown {
        Shown::Quoted(duration::show(*self))
    }
}

impl Setting for SocketAddr {
    fn expected() -> String {
        "an IP address and a port such as \"127.0.0.1:8420\" or \"[::]:8420\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let text = raw.text(&Self::expected())?;
        text.parse().map_err(|_| {
            let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
            let host = match host {
                "*" => "0.0.0.0",
                _ => "127.0.0.1",
            };
            let better = port.parse::<u16>().ok().map(|port| Shown::Quoted(format!("{host}:{port}")));
            Wrong::new(Code::NotUnderstood, "is not an IP address and a port", Self::expected()).better(better)
        })
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.to_string())
    }
}

impl Setting for IpNet {
    fn expected() -> String {
        "a network such as \"10.0.0.0/8\" or one IP address".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let text = raw.text(&Self::expected())?;
        let net = text
            .parse::<Self>()
            .or_else(|_| text.parse::<std::net::IpAddr>().map(Self::from))
            .map_err(|_| Wrong::new(Code::NotUnderstood, "holds no network", Self::expected()))?;
        if net.addr() == net.network() {
            Ok(net)
        } else {
            let what = "holds a network with host bits set";
            Err(Wrong::new(Code::NotUnderstood, what, Self::expected())
                .better(Some(Shown::Quoted(net.trunc().to_string()))))
        }
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.to_string())
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn expected() -> String {
        format!("a list; each item: {}", T::expected())
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        match raw {
            Raw::List(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    T::read(&item.raw).map_err(|wrong| Wrong {
                        better: wrong.better.map(|better| replaced(items, at, &better)),
                        item: Some((item.line, item.raw.got())),
                        ..wrong
                    })
                })
                .collect(),
            Raw::Words(text) | Raw::Secret { content: text, .. } => text
                .split([',', ' ', '\n'])
                .filter(|part| !part.is_empty())
                .map(|part| T::read(&Raw::Words(part.to_owned())))
                .collect(),
            Raw::Text(text) => {
                let what = "is one text where a list belongs";
                Err(Wrong::new(Code::WrongType, what, Self::expected()).better(Some(Shown::List(vec![text.clone()]))))
            }
            _ => Err(Wrong::new(Code::WrongType, "is not a list", Self::expected())),
        }
    }

    fn show(&self) -> Shown {
        Shown::List(self.iter().map(|item| item.show().words()).collect())
    }
}

/// The list with the item at `at` replaced; items that are no text are left out.
fn replaced(items: &[Item], at: usize, better: &Shown) -> Shown {
    let texts = items.iter().enumerate().filter_map(|(i, item)| match &item.raw {
        _ if i == at => Some(better.words()),
        Raw::Text(text) => Some(text.clone()),
        _ => None,
    });
    Shown::List(texts.collect())
}

/// Reads one of a few names. `choices` pairs each name with its value.
pub(crate) fn choose<T: Copy>(raw: &Raw, choices: &[(&str, T)]) -> Result<T, Wrong> {
    let names = choices.iter().map(|(name, _)| *name);
    let text = raw.text(&one_of(choices))?;
    choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let better = suggest::nearest(text, names);
        Wrong::new(Code::NotUnderstood, "is none of its choices", one_of(choices))
            .better(better.map(|name| Shown::Quoted(name.to_owned())))
    })
}

/// The name of `value` among `choices`.
pub(crate) fn name_of<T: PartialEq>(value: &T, choices: &[(&str, T)]) -> Shown {
    let name = choices.iter().find(|(_, choice)| choice == value).map_or("", |(name, _)| *name);
    Shown::Quoted(name.to_owned())
}

/// All names, in words.
pub(crate) fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!("one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_password_and_no_control_character() {
        let cases = [
            ("postgres://u:p@ss/w@db/x?password=q", "postgres://***@db/x?…"),
            ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
            ("Брама \"їжак\"", "Брама \"їжак\""),
        ];
        for (text, safe) in cases {
            assert_eq!(shown(text), safe);
        }
        assert_eq!(shown(&"x".repeat(200)).chars().count(), 101);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let raw = Raw::Secret { content: "hunter2".into(), path: "/run/s".into() };
        assert_eq!(raw.got(), "the content of /run/s");
    }
}
