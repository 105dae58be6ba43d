//! What an app may be called: people read the name on the consent page and believe it. RG-15; RFC 7591 §5.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longest name, code points.
const LONGEST: usize = 100;

/// Characters that change how the text around them is shown, or are not seen at all.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a text has characters that no name needs: control, direction and invisible ones.
#[must_use]
pub fn is_strange(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || is_invisible(c))
}

/// Check a name that people will see.
///
/// # Errors
/// What is wrong with it.
pub fn check(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if !(1..=LONGEST).contains(&length) || name.trim().is_empty() {
        return Err(format!("a name has 1 to {LONGEST} characters"));
    }
    if is_strange(name) {
        return Err("a name has no control, direction or invisible characters".to_owned());
    }
    Ok(())
}

/// Letters of other scripts that look like Latin ones: as many as it takes to write a name that deceives.
const LOOK_ALIKES: &[(char, char)] = &[
    // Cyrillic
    ('а', 'a'),
    ('в', 'b'),
    ('с', 'c'),
    ('ԁ', 'd'),
    ('е', 'e'),
    ('һ', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('к', 'k'),
    ('ӏ', 'l'),
    ('м', 'm'),
    ('н', 'h'),
    ('о', 'o'),
    ('р', 'p'),
    ('ԛ', 'q'),
    ('г', 'r'),
    ('ѕ', 's'),
    ('т', 't'),
    ('у', 'y'),
    ('ѵ', 'v'),
    ('ԝ', 'w'),
    ('х', 'x'),
    ('є', 'e'),
    ('ґ', 'r'),
    // Greek
    ('α', 'a'),
    ('β', 'b'),
    ('ε', 'e'),
    ('η', 'n'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('ν', 'v'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('τ', 't'),
    ('υ', 'u'),
    ('χ', 'x'),
    ('ω', 'w'),
    // Digits and Latin letters that are drawn alike
    ('0', 'o'),
    ('1', 'l'),
    ('3', 'e'),
    ('5', 's'),
    ('ı', 'i'),
    ('ł', 'l'),
    ('ø', 'o'),
    ('đ', 'd'),
];

/// What a name looks like: two names with the same skeleton are taken for each other. Case, accents, spaces and
/// punctuation do not count, and letters count as the Latin ones they resemble.
#[must_use]
pub fn skeleton(name: &str) -> String {
    let decomposed = name.nfkd().filter(|c| !is_combining_mark(*c));
    let lower = decomposed.flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric());
    let latin = lower.map(|c| LOOK_ALIKES.iter().find(|(like, _)| *like == c).map_or(c, |(_, latin)| *latin));
    // A small l, a capital I and a one are one stroke.
    latin.map(|c| if c == 'i' { 'l' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rg15_names_that_hide_something_are_refused() {
        for wrong in [
            "",
            " ",
            "a\nb",
            "a\u{0}",
            "pay\u{202e}lap",
            "a\u{200b}b",
            "\u{2066}x",
            "a\u{feff}",
            "Brama\u{3164}",
            "a\u{ffa0}",
            &"x".repeat(101),
        ] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
        for right in ["Крамниця", "O'Neil & Söhne", "日本語", "x", "a\u{200d}b", &"ї".repeat(100)] {
            assert!(check(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn rg15_names_that_look_alike_have_one_skeleton() {
        for like in ["Brama Demo", "brama-demo", "ВRАМА DЕМО", "Вrаmа demo", "BRAMA  DEM0", "Bráma Démo", "Ｂrama demo"]
        {
            assert_eq!(skeleton(like), skeleton("Brama demo"), "{like}");
        }
        assert_eq!(skeleton("paypaI"), skeleton("paypal"));
        assert_eq!(skeleton("paypa1"), skeleton("paypal"));
        assert_ne!(skeleton("Brama demos"), skeleton("Brama demo"));
        assert_ne!(skeleton("Крамниця"), skeleton("Brama"));
    }
}
