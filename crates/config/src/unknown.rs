//! What to say about a key of the file that does not exist.

use std::collections::BTreeSet;

use crate::problem::{Code, Problem};
use crate::suggest;
use crate::value::shown;

/// The problem with `name` in `section` (empty: at the top; `clients[0]`: the first client).
pub(crate) fn key(section: &str, name: &str, is_table: bool, keys: &[&str]) -> Problem {
    let name = &shown(name);
    // The keys of every client are known as `clients[].id`.
    let place = match section.split_once('[') {
        Some((list, _)) => format!("{list}[]"),
        None => section.to_owned(),
    };
    let sections: BTreeSet<&str> = keys.iter().map(|key| split(key).0).collect();
    let meant = suggest::key(&place, name, keys);
    if place.is_empty()
        && (is_table || meant.is_none())
        && let Some(near) = nearest_section(name, &sections)
    {
        return Problem::new(Code::UnknownKey, format!("there is no section or key `{name}`"))
            .key(name)
            .fix(format!("did you mean `{near}`?"));
    }
    let full = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
    let problem = Problem::new(Code::UnknownKey, format!("there is no key `{full}`")).key(full);
    let Some(meant) = meant else {
        return problem.expected(known(&place, keys, &sections)).fix("remove it");
    };
    match split(meant) {
        (its, leaf) if its == place && !its.is_empty() => problem.fix(format!("did you mean `{section}.{leaf}`?")),
        ("", _) if place.is_empty() => problem.fix(format!("did you mean `{meant}`?")),
        ("", _) => problem.fix(format!("did you mean `{meant}`? It belongs above the first [section]")),
        (its, leaf) => problem.fix(format!("did you mean `{leaf}`? It belongs below {}", header(its))),
    }
}

/// The section and the name of a key.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// `[server]`, `[[clients]]`.
fn header(section: &str) -> String {
    match section.strip_suffix("[]") {
        Some(list) => format!("[[{list}]]"),
        None => format!("[{section}]"),
    }
}

fn nearest_section<'s>(name: &str, sections: &BTreeSet<&'s str>) -> Option<&'s str> {
    suggest::nearest(name, sections.iter().map(|section| section.trim_end_matches("[]")))
}

/// What could stand there.
fn known(place: &str, keys: &[&str], sections: &BTreeSet<&str>) -> String {
    let here = keys.iter().map(|key| split(key)).filter(|(its, _)| *its == place);
    let mut known: Vec<String> = here.map(|(_, leaf)| leaf.to_owned()).collect();
    if place.is_empty() {
        known.extend(sections.iter().filter(|section| !section.is_empty()).map(|s| header(s)));
    }
    format!("one of: {}", known.join(", "))
}
