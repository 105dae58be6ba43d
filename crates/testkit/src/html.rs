//! Reading the server's pages: just enough HTML for pages whose templates we know.

use std::collections::BTreeMap;

/// A form of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it is sent.
    pub action: String,
    /// `get` or `post`.
    pub method: String,
    /// The inputs that have a value, by name; unticked boxes and buttons left out.
    pub fields: BTreeMap<String, String>,
}

/// Undo the escaping of a template.
#[must_use]
pub fn unescape(text: &str) -> String {
    let named = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
    ];
    let text = named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&#38;", "&").replace("&amp;", "&")
}

/// An attribute of a tag.
#[must_use]
pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescape(value))
}

/// The tags of this name, without their brackets.
pub fn tags<'a>(page: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let open = format!("<{name} ");
    let pieces: Vec<&str> = page.split(&open).skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    pieces.into_iter()
}

/// The forms of a page, in order.
#[must_use]
pub fn forms(page: &str) -> Vec<Form> {
    let pieces = page.split("<form ").skip(1).map(|rest| rest.split("</form>").next().unwrap());
    pieces
        .map(|piece| {
            let head = format!(" {}", piece.split('>').next().unwrap());
            let inputs = tags(piece, "input")
                .map(|tag| format!(" {tag}"))
                .filter(|tag| attribute(tag, "type").as_deref() != Some("checkbox") || tag.ends_with(" checked"));
            let fields =
                inputs.filter_map(|tag| Some((attribute(&tag, "name")?, attribute(&tag, "value").unwrap_or_default())));
            Form {
                action: attribute(&head, "action").unwrap_or_default(),
                method: attribute(&head, "method").unwrap_or_default(),
                fields: fields.collect(),
            }
        })
        .collect()
}

/// The form that is sent there by `POST`.
#[must_use]
pub fn form(page: &str, action: &str) -> Option<Form> {
    forms(page).into_iter().find(|form| form.action == action && form.method == "post")
}

/// The address a continuation page leads to.
#[must_use]
pub fn continuation(page: &str) -> Option<String> {
    let tag = tags(page, "a").find(|tag| tag.contains("id=\"continue\""))?;
    attribute(&format!(" {tag}"), "href")
}

/// The answer that a page posts to an app: where, and what. AZ-32.
#[must_use]
pub fn form_post(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let (_, rest) = page.split_once("<form id=\"respond\"")?;
    let form = rest.split("</form>").next()?;
    let action = attribute(form.split('>').next()?, "action")?;
    let fields = tags(form, "input").map(|tag| format!(" {tag}"));
    let fields = fields.filter_map(|tag| Some((attribute(&tag, "name")?, attribute(&tag, "value")?)));
    Some((action, fields.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_links_are_read() {
        let page = "<form id=\"a\" method=\"post\" action=\"/x\"><input type=\"hidden\" name=\"tx\" value=\"1&#38;2\">\
                    <input type=\"checkbox\" name=\"no\" value=\"1\"><input name=\"yes\" type=\"checkbox\" value=\"1\" checked></form>\
                    <a class=\"b\" id=\"continue\" href=\"https://a/?b=c&#38;d=e\">go</a>";
        let form = form(page, "/x").unwrap_or_default();
        assert_eq!(
            form.fields.into_iter().collect::<Vec<_>>(),
            [("tx".into(), "1&2".into()), ("yes".into(), "1".into())]
        );
        assert_eq!(continuation(page).as_deref(), Some("https://a/?b=c&d=e"));
    }
}
