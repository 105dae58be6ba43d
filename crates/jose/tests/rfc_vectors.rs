//! The worked examples of the specifications: RFC 7515 A.2 and A.3, RFC 8037 A.3 and A.4, RFC 7638 §3.1.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use brama_jose::{Algorithm, Jwk, JwsError, Typ, VerifyingKey, parse};

const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn jwk(json: &str) -> Jwk {
    serde_json::from_str(json).unwrap()
}

fn verify(key: &VerifyingKey, token: &str) -> Result<serde_json::Value, JwsError> {
    parse(token)?.verify(key, Typ::IdToken)?.claims()
}

fn check_joe(key: &VerifyingKey, token: &str) {
    let claims = verify(key, token).unwrap();
    assert_eq!(claims["iss"], "joe");
    assert_eq!(claims["exp"], 1_300_819_380);
    assert_eq!(claims["http://example.com/is_root"], true);
    let changed = token.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Ei");
    assert_eq!(verify(key, &changed), Err(JwsError::BadSignature));
}

const RSA_A2: &str = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;

#[test]
fn rfc_7515_a_2_rs256() {
    let key = VerifyingKey::with_algorithm(&jwk(RSA_A2), Algorithm::Rs256).unwrap();
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    check_joe(&key, &format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{signature}"));
}

#[test]
fn rfc_7515_a_3_es256() {
    let key = VerifyingKey::new(&jwk(r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#)).unwrap();
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    check_joe(&key, &format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{signature}"));
}

#[test]
fn rfc_8037_a_3_thumbprint_and_a_4_signature() {
    let jwk = jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let key = VerifyingKey::new(&jwk).unwrap();
    let head = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let verified = parse(&format!("{head}.{signature}")).unwrap().verify(&key, Typ::IdToken).unwrap();
    // The example signs a sentence. It verifies, and gives no claims.
    assert_eq!(verified.claims::<serde_json::Value>(), Err(JwsError::BadClaims));
}

#[test]
fn rfc_7638_3_1_thumbprint_ignores_every_other_member() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    for extra in ["", r#","alg":"RS256","kid":"2011-04-29","use":"sig","unknown":{"a":1}"#] {
        let key = jwk(&format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"{extra}}}"#));
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
