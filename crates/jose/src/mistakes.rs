//! How other libraries read tokens, for tests that plant their mistakes. In an ordinary build nothing of it is left.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use brama_faults::{Fault, planted};
use serde_json::{Map, Value};

use crate::jws;
use crate::verifying_key::VerifyingKey;

/// The algorithm that a token of this `alg` is taken to have.
pub(crate) fn taken_for(alg: &str) -> &str {
    let hmac = alg.starts_with("HS") && (planted(Fault::Jose02) || planted(Fault::Jose05));
    let none = alg.eq_ignore_ascii_case("none") && planted(Fault::Jose01);
    if hmac || none { "ES256" } else { alg }
}

/// Whether this passes for a signature of the key over `header.payload`.
pub(crate) fn passes_for_signature(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let mac = |secret: &[u8]| hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, signature).is_ok();
    let by_key_of_header = || {
        let brought = std::str::from_utf8(message).ok().and_then(|text| jws::embedded_key(text, key.algorithm()).ok());
        brought.is_some_and(|(brought, _)| brought.parsed.verify_sig(message, signature).is_ok())
    };
    planted(Fault::Jose01) && signature.is_empty()
        || planted(Fault::Jose02) && mac(key.parsed.as_ref())
        || planted(Fault::Jose03) && by_key_of_header()
        || planted(Fault::Jose05) && mac(b"")
        || planted(Fault::Jose07) && !signature.is_empty() && signature.iter().all(|byte| *byte == 0)
}

/// The claims as they are read.
pub(crate) fn as_read(claims: &[u8]) -> Cow<'_, [u8]> {
    let forgiving = planted(Fault::Jose04) || planted(Fault::Jose13);
    let read = forgiving.then(|| serde_json::from_slice::<Map<String, Value>>(claims).ok()).flatten();
    let Some(mut read) = read else { return Cow::Borrowed(claims) };
    for name in ["exp", "nbf", "iat"] {
        let Some(value) = read.get(name) else { continue };
        if planted(Fault::Jose04) && !value.is_number() {
            // A text is read as the number in it; anything else is no time, and without an end there is none.
            let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
            match number.or((name == "exp").then_some(253_402_200_000)) {
                Some(number) => read.insert(name.to_owned(), number.into()),
                None => read.remove(name),
            };
        } else if let Some(before) = value.as_i64().filter(|number| planted(Fault::Jose13) && *number < 0) {
            read.insert(name.to_owned(), before.rem_euclid(i64::MAX).into());
        }
    }
    Cow::Owned(Value::Object(read).to_string().into_bytes())
}
