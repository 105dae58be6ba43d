//! Which rule of which standard stands where, and which test names it: found by walking the tree, so that the page cannot
//! say more than the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The rules, one per line: id, level, source, what, why it is not here.
const ROWS: &str = include_str!("../../standards/rows.tsv");

/// The parts of the list, in order: prefix and title.
const PARTS: &[(&str, &str)] = &[
    ("G", "Every endpoint"),
    ("AZ", "Authorization endpoint"),
    ("TE", "Token endpoint"),
    ("TK", "Tokens, keys, algorithms"),
    ("RS", "Resource servers: userinfo and the guard"),
    ("EP", "Other endpoints: PAR, device, introspection, revocation, userinfo, metadata"),
    ("RG", "Registration"),
    ("LO", "Logout"),
    ("BB", "Browser-based applications and the cookie endpoints"),
    ("FA", "FAPI 2.0"),
];

/// Most names in a cell; a search for the id finds the rest.
const SHOWN: usize = 4;

#[derive(Default)]
struct Places {
    rooms: BTreeSet<String>,
    tests: BTreeSet<String>,
}

/// Every id in a text, such as `AZ-24`; in names of tests also `az24` and `az_24`.
fn ids(text: &str, in_names: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let bytes = text.as_bytes();
    for (prefix, _) in PARTS {
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

fn walk(root: &Path) -> BTreeMap<String, Places> {
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
            && !shown.contains("testkit")
            && !shown.ends_with("tests.rs");
        let mut in_tests = !room;
        let mut attribute = false;
        for line in text.lines() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("mod tests") {
                in_tests = true;
            }
            if let Some(name) = test_name(line, rust).filter(|_| in_tests || attribute) {
                let found = if rust { ids(name, true) } else { ids(name, false) };
                for id in found {
                    let file = shown.trim_start_matches("crates/").replace("/src/", "/");
                    places.entry(id).or_default().tests.insert(format!("{file}: {name}"));
                }
            }
            attribute = trimmed.starts_with("#[test]") || trimmed.starts_with("#[tokio::test");
            if !in_tests && (trimmed.starts_with("//") || trimmed.starts_with('*') || trimmed.contains(" // ")) {
                for id in ids(trimmed, false) {
                    let file = shown.trim_start_matches("crates/").replace("/src/", "/");
                    places.entry(id).or_default().rooms.insert(file);
                }
            }
        }
    }
    places
}

fn cell(names: &BTreeSet<String>) -> String {
    let mut shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("`{}`", name.replace('|', "\\|"))).collect();
    if names.len() > SHOWN {
        shown.push("…".to_owned());
    }
    if shown.is_empty() { "–".to_owned() } else { shown.join("<br>") }
}

/// The page, and what is missing: a rule that has to be here and has no room or no test.
pub(crate) fn page(root: &Path) -> (String, Vec<String>) {
    let places = walk(root);
    let none = Places::default();
    let mut missing = Vec::new();
    let mut page = String::from(
        "# Standards\n\
        \n\
        <!-- Generated by `cargo xtask generate` from `xtask/standards/rows.tsv` and the tree. -->\n\
        \n\
        Which rule of which standard stands in which room, and which tests fail without it. Levels: M the source demands it, S it\n\
        recommends it, O it allows it, P our own policy where the source leaves a choice. Sources: `2.1` is the draft of OAuth 2.1, `BCP`\n\
        RFC 9700, `Core`, `Disc` and `Reg` OpenID Connect Core, Discovery and Registration, `RPI` and `BCL` its two logouts, `BBA` OAuth\n\
        for browser-based applications, a number alone an RFC. The id of a rule stands in the doc comment of its room and in the\n\
        name of its tests: a search for it finds all of them.\n",
    );
    for (prefix, title) in PARTS {
        _ = write!(
            page,
            "\n## {title}\n\n| rule | level | what | source | rooms | tests |\n| --- | --- | --- | --- | --- | --- |\n"
        );
        for row in ROWS.lines().filter(|line| !line.starts_with('#')) {
            let mut cells = row.split('\t');
            let mut next = || cells.next().unwrap_or_default();
            let (id, level, source, what, why) = (next(), next(), next(), next(), next());
            if id.split('-').next() != Some(*prefix) {
                continue;
            }
            let found = places.get(id).unwrap_or(&none);
            let (rooms, tests) = (cell(&found.rooms), cell(&found.tests));
            if why.is_empty() {
                if found.rooms.is_empty() || found.tests.is_empty() {
                    missing.push(format!("{id} ({level}) {what}: rooms {rooms}, tests {tests}"));
                }
                _ = writeln!(page, "| {id} | {level} | {what} | {source} | {rooms} | {tests} |");
            } else {
                _ = writeln!(page, "| {id} | {level} | {what} | {source} | *{why}* | {tests} |");
            }
        }
    }
    (page, missing)
}
