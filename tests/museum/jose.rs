//! Class JOSE, at every place where the server reads a JWT. The longer tables of single tokens are in `crates/jose/tests`.

mod claims;
mod stage;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use brama_jose::{Algorithm, SigningKey};
use brama_testkit::{TestServer, seeds};
use serde_json::{Value, json};

use stage::{Slot, encode, refused_everywhere, signed};

/// No algorithm was named, and so none was needed.
#[tokio::test]
async fn jose_01_without_algorithm_or_signature_nothing_is_believed_anywhere() {
    refused_everywhere(|right| {
        let [header, claims, signature] = right.parts();
        let mut forged = vec![format!("{header}.{claims}."), format!("{header}.{claims}"), format!("{claims}.")];
        let mut nameless = right.header.clone();
        nameless.as_object_mut().unwrap().remove("alg");
        let mut headers = vec![nameless.to_string()];
        for alg in [json!("none"), json!("None"), json!("NONE"), json!("nOnE"), json!(""), json!(null), json!(["none"])]
        {
            headers.push(right.header("alg", alg));
        }
        for header in headers {
            forged.push(format!("{}.{claims}.", encode(&header)));
            forged.push(format!("{}.{claims}.{signature}", encode(&header)));
            forged.push(right.sign(&header, &right.claims.to_string()));
        }
        forged
    })
    .await;
}

/// The text of a public key was a secret. Every form of it, under every HMAC, and under the name of its own algorithm.
#[tokio::test]
async fn jose_02_jose_11_the_public_key_is_no_secret_anywhere() {
    refused_everywhere(|right| {
        let point = right.key.public_key().as_ref().to_vec();
        let der: PublicKeyX509Der<'_> = right.key.public_key().as_der().unwrap();
        let der = der.as_ref().to_vec();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(&der));
        let ssh =
            [&[0, 0, 0, 19][..], b"ecdsa-sha2-nistp256", &[0, 0, 0, 8], b"nistp256", &[0, 0, 0, 65], &point].concat();
        let ssh = format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(ssh));
        let set = json!({ "keys": [right.public] }).to_string();
        let jwk = right.public.to_string();
        let mut forged = Vec::new();
        for secret in [jwk.into_bytes(), set.into(), point, der, format!("{pem}\n").into(), pem.into(), ssh.into()] {
            for (alg, mac) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                for name in [alg, "ES256"] {
                    let message =
                        format!("{}.{}", encode(&right.header("alg", name)), encode(&right.claims.to_string()));
                    let tag = hmac::sign(&hmac::Key::new(mac, &secret), message.as_bytes());
                    forged.push(format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)));
                }
            }
        }
        forged
    })
    .await;
}

/// The header brought a key, or said where to find one.
#[tokio::test]
async fn jose_03_no_key_of_a_header_is_used_or_asked_for() {
    let theirs = SigningKey::generate(Algorithm::Es256).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, theirs.to_pkcs8()).unwrap();
    let jwk = serde_json::to_value(theirs.public()).unwrap();
    let elsewhere = "https://attacker.example/keys";
    refused_everywhere(|right| {
        let claims = right.claims.to_string();
        let mut headers: Vec<String> = [
            ("jku", json!(elsewhere)),
            ("jku", json!("file:///etc/passwd")),
            ("x5u", json!(elsewhere)),
            ("x5c", json!([STANDARD.encode("certificate")])),
        ]
        .into_iter()
        .map(|(name, value)| right.header(name, value))
        .collect();
        if !right.slot.is_proof() {
            headers.push(right.header("jwk", jwk.clone()));
            headers.push(right.header("jwk", Value::Null));
            headers.push(right.header("kid", theirs.kid()));
        }
        // Signed by them, and by whom it should be.
        let mut forged: Vec<String> = headers.iter().map(|header| signed(&pair, header, &claims)).collect();
        forged.extend(headers.iter().map(|header| right.sign(header, &claims)));
        for kid in [
            json!("../../../../dev/null"),
            json!("/proc/self/environ"),
            json!(elsewhere),
            json!("x' UNION SELECT public FROM signing_key --"),
            json!("k".repeat(1_000_000)),
        ] {
            forged.push(signed(&pair, &right.header("kid", kid), &claims));
        }
        for kid in [json!([]), json!(["a"]), json!({}), json!(1), json!(true)] {
            forged.push(right.under("kid", kid));
        }
        forged
    })
    .await;
}

