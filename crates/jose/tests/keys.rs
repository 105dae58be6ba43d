//! Keys: what is refused, what is published, what survives a round trip (TK-20, TK-22, TK-23, TK-27).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use brama_jose::{Algorithm, Jwk, JwkSet, KeyError, SigningKey, Typ, VerifyingKey, parse};
use serde_json::{Value, json};

const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn ec(changes: &[(&str, Value)]) -> Value {
    let mut key = json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y});
    for (name, value) in changes {
        key[*name] = value.clone();
    }
    key
}

fn refused(key: Value) -> String {
    serde_json::from_value::<Jwk>(key).unwrap_err().to_string()
}

/// A modulus of our own with the wanted number of bytes; for checks that end before arithmetic.
fn rsa(bytes: usize, e: &str) -> Jwk {
    let text: String = "_".repeat(bytes * 4 / 3);
    let padded = match bytes % 3 {
        0 => text,
        1 => format!("{text}w"),
        _ => format!("{}8", text.get(..text.len()).unwrap()),
    };
    serde_json::from_value(json!({"kty": "RSA", "alg": "RS256", "n": padded, "e": e})).unwrap()
}

#[test]
fn tk_20_private_and_symmetric_members_are_refused() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let key = ec(&[(member, json!("AA"))]);
        assert!(refused(key.clone()).contains("private or symmetric"), "{member}");
        assert!(refused(ec(&[(member, Value::Null)])).contains("private or symmetric"), "{member}: null");
        // One secret spoils the whole set.
        assert!(serde_json::from_value::<JwkSet>(json!({"keys": [ec(&[]), key]})).is_err());
    }
    assert!(refused(json!({"kty": "oct", "alg": "HS256"})).contains("private or symmetric"));
}

#[test]
fn tk_23_wrong_curve_and_wrong_algorithm_are_refused() {
    for changes in [
        vec![("crv", json!("P-384"))],
        vec![("crv", json!("secp256k1"))],
        vec![("crv", json!("Ed25519"))],
        vec![("kty", json!("RSA"))],
        vec![("kty", json!("OKP"))],
        vec![("alg", json!("ES384"))],
        vec![("alg", json!("RS256"))],
        vec![("alg", json!("EdDSA"))],
        vec![("alg", json!("none"))],
        vec![("alg", json!("HS256"))],
    ] {
        assert!(refused(ec(&changes)).contains("not supported"), "{changes:?}");
    }
    for changes in [vec![("use", json!("enc"))], vec![("key_ops", json!(["sign"]))], vec![("key_ops", json!([]))]] {
        assert!(refused(ec(&changes)).contains("not meant for signatures"), "{changes:?}");
    }
}

