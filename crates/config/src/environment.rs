//! Variables: `BRAMA_SERVER__LISTEN` for `server.listen`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::names::variables;
use crate::origin::Origin;
use crate::problem::{Code, Problem};
use crate::suggest;
use crate::value::Raw;

/// `BRAMA_…` variables that are not keys: the file to read (`BRAMA_CONFIG`), the log filter
/// (`BRAMA_LOG`), and the folder of test vectors (`BRAMA_VECTORS`).
pub const RESERVED_VARIABLES: &[&str] = &["BRAMA_CONFIG", "BRAMA_LOG", "BRAMA_VECTORS"];

const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// The environment, and which variables of it were asked for.
pub(crate) struct Environment {
    vars: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

/// A variable that sets a key.
pub(crate) struct Setter {
    variable: String,
    value: String,
    is_file: bool,
}

impl Environment {
    pub(crate) fn new(vars: BTreeMap<String, String>) -> Self {
        let ours = vars.into_iter().filter(|(name, _)| name.starts_with("BRAMA_")).collect();
        Self { vars: ours, used: BTreeSet::new() }
    }

    /// The variable that sets `key`, if any.
    pub(crate) fn find(&mut self, key: &str) -> Result<Option<Setter>, Box<Problem>> {
        let names = variables(key).into_iter().flat_map(|name| {
            let file = format!("{name}_FILE");
            [(name, false), (file, true)]
        });
        let mut found: Vec<Setter> = Vec::new();
        for (variable, is_file) in names {
            if let Some(value) = self.vars.get(&variable).cloned() {
                self.used.insert(variable.clone());
                found.push(Setter { variable, value, is_file });
            }
        }
        let mut found = found.into_iter();
        let first = found.next();
        if let (Some(first), Some(second)) = (&first, found.next())
            && (first.is_file != second.is_file || first.value != second.value)
        {
            let (first, second) = (&first.variable, &second.variable);
            let problem = Problem::new(Code::GivenTwice, format!("`{key}` is set by {first} and by {second}"))
                .key(key)
                .at(Origin::Environment { variable: second.clone() })
                .expected("one variable for one key")
                .fix(format!("unset {second}"));
            return Err(Box::new(problem));
        }
        Ok(first)
    }

    /// What is left: variables that belong to no key of `keys`.
    pub(crate) fn unknown(&self, keys: &[&str]) -> Vec<Problem> {
        let names: Vec<String> = keys.iter().flat_map(|key| variables(key)).collect();
        let known = |name: &&String| {
            self.used.contains(*name)
                || RESERVED_VARIABLES.contains(&name.as_str())
                || self.vars.get(*name).is_some_and(|value| is_service_link(name, value))
        };
        let candidates: Vec<&str> =
            names.iter().map(String::as_str).chain(RESERVED_VARIABLES.iter().copied()).collect();
        self.vars.keys().filter(|name| !known(name)).map(|name| unknown(name, &candidates)).collect()
    }
}

impl Setter {
    /// The value and where it is from.
    pub(crate) fn resolve(self, key: &str) -> Result<(Raw, Origin), Box<Problem>> {
        let origin = Origin::Environment { variable: self.variable };
        if !self.is_file {
            return Ok((Raw::Words(self.value), origin));
        }
        let path = PathBuf::from(self.value);
        match read_secret(&path) {
            Ok(content) => Ok((Raw::Secret { content, path }, origin)),
            Err(why) => Err(Box::new(
                Problem::new(
                    Code::SecretFileUnreadable,
                    format!("the file with the value of `{key}` cannot be read: {why}"),
                )
                .key(key)
                .at(origin)
                .got(path.display().to_string())
                .expected("a readable UTF-8 file that holds the value alone")
                .fix("correct the path, or who may read the file"),
            )),
        }
    }
}

/// The content without its last line end.
fn read_secret(path: &PathBuf) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if about.len() > MOST_SECRET_BYTES {
        return Err("it is larger than 64 KiB".to_owned());
    }
    let content = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let content = content.strip_suffix('\n').unwrap_or(&content);
    Ok(content.strip_suffix('\r').unwrap_or(content).to_owned())
}

