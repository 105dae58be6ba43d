//! Base64url without padding (RFC 7515 §2), strict: no `=`, no white space, no bits set that a decoder would drop.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_faults::{Fault, planted};

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn encode_onto(out: &mut String, bytes: &[u8]) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// `None` when the text is not the one canonical encoding of some bytes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = if planted(Fault::Jose12) { text.trim_matches(['=', ' ', '\n']) } else { text };
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TK-24: a token has one spelling. Two texts for the same bytes would defeat every cache and deny list keyed by the text.
    #[test]
    fn tk_24_only_the_canonical_spelling_is_read() {
        for text in ["Zg==", "Zg=", "Zh", "Z", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm9v\0"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert_eq!(decode("Zg"), Some(b"f".to_vec()));
        assert_eq!(decode(""), Some(Vec::new()));
    }
}
