//! Points in time, as pages show them.

use crate::chrome::Chrome;
use crate::text::{Html, MessageError, Value};

/// A point in time for `<time>`: the RFC 3339 text for machines, and the words for people in UTC,
/// which the script of the page turns into local time.
pub(crate) fn words(chrome: &Chrome<'_>, rfc3339: &str) -> Result<Html, MessageError> {
    match parts(rfc3339) {
        Some([year, month, day, time]) => chrome.html(
            "moment",
            &[
                ("year", Value::Words(year)),
                ("month", Value::Words(month)),
                ("day", Value::Words(day)),
                ("time", Value::Words(time)),
            ],
        ),
        None => Ok(chrome.name(rfc3339)),
    }
}

/// Year, month, day and minute of an RFC 3339 time in UTC; nothing for any other form.
fn parts(rfc3339: &str) -> Option<[&str; 4]> {
    let (date, time) = rfc3339.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-');
    let parts = [date.next()?, date.next()?, date.next()?, time.get(..5)?];
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    (date.next().is_none() && parts.iter().all(|part| digits(part))).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn only_utc_in_rfc_3339_is_taken_apart() {
        for other in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T14:05:00+02:00",
            "2026-11T14:05:00Z",
            "2026-11-22T1Z",
            "2026-11-<bT14:05:00Z",
        ] {
            assert_eq!(parts(other), None, "{other:?}");
        }
        assert_eq!(parts("2026-11-22T14:05:33.123Z"), Some(["2026", "11", "22", "14:05"]));
    }
}
