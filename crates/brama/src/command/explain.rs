//! `brama explain`: what a code means, what usually leads to it and what to do. Offline, from the tables that the server,
//! the reference pages and the pages behind `error_uri` use too.

mod commands;

use brama_config::Code;
use brama_protocol::{error, explain};
use clap::Args;
use serde_json::json;

use crate::failure::{Failure, Trouble, USAGE};
use crate::terminal;

/// What is asked.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// The code, such as B2104; all codes if left out
    code: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Everything there is to say about a code.
struct Entry {
    code: &'static str,
    what: &'static str,
    /// `error` and status, of those that go over the wire.
    wire: Option<(&'static str, u16)>,
    why: Option<&'static str>,
    fix: Option<&'static str>,
}

/// Every code, in order.
fn entries() -> Vec<Entry> {
    let wire = error::TABLE.iter().map(|row| {
        let explanation = explain::of(row.id);
        Entry {
            code: row.id,
            what: row.description,
            wire: Some((row.error, row.status)),
            why: explanation.map(|explanation| explanation.why),
            fix: explanation.map(|explanation| explanation.fix),
        }
    });
    let configuration = Code::ALL.iter().map(|code| Entry {
        code: code.as_str(),
        what: code.meaning(),
        wire: None,
        why: None,
        fix: Some(commands::CONFIGURATION),
    });
    let command =
        commands::TABLE.iter().map(|(code, what, fix)| Entry { code, what, wire: None, why: None, fix: Some(fix) });
    let mut entries: Vec<Entry> = wire.chain(configuration).chain(command).collect();
    entries.sort_by_key(|entry| entry.code);
    // B1012 is told by the configuration and by the start.
    entries.dedup_by_key(|entry| entry.code);
    entries
}

pub(crate) fn run(flags: &Flags) -> Result<(), Failure> {
    let entries = entries();
    let Some(wanted) = &flags.code else {
        for entry in &entries {
            let line = if flags.json { shown(entry).to_string() } else { format!("{}  {}", entry.code, entry.what) };
            terminal::data(&format!("{line}\n"));
        }
        return Ok(());
    };
    let Some(entry) = entries.iter().find(|entry| entry.code.eq_ignore_ascii_case(wanted.trim())) else {
        let what = format!("there is no code {wanted:?}");
        return Err(Trouble::new("B5112", what, "see `brama explain` for all of them").exit(USAGE).into());
    };
    if flags.json {
        terminal::data(&format!("{}\n", shown(entry)));
        return Ok(());
    }
    let mut text = format!("{} {}\n", entry.code, entry.what);
    let wire =
        entry.wire.map(|(error, status)| format!("error {error}, status {status} where it is answered directly"));
    for (label, line) in [("wire", wire.as_deref()), ("why", entry.why), ("fix", entry.fix)] {
        if let Some(line) = line {
            text.push_str(&format!("      {label:<10}{line}\n"));
        }
    }
    terminal::data(&text);
    Ok(())
}

fn shown(entry: &Entry) -> serde_json::Value {
    json!({
        "code": entry.code,
        "what": entry.what,
        "error": entry.wire.map(|(error, _)| error),
        "status": entry.wire.map(|(_, status)| status),
        "why": entry.why,
        "fix": entry.fix,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The codes of a text, in quotes.
    fn codes(text: &str) -> impl Iterator<Item = String> + '_ {
        text.split('"').filter_map(|part| {
            let digits = part.strip_prefix('B')?;
            (digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.to_owned())
        })
    }

    #[test]
    fn every_code_of_a_command_is_explained_and_listed() {
        let known: BTreeSet<&str> = entries().iter().map(|entry| entry.code).collect();
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/commands.md");
        let page = std::fs::read_to_string(page).unwrap();
        let mut files = Vec::new();
        sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
        for file in files {
            for code in codes(&std::fs::read_to_string(&file).unwrap()) {
                assert!(known.contains(code.as_str()), "{code} of {} is not explained", file.display());
            }
        }
        for (code, ..) in commands::TABLE {
            assert!(page.contains(code), "{code} is not in docs/reference/commands.md");
        }
    }

    #[test]
    fn every_code_is_there_once() {
        let entries = entries();
        let codes: BTreeSet<_> = entries.iter().map(|entry| entry.code).collect();
        assert_eq!(codes.len(), entries.len());
        assert!(entries.iter().all(|entry| entry.fix.is_some()), "something without a fix");
    }
}
