//! Parameters of a query or a form: decoded once, each at most once. OAuth 2.1 §3.1, §3.2.2; G-2, G-9, WH-14.

use std::fmt;

use brama_faults::{Fault, planted};
use percent_encoding::percent_decode;

use crate::limits;

/// The decoded name and value pairs of one request, in the order they came.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

/// The text is not `application/x-www-form-urlencoded` UTF-8, has U+0000 in it, or there are more than
/// [`limits::PARAMETERS`] pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A parameter that may come once came more often. G-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate(pub &'static str);

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} came more than once", self.0)
    }
}

impl std::error::Error for Duplicate {}

impl Parameters {
    /// Decode a query or a form body. A broken percent sequence or broken UTF-8 is refused, not repaired: two parties
    /// that repair differently see two requests. WH-14. So is U+0000, which no parameter of the standards may contain
    /// (RFC 6749 appendix A) and which ends a text for some that read it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(encoded: &[u8]) -> Result<Self, Malformed> {
        let mut pairs = Vec::new();
        for piece in encoded.split(|&b| b == b'&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == limits::PARAMETERS {
                return Err(Malformed);
            }
            let mut halves = piece.splitn(2, |&b| b == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter that may come once. One without a value is treated as absent. OAuth 2.1 §3.1.
    ///
    /// # Errors
    /// [`Duplicate`] when it came twice, even with equal or empty values.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, Duplicate> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        let first = found.next();
        if found.next().is_some() && !planted(Fault::Redir14) {
            return Err(Duplicate(name));
        }
        Ok(first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()))
    }

    /// All values of a parameter that may be repeated, empty ones left out. RFC 8707 §2.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

impl Parameters {
    /// All but the parameters of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect())
    }

    /// Whether a parameter of the other comes here too.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|(name, _)| other.0.iter().any(|(theirs, _)| theirs == name))
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Form-encoded: what [`Parameters::parse`] reads back.
    #[must_use]
    pub fn to_encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be credentials; names are ours or noise.
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn decode(piece: &[u8]) -> Result<String, Malformed> {
    for (index, _) in piece.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = piece.get(index + 1..index + 3).ok_or(Malformed)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Malformed);
        }
    }
    let spaced: Vec<u8> = piece.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let text = percent_decode(&spaced).decode_utf8().map_err(|_| Malformed)?.into_owned();
    if text.contains('\0') { Err(Malformed) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn wh14_broken_encoding_is_refused() {
        for wrong in ["a=%", "a=%2", "a=%zz", "%g0=1", "a=%ff", "a=%c3%28", "a=%00", "a%00=1"] {
            assert!(Parameters::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let many = "a=1&".repeat(limits::PARAMETERS + 1);
        assert!(Parameters::parse(many.as_bytes()).is_err());
    }

    #[test]
    fn g2_duplicates_are_errors_and_empty_is_absent() {
        let parameters = Parameters::parse(b"state=&a=1&a=1&b=x%20y+z&b2").unwrap();
        assert_eq!(parameters.one("state"), Ok(None));
        assert_eq!(parameters.one("a"), Err(Duplicate("a")));
        assert_eq!(parameters.one("b"), Ok(Some("x y z")));
        assert_eq!(parameters.one("b2"), Ok(None));
        assert_eq!(parameters.one("c"), Ok(None));
        assert_eq!(parameters.all("a").count(), 2);
        assert_eq!(Parameters::parse(b"s=&s=1").unwrap().one("s"), Err(Duplicate("s")));
    }

    proptest::proptest! {
        #[test]
        fn what_was_encoded_is_read_back(name in "[a-z]{1,8}", value in "[^\\x00]{0,64}") {
            let encoded = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            let parameters = Parameters::parse(encoded.as_bytes()).unwrap();
            let read: Vec<_> = parameters.0;
            proptest::prop_assert_eq!(read, vec![(name, value)]);
        }

        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..256)) {
            let _ = Parameters::parse(&bytes);
        }
    }
}
