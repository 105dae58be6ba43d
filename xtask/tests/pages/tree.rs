//! Where ids of rules stand in the tree: found by walking it, so that no page can say more than the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Most names in a cell; a search for the id finds the rest.
const SHOWN: usize = 4;

/// Behind the name of a test that runs on request only.
const BY_HAND: &str = " (measured by hand)";

/// Files whose comments name an id, and tests that carry it.
#[derive(Default)]
pub(crate) struct Places {
    pub(crate) rooms: BTreeSet<String>,
    pub(crate) tests: BTreeSet<String>,
}

/// Every id in a text, such as `AZ-24`; in names of tests also `az24` and `az_24`.
fn ids(prefixes: &[&str], text: &str, in_names: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let bytes = text.as_bytes();
    for prefix in prefixes {
        let lower = prefix.to_lowercase();
        let wanted: &str = if in_names { &lower } else { prefix };
        for (at, _) in text.match_indices(wanted) {
            let begins = at == 0 || !bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
            let rest = text.get(at + wanted.len()..).unwrap_or_default();
            let number = match (in_names, rest.strip_prefix(if in_names { "_" } else { "-" })) {
                (_, Some(number)) => number,
                (true, None) => rest,
                (false, None) => continue,
            };
            let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
            if begins && !digits.is_empty() && digits.len() <= 2 {
                let ends = number.get(digits.len()..).and_then(|rest| rest.chars().next());
                if !ends.is_some_and(|next| next.is_ascii_alphanumeric()) {
                    found.insert(format!("{prefix}-{digits}"));
                }
            }
        }
    }
    found
}

fn files(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["target", "node_modules", "corpus"].contains(&name) && !name.starts_with('.') {
                files(&path, into);
            }
        } else if name.ends_with(".rs") || name.ends_with(".js") || name.ends_with(".mjs") {
            into.push(path);
        }
    }
}

/// The name of a test on this line: of a function in Rust, of the text in JavaScript.
fn test_name(line: &str, rust: bool) -> Option<&str> {
    let line = line.trim_start();
    if rust {
        let rest = line.strip_prefix("pub(super) ").unwrap_or(line);
        let rest = rest.strip_prefix("async fn ").or_else(|| rest.strip_prefix("fn "))?;
        return rest.split(['(', '<']).next();
    }
    let rest = ["test(", "it("].iter().find_map(|call| line.strip_prefix(call))?;
    let quote = rest.chars().next().filter(|first| ['"', '\'', '`'].contains(first))?;
    rest.get(1..)?.split(quote).next()
}

/// All places of all ids with these prefixes. A test carries an id in its name, or in the doc comment above it.
pub(crate) fn walk(root: &Path, prefixes: &[&str]) -> BTreeMap<String, Places> {
    let mut all = Vec::new();
    for folder in ["crates", "tests", "sdk", "fuzz"] {
        files(&root.join(folder), &mut all);
    }
    let mut places: BTreeMap<String, Places> = BTreeMap::new();
    for path in all {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let rust = shown.ends_with(".rs");
        let conformance = shown.contains("/conformance/");
        let room = !conformance
            && (shown.contains("/src/") || shown.starts_with("sdk/browser/"))
            && !shown.contains("/tests")
            && !shown.contains("/test/")
            && !shown.contains("testkit")
            && !shown.ends_with("tests.rs");
        let mut in_tests = !room;
        let mut documented = BTreeSet::new();
        let (mut is_test, mut is_ignored) = (false, false);
        for line in text.lines() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("mod tests") {
                in_tests = true;
            }
            // A function of Rust is a test if it says so, or a case of the suite that every backend passes.
            let runs = is_test || conformance || !rust && in_tests;
            if let Some(name) = test_name(line, rust).filter(|_| runs) {
                let mut found = ids(prefixes, name, rust);
                found.append(&mut documented);
                for id in found {
                    let file = shown.trim_start_matches("crates/").replace("/src/", "/");
                    let by_hand = if is_ignored { BY_HAND } else { "" };
                    places.entry(id).or_default().tests.insert(format!("{file}: {name}{by_hand}"));
                }
            }
            if trimmed.starts_with("//") {
                documented.append(&mut ids(prefixes, trimmed, false));
            } else if trimmed.starts_with("#[") {
                is_test |= trimmed.starts_with("#[test]") || trimmed.starts_with("#[tokio::test");
                is_ignored |= trimmed.starts_with("#[ignore");
            } else {
                documented.clear();
                (is_test, is_ignored) = (false, false);
            }
            if !in_tests && (trimmed.starts_with("//") || trimmed.starts_with('*') || trimmed.contains(" // ")) {
                for id in ids(prefixes, trimmed, false) {
                    let file = shown.trim_start_matches("crates/").replace("/src/", "/");
                    places.entry(id).or_default().rooms.insert(file);
                }
            }
        }
    }
    places
}

/// Some of the names, for a cell of a table.
pub(crate) fn cell(names: &BTreeSet<String>) -> String {
    let mut shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("`{}`", name.replace('|', "\\|"))).collect();
    if names.len() > SHOWN {
        shown.push("…".to_owned());
    }
    if shown.is_empty() { "–".to_owned() } else { shown.join("<br>") }
}
