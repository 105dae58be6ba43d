//! A small reader of the HTML our templates write, so that tests look at elements rather than at text.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

/// A start tag and the text up to the next tag.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

const VOID: [&str; 4] = ["meta", "link", "input", "br"];

/// All elements in order. Panics when a tag is left open, closed twice, or an attribute is not quoted or doubled.
pub(crate) fn elements(html: &str) -> Vec<Element> {
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(closing) = after.strip_prefix('/') {
            let (name, after) = closing.split_once('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of turn");
            rest = after;
            continue;
        }
        let length = after.find(|c: char| c.is_whitespace() || c == '>').unwrap();
        let (name, after) = after.split_at(length);
        let (attributes, after) = attributes(after);
        let text = after.split('<').next().unwrap_or_default().to_owned();
        if !VOID.contains(&name) {
            open.push(name.to_owned());
        }
        found.push(Element { name: name.to_owned(), attributes, text });
        rest = after;
    }
    assert!(open.is_empty(), "left open: {open:?}");
    found
}

fn attributes(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('>') {
            return (attributes, after);
        }
        let length = rest.find(['=', '>', ' ']).unwrap();
        let (name, after) = rest.split_at(length);
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "attribute {name:?}");
        let value = match after.strip_prefix('=') {
            None => {
                rest = after;
                ""
            }
            Some(quoted) => {
                let Some(quoted) = quoted.strip_prefix('"') else { panic!("{name} is not quoted") };
                let (value, after) = quoted.split_once('"').unwrap();
                rest = after;
                value
            }
        };
        let earlier = attributes.insert(name.to_owned(), unescape(value));
        assert!(earlier.is_none(), "{name} twice");
    }
}

/// The characters behind the references our templates write.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}