#[test]
fn tk_23_malformed_members_are_refused() {
    let short = X.get(..42).unwrap();
    for changes in [
        vec![("x", json!(short))],
        vec![("x", json!(""))],
        vec![("x", json!(format!("{X}=")))],
        vec![("x", json!(format!("AA{X}")))],
        vec![("y", Value::Null)],
        vec![("kty", Value::Null)],
        vec![("x", json!(1))],
    ] {
        assert!(serde_json::from_value::<Jwk>(ec(&changes)).is_err(), "{changes:?}");
    }
    // Leading zero of an RSA number, and a member given twice.
    assert!(refused(json!({"kty": "RSA", "n": "AP__", "e": "AQAB"})).contains("malformed"));
    assert!(
        serde_json::from_str::<Jwk>(&format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","x":"{X}","y":"{Y}"}}"#)).is_err()
    );
}

#[test]
fn tk_23_points_off_the_curve_are_refused() {
    let zeros = "A".repeat(43);
    for changes in [
        vec![("x", json!(Y)), ("y", json!(X))],
        vec![("x", json!(zeros)), ("y", json!(zeros))],
        vec![("y", json!(format!("{}8", "_".repeat(42))))],
    ] {
        let jwk: Jwk = serde_json::from_value(ec(&changes)).unwrap();
        assert_eq!(VerifyingKey::new(&jwk).unwrap_err(), KeyError::Invalid, "{changes:?}");
    }
}

#[test]
fn tk_23_rsa_size_and_exponent_have_bounds() {
    assert_eq!(VerifyingKey::new(&rsa(255, "AQAB")).unwrap_err(), KeyError::RsaSize);
    assert_eq!(VerifyingKey::new(&rsa(128, "AQAB")).unwrap_err(), KeyError::RsaSize);
    assert_eq!(VerifyingKey::new(&rsa(1025, "AQAB")).unwrap_err(), KeyError::RsaSize);
    for e in ["AQ", "Ag", "BA", "AQAA"] {
        assert_eq!(VerifyingKey::new(&rsa(256, e)).unwrap_err(), KeyError::RsaExponent, "{e}");
    }
}

#[test]
fn tk_22_an_rsa_key_has_one_algorithm() {
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let mut public = serde_json::to_value(key.public()).unwrap();
    let named: Jwk = serde_json::from_value(public.clone()).unwrap();
    assert_eq!(VerifyingKey::with_algorithm(&named, Algorithm::Ps256).unwrap_err(), KeyError::WrongAlgorithm);
    assert_eq!(VerifyingKey::with_algorithm(&named, Algorithm::Es256).unwrap_err(), KeyError::WrongAlgorithm);

    public.as_object_mut().unwrap().remove("alg");
    let unnamed: Jwk = serde_json::from_value(public).unwrap();
    assert_eq!(VerifyingKey::new(&unnamed).unwrap_err(), KeyError::NoAlgorithm);
    assert_eq!(VerifyingKey::with_algorithm(&unnamed, Algorithm::EdDsa).unwrap_err(), KeyError::WrongAlgorithm);
    assert_eq!(VerifyingKey::with_algorithm(&unnamed, Algorithm::Ps256).unwrap().algorithm(), Algorithm::Ps256);
}

#[test]
fn private_keys_of_another_kind_are_refused() {
    let es = SigningKey::generate(Algorithm::Es256).unwrap();
    for other in [Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256] {
        assert_eq!(SigningKey::from_pkcs8(other, es.to_pkcs8()).unwrap_err(), KeyError::Invalid);
    }
    assert!(SigningKey::from_pkcs8(Algorithm::Es256, b"").is_err());
    assert!(SigningKey::from_pkcs8(Algorithm::Es256, es.to_pkcs8().get(..50).unwrap()).is_err());
}

#[test]
fn keys_survive_storage_and_publication() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let again = SigningKey::from_pkcs8(algorithm, key.to_pkcs8()).unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.algorithm(), algorithm);
        let json = serde_json::to_string(key.public()).unwrap();
        let published: Jwk = serde_json::from_str(&json).unwrap();
        assert_eq!(&published, key.public());
        assert_eq!(published.thumbprint(), key.kid());
        let token = again.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
        assert!(parse(&token).unwrap().verify(&VerifyingKey::new(&published).unwrap(), Typ::AccessToken).is_ok());
    }
}

#[test]
fn tk_20_what_is_published_has_the_right_members_and_no_others() {
    for (algorithm, members) in [
        (Algorithm::Es256, vec!["alg", "crv", "kid", "kty", "use", "x", "y"]),
        (Algorithm::EdDsa, vec!["alg", "crv", "kid", "kty", "use", "x"]),
        (Algorithm::Ps256, vec!["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let json = serde_json::to_value(key.public()).unwrap();
        let mut names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members);
        assert_eq!(json["use"], "sig");
        assert_eq!(json["alg"], algorithm.as_str());
        assert_eq!(json["kid"], key.kid());
    }
}

#[test]
fn tk_20_a_set_leaves_out_what_it_cannot_use_and_refuses_a_repeated_kid() {
    let set: JwkSet = serde_json::from_value(json!({"keys": [
        {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "a"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "b"},
        ec(&[("use", json!("enc")), ("kid", json!("c"))]),
        ec(&[("kid", json!("d"))]),
    ]}))
    .unwrap();
    assert_eq!(set.keys.len(), 1);
    assert!(set.get("d").is_some());
    assert!(set.get("c").is_none());

    let twice = json!({"keys": [ec(&[("kid", json!("d"))]), ec(&[("kid", json!("d"))])]});
    assert!(serde_json::from_value::<JwkSet>(twice).unwrap_err().to_string().contains("same kid"));
}

#[test]
fn tk_27_debug_shows_no_secret() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let text = format!("{key:?}");
    assert_eq!(text, format!("SigningKey {{ kid: {:?}, algorithm: EdDsa, .. }}", key.kid()));
}
