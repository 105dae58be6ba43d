//! Lengths of time as people write them: `15m`, `60s`, `7d`, `1h30m`.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn minutes(n: u64) -> Duration {
    seconds(n.saturating_mul(60))
}

pub(crate) const fn hours(n: u64) -> Duration {
    minutes(n.saturating_mul(60))
}

pub(crate) const fn days(n: u64) -> Duration {
    hours(n.saturating_mul(24))
}

/// Reads a length of time. A unit is required, a day has 24 hours, the finest step is 1 ms.
/// The error completes the sentence "`key` …".
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    let text = text.trim();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return Err("has no unit");
    }
    let span: Span = text.parse().map_err(|_| "is not a length of time")?;
    let signed: SignedDuration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| "uses months or years, which have no fixed length")?;
    let length = Duration::try_from(signed).map_err(|_| "is negative")?;
    if length.subsec_nanos() % 1_000_000 == 0 { Ok(length) } else { Err("is finer than a millisecond") }
}

/// The shortest exact form in one unit.
pub(crate) fn show(length: Duration) -> String {
    let millis = length.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    if millis == 0 {
        return "0s".to_owned();
    }
    units
        .iter()
        .find(|(size, _)| millis.is_multiple_of(*size))
        .map_or_else(|| format!("{millis}ms"), |(size, unit)| format!("{}{unit}", millis / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_length_of_time_is_refused() {
        let cases = [
            ("", "is not a length of time"),
            ("soon", "is not a length of time"),
            ("15", "has no unit"),
            ("15 parsecs", "is not a length of time"),
            ("-5s", "is negative"),
            ("5s ago", "is negative"),
            ("1mo", "uses months or years, which have no fixed length"),
            ("1y", "uses months or years, which have no fixed length"),
            ("1us", "is finer than a millisecond"),
            ("99999999999999999999s", "is not a length of time"),
        ];
        for (text, why) in cases {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn common_forms_are_read_and_shown() {
        let cases = [
            ("15m", minutes(15), "15m"),
            ("60s", minutes(1), "1m"),
            ("7d", days(7), "7d"),
            ("1w", days(7), "7d"),
            ("1h 30m", minutes(90), "90m"),
            ("1h30m", minutes(90), "90m"),
            ("2 hours", hours(2), "2h"),
            ("500ms", Duration::from_millis(500), "500ms"),
            ("0s", seconds(0), "0s"),
        ];
        for (text, length, shown) in cases {
            assert_eq!(parse(text), Ok(length), "{text}");
            assert_eq!(show(length), shown, "{text}");
            assert_eq!(parse(shown), Ok(length), "{shown}");
        }
    }
}
