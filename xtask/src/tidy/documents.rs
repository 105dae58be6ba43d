//! Documents name what exists.

use std::path::Path;

use crate::tree::{File, root};

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// A reader of ARCHITECTURE.md meets every crate.
pub(super) fn every_crate_is_named(files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == ARCHITECTURE) else {
        return vec![format!("{ARCHITECTURE} is missing; write down which crate owns what")];
    };
    let names: Vec<&str> = code_spans(&page.text).map(|(_, span)| span.trim_end_matches('/')).collect();
    let folders = files.iter().filter_map(|file| file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"));
    folders
        .filter(|folder| !names.iter().any(|name| name.strip_prefix("crates/").unwrap_or(name) == *folder))
        .map(|folder| format!("{ARCHITECTURE} does not name `{folder}`; say in a line what it owns"))
        .collect()
}

/// Every path in backticks is one: from the top, or from a crate or its sources (`flows/token/issue`, `http/routes.rs`).
pub(super) fn named_paths_exist(files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == ARCHITECTURE) else { return Vec::new() };
    let exists = |path: &str| is_there(files, path) || is_there(files, &format!("{path}.rs"));
    let mut wrong = Vec::new();
    for (line, span) in code_spans(&page.text) {
        let Some((first, rest)) = span.split_once('/') else { continue };
        if span.contains(['*', '{', '<', ' ', ':', '…']) || first.is_empty() {
            continue;
        }
        let a_crate = exists(&format!("crates/{first}"));
        if !a_crate && !exists(first) {
            continue;
        }
        let in_crate = || exists(&format!("crates/{span}")) || exists(&format!("crates/{first}/src/{rest}"));
        if !(exists(span) || a_crate && in_crate()) {
            wrong.push(format!("{ARCHITECTURE}:{line}: there is no `{span}`; correct the name"));
        }
    }
    wrong
}

/// Relative links lead to a file, and the part after `#` to a heading of it.
pub(super) fn links_resolve(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for page in files.iter().filter(|file| file.extension() == "md") {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(&page.text) {
            if target.contains(':') || target.starts_with("//") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match (path.strip_prefix('/'), path) {
                (Some(from_the_top), _) => from_the_top.to_owned(),
                (None, "") => page.path.clone(),
                (None, relative) => normal(&format!("{folder}/{relative}")),
            };
            if !(is_there(files, &path) || root().join(&path).exists()) {
                wrong.push(format!("{}:{line}: the link `{target}` leads nowhere; correct or remove it", page.path));
            } else if !anchor.is_empty()
                && let Some(there) = files.iter().find(|file| file.path == path && file.extension() == "md")
                && !anchors(&there.text).any(|name| name == anchor)
            {
                wrong.push(format!("{}:{line}: {path} has no heading for `#{anchor}`; correct the link", page.path));
            }
        }
    }
    wrong
}

/// A file, or a folder with files.
fn is_there(files: &[File], path: &str) -> bool {
    let path = path.trim_end_matches('/');
    files.iter().filter_map(|file| file.path.strip_prefix(path)).any(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Without `.` and `..`.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Path::new("").join(parts.join("/")).to_string_lossy().into_owned()
}

/// Lines of prose with their numbers: not those of fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// What stands in single backticks.
fn code_spans(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| line.split('`').skip(1).step_by(2).map(move |span| (number, span)))
}

/// Targets of `[text](target)`, outside code.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        let outside_code = line.split('`').step_by(2);
        outside_code.flat_map(|part| part.split("](").skip(1)).filter_map(move |rest| {
            let target = rest.split([')', ' ']).next()?;
            Some((number, target.trim_matches(['<', '>'])))
        })
    })
}

/// The names that GitHub gives to headings.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| {
        let title = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        Some(kept.map(|c| if c == ' ' { '-' } else { c }).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn architecture_names_crates_and_real_paths() {
        let files = [
            file(
                ARCHITECTURE,
                "`flows` and `flows/token/issue`, `application/json`, `http/routes.rs`\n```\n`http/old`\n```",
            ),
            file("crates/flows/Cargo.toml", ""),
            file("crates/flows/src/token/issue.rs", ""),
            file("crates/http/Cargo.toml", ""),
        ];
        assert_eq!(every_crate_is_named(&files), ["ARCHITECTURE.md does not name `http`; say in a line what it owns"]);
        assert_eq!(named_paths_exist(&files), ["ARCHITECTURE.md:1: there is no `http/routes.rs`; correct the name"]);
        assert_eq!(every_crate_is_named(&[]).len(), 1);
    }

    #[test]
    fn links_lead_somewhere() {
        let page = "# One, two\n[a](../README.md#no) [b](gone.md) [c](https://x.example/y) `[d](e)` [f](#one-two)";
        let files = [file("README.md", "# Yes"), file("docs/page.md", page)];
        assert_eq!(
            links_resolve(&files),
            [
                "docs/page.md:2: README.md has no heading for `#no`; correct the link",
                "docs/page.md:2: the link `gone.md` leads nowhere; correct or remove it",
            ]
        );
    }
}
