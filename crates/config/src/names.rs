//! What a key is called outside the file: `server.listen`, `BRAMA_SERVER__LISTEN`, `--listen`.

/// The flags of the command line, by key.
const FLAGS: &[(&str, &str)] = &[
    ("public_url", "--public-url"),
    ("data_dir", "--data-dir"),
    ("server.listen", "--listen"),
    ("database.url", "--database-url"),
];

/// Short variables, named like the flags.
const ALIASES: &[(&str, &str)] = &[("server.listen", "BRAMA_LISTEN"), ("database.url", "BRAMA_DATABASE_URL")];

fn find(list: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    list.iter().find(|(of, _)| *of == key).map(|(_, name)| *name)
}

/// The variables of a key, the full name first; none for keys of clients, which are in the file.
pub(crate) fn variables(key: &str) -> Vec<String> {
    if key.contains('[') {
        return Vec::new();
    }
    let full = format!("BRAMA_{}", key.replace('.', "__").to_uppercase());
    std::iter::once(full).chain(find(ALIASES, key).map(str::to_owned)).collect()
}

/// The flag of a key, if it has one of its own.
pub(crate) fn own_flag(key: &str) -> Option<&'static str> {
    find(FLAGS, key)
}

/// The flag of a key, for messages.
pub(crate) fn flag(key: &str) -> String {
    own_flag(key).map_or_else(|| format!("--set {key}"), str::to_owned)
}
