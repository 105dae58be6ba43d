//! Attacks that worked on others (museum class JOSE), each under its number. Longer tables of the same are in `forgeries.rs`,
//! `embedded_key.rs` and `keys.rs`; JOSE-07 is `wycheproof.rs`; that no crate with JOSE-09's flaw is linked is a build check;
//! JOSE-04 and JOSE-13 are about the claims that the server reads: `tests/museum/jose/claims.rs`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brama_jose::{Algorithm, Jwk, JwkSet, JwsError, SigningKey, Typ, VerifyingKey, parse};
use serde_json::{Value, json};

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key(algorithm: Algorithm) -> (SigningKey, VerifyingKey) {
    let signing = SigningKey::generate(algorithm).unwrap();
    let verifying = VerifyingKey::new(signing.public()).unwrap();
    (signing, verifying)
}

fn check(token: &str, key: &VerifyingKey) -> Result<Value, JwsError> {
    parse(token)?.verify(key, Typ::AccessToken)?.claims()
}

/// A token whose P-256 signature covers exactly these bytes.
fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.to_pkcs8()).unwrap();
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", b64(signature))
}

const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt"}"#;

#[test]
fn jose_01_no_algorithm_no_token() {
    let (signing, verifying) = key(Algorithm::Es256);
    let good = signed(&signing, HEADER, r#"{"sub":"a"}"#);
    assert!(check(&good, &verifying).is_ok());
    let (_, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for alg in [r#""none""#, r#""None""#, r#""NONE""#, r#""nOnE""#, r#""""#, r#""none ""#, r#""no\u006ee""#] {
        let header = b64(format!(r#"{{"alg":{alg},"typ":"at+jwt"}}"#));
        for signature in ["", signature, "AA"] {
            let forged = format!("{header}.{payload}.{signature}");
            assert_eq!(check(&forged, &verifying), Err(JwsError::UnsupportedAlgorithm), "{alg}");
        }
    }
    for header in [r#"{"typ":"at+jwt"}"#, r#"{"alg":null,"typ":"at+jwt"}"#, r#"{"alg":[],"typ":"at+jwt"}"#] {
        let forged = format!("{}.{payload}.", b64(header));
        assert_eq!(check(&forged, &verifying), Err(JwsError::Malformed), "{header}");
    }
    // Signed by the right key, and still no algorithm.
    let forged = signed(&signing, r#"{"alg":"none","typ":"at+jwt"}"#, r#"{"sub":"a"}"#);
    assert_eq!(check(&forged, &verifying), Err(JwsError::UnsupportedAlgorithm));
}

/// All texts that a public key could be mistaken for a secret in: JWK, raw members, DER, PEM, `OpenSSH`.
fn texts_of(public: &Jwk) -> Vec<Vec<u8>> {
    let json = serde_json::to_value(public).unwrap();
    let mut texts = vec![json.to_string().into_bytes(), public.thumbprint().into_bytes()];
    let bytes = |name: &str| json[name].as_str().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
    for name in ["x", "y", "n", "e"] {
        texts.extend(json[name].as_str().map(|text| text.as_bytes().to_vec()));
        texts.extend(bytes(name));
    }
    let mut ders = Vec::new();
    let mut ssh = Vec::new();
    let part = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let integer = |bytes: &[u8]| der(2, &[&[0], bytes].concat());
    match json["kty"].as_str().unwrap() {
        "EC" => {
            let point = [&[4][..], &bytes("x").unwrap(), &bytes("y").unwrap()].concat();
            // id-ecPublicKey, prime256v1.
            let algorithm = [&OBJECT_EC[..], &OBJECT_P256].concat();
            ders.push(spki(&algorithm, &point));
            ssh.push(("ecdsa-sha2-nistp256", [part(b"ecdsa-sha2-nistp256"), part(b"nistp256"), part(&point)].concat()));
            texts.push(point);
        }
        "OKP" => {
            let x = bytes("x").unwrap();
            ders.push(spki(&OBJECT_ED25519, &x));
            ssh.push(("ssh-ed25519", [part(b"ssh-ed25519"), part(&x)].concat()));
        }
        _ => {
            let (n, e) = (bytes("n").unwrap(), bytes("e").unwrap());
            let pkcs1 = der(0x30, &[integer(&n), der(2, &e)].concat());
            let algorithm = [&OBJECT_RSA[..], &[5, 0]].concat();
            ders.push(spki(&algorithm, &pkcs1));
            ders.push(pkcs1);
            ssh.push(("ssh-rsa", [part(b"ssh-rsa"), part(&e), part(&[&[0][..], &n].concat())].concat()));
        }
    }
    for der in ders {
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY"] {
            let body: Vec<String> = STANDARD
                .encode(&der)
                .as_bytes()
                .chunks(64)
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect();
            let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", body.join("\n"));
            texts.push(format!("{pem}\n").into_bytes());
            texts.push(pem.into_bytes());
        }
        texts.push(der);
    }
    for (name, body) in ssh {
        texts.push(format!("{name} {}", STANDARD.encode(&body)).into_bytes());
        texts.push(format!("{name} {} anna@laptop\n", STANDARD.encode(&body)).into_bytes());
    }
    texts
}

const OBJECT_EC: [u8; 9] = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const OBJECT_P256: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const OBJECT_ED25519: [u8; 5] = [6, 3, 0x2b, 0x65, 0x70];
const OBJECT_RSA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut head = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 128 => head.push(short),
        Ok(byte) => head.extend([0x81, byte]),
        Err(_) => {
            head.push(0x82);
            head.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    head.extend(content);
    head
}

/// `SubjectPublicKeyInfo`, RFC 5280 §4.1.
fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    der(0x30, &[der(0x30, algorithm), der(3, &[&[0], key].concat())].concat())
}

#[test]
fn jose_02_jose_11_no_public_key_is_a_secret_in_any_of_its_texts() {
    for algorithm in Algorithm::ALL {
        let (signing, verifying) = key(algorithm);
        let texts = texts_of(signing.public());
        assert!(texts.len() >= 10, "{algorithm}");
        for text in texts {
            for (alg, mac) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                // Named as it is, and under the name of the key's own algorithm.
                for (name, why) in [(alg, JwsError::UnsupportedAlgorithm), (algorithm.as_str(), JwsError::BadSignature)]
                {
                    let header = format!(r#"{{"alg":"{name}","typ":"at+jwt"}}"#);
                    let message = format!("{}.{}", b64(header), b64(r#"{"sub":"admin"}"#));
                    let tag = hmac::sign(&hmac::Key::new(mac, &text), message.as_bytes());
                    assert_eq!(check(&format!("{message}.{}", b64(tag)), &verifying), Err(why), "{algorithm} {alg}");
                }
            }
        }
    }
}

#[test]
fn jose_03_a_token_brings_no_key_of_its_own() {
    let (ours, verifying) = key(Algorithm::Es256);
    let (theirs, _) = key(Algorithm::Es256);
    let jwk = serde_json::to_string(theirs.public()).unwrap();
    for member in [
        format!(r#""jwk":{jwk}"#),
        format!(r#""\u006awk":{jwk}"#),
        r#""jwk":null"#.to_owned(),
        r#""jku":"https://attacker.example/keys""#.to_owned(),
        r#""jku":"file:///etc/passwd""#.to_owned(),
        r#""x5u":"https://attacker.example/cert""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
    ] {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt",{member}}}"#);
        for key in [&ours, &theirs] {
            let token = signed(key, &header, r#"{"sub":"admin"}"#);
            assert_eq!(check(&token, &verifying), Err(JwsError::ForbiddenHeader), "{member}");
        }
    }
    // A `kid` is compared and nothing else, whatever it looks like.
    for kid in ["../../../../dev/null", "https://attacker.example/key", "x' UNION SELECT 'key' --", "|/bin/sh"] {
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }).to_string();
        let token = signed(&theirs, &header, r#"{"sub":"admin"}"#);
        assert_eq!(parse(&token).unwrap().header().kid(), Some(kid));
        let set = JwkSet { keys: vec![ours.public().clone()] };
        assert_eq!(set.get(kid), None);
        assert_eq!(check(&token, &verifying), Err(JwsError::BadSignature), "{kid}");
    }
    for kid in ["[]", "[\"a\"]", "{}", "1", "true"] {
        let token = signed(&ours, &format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":{kid}}}"#), "{}");
        assert_eq!(check(&token, &verifying), Err(JwsError::Malformed), "{kid}");
    }
    let token = signed(&ours, &json!({ "alg": "ES256", "kid": "k".repeat(1_000_000) }).to_string(), "{}");
    assert_eq!(check(&token, &verifying), Err(JwsError::TooLong));
}

#[test]
fn jose_05_there_is_no_symmetric_key_long_or_short() {
    for k in ["", "AA", &b64([7; 16]), &b64([7; 64])] {
        let oct = json!({ "kty": "oct", "k": k, "alg": "HS256" });
        assert!(serde_json::from_value::<Jwk>(oct.clone()).unwrap_err().to_string().contains("private or symmetric"));
        assert!(serde_json::from_value::<JwkSet>(json!({ "keys": [oct] })).is_err(), "{k}");
    }
    let (_, verifying) = key(Algorithm::Es256);
    let message = format!("{}.{}", b64(r#"{"alg":"HS256","typ":"at+jwt"}"#), b64("{}"));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), message.as_bytes());
    assert_eq!(check(&format!("{message}.{}", b64(tag)), &verifying), Err(JwsError::UnsupportedAlgorithm));
    assert!("HS256".parse::<Algorithm>().is_err());
}

#[test]
fn jose_06_any_crit_is_one_too_many() {
    let (signing, verifying) = key(Algorithm::Es256);
    for crit in [
        r#""crit":["x"],"x":1"#,
        r#""crit":["x"]"#,
        r#""crit":[]"#,
        r#""crit":"exp""#,
        r#""crit":null"#,
        r#""crit":{}"#,
        r#""crit":["alg"]"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""cri\u0074":["x"]"#,
    ] {
        let token = signed(&signing, &format!(r#"{{"alg":"ES256","typ":"at+jwt",{crit}}}"#), r#"{"sub":"a"}"#);
        assert_eq!(check(&token, &verifying), Err(JwsError::ForbiddenHeader), "{crit}");
    }
    // Unencoded payloads (RFC 7797) are no base64url either.
    let token = signed(&signing, HEADER, r#"{"sub":"a"}"#);
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(check(&format!("{}.$.02.{}", parts[0], parts[2]), &verifying), Err(JwsError::Malformed));
}

#[test]
fn jose_08_only_the_compact_form_is_read() {
    let (signing, verifying) = key(Algorithm::Es256);
    let token = signed(&signing, HEADER, r#"{"sub":"a"}"#);
    let [protected, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for json in [
        json!({ "protected": protected, "payload": payload, "signature": signature }),
        json!({ "payload": payload, "header": { "alg": "ES256" }, "signature": signature }),
        json!({ "payload": payload, "signatures": [{ "protected": protected, "header": { "alg": "none" }, "signature": signature }] }),
        json!([token]),
        json!(token),
    ] {
        assert_eq!(check(&json.to_string(), &verifying), Err(JwsError::Malformed), "{json}");
        // Nor when the whole is encoded once more.
        assert_eq!(check(&b64(json.to_string()), &verifying), Err(JwsError::Malformed), "{json}");
    }
}

#[test]
fn jose_10_what_is_encrypted_is_no_signed_token() {
    let (signing, verifying) = key(Algorithm::Rs256);
    let signed = signing.sign(Typ::AccessToken, &json!({ "sub": "a" })).unwrap();
    let [header, payload, signature]: [&str; 3] = signed.split('.').collect::<Vec<_>>().try_into().unwrap();
    let jwe = b64(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
    // Five parts, as encrypted ones have; four; none of them looked at for a key.
    for (forged, why) in [
        (format!("{jwe}.{}.{}.{}.{}", b64([1; 256]), b64([2; 12]), b64("{}"), b64([3; 16])), JwsError::ForbiddenHeader),
        (format!("{jwe}.{signature}.{payload}.{payload}.{signature}"), JwsError::ForbiddenHeader),
        (format!("{jwe}...."), JwsError::ForbiddenHeader),
        (format!("{header}.{payload}.{payload}.{payload}.{signature}"), JwsError::Malformed),
        (format!("{header}.{payload}.{payload}.{signature}"), JwsError::Malformed),
    ] {
        assert_eq!(check(&forged, &verifying), Err(why), "{forged}");
    }
    // Three parts under a header of encryption.
    for header in [r#"{"alg":"RS256","typ":"at+jwt","enc":"A256GCM"}"#, r#"{"alg":"RS256","typ":"at+jwt","zip":"DEF"}"#]
    {
        assert_eq!(
            check(&format!("{}.{payload}.{signature}", b64(header)), &verifying),
            Err(JwsError::ForbiddenHeader)
        );
    }
    assert_eq!(check(&format!("{jwe}.{payload}.{signature}"), &verifying), Err(JwsError::ForbiddenHeader));
}

#[test]
fn jose_12_a_token_has_one_spelling() {
    let (signing, verifying) = key(Algorithm::Es256);
    let token = signed(&signing, HEADER, r#"{"sub":"a"}"#);
    let [header, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for forged in [
        format!("{{\"{token}\":\"\"}}"),
        format!("{{\"a\":1,\"b\":\"{token}\"}}"),
        format!("{token}{{}}"),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header}.{payload}\n.{signature}"),
        format!("{header}. {payload}.{signature}"),
        format!("\u{feff}{token}"),
        format!("{token}\0"),
        format!("{token}.{token}"),
        format!("{token},{token}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}.{}", STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap())),
        format!("{header}%2E{payload}.{signature}"),
    ] {
        assert_eq!(check(&forged, &verifying), Err(JwsError::Malformed), "{forged:?}");
    }
    // Unused bits at the end of a part: the payload has eleven bytes, so its last character carries two of them.
    for last in ["R", "S", "T"] {
        let stem = payload.strip_suffix('Q').or(payload.strip_suffix('0')).unwrap();
        assert_eq!(check(&format!("{header}.{stem}{last}.{signature}"), &verifying).unwrap_err(), JwsError::Malformed);
    }
    // Claims beside, before and after the object, or named twice.
    for payload in
        [r#"{"sub":"a"}{"sub":"b"}"#, r#"{"sub":"a"},"#, r#"{"sub":"a","sub":"b"}"#, r#"{"sub":"a",}"#, "\u{feff}{}"]
    {
        let token = signed(&signing, HEADER, payload);
        assert_eq!(check(&token, &verifying), Err(JwsError::BadClaims), "{payload:?}");
    }
}
