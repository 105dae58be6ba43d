//! The configuration file: TOML in, values with their lines out.

use std::fs;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::origin::Origin;
use crate::problem::{Code, Problem};
use crate::value::{Item, Raw, Table, shown};

/// More than this is not a configuration file.
const MOST_BYTES: u64 = 1024 * 1024;

/// Reads the file. What can be understood beside mistakes is returned with them.
pub(crate) fn read(path: &Path) -> (Table, Vec<Problem>) {
    let unreadable = |why: &str| {
        let problem = Problem::new(
            Code::FileUnreadable,
            format!("the configuration file {} cannot be read: {why}", path.display()),
        )
        .fix("check the path given with --config or BRAMA_CONFIG and who may read the file");
        (Table::new(), vec![problem])
    };
    match fs::metadata(path) {
        Ok(about) if about.len() > MOST_BYTES => return unreadable("it is larger than 1 MiB"),
        Ok(about) if about.is_dir() => return unreadable("it is a directory"),
        Ok(_) => {}
        Err(error) => return unreadable(&error.to_string()),
    }
    match fs::read(path) {
        Err(error) => unreadable(&error.to_string()),
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => parse(path, &text),
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                let line = line_of(error.as_bytes(), start);
                let problem = Problem::new(Code::Syntax, "the file is not UTF-8 text")
                    .at(Origin::File { path: path.to_owned(), line })
                    .fix("save the file as UTF-8");
                (Table::new(), vec![problem])
            }
        },
    }
}

/// How many broken lines are worth a report.
const MOST_BROKEN: usize = 50;

/// Parses TOML and reports every broken line. The recovery of the parser may drop what follows a
/// mistake, so a broken line is blanked and the text parsed again, until only good lines are left.
fn parse(path: &Path, text: &str) -> (Table, Vec<Problem>) {
    let mut text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    let mut problems: Vec<Problem> = Vec::new();
    loop {
        let (root, errors) = DeTable::parse_recoverable(&text);
        let mut note = |line: u32, problem: Problem| {
            if !problems.iter().any(|known| known.line() == Some(line)) {
                problems.push(problem.at(Origin::File { path: path.to_owned(), line }));
            }
        };
        let mut broken = None;
        let unclosed = errors.iter().any(|error| error.message().starts_with("unclosed"));
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            if error.message() == "duplicate key" {
                let line = line_of(text.as_bytes(), span.start);
                note(line, duplicate(text.get(span).unwrap_or_default()));
            } else if broken.as_ref().is_none_or(|(first, _): &(Range<usize>, _)| span.start < first.start) {
                broken = Some((span, error.message()));
            }
        }
        let Some((span, message)) = broken else {
            return (table(&text, root.get_ref()), problems);
        };
        let lines = broken_lines(&text, root.get_ref(), &span, message, unclosed);
        note(*lines.start(), syntax(message));
        text = blank(&text, &lines);
        if problems.len() >= MOST_BROKEN {
            return (Table::new(), problems);
        }
    }
}

/// The lines that a mistake spoils: its own, or those of the list or multi-line text around it.
fn broken_lines(
    text: &str,
    root: &DeTable<'_>,
    span: &Range<usize>,
    message: &str,
    unclosed: bool,
) -> RangeInclusive<u32> {
    let line = |offset| line_of(text.as_bytes(), offset);
    let own = line(span.start);
    if message.contains("multi-line") {
        return around(root, span.start).map_or(own, |all| line(all.start))..=u32::MAX;
    }
    match around(root, span.start) {
        Some(all) if unclosed => line(all.start)..=own,
        Some(all) => line(all.start)..=line(all.end).max(own),
        None => own..=own,
    }
}

/// From the key to the end of the value, for the value that `offset` is in.
fn around(table: &DeTable<'_>, offset: usize) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        let all = key.span().start..value.span().end;
        let inner = match value.get_ref() {
            DeValue::Table(inner) => around(inner, offset),
            DeValue::Array(items) => items.iter().find_map(|item| match item.get_ref() {
                DeValue::Table(inner) => around(inner, offset),
                _ => None,
            }),
            _ => None,
        };
        // The span of a [section] is its header, which holds no value.
        let holds = (all.start..=all.end).contains(&offset);
        let is_header = matches!(value.get_ref(), DeValue::Table(_)) && value.span().start < key.span().start;
        if holds && !is_header { Some(all) } else { inner }
    })
}

/// The text with these lines empty and every offset as before.
fn blank(text: &str, lines: &RangeInclusive<u32>) -> String {
    let mut line = 1_u32;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => {
                line = line.saturating_add(1);
                out.push('\n');
            }
            c if lines.contains(&line) => (0..c.len_utf8()).for_each(|_| out.push(' ')),
            c => out.push(c),
        }
    }
    out
}

fn duplicate(found: &str) -> Problem {
    let found = shown(found);
    Problem::new(Code::DuplicateKey, format!("`{found}` is written twice"))
        .key(found.clone())
        .fix(format!("keep one `{found}`"))
}

