//! `cargo xtask tidy`: what the tree promises and no compiler checks. One function per rule; each complaint says the fix.

mod arrows;
mod documents;
mod words;

use crate::tree::{self, File};

/// A rule: all that is wrong, one line each.
type Rule = fn(&[File]) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("arrows between crates point one way", arrows::point_one_way),
    ("some libraries belong to one room", arrows::libraries_stay_in_their_room),
    ("every crate inherits the lints", arrows::lints_are_inherited),
    ("ARCHITECTURE.md names every crate", documents::every_crate_is_named),
    ("ARCHITECTURE.md names only what exists", documents::named_paths_exist),
    ("links between documents work", documents::links_resolve),
    ("nothing is left for later", words::nothing_is_left_for_later),
    ("no path of somebody's machine", words::no_machine_paths),
    ("no registry hosts", words::no_registry_hosts),
    ("no unsafe code", words::no_unsafe_code),
];

/// Check all rules and report everything at once.
pub(crate) fn all() -> Result<(), String> {
    let files = tree::files()?;
    let mut wrong = 0;
    for (name, rule) in RULES {
        let complaints = rule(&files);
        if !complaints.is_empty() {
            println!("✗ {name}");
        }
        for complaint in &complaints {
            println!("  {complaint}");
        }
        wrong += complaints.len();
    }
    if wrong > 0 {
        return Err(format!("tidy: {wrong} to fix, see above"));
    }
    println!("tidy: {} rules hold in {} files", RULES.len(), files.len());
    Ok(())
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}
