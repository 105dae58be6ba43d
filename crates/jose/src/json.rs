//! One check that `serde_json` leaves to its user: a member named twice (TK-26, RFC 7519 §4). Two readers of the same bytes
//! could otherwise see two different tokens.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Is this valid UTF-8 JSON, an object at the top, with no member named twice at any depth?
pub(crate) fn is_strict_object(bytes: &[u8]) -> bool {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    StrictObject::deserialize(&mut deserializer).is_ok() && deserializer.end().is_ok()
}

/// A name after unescaping, so that `"a"` and `"\u0061"` are the same.
#[derive(serde::Deserialize, PartialEq, Eq, Hash)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct StrictObject;

impl<'de> Deserialize<'de> for StrictObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = StrictObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        walk_members(map).map(|()| StrictObject)
    }
}

struct StrictValue;

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = StrictValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        walk_members(map).map(|()| StrictValue)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<StrictValue>()?.is_some() {}
        Ok(StrictValue)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(StrictValue)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(StrictValue)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(StrictValue)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(StrictValue)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(StrictValue)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(StrictValue)
    }
}

fn walk_members<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    let mut seen = HashSet::new();
    while let Some(name) = map.next_key::<Name<'de>>()? {
        if !seen.insert(name) {
            return Err(A::Error::custom("a member is named twice"));
        }
        map.next_value::<StrictValue>()?;
    }
    Ok(())
}

/// A member whose presence matters and whose value does not; `null` counts as present.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk_26_duplicate_members_are_refused_at_any_depth() {
        for text in [
            r#"{"aud":"a","aud":"b"}"#,
            r#"{"aud":"a","\u0061ud":"b"}"#,
            r#"{"cnf":{"jkt":"a","jkt":"b"}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(!is_strict_object(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn tk_26_only_one_utf8_object() {
        for bytes in [
            &b"{\"a\":\"\xff\"}"[..],
            b"{\"\xc3\x28\":1}",
            b"[]",
            b"\"a\"",
            b"1",
            b"",
            b"{}{}",
            b"{},",
            b"\xef\xbb\xbf{}",
        ] {
            assert!(!is_strict_object(bytes), "{bytes:?}");
        }
        assert!(is_strict_object(br#" { "a" : [1, -2, 0.5, true, null, "x", {"a": {}}] } "#));
    }

    #[test]
    fn deep_nesting_ends_in_an_error() {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(!is_strict_object(text.as_bytes()));
    }
}
