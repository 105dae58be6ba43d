//! What the server reads claims into: JOSE-04 and JOSE-13 on its own types.

use std::fmt::Debug;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use brama_jose::{Algorithm, JwsError, SigningKey, Typ, VerifyingKey, parse};
use brama_protocol::access_token::AccessTokenClaims;
use brama_protocol::client_assertion::AssertionClaims;
use brama_protocol::dpop::ProofClaims;
use brama_protocol::oidc::id_token::IdTokenClaims;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::stage::signed;

const NOW: i64 = 1_780_000_000;

/// Claims that are right, signed with some of them changed and read as the server reads them.
struct Reader {
    typ: Typ,
    key: SigningKey,
    claims: Value,
}

impl Reader {
    fn new(typ: Typ, claims: Value) -> Self {
        Self { typ, key: SigningKey::generate(Algorithm::Es256).unwrap(), claims }
    }

    fn text<T: DeserializeOwned>(&self, claims: &str) -> Result<T, JwsError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, self.key.to_pkcs8()).unwrap();
        let token = signed(&pair, &json!({ "alg": "ES256", "typ": self.typ.as_str() }).to_string(), claims);
        let key = VerifyingKey::new(self.key.public()).unwrap();
        parse(&token)?.verify(&key, self.typ)?.claims()
    }

    /// One claim as this text.
    fn saying<T: DeserializeOwned>(&self, name: &str, raw: &str) -> Result<T, JwsError> {
        let mut claims = self.claims.clone();
        claims[name] = "@@".into();
        self.text(&claims.to_string().replace("\"@@\"", raw))
    }
}

/// No time: of another type, or beyond all numbers.
const NO_TIMES: &[&str] = &[
    "\"1780000000\"",
    "\"\"",
    "true",
    "[1780000000]",
    "{}",
    "1e400",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e19",
    "1e308",
    "NaN",
    "Infinity",
    "+1",
    "01",
    "0x10",
    "null",
];

/// `times` and `texts`: the claims of these kinds. `whole`: whether a time has to be a whole number. The line of the museum
/// has fractions refused; TK-26 allows them to those who sign for us to read, and what we signed ourselves has none.
fn check<T: DeserializeOwned + Debug>(reader: &Reader, times: &[&str], texts: &[&str], whole: bool) {
    assert!(reader.text::<T>(&reader.claims.to_string()).is_ok(), "{}", reader.claims);
    let bad = |name: &str, raw: &str| {
        assert_eq!(reader.saying::<T>(name, raw).unwrap_err(), JwsError::BadClaims, "{name} {raw}");
    };
    for time in times {
        NO_TIMES.iter().for_each(|raw| bad(time, raw));
        assert_eq!(reader.saying::<T>(time, "1780000000.5").is_err(), whole, "{time}");
    }
    for text in texts {
        for raw in ["1", "1.5", "1e400", "null", "true", "{}", "[1]", "[[\"a\"]]", "-", ""] {
            bad(text, raw);
        }
        if *text != "aud" {
            bad(text, "[\"a\"]");
        }
    }
    for name in times.iter().chain(texts) {
        // Twice, with the same value and in another spelling of the name.
        let value = reader.claims[*name].to_string();
        bad(name, &format!("{value},\"{name}\":{value}"));
        bad(name, &format!("{value},\"\\u{:04x}{}\":{value}", name.as_bytes()[0], &name[1..]));
        let mut without = reader.claims.clone();
        without.as_object_mut().unwrap().remove(*name);
        let optional = reader.typ == Typ::ClientAuthentication && matches!(*name, "nbf" | "iat");
        assert_eq!(reader.text::<T>(&without.to_string()).is_ok(), optional, "without {name}");
    }
}

/// A claim of another JSON type counted as absent, and a negative time wrapped to the far future.
#[test]
fn jose_04_jose_13_what_is_read_is_what_was_signed_or_nothing() {
    let iss = "https://id.example.com";
    let access = json!({
        "iss": iss, "sub": "olena", "aud": "api", "exp": NOW, "iat": NOW, "jti": "a", "client_id": "shop",
    });
    let access = Reader::new(Typ::AccessToken, access);
    let texts = ["iss", "sub", "aud", "jti", "client_id"];
    check::<AccessTokenClaims>(&access, &["exp", "iat"], &texts, true);
    let id = Reader::new(Typ::IdToken, json!({ "iss": iss, "sub": "olena", "aud": "shop", "exp": NOW, "iat": NOW }));
    check::<IdTokenClaims>(&id, &["exp", "iat"], &texts[..3], true);
    let assertion = json!({
        "iss": "shop", "sub": "shop", "aud": iss, "exp": NOW + 60, "nbf": NOW, "iat": NOW, "jti": "one",
    });
    let assertion = Reader::new(Typ::ClientAuthentication, assertion);
    check::<AssertionClaims>(&assertion, &["exp", "nbf", "iat"], &texts[..4], false);
    let proof =
        Reader::new(Typ::DpopProof, json!({ "jti": "a", "htm": "GET", "htu": "https://a.example/", "iat": NOW }));
    check::<ProofClaims>(&proof, &["iat"], &["jti", "htm", "htu"], false);

    // What is a number stays this very number, or is none at all: nothing wraps.
    for time in [-1, i64::MIN, 0, 1 << 53, i64::MAX] {
        let raw = time.to_string();
        let (exp, iat) =
            (access.saying::<AccessTokenClaims>("exp", &raw), access.saying::<AccessTokenClaims>("iat", &raw));
        assert_eq!((exp.unwrap().exp, iat.unwrap().iat), (time, time));
        assert_eq!(id.saying::<IdTokenClaims>("exp", &raw).unwrap().exp, time);
        let read = assertion.saying::<AssertionClaims>("exp", &raw);
        let now = Timestamp::from_second(NOW).unwrap();
        let checked = read.map(|claims| claims.check(&"shop".parse().unwrap(), iss, now).is_ok());
        assert!(matches!(checked, Ok(false) | Err(JwsError::BadClaims)), "{time}: {checked:?}");
        if time != 0 {
            assert_eq!(proof.saying::<ProofClaims>("iat", &raw).unwrap_err(), JwsError::BadClaims, "{time}");
        }
    }
}
