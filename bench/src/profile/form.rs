//! The forms of a page: just enough HTML to fill in a sign-in page that is not ours.

use std::collections::BTreeMap;

/// A form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Where it is sent; empty: to the page's own address.
    pub(super) action: String,
    /// The inputs that have a name, with their values.
    pub(super) fields: BTreeMap<String, String>,
}

/// The forms of a page that are sent by `POST`, in order.
pub(super) fn forms(page: &str) -> Vec<Form> {
    let mut found = Vec::new();
    for piece in page.split("<form").skip(1) {
        let piece = piece.split("</form").next().unwrap_or_default();
        let (head, inside) = piece.split_once('>').unwrap_or_default();
        if !attribute(head, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")) {
            continue;
        }
        let mut form = Form { action: attribute(head, "action").unwrap_or_default(), fields: BTreeMap::new() };
        for input in inside.split("<input").skip(1) {
            let tag = input.split('>').next().unwrap_or_default();
            let kind = attribute(tag, "type").unwrap_or_default().to_ascii_lowercase();
            let left_out = ["checkbox", "radio", "submit", "button", "image", "reset"].contains(&kind.as_str());
            if let Some(name) = attribute(tag, "name").filter(|_| !left_out) {
                form.fields.insert(name, attribute(tag, "value").unwrap_or_default());
            }
        }
        found.push(form);
    }
    found
}

/// The value of an attribute of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once(name) {
        let begins = before.ends_with(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        if begins && let Some(value) = after.trim_start().strip_prefix('=') {
            let value = value.trim_start();
            let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.split(*quote).next());
            let bare = || value.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
            return Some(unescape(quoted.unwrap_or_else(bare)));
        }
        rest = after;
    }
    None
}

/// The characters that templates escape in attributes.
fn unescape(text: &str) -> String {
    let named = [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">")];
    let text = named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&#38;", "&").replace("&#x3D;", "=").replace("&#61;", "=").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn forms_of_several_writings() {
        assert!(forms("<form action='/search'><input name=q></form> <p>no form</p>").is_empty());
        let page = "<FORM><form id=\"kc\" onsubmit=\"return true;\" action=\"http://x/a?b=1&amp;c=2\" method='POST'>\
                    <input tabindex=1 id=\"username\" class=\"method\" name=\"username\" value=\"\" type=text/>\
                    <input type=\"hidden\" data-name=\"no\" name=\"tx\" value=\"1&#38;2\">\
                    <input type=checkbox name=remember value=on><input type=submit name=go></form>";
        let form = forms(page).pop().unwrap();
        assert_eq!(form.action, "http://x/a?b=1&c=2");
        let fields: Vec<_> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("tx", "1&2"), ("username", "")]);
    }
}
