//! Numbers as people read them.

/// Microseconds, in the unit that reads best. 0 is "not measured".
pub(super) fn time(micros: f64) -> String {
    match micros {
        m if m <= 0.0 => "–".to_owned(),
        m if m >= 1e6 => format!("{:.2} s", m / 1e6),
        m if m >= 10_000.0 => format!("{:.0} ms", m / 1e3),
        m if m >= 1e3 => format!("{:.1} ms", m / 1e3),
        m if m >= 10.0 => format!("{m:.0} µs"),
        m => format!("{m:.1} µs"),
    }
}

/// A count with its thousands apart.
pub(super) fn count(number: f64) -> String {
    if number < 10.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole.
pub(super) fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// KiB as MiB.
#[expect(clippy::cast_precision_loss, reason = "memory of a process")]
pub(super) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// How many, in words where it is a round number.
pub(super) fn rows(number: u64) -> String {
    match number {
        n if n >= 1_000_000 && n.is_multiple_of(1_000_000) => format!("{} million", n / 1_000_000),
        n if n >= 1000 && n.is_multiple_of(1000) => format!("{} thousand", n / 1000),
        n => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let times = [0.0, 0.55, 9.96, 10.4, 999.0, 1234.0, 12_345.0, 1_500_000.0].map(time);
        assert_eq!(times, ["–", "0.6 µs", "10.0 µs", "10 µs", "999 µs", "1.2 ms", "12 ms", "1.50 s"]);
        assert_eq!([3.25, 999.0, 1000.0, 1_234_567.0].map(count), ["3.2", "999", "1,000", "1,234,567"]);
        assert_eq!((percent(0.714), mib(2560)), ("71 %".to_owned(), 2.5));
        assert_eq!([1500, 100_000, 1_000_000].map(rows), ["1500", "100 thousand", "1 million"]);
    }
}
