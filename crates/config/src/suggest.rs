//! "Did you mean …?"

/// Names that other servers use for a key of ours.
const FOREIGN: &[(&str, &str)] = &[
    ("address", "server.listen"),
    ("base_url", "public_url"),
    ("bind", "server.listen"),
    ("database_url", "database.url"),
    ("dsn", "database.url"),
    ("external_url", "public_url"),
    ("host", "server.listen"),
    ("issuer", "public_url"),
    ("log_level", "log.level"),
    ("master_key", "secrets.key_file"),
    ("port", "server.listen"),
    ("trusted_proxies", "server.trust_proxy"),
];

/// The candidate that differs least from `word`, if it differs little enough to be a slip.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    let rated = |name: &'c str| {
        let lower = name.to_lowercase();
        let distance = strsim::damerau_levenshtein(&word, &lower);
        // "logging" for "log", "secret" for "secret_file": far in letters, near in mind.
        let begins = (lower.len() >= 3 && word.starts_with(&lower)) || (word.len() >= 3 && lower.starts_with(&word));
        (distance <= allowed || begins).then_some((distance, name))
    };
    let best = candidates.into_iter().filter_map(rated).min_by_key(|(distance, _)| *distance);
    best.map(|(_, name)| name)
}

/// The key somebody meant who wrote `name` in `section` (empty: at the top).
pub(crate) fn key<'k>(section: &str, name: &str, keys: &[&'k str]) -> Option<&'k str> {
    let leaf = |key: &'k str| key.rsplit_once('.').map_or(key, |(_, leaf)| leaf);
    let here = |key: &&'k str| key.rsplit_once('.').map_or("", |(section, _)| section) == section;
    let exact = |name: &str| keys.iter().copied().find(|key| *key == name);
    exact(name)
        .or_else(|| keys.iter().copied().find(|key| leaf(key) == name))
        .or_else(|| {
            let near = nearest(name, keys.iter().copied().filter(here).map(leaf))?;
            keys.iter().copied().filter(here).find(|key| leaf(key) == near)
        })
        .or_else(|| FOREIGN.iter().find(|(foreign, _)| *foreign == name).and_then(|(_, key)| exact(key)))
        .or_else(|| {
            let near = nearest(name, keys.iter().copied().map(leaf))?;
            keys.iter().copied().find(|key| leaf(key) == near)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[&str] = &["public_url", "server.listen", "server.trust_proxy", "log.level", "clients[].id"];

    #[test]
    fn a_slip_in_the_same_section_wins() {
        assert_eq!(key("server", "trust_proxies", KEYS), Some("server.trust_proxy"));
        assert_eq!(key("server", "lissen", KEYS), Some("server.listen"));
    }

    #[test]
    fn a_key_in_the_wrong_section_is_found() {
        assert_eq!(key("server", "public_url", KEYS), Some("public_url"));
        assert_eq!(key("", "listen", KEYS), Some("server.listen"));
    }

    #[test]
    fn names_of_other_servers_are_known() {
        assert_eq!(key("", "issuer", KEYS), Some("public_url"));
        assert_eq!(key("server", "port", KEYS), Some("server.listen"));
    }

    #[test]
    fn nonsense_suggests_nothing() {
        assert_eq!(key("", "quux", KEYS), None);
    }
}
