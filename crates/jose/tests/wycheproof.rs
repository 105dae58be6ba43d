//! The Wycheproof JSON Web vectors (C2SP). They are not in this tree: `BRAMA_VECTORS` names the folder that has them.
//!
//! Symmetric (HS*) and encryption (JWE) vectors are unsupported by design, and so are SHA-384 and SHA-512: all of those must be
//! refused, the "valid" ones too. A few vectors pair a key of one `alg` with a header of another and call that valid; the key
//! decides here (TK-22), so these are refused as well.
//!
//! These are all files about JSON Web formats, and every case of them is run: 401 signatures, 26 keys, 83 of both. Wycheproof's
//! vectors for the algorithms alone (P-256 in the form of IEEE P1363, Ed25519, RSA PKCS #1 and PSS) are not in that folder and
//! are run by nobody here: the arithmetic is that of AWS-LC, whose own tests have them. What a JWS could add to it, signatures of
//! zeros, of the order, cut, prolonged and in DER, is in `tests/museum/jose.rs`.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::path::PathBuf;

use brama_jose::{Jwk, JwkSet, Typ, VerifyingKey, parse};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "numberOfTests")]
    number: usize,
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    comment: String,
    public: Option<Value>,
    private: Option<Value>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "tcId")]
    id: u32,
    comment: String,
    jws: Option<Value>,
    jwe: Option<Value>,
    result: String,
}

#[derive(Default, Debug, PartialEq, Eq)]
struct Counts {
    accepted: usize,
    refused: usize,
    unsupported: usize,
}

impl Counts {
    fn all(&self) -> usize {
        self.accepted + self.refused + self.unsupported
    }
}

fn vectors(name: &str) -> Option<File> {
    let Some(folder) = std::env::var_os("BRAMA_VECTORS") else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "BRAMA_VECTORS is not set: in CI it must name the folder with the Wycheproof files"
        );
        eprintln!("BRAMA_VECTORS is not set: {name} was NOT run");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    // Tests run in the folder of the crate; a relative path is meant from the top of the tree.
    let path =
        if path.is_relative() { PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path) } else { path };
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The key as a user of this crate would get at it: a single JWK, or the one of a set that `kid` names.
fn find_key(group: &Group, kid: Option<&str>) -> Result<VerifyingKey, String> {
    let json = group.public.as_ref().or(group.private.as_ref()).unwrap();
    let jwk = if json.get("keys").is_some() {
        let set: JwkSet = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
        kid.and_then(|kid| set.get(kid)).cloned().ok_or("no such key")?
    } else {
        serde_json::from_value::<Jwk>(json.clone()).map_err(|error| error.to_string())?
    };
    VerifyingKey::new(&jwk).map_err(|error| error.to_string())
}

fn accepts(group: &Group, token: &Value) -> Result<(), String> {
    let text = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
    let unverified = parse(&text).map_err(|error| error.to_string())?;
    let key = find_key(group, unverified.header().kid())?;
    unverified.verify(&key, Typ::IdToken).map(|_| ()).map_err(|error| error.to_string())
}

/// Would a correct verifier of our four algorithms accept it: is it valid, and is the `alg` of header and key the same one of ours?
fn is_ours(group: &Group, token: &str) -> bool {
    let header = token.split('.').next().unwrap();
    let alg = |json: &Value| json.get("alg").and_then(Value::as_str).map(str::to_owned);
    let header: Value = {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header);
        bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null)
    };
    let json = group.public.as_ref().or(group.private.as_ref()).unwrap();
    let key = json.get("keys").and_then(|keys| keys.get(0)).unwrap_or(json);
    let name = alg(&header);
    name.as_deref().is_some_and(|name| ["ES256", "EdDSA", "RS256", "PS256"].contains(&name)) && name == alg(key)
}

fn run(name: &str) -> Option<Counts> {
    let file = vectors(name)?;
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    for group in &file.groups {
        for case in &group.tests {
            let token = case.jws.as_ref().or(case.jwe.as_ref()).unwrap();
            let expected = case.result == "valid" && token.as_str().is_some_and(|token| is_ours(group, token));
            let result = accepts(group, token);
            match (expected, case.result.as_str()) {
                (true, _) => counts.accepted += 1,
                (false, "valid") => counts.unsupported += 1,
                (false, _) => counts.refused += 1,
            }
            if result.is_ok() != expected {
                failures.push(format!(
                    "{} {} ({}): expected {expected}, got {result:?}",
                    case.id, case.comment, group.comment
                ));
            }
        }
    }
    assert_eq!(counts.all(), file.number, "{name}: not every case was run");
    assert!(failures.is_empty(), "{name}:\n{}", failures.join("\n"));
    eprintln!("{name}: {counts:?}");
    Some(counts)
}

#[test]
fn jose_07_wycheproof_json_web_signature() {
    if let Some(counts) = run("json_web_signature_test.json") {
        assert!(counts.all() >= 401, "{counts:?}");
        assert!(counts.accepted >= 16, "{counts:?}");
        assert!(counts.refused >= 350, "{counts:?}");
        assert!(counts.unsupported >= 20, "{counts:?}");
    }
}

#[test]
fn jose_07_wycheproof_json_web_key() {
    if let Some(counts) = run("json_web_key_test.json") {
        assert!(counts.all() >= 26, "{counts:?}");
        assert!(counts.accepted >= 1, "{counts:?}");
        assert!(counts.refused >= 21, "{counts:?}");
        assert!(counts.unsupported >= 4, "{counts:?}");
    }
}

#[test]
fn jose_07_wycheproof_json_web_crypto() {
    if let Some(counts) = run("json_web_crypto_test.json") {
        assert!(counts.all() >= 83, "{counts:?}");
        assert!(counts.accepted >= 2, "{counts:?}");
        assert!(counts.refused >= 75, "{counts:?}");
        assert!(counts.unsupported >= 4, "{counts:?}");
    }
}