/// A message of the parser in our form. The line itself is not repeated: it may hold a secret.
fn syntax(message: &str) -> Problem {
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let fix = if what.contains("must be quoted") || what.contains("invalid float") {
        "put the value between double quotes: key = \"value\""
    } else if what.contains("key with no value") {
        "write key = value, with an equals sign"
    } else if what.contains("boolean") {
        "write true or false, in lower case"
    } else if what.contains("array") {
        "write lists as [\"one\", \"two\"]"
    } else if what.contains("table") {
        "close the section name: [section]"
    } else if what.contains("string") {
        "close the text with the quote it begins with"
    } else if what.contains("escape") {
        "write a backslash twice, or use single quotes around the text"
    } else {
        "correct the line; the format is TOML, see https://toml.io"
    };
    let problem = Problem::new(Code::Syntax, format!("this line is not TOML: {what}")).fix(fix);
    if matches!(expected, "" | "nothing" | "literal string") { problem } else { problem.expected(expected) }
}

fn line_of(text: &[u8], offset: usize) -> u32 {
    let before = text.get(..offset.min(text.len())).unwrap_or_default();
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1)
}

fn table(text: &str, from: &DeTable<'_>) -> Table {
    from.iter()
        .map(|(name, value)| {
            let item = item(text, name.span(), value.get_ref());
            (name.get_ref().to_string(), item)
        })
        .collect()
}

fn item(text: &str, span: Range<usize>, value: &DeValue<'_>) -> Item {
    let raw = match value {
        DeValue::String(string) => Raw::Text(string.to_string()),
        DeValue::Integer(integer) => {
            // A number too large even for this is outside every limit.
            let parsed = i128::from_str_radix(integer.as_str(), integer.radix());
            Raw::Integer(parsed.unwrap_or(i128::MAX))
        }
        DeValue::Boolean(boolean) => Raw::Boolean(*boolean),
        DeValue::Float(_) => Raw::Other("number with a fraction"),
        DeValue::Datetime(_) => Raw::Other("date"),
        DeValue::Array(items) => {
            Raw::List(items.iter().map(|value| item(text, value.span(), value.get_ref())).collect())
        }
        DeValue::Table(inner) => Raw::Table(table(text, inner)),
    };
    Item { raw, line: line_of(text.as_bytes(), span.start) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, clippy::panic, reason = "tests")]
    use super::*;

    fn problems(text: &str) -> Vec<(Code, u32, String)> {
        let (_, problems) = parse(Path::new("brama.toml"), text);
        let short = |problem: &Problem| (problem.code, problem.line().unwrap_or(0), problem.fix.clone());
        problems.iter().map(short).collect()
    }

    #[test]
    fn every_broken_line_is_reported_with_its_number_and_a_fix() {
        let text = "public_url = https://x.y\nok = 1\nlisten 5\nok = 2\nz = True\n[server\n[a]\nb = \"x\n";
        let found = problems(text);
        let lines: Vec<u32> = found.iter().map(|(_, line, _)| *line).collect();
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 3, 4, 5, 6, 8]);
        assert!(found.iter().all(|(_, _, fix)| !fix.is_empty()));
        let duplicate = found.iter().find(|(_, line, _)| *line == 4);
        assert_eq!(duplicate.map(|(code, ..)| *code), Some(Code::DuplicateKey));
    }

    #[test]
    fn a_mistake_spoils_no_more_than_its_own_value() {
        let cases: &[(&str, &[u32])] = &[
            ("x = [1,\n2\n[server]\nlisten = 5\n[log]\nlevel = True\n", &[1, 6]),
            ("x = [\n 1\n 2\n]\ny = True\n", &[1, 5]),
            ("[a]\nx = { b = 1\nc = 2\n[b]\nd = yes\n", &[2, 5]),
            ("a = \"\"\"x\nb = 1\n[c]\n", &[1]),
            ("a = 'x\nb = 1 2\nc.d 5\n= 3\n[]\n\"e\" = 1", &[1, 2, 3, 4, 5]),
            ("[[clients]]\nid = a\n[[clients]\nid = b\n", &[2, 3, 4]),
        ];
        for (text, lines) in cases {
            let mut found: Vec<u32> = problems(text).iter().map(|(_, line, _)| *line).collect();
            found.sort_unstable();
            assert_eq!(found, *lines, "{text}");
        }
    }

    #[test]
    fn noise_ends_after_fifty_lines() {
        assert_eq!(problems(&"x y z\n".repeat(500)).len(), MOST_BROKEN);
    }

    #[test]
    fn a_broken_line_is_not_repeated() {
        let (_, problems) = parse(Path::new("f"), "password = hunter2\n");
        assert!(!problems[0].to_string().contains("hunter2"));
    }

    #[test]
    fn values_know_their_lines_whatever_the_line_ends() {
        for text in ["a = 1\n\n[s]\nb = [\n 1,\n 2]\n", "a = 1\r\n\r\n[s]\r\nb = [\r\n 1,\r\n 2]\r\n"] {
            let (table, problems) = parse(Path::new("f"), text);
            assert_eq!(problems, []);
            assert_eq!((table["a"].line, table["s"].line), (1, 3));
            let Raw::Table(section) = &table["s"].raw else { panic!("a table") };
            let Raw::List(items) = &section["b"].raw else { panic!("a list") };
            assert_eq!((section["b"].line, items[0].line, items[1].line), (4, 5, 6));
        }
    }
}
