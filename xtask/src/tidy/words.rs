//! Words that must not be in the tree. They are written in two halves here, because this file is part of the tree.

use crate::tree::File;

const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!(")];
const MACHINES: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
const REGISTRIES: [&str; 5] = [
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("npm.pkg.", "github.com"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
];
const RESOLVED: &str = concat!("\"resol", "ved\": \"http");
const UNSAFE: [&str; 5] = [
    concat!("uns", "afe {"),
    concat!("uns", "afe fn"),
    concat!("uns", "afe impl"),
    concat!("uns", "afe extern"),
    concat!("uns", "afe("),
];

/// What is not finished is not committed.
pub(super) fn nothing_is_left_for_later(files: &[File]) -> Vec<String> {
    find(files, &LATER, |file| !is_lock(file), "do it now, or open an issue and link it from nowhere in the code")
}

/// The tree speaks of the project alone.
pub(super) fn no_machine_paths(files: &[File]) -> Vec<String> {
    find(files, &MACHINES, |_| true, "a path of one machine; use a relative path or an environment variable")
}

/// Lock files must work with any mirror.
pub(super) fn no_registry_hosts(files: &[File]) -> Vec<String> {
    let mut wrong = find(files, &REGISTRIES, |_| true, "a registry's host; remove it");
    let fix = "give the folder an .npmrc with `omit-lockfile-registry-resolved=true` and run `npm install` again";
    wrong.extend(find(files, &[RESOLVED], |file| file.name() == "package-lock.json", fix));
    wrong
}

/// The compiler forbids it already, crate by crate; this looks at all of them.
pub(super) fn no_unsafe_code(files: &[File]) -> Vec<String> {
    find(files, &UNSAFE, |file| file.extension() == "rs", "write it safely, or use a library that does")
}

fn is_lock(file: &File) -> bool {
    matches!(file.name(), "Cargo.lock" | "package-lock.json")
}

/// Lines with one of the words, as words of their own.
fn find(files: &[File], words: &[&str], wanted: fn(&File) -> bool, fix: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| wanted(file)) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| has_word(line, word)) {
                wrong.push(format!("{}:{}: `{word}`; {fix}", file.path, index + 1));
            }
        }
    }
    wrong
}

/// Not as a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let open =
            |edge: Option<char>, neighbour: Option<char>| !(edge.is_some_and(letter) && neighbour.is_some_and(letter));
        open(word.chars().next(), before) && open(word.chars().next_back(), after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn forbidden_words_are_found_and_longer_words_are_not() {
        for word in [LATER.as_slice(), &MACHINES, &REGISTRIES, &UNSAFE].concat() {
            let lines = [file("a.rs", &format!("ok\n x {word} y\n"))];
            let all = [nothing_is_left_for_later, no_machine_paths, no_registry_hosts, no_unsafe_code];
            let complaints: Vec<String> = all.iter().flat_map(|rule| rule(&lines)).collect();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(complaints.iter().all(|line| line.starts_with("a.rs:2: ")), "{complaints:?}");
        }
        let longer = format!("my{}s {}_code", LATER.concat().get(..4).unwrap_or_default(), "unsafe");
        assert_eq!(nothing_is_left_for_later(&[file("a.rs", &longer)]), [""; 0]);
        assert_eq!(no_unsafe_code(&[file("a.rs", &longer)]), [""; 0]);
    }
}
