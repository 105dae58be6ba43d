//! Headers of requests and of challenges.

use brama_pages::Locale;
use brama_protocol::bearer::{self, BearerError, Challenge, ErrorCode, Scheme};
use brama_protocol::cookie_endpoint::{Provenance, Sender};
use brama_protocol::origin::Origin;
use url::Url;

/// RS-1, RS-2, RS-10, RFC 6750 §2.1: one header, a scheme we know, a token of the grammar. Input: the values, a line each.
pub fn authorization(data: &[u8]) {
    let values: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let found = bearer::presented(values.iter().copied());
    let bearer_only = bearer::token(values.iter().copied());
    match found {
        Ok(presented) => {
            assert_eq!(values.len(), 1);
            let value = values.first().and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
            let name = presented.scheme.as_str();
            assert!(value.get(..name.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(name)));
            assert_eq!(value.get(name.len()..).unwrap_or_default().trim_start_matches(' '), presented.token);
            let body = presented.token.trim_end_matches('=');
            assert!(!body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b)));
            assert!(body.len() < 8 || !format!("{presented:?}").contains(body), "the token is printed");
            match presented.scheme {
                Scheme::Bearer => assert_eq!(bearer_only, Ok(presented.token)),
                Scheme::Dpop => assert_eq!(bearer_only, Err(BearerError::Missing)),
            }
        }
        Err(error) => assert_eq!(bearer_only, Err(error)),
    }
}

/// G-6, RFC 9110 §11.6.1: whatever texts go in, one challenge of quoted strings comes out. Input: realm, description, scope,
/// acr values, address of the metadata, algorithms, a line each.
pub fn www_authenticate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A line feed may be in the texts too: parts of this input are separated by NUL.
    let parts: Vec<&str> = text.split('\0').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let sent = [
        ("realm", part(0)),
        ("error", "invalid_token"),
        ("error_description", part(1)),
        ("scope", part(2)),
        ("acr_values", part(3)),
        ("max_age", "300"),
        ("resource_metadata", part(4)),
        ("algs", part(5)),
    ];
    let value = Challenge::dpop(part(5))
        .realm(part(0))
        .error(ErrorCode::InvalidToken)
        .description(part(1))
        .scope(part(2))
        .acr_values(part(3))
        .max_age(300)
        .resource_metadata(part(4))
        .to_string();
    assert!(value.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{value:?}");
    let Some(mut rest) = value.strip_prefix("DPoP ") else { return assert!(value.is_empty(), "{value:?}") };
    for (index, (name, text)) in sent.iter().enumerate() {
        let read =
            rest.strip_prefix(name).and_then(|rest| rest.strip_prefix("=\"")).and_then(|rest| rest.split_once('"'));
        assert!(read.is_some(), "{name} in {value:?}");
        let Some((read, after)) = read else { return };
        assert!(!read.contains('\\'));
        if text.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\') {
            assert_eq!(&read, text);
        }
        assert_eq!(read.chars().count(), text.chars().count());
        let last = index + 1 == sent.len();
        rest = if last { after } else { after.strip_prefix(", ").unwrap_or("\u{0}") };
    }
    assert_eq!(rest, "");
}

/// BB-7, BB-12: an origin has one spelling, which browsers agree with; nothing but a script or no browser at all comes in. Input:
/// `Origin`, `Sec-Fetch-Site`, `-Mode`, `-Dest` and `Sec-Purpose`, a line each; `-`: absent.
pub fn origin(data: &[u8]) {
    let Some(lines) = crate::lines(data) else { return };
    let mut lines = lines.map(|line| Some(line).filter(|line| *line != "-"));
    let mut next = || lines.next().flatten();
    let provenance = Provenance { origin: next(), site: next(), mode: next(), dest: next(), purpose: next() };
    let Some(own) = Origin::parse("https://id.example.com") else { return };
    let read = provenance.origin.and_then(Origin::parse);
    if let (Some(origin), Some(text)) = (&read, provenance.origin) {
        assert_eq!(origin.as_str(), text, "an origin has two spellings");
        let url = Url::parse(text).ok();
        assert_eq!(url.map(|url| url.origin().ascii_serialization()).as_deref(), Some(text));
        assert!(text.is_ascii() && !text.contains(['*', '@', ' ']) && text.matches('/').count() == 2);
        assert!(origin.same_host(origin));
    }
    match provenance.admit(&own) {
        Ok(Sender::Script { origin, .. }) => {
            assert!(read.is_none_or(|read| read == origin));
            assert_ne!(provenance.site, Some("cross-site"));
            assert!(matches!(provenance.mode, None | Some("cors" | "same-origin")) && provenance.purpose.is_none());
        }
        Ok(Sender::NoBrowser) => {
            assert!(provenance.origin.is_none() && provenance.site.is_none() && provenance.dest.is_none());
        }
        Err(refusal) => assert!(!refusal.row.id.is_empty()),
    }
    if let Some(foreign) = provenance.cross_site_script(&own) {
        assert!(!foreign.same_host(&own) || provenance.site == Some("cross-site"));
    }
}

/// G1: every list of languages is answered with one that the pages have; what nothing can be read of changes nothing. Input:
/// `ui_locales`, the saved choice, `Accept-Language`, a line each.
pub fn languages(data: &[u8]) {
    let Some(mut lines) = crate::lines(data) else { return };
    let (ui_locales, saved, accepted) = (lines.next(), lines.next(), lines.next());
    for default in Locale::ALL {
        let chosen = Locale::negotiate(ui_locales, saved, accepted, default);
        assert!(Locale::ALL.contains(&chosen));
        let all = [ui_locales, saved, accepted].into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase();
        assert!(chosen == default || all.contains(chosen.tag()), "nobody asked for {}", chosen.tag());
        assert_eq!(Locale::negotiate(Some(chosen.tag()), saved, accepted, default), chosen);
    }
}