fn unknown(name: &str, candidates: &[&str]) -> Problem {
    let problem = Problem::new(Code::UnknownVariable, format!("{name} sets nothing"))
        .at(Origin::Environment { variable: name.to_owned() })
        .expected("BRAMA_, the section, two underscores, the key: BRAMA_SERVER__LISTEN");
    if name.starts_with("BRAMA_CLIENTS") {
        return problem.fix("declare clients in the file, as [[clients]]");
    }
    // `BRAMA_SERVER_LISTEN` and `BRAMA__SERVER__LISTEN` differ from a key in underscores only.
    let bare = |name: &str| name.replace('_', "");
    let plain = name.strip_suffix("_FILE").unwrap_or(name);
    let meant = candidates
        .iter()
        .copied()
        .find(|candidate| bare(candidate) == bare(name) || bare(candidate) == bare(plain))
        .or_else(|| foreign(name))
        .or_else(|| suggest::nearest(name, candidates.iter().copied()));
    match meant {
        Some(meant) => problem.fix(format!("did you mean {meant}? If not, unset {name}")),
        None => problem.fix(format!("unset {name}")),
    }
}

/// Names that people expect from other servers.
fn foreign(name: &str) -> Option<&'static str> {
    match name {
        "BRAMA_PORT" | "BRAMA_HOST" | "BRAMA_BIND" | "BRAMA_ADDRESS" => Some("BRAMA_LISTEN"),
        "BRAMA_ISSUER" | "BRAMA_BASE_URL" | "BRAMA_URL" => Some("BRAMA_PUBLIC_URL"),
        "BRAMA_DB" | "BRAMA_DB_URL" | "BRAMA_DSN" => Some("BRAMA_DATABASE_URL"),
        _ => None,
    }
}

/// Kubernetes gives every container `BRAMA_SERVICE_HOST`, `BRAMA_PORT=tcp://…` and more for a
/// service named `brama`, and the same with `BRAMA_ADMIN_…` for `brama-admin`. Nobody set them.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_link = |text: &str| ["tcp://", "udp://", "sctp://"].iter().any(|s| text.starts_with(s));
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let is_ip = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    if name.ends_with("_SERVICE_HOST") {
        return is_ip(value);
    }
    if name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return is_number(value);
    }
    if name.ends_with("_PORT") && is_link(value) {
        return true;
    }
    let Some((_, rest)) = name.rsplit_once("_PORT_").or_else(|| {
        // `…_PORT_80_TCP_PORT` ends in PORT itself.
        name.strip_suffix("_PORT").and_then(|name| name.rsplit_once("_PORT_"))
    }) else {
        return false;
    };
    let mut parts = rest.split('_');
    parts.next().is_some_and(is_number) && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_of_kubernetes_are_nobodys_mistake() {
        let links = [
            ("BRAMA_SERVICE_HOST", "10.0.0.1"),
            ("BRAMA_SERVICE_PORT", "80"),
            ("BRAMA_SERVICE_PORT_HTTP", "80"),
            ("BRAMA_PORT", "tcp://10.0.0.1:80"),
            ("BRAMA_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("BRAMA_PORT_80_TCP_PROTO", "tcp"),
            ("BRAMA_PORT_80_TCP_PORT", "80"),
            ("BRAMA_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("BRAMA_ADMIN_SERVICE_HOST", "10.0.0.1"),
        ];
        for (name, value) in links {
            assert!(is_service_link(name, value), "{name}");
        }
        for (name, value) in [("BRAMA_PORT", "8420"), ("BRAMA_SERVICE_HOST", "id.example.ua")] {
            assert!(!is_service_link(name, value), "{name}");
        }
    }
}