/// A claim of another JSON type counted as absent.
#[tokio::test]
async fn jose_04_a_claim_of_another_type_is_not_absent_anywhere() {
    refused_everywhere(|right| {
        let mut forged = Vec::new();
        for claim in right.slot.claims() {
            let time = matches!(*claim, "exp" | "nbf" | "iat");
            for raw in ["1e400", "null", "true", "{}", "[1]", "[[\"a\"]]", "-"] {
                forged.push(right.saying(claim, raw));
            }
            forged.push(right.saying(claim, if time { "\"9999999999\"" } else { "1.5" }));
            if time {
                // The right time, as text.
                forged.push(right.saying(claim, &format!("\"{}\"", right.claims.get(claim).unwrap_or(&json!(1)))));
            }
            // Named twice, with the same value: two readers may take two of them.
            let value = right.claims.get(claim).unwrap_or(&json!(1)).to_string();
            for again in [(*claim).to_owned(), format!("\\u{:04x}{}", claim.as_bytes()[0], &claim[1..])] {
                forged.push(right.saying(claim, &format!("{value},\"{again}\":{value}")));
            }
        }
        forged
    })
    .await;
}

/// An empty key made a signature.
#[tokio::test]
async fn jose_05_no_short_secret_signs_anything() {
    refused_everywhere(|right| {
        let mut forged = Vec::new();
        for secret in ["", "\0", "secret", &"0".repeat(64), &seeds::secret(seeds::SHOP)] {
            for (alg, mac) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                let message = format!("{}.{}", encode(&right.header("alg", alg)), encode(&right.claims.to_string()));
                let tag = hmac::sign(&hmac::Key::new(mac, secret.as_bytes()), message.as_bytes());
                forged.push(format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)));
            }
        }
        forged
    })
    .await;
    // Secrets are ours to make, so none is short, and nobody signs with one.
    let server = TestServer::start().await;
    let text = server.get("/.well-known/openid-configuration").send().await.text().to_owned();
    assert!(!text.contains("client_secret_jwt") && !text.contains("HS256"), "{text}");
}

/// Extensions that nobody knows were passed over.
#[tokio::test]
async fn jose_06_a_critical_extension_is_refused_everywhere() {
    refused_everywhere(|right| {
        let mut forged: Vec<String> = [
            json!(["x"]),
            json!([]),
            json!("x"),
            json!(null),
            json!({}),
            json!(["alg"]),
            json!(["b64"]),
            json!(["exp"]),
        ]
        .into_iter()
        .map(|crit| right.under("crit", crit))
        .collect();
        for (crit, name) in [("x", "x"), ("b64", "b64")] {
            let mut header = right.header.clone();
            header["crit"] = json!([crit]);
            header[name] = json!(false);
            forged.push(right.sign(&header.to_string(), &right.claims.to_string()));
        }
        forged.push(right.under("b64", false));
        forged
    })
    .await;
}

/// A signature of zeros fitted every message. The vectors of Wycheproof for JSON Web formats are in
/// `crates/jose/tests/wycheproof.rs`, which says which others are not there.
#[tokio::test]
async fn jose_07_trivial_signatures_fit_nothing() {
    // The order of P-256, FIPS 186-4 §D.1.2.3.
    let order: [u8; 32] = std::array::from_fn(|index| {
        let text = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap()
    });
    let (zero, one) = ([0; 32], std::array::from_fn::<u8, 32, _>(|index| u8::from(index == 31)));
    refused_everywhere(|right| {
        let mut forged = Vec::new();
        for r in [zero, one, order] {
            forged.extend([zero, one, order].map(|s| right.over([r, s].concat())));
        }
        // In DER, cut, and prolonged.
        forged.push(right.over([0x30, 6, 2, 1, 0, 2, 1, 0]));
        let good = URL_SAFE_NO_PAD.decode(&right.parts()[2]).unwrap();
        forged.extend([right.over([0; 63]), right.over([0; 65]), right.over([0; 1]), right.over(vec![0; 128])]);
        forged.push(right.over(&good[..32]));
        forged
    })
    .await;
}

/// The algorithm was taken from a header that no signature covers.
#[tokio::test]
async fn jose_08_no_other_serialisation_is_read() {
    refused_everywhere(|right| {
        let [header, claims, signature] = right.parts();
        [
            json!({ "protected": header, "payload": claims, "signature": signature }),
            json!({ "payload": claims, "header": right.header, "signature": signature }),
            json!({ "payload": claims, "header": { "alg": "none" }, "signature": "" }),
            json!({ "payload": claims, "signatures": [{ "protected": header, "signature": signature }] }),
            json!([right.token()]),
            json!(right.token()),
        ]
        .iter()
        .flat_map(|form| [form.to_string(), encode(&form.to_string())])
        .collect()
    })
    .await;
}

