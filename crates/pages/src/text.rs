//! Translated texts: Fluent messages in, safe HTML or plain text out.
//!
//! Whole sentences are messages with plural forms; sentences are never glued from pieces (G2). Fluent puts the
//! Unicode isolation marks U+2068 and U+2069 around each value; in HTML these become `<bdi>` (WH-18).

use std::fmt;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue};

use crate::locale::Locale;

/// Fluent's mark before a value, FIRST STRONG ISOLATE.
const ISOLATE: char = '\u{2068}';
/// Fluent's mark behind a value, POP DIRECTIONAL ISOLATE.
const POP: char = '\u{2069}';

macro_rules! bundle {
    ($locale:expr, $folder:literal) => {
        LazyLock::new(|| {
            bundle(
                $locale,
                [
                    include_str!(concat!("../../../web/locales/", $folder, "/common.ftl")),
                    include_str!(concat!("../../../web/locales/", $folder, "/sign-in.ftl")),
                    include_str!(concat!("../../../web/locales/", $folder, "/consent.ftl")),
                    include_str!(concat!("../../../web/locales/", $folder, "/device.ftl")),
                    include_str!(concat!("../../../web/locales/", $folder, "/account.ftl")),
                    include_str!(concat!("../../../web/locales/", $folder, "/error.ftl")),
                ],
            )
        })
    };
}

static UK: LazyLock<FluentBundle<FluentResource>> = bundle!(Locale::Uk, "uk");
static EN: LazyLock<FluentBundle<FluentResource>> = bundle!(Locale::En, "en");

fn bundle(locale: Locale, sources: [&str; 6]) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![locale.language()]);
    for source in sources {
        // A file with a mistake still gives its good messages; the tests refuse the mistake.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(good, _)| good);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// A text that no language has, or that lacks one of its values. Tests render every page, so this is a bug (G5).
#[derive(Debug, thiserror::Error)]
#[error("the text {id:?} is missing or incomplete")]
pub struct MessageError {
    id: &'static str,
}

/// A value in a message.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    /// Words of a person or an app: not trusted.
    Words(&'a str),
    /// A number that plural forms depend on.
    Count(u32),
}

/// Escaped HTML. The fields are private: only this module makes one.
pub(crate) struct Html(String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The template engine prints it as it is.
impl askama::filters::HtmlSafe for Html {}

/// The message as HTML, each value in `<bdi>`.
pub(crate) fn html(
    locale: Locale,
    id: &'static str,
    values: &[(&'static str, Value<'_>)],
) -> Result<Html, MessageError> {
    let formatted = format(locale, id, values)?;
    Ok(Html(escape(&formatted)))
}

/// The message as plain text without marks, for `<title>` and attributes. The template still has to escape it.
pub(crate) fn plain(
    locale: Locale,
    id: &'static str,
    values: &[(&'static str, Value<'_>)],
) -> Result<String, MessageError> {
    let mut formatted = format(locale, id, values)?;
    formatted.retain(|c| c != ISOLATE && c != POP);
    Ok(formatted)
}

/// Words of a person or an app, alone: `<bdi>words</bdi>`.
pub(crate) fn isolated(words: &str) -> Html {
    Html(escape(&format!("{ISOLATE}{}{POP}", harmless(words))))
}

fn format(locale: Locale, id: &'static str, values: &[(&'static str, Value<'_>)]) -> Result<String, MessageError> {
    let arguments: FluentArgs<'_> = values
        .iter()
        .map(|&(name, value)| {
            let value = match value {
                Value::Words(words) => FluentValue::from(harmless(words)),
                Value::Count(count) => FluentValue::from(count),
            };
            (name, value)
        })
        .collect();
    let chosen = match locale {
        Locale::Uk => &UK,
        Locale::En => &EN,
    };
    // A text that is not translated yet is shown in English (G5).
    [chosen, &EN]
        .into_iter()
        .find_map(|bundle| {
            let pattern = bundle.get_message(id)?.value()?;
            let mut errors: Vec<FluentError> = Vec::new();
            let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
            errors.is_empty().then(|| text.into_owned())
        })
        .ok_or(MessageError { id })
}

/// Words without control characters and without marks that would turn the text around them (WH-18):
/// embeddings, overrides and isolates. Marks that belong to a name (U+200E, U+200F) stay.
fn harmless(words: &str) -> String {
    words
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            ISOLATE => out.push_str("<bdi>"),
            POP => out.push_str("</bdi>"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{Value, html, isolated, plain};
    use crate::Locale;

    /// WH-18: words can neither close their isolation nor become markup.
    #[test]
    fn wh18_hostile_words_stay_words() {
        let hostile = "\u{2069}</bdi><script>alert('x')</script>\u{202E}\"&\u{0}";
        let escaped = "&lt;/bdi&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;";
        assert_eq!(isolated(hostile).to_string(), format!("<bdi>{escaped}</bdi>"));
        let text = html(Locale::En, "signed-out-back", &[("app", Value::Words(hostile))]).unwrap();
        assert_eq!(text.to_string(), format!("Back to <bdi>{escaped}</bdi>"));
    }

    /// G5: an unknown text or a forgotten value is an error, not a page with a hole.
    #[test]
    fn g5_missing_text_or_value_is_an_error() {
        assert!(html(Locale::Uk, "no-such-text", &[]).is_err());
        assert!(html(Locale::Uk, "signed-out-back", &[]).is_err());
        assert!(plain(Locale::En, "sign-in-too-many", &[]).is_err());
    }

    /// G2: Ukrainian has one, few and many.
    #[test]
    fn g2_ukrainian_plurals() {
        for (count, word) in
            [(1, "хвилину"), (2, "хвилини"), (5, "хвилин"), (11, "хвилин"), (21, "хвилину"), (104, "хвилини")]
        {
            let text = plain(Locale::Uk, "sign-in-too-many", &[("minutes", Value::Count(count))]).unwrap();
            assert_eq!(text, format!("Забагато спроб. Спробуйте за {count} {word}"));
        }
    }
}
