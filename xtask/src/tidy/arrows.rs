//! Who may depend on whom. Dev-dependencies are free: tests may look everywhere.

use crate::tree::File;

/// Whom every crate may depend on: mistakes to be planted by tests stand where they would be made.
const FOR_ALL: &str = "faults";

/// A crate below `crates/` and those of ours that it may depend on, besides [`FOR_ALL`].
const ARROWS: &[(&str, &[&str])] = &[
    ("faults", &[]),
    ("protocol", &[]),
    ("jose", &[]),
    ("pages", &[]),
    ("config", &[]),
    ("store", &["protocol"]),
    ("store-sqlite", &["store", "protocol"]),
    ("store-postgres", &["store", "protocol"]),
    ("flows", &["store", "jose", "protocol"]),
    ("guard", &["jose", "protocol"]),
    ("net", &["flows"]),
    ("http", &["flows", "pages", "store", "protocol"]),
    (
        "brama",
        &[
            "http",
            "flows",
            "pages",
            "store-sqlite",
            "store-postgres",
            "store",
            "config",
            "net",
            "guard",
            "jose",
            "protocol",
        ],
    ),
];

/// Crates that may depend on all others, and that nobody depends on.
const OUTSIDE: [&str; 7] = ["bench", "fuzz", "postgres-cluster", "targets", "testkit", "tests", "xtask"];

/// A library and the only crates that may use it.
const ROOMS: &[(&str, &[&str])] = &[
    // Only `http` knows axum; the demo API of the program and the extractor of `guard` are its users, not its face.
    ("axum", &["http", "brama"]),
    // Only a backend contains SQL.
    ("rusqlite", &["store-sqlite"]),
    ("tokio-postgres", &["store-postgres"]),
    // Only `net` and `guard` open outgoing connections, but for those to the database: the server's own go through the one
    // fetcher that checks where they lead.
    ("hyper-rustls", &["guard"]),
    ("tokio-rustls", &["net"]),
    ("askama", &["pages"]),
    ("argon2", &["flows"]),
    ("argon2-rust", &["flows"]),
    ("toml", &["config"]),
];

/// See [`ARROWS`].
pub(super) fn point_one_way(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (manifest, name) in manifests(files) {
        if OUTSIDE.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            wrong.push(format!("{}: a new crate; give it a line in ARROWS of xtask/src/tidy/arrows.rs", manifest.path));
            continue;
        };
        for to in dependencies(&manifest.text).filter_map(|library| library.strip_prefix("brama-")) {
            if to != FOR_ALL && !allowed.contains(&to) {
                wrong.push(format!(
                    "{}: {name} may not depend on {to} ({name} → {allowed:?}); move the code to where it belongs",
                    manifest.path
                ));
            }
        }
    }
    wrong
}

/// See [`ROOMS`].
pub(super) fn libraries_stay_in_their_room(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (manifest, name) in manifests(files).filter(|(_, name)| !OUTSIDE.contains(name)) {
        for (library, rooms) in ROOMS {
            if !rooms.contains(&name) && dependencies(&manifest.text).any(|used| used == *library) {
                wrong.push(format!("{}: {library} belongs to {rooms:?} only; ask that crate instead", manifest.path));
            }
        }
    }
    wrong
}

/// The lints of the workspace hold only where a crate says so.
pub(super) fn lints_are_inherited(files: &[File]) -> Vec<String> {
    manifests(files)
        .filter(|(manifest, _)| !manifest.text.contains("[lints]\nworkspace = true\n"))
        .map(|(manifest, _)| format!("{}: add `[lints]` with `workspace = true`", manifest.path))
        .collect()
}

/// The manifests of the members and the folders they are in.
fn manifests(files: &[File]) -> impl Iterator<Item = (&File, &str)> {
    // What users would write is no crate of ours.
    let foreign = |path: &str| path.starts_with("sdk/") || path.starts_with("tests/interop/");
    files.iter().filter(move |file| file.path.ends_with("/Cargo.toml") && !foreign(&file.path)).filter_map(|file| {
        let folder = file.path.strip_suffix("/Cargo.toml")?;
        Some((file, folder.rsplit('/').next().unwrap_or(folder)))
    })
}

/// Names in `[dependencies]` and its target-specific relatives, in any of the ways TOML writes them.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table == "dependencies" || (table.starts_with("target.") && table.ends_with(".dependencies"));
            return table.strip_prefix("dependencies.");
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        (inside && !name.is_empty() && !name.starts_with('#')).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn a_back_arrow_is_found_however_it_is_written() {
        for arrow in [
            "[dependencies]\nbrama-http.workspace = true",
            "[dependencies]\nserde = \"1\"\nbrama-http = { path = \"../http\" }",
            "[dependencies.brama-http]\npath = \"../http\"",
            "[target.'cfg(unix)'.dependencies]\nbrama-http.workspace = true",
        ] {
            assert_eq!(point_one_way(&[file("crates/flows/Cargo.toml", arrow)]).len(), 1, "{arrow}");
        }
        let test_only = "[dependencies]\nbrama-store.workspace = true\n[dev-dependencies]\nbrama-http.workspace = true";
        assert_eq!(point_one_way(&[file("crates/flows/Cargo.toml", test_only)]), [""; 0]);
        assert_eq!(point_one_way(&[file("crates/helpers/Cargo.toml", "")]).len(), 1);
    }

    #[test]
    fn a_library_outside_its_room_is_found() {
        let sql = [file("crates/flows/Cargo.toml", "[dependencies]\nrusqlite.workspace = true\n")];
        assert_eq!(libraries_stay_in_their_room(&sql).len(), 1);
        assert_eq!(lints_are_inherited(&sql).len(), 1);
    }
}