/// The private operations of the `rsa` crate tell the key by the time they take (Marvin). Neither it nor any other crate
/// that reads JWTs is linked; what is signed, aws-lc signs; nothing is decrypted.
#[tokio::test]
async fn jose_09_no_rsa_but_that_of_aws_lc_and_no_decryption() {
    let lock = include_str!("../../Cargo.lock");
    let linked: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"").and_then(|name| name.strip_suffix('"')))
        .collect();
    assert!(linked.contains(&"aws-lc-rs") && linked.len() > 100, "{linked:?}");
    for unwanted in
        ["rsa", "jsonwebtoken", "jwt-simple", "josekit", "biscuit", "openssl", "alcoholic_jwt", "jws", "jwt"]
    {
        assert!(!linked.contains(&unwanted), "{unwanted}");
    }
    let server = TestServer::start().await;
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    for name in metadata.as_object().unwrap().keys() {
        assert!(!name.contains("encryption"), "{name}");
    }
    let keys = server.get("/oauth2/jwks").send().await.json();
    for key in keys["keys"].as_array().unwrap() {
        assert_eq!(key["use"], "sig", "{key}");
    }
}

/// An encrypted token stood in for a signed one.
#[tokio::test]
async fn jose_10_an_encrypted_token_is_no_signed_one_anywhere() {
    refused_everywhere(|right| {
        let [header, claims, signature] = right.parts();
        let jwe = encode(&right.header("enc", "A256GCM"));
        let rsa = encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
        let rsa1_5 = encode(r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#);
        let mut forged: Vec<String> = [&header, &jwe, &rsa, &rsa1_5]
            .iter()
            .flat_map(|first| {
                [
                    format!("{first}.{signature}.{claims}.{claims}.{signature}"),
                    format!("{first}.{claims}..{signature}"),
                    format!("{first}...."),
                    format!("{first}.{claims}.{claims}.{signature}"),
                ]
            })
            .collect();
        forged.push(right.under("enc", "A256GCM"));
        forged.push(right.under("zip", "DEF"));
        forged
    })
    .await;
}

/// One token was read in two ways.
#[tokio::test]
async fn jose_12_a_token_has_one_spelling_everywhere() {
    refused_everywhere(|right| {
        let token = right.token();
        let [header, claims, signature] = right.parts();
        let bytes = URL_SAFE_NO_PAD.decode(&signature).unwrap();
        let mut forged = vec![
            format!("{{\"{token}\":\"\"}}"),
            format!("{{\"protected\":\"{token}\"}}"),
            format!("{token}{{}}"),
            format!("{token}="),
            format!("{token}=="),
            format!("{header}=.{claims}.{signature}"),
            format!("{header}.{claims}=.{signature}"),
            format!("{header}.{claims}.{}", URL_SAFE.encode(&bytes)),
            format!("{header}. {claims}.{signature}"),
            format!("{header}.{claims}\n.{signature}"),
            format!("{token}\n"),
            format!("{token}\0"),
            format!("{token}.{token}"),
            format!("{token},{token}"),
            format!("{token}."),
            format!(".{token}"),
            format!("\u{feff}{token}"),
            format!("{header}%2E{claims}.{signature}"),
        ];
        // A signature of 64 bytes leaves four bits unused in its last character.
        let mut canonical: Vec<char> = signature.chars().collect();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = alphabet.find(canonical.pop().unwrap()).unwrap();
        let stem: String = canonical.into_iter().collect();
        for bits in 1..4 {
            forged.push(format!("{header}.{claims}.{stem}{}", &alphabet[last + bits..=last + bits]));
        }
        // Claims before and after the object, and none.
        let text = right.claims.to_string();
        for claims in [format!("{text}{{}}"), format!("{text},"), format!("[{text}]"), String::new(), "{".to_owned()] {
            forged.push(right.sign(&right.header.to_string(), &claims));
        }
        forged
    })
    .await;
}

/// Times before 1970 wrapped to the far future, and those beyond every number to the past.
#[tokio::test]
async fn jose_13_times_beyond_all_numbers_are_refused_everywhere() {
    refused_everywhere(|right| {
        let (before, far): (&[&str], &[&str]) = (
            &["-1", "-9223372036854775808", "-9007199254740993"],
            &["9223372036854775808", "18446744073709551615", "18446744073709551616", "1e19", "1e308"],
        );
        let assertion = right.slot == Slot::Assertion;
        let exp = right.slot.claims().contains(&"exp");
        let mut forged = Vec::new();
        if exp {
            forged.extend(far.iter().map(|raw| right.saying("exp", raw)));
            // A hint may have expired, whenever.
            forged.extend(before.iter().filter(|_| !right.slot.is_hint()).map(|raw| right.saying("exp", raw)));
        }
        if assertion || right.slot.is_proof() {
            for claim in if assertion { &["nbf", "iat"][..] } else { &["iat"] } {
                forged.extend(far.iter().chain(&["9007199254740992"]).map(|raw| right.saying(claim, raw)));
            }
        }
        if assertion {
            forged.push(right.saying("exp", "9007199254740992"));
        }
        if right.slot.is_proof() {
            forged.extend(before.iter().map(|raw| right.saying("iat", raw)));
        }
        forged
    })
    .await;
}
