//! The languages of the pages and how one is chosen (G1).

use unic_langid::{LanguageIdentifier, langid};

/// A language the pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Locale {
    /// Українська.
    Uk,
    /// English, also the fallback for a text that is missing elsewhere (G5).
    En,
}

/// Entries of a language list beyond this many are not read: nobody speaks more, and the header is not ours.
const MAX_RANGES: usize = 32;

impl Locale {
    /// All languages, in the order of the language form.
    pub const ALL: [Self; 2] = [Self::Uk, Self::En];

    /// The BCP 47 tag, as used in `lang`, `ui_locales` and the saved choice.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Uk => "uk",
            Self::En => "en",
        }
    }

    /// The name of the language in that language (G1).
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Uk => "Українська",
            Self::En => "English",
        }
    }

    /// The direction of writing, for `dir` (A5).
    #[must_use]
    pub const fn dir(self) -> &'static str {
        match self {
            Self::Uk | Self::En => "ltr",
        }
    }

    /// The language of a BCP 47 tag by its primary subtag: `en-GB` is English. RFC 4647 §3.4 (lookup).
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|locale| locale.tag().eq_ignore_ascii_case(primary))
    }

    /// Choose the language: `ui_locales` of the request, then the saved choice, then `Accept-Language`,
    /// then the default of the site (G1).
    ///
    /// `ui_locales` is a space-separated list in order of preference (OpenID Connect Core §3.1.2.1), `saved` one tag,
    /// `accept_language` a header value (RFC 9110 §12.5.4). What cannot be read is passed over, never an error.
    #[must_use]
    pub fn negotiate(
        ui_locales: Option<&str>,
        saved: Option<&str>,
        accept_language: Option<&str>,
        default: Self,
    ) -> Self {
        ui_locales
            .and_then(|list| list.split_ascii_whitespace().take(MAX_RANGES).find_map(Self::from_tag))
            .or_else(|| saved.and_then(Self::from_tag))
            .or_else(|| accept_language.and_then(|header| Self::accepted(header, default)))
            .unwrap_or(default)
    }

    /// The best language of an `Accept-Language` header: highest weight first, then the order of the list.
    fn accepted(header: &str, default: Self) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for range in header.split(',').take(MAX_RANGES) {
            let mut parts = range.split(';');
            let Some(tag) = parts.next() else { continue };
            let weight = match parts.find_map(|part| part.trim().strip_prefix("q=")) {
                None => 1000,
                Some(text) => match weight_in_thousandths(text) {
                    Some(weight) => weight,
                    None => continue,
                },
            };
            let locale = if tag.trim() == "*" { Some(default) } else { Self::from_tag(tag) };
            if let Some(locale) = locale
                && weight > best.map_or(0, |(weight, _)| weight)
            {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }

    pub(crate) const fn language(self) -> LanguageIdentifier {
        match self {
            Self::Uk => langid!("uk"),
            Self::En => langid!("en"),
        }
    }
}

/// A quality value in thousandths, from `0` to `1.000`. RFC 9110 §12.4.2.
fn weight_in_thousandths(text: &str) -> Option<u16> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Locale::{self, En, Uk};

    /// G1: unreadable lists fall through to the next source, and never fail.
    #[test]
    fn g1_garbage_falls_through() {
        for garbage in ["", " ", ",,;", "q=1", "uk;q=2", "uk;q=0.1234", "uk;q=abc", "uk;q=-1", "уk", "xx-uk", "uk;q=0"]
        {
            assert_eq!(Locale::negotiate(None, None, Some(garbage), En), En, "{garbage:?}");
        }
        assert_eq!(Locale::negotiate(Some("de fr"), Some("??"), Some("pl"), Uk), Uk);
        assert_eq!(Locale::negotiate(None, None, Some(&"de,".repeat(100_000)), Uk), Uk);
    }

    /// G1: `ui_locales`, then the saved choice, then `Accept-Language`, then the default.
    #[test]
    fn g1_order_of_sources() {
        assert_eq!(Locale::negotiate(Some("en"), Some("uk"), Some("uk"), Uk), En);
        assert_eq!(Locale::negotiate(None, Some("en"), Some("uk"), Uk), En);
        assert_eq!(Locale::negotiate(None, None, Some("en"), Uk), En);
        assert_eq!(Locale::negotiate(None, None, None, Uk), Uk);
        assert_eq!(Locale::negotiate(Some("de uk-UA en"), None, None, En), Uk);
    }

    /// RFC 9110 §12.5.4: weights decide, then the order of the list.
    #[test]
    fn g1_accept_language_weights() {
        for (header, expected) in [
            ("uk-UA,uk;q=0.9,en-US;q=0.8,en;q=0.7", Uk),
            ("en;q=0.5, uk;q=0.8", Uk),
            ("en;q=0.8,uk;q=0.8", En),
            ("fr, en;q=0.2, uk;q=0.1", En),
            ("EN-gb", En),
            ("de, *;q=0.5", Uk),
            ("uk;q=0, en;q=0.001", En),
        ] {
            assert_eq!(Locale::negotiate(None, None, Some(header), Uk), expected, "{header}");
        }
    }
}
