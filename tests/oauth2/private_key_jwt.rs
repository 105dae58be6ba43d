//! Clients that prove who they are with a JWT. TE-4, TE-11 to TE-17; standards §2 "Tests that must exist".

use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brama_http::routes::{Access, ROUTES};
use brama_jose::{Algorithm, JwkSet, SigningKey, Typ};
use brama_protocol::client::{AuthMethod, Client, ClientKeys, ClientType};
use brama_testkit::{Browser, RelyingParty, Storage, TestServer, rows, seeds};
use serde_json::{Value, json};

use super::signer::{MACHINE, SIGNER, Signer, ask, client, jwt, with};
use crate::support::Tokens;

/// Sign bytes as an ES256 key does, whatever the header says.
fn es256(key: &SigningKey) -> impl Fn(&[u8]) -> Vec<u8> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.to_pkcs8()).unwrap();
    move |bytes| pair.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec()
}

#[tokio::test]
async fn audiss01_audiss06_te11_to_te14_wrong_claims_are_refused_alike() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let signer = Signer::registered(&server).await;
    let issuer = server.issuer().to_owned();
    let now = server.ctx().now.as_second();
    let mut bodies = std::collections::BTreeSet::new();
    for changes in [
        json!({"aud": format!("{issuer}/oauth2/token")}),
        json!({"aud": format!("{issuer}/oauth2/par")}),
        json!({"aud": format!("{issuer}/")}),
        json!({"aud": [issuer, "https://other.example"]}),
        json!({"aud": null}),
        json!({"aud": SIGNER}),
        json!({"aud": "https://other.example"}),
        json!({"iss": "other"}),
        json!({"iss": null}),
        json!({"exp": now - 31}),
    ] {
        let reply = ask(&server, &signer.assertion(&server, changes.clone())).await;
        bodies.insert(reply.expect_error(400, "invalid_client").text().to_owned());
        // The counter of failures is not what this is about.
        server.clock.advance_seconds(600);
        let reply = ask(&server, &signer.assertion(&server, json!({}))).await;
        assert_eq!(reply.status, 200, "{changes}: {reply}");
    }
    let now = server.ctx().now.as_second();
    for changes in [
        json!({"exp": null}),
        json!({"exp": now.to_string()}),
        json!({"exp": now + 331}),
        json!({"exp": now + 3600}),
        json!({"nbf": now + 31}),
        json!({"iat": now + 31}),
        json!({"jti": null}),
        json!({"jti": ""}),
    ] {
        let reply = ask(&server, &signer.assertion(&server, changes)).await;
        bodies.insert(reply.expect_error(400, "invalid_client").text().to_owned());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn te12_te16_what_is_right_is_accepted() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let claims = |changes| Signer::claims(&server, changes);
    let sign = es256(&signer.key);
    let kid = signer.key.kid();
    for assertion in [
        signer.assertion(&server, json!({})),
        signer.assertion(&server, json!({"aud": [server.issuer()]})),
        signer.assertion(&server, json!({"iat": null})),
        jwt(&json!({"alg": "ES256"}), &claims(json!({})), &sign),
        jwt(&json!({"alg": "ES256", "kid": kid}), &claims(json!({})), &sign),
        jwt(&json!({"alg": "ES256", "kid": kid, "typ": "JWT"}), &claims(json!({})), &sign),
        jwt(&json!({"alg": "ES256", "typ": "application/client-authentication+jwt"}), &claims(json!({})), &sign),
    ] {
        assert_eq!(ask(&server, &assertion).await.status, 200, "{assertion}");
    }
    let beside = signer.assertion(&server, json!({}));
    let reply = server.post("/oauth2/token").form(&with(&beside, &[MACHINE, ("client_id", SIGNER)])).send().await;
    assert_eq!(reply.status, 200, "{reply}");
}

#[tokio::test]
async fn client04_te14_an_assertion_serves_once_at_all_nodes() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let assertion = signer.assertion(&server, json!({"jti": "once"}));
    assert_eq!(ask(&server, &assertion).await.status, 200);
    let other = server.another_node().await;
    for node in [&server, &other, &server] {
        assert_eq!(ask(node, &assertion).await.expect_error(400, "invalid_client").status, 400);
    }
    // The same `jti` in another assertion is a replay too, as long as the first counts.
    assert_eq!(ask(&server, &signer.assertion(&server, json!({"jti": "once"}))).await.status, 400);
    // Its life, the leeway, and a minute for clocks that differ.
    server.clock.advance_seconds(90 + 59);
    assert_eq!(ask(&other, &signer.assertion(&server, json!({"jti": "once"}))).await.status, 400);
    server.clock.advance_seconds(1);
    assert_eq!(ask(&other, &signer.assertion(&server, json!({"jti": "once"}))).await.status, 200);
    // Names are a client's own.
    let second = Signer::new(Algorithm::Es256);
    let keys = ClientKeys::Jwks(second.jwks());
    seeds::put_client(&server, Client { id: "second".parse().unwrap(), ..client(keys) }).await;
    let assertion = second.assertion(&server, json!({"iss": "second", "sub": "second", "jti": "once"}));
    assert_eq!(ask(&server, &assertion).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn client04_te14_of_many_at_once_at_two_nodes_one_gets_in() {
    let server = Arc::new(TestServer::with(|options| options.storage = Storage::Disk).await);
    let other = Arc::new(server.another_node().await);
    let signer = Signer::registered(&server).await;
    let assertion = signer.assertion(&server, json!({}));
    let asked: Vec<_> = (0..32)
        .map(|number| {
            let node = Arc::clone(if number % 2 == 0 { &server } else { &other });
            let assertion = assertion.clone();
            tokio::spawn(async move { ask(&node, &assertion).await.status.as_u16() })
        })
        .collect();
    let mut got_in = 0;
    for asked in asked {
        match asked.await.unwrap() {
            200 => got_in += 1,
            400 | 429 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(got_in, 1);
}

#[tokio::test]
async fn te14_a_refused_assertion_is_not_used_up() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let early = signer.assertion(&server, json!({"nbf": server.ctx().now.as_second() + 60}));
    assert_eq!(ask(&server, &early).await.status, 400);
    server.clock.advance_seconds(31);
    assert_eq!(ask(&server, &early).await.status, 200);
}

#[tokio::test]
async fn te14_without_the_store_nobody_gets_in() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let signer = Signer::registered(&server).await;
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    rows::execute(&server, "ALTER TABLE replay RENAME TO elsewhere");
    let assertion = signer.assertion(&server, json!({}));
    assert_eq!(ask(&server, &assertion).await.expect_error(503, "temporarily_unavailable").status, 503);
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO replay");
    assert_eq!(ask(&server, &assertion).await.status, 200);
}

/// Forgeries that have worked somewhere. RFC 8725 §2, §3.1; TE-15, TK-24, TK-25.
#[tokio::test]
async fn te15_te16_forgeries_are_refused() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    let public = serde_json::to_value(signer.key.public()).unwrap();
    let own = serde_json::to_value(attacker.public()).unwrap();
    let kid = signer.key.kid();
    let claims = |changes| Signer::claims(&server, changes);
    let none = |_: &[u8]| Vec::new();
    let as_secret = |secret: String| {
        move |bytes: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::sign(&key, bytes).as_ref().to_vec()
        }
    };
    let (right, wrong) = (es256(&signer.key), es256(&attacker));
    let mut forged = vec![
        jwt(&json!({"alg": "none"}), &claims(json!({})), none),
        jwt(&json!({"alg": "None"}), &claims(json!({})), none),
        jwt(&json!({"alg": "ES256", "kid": kid}), &claims(json!({})), none),
        jwt(&json!({"alg": "HS256", "kid": kid}), &claims(json!({})), as_secret(public.to_string())),
        jwt(&json!({"alg": "HS256", "kid": kid}), &claims(json!({})), as_secret(signer.jwks())),
        jwt(&json!({"alg": "ES256", "kid": kid}), &claims(json!({})), &wrong),
        jwt(&json!({"alg": "ES256"}), &claims(json!({})), &wrong),
        jwt(&json!({"alg": "ES256", "kid": kid}), &claims(json!({})), |_| vec![0; 64]),
        jwt(&json!({"alg": "ES256", "jwk": own}), &claims(json!({})), &wrong),
        jwt(&json!({"alg": "ES256", "kid": attacker.kid()}), &claims(json!({})), &wrong),
        jwt(&json!({"alg": "RS256", "kid": kid}), &claims(json!({})), &right),
        jwt(&json!({"alg": "ES256", "kid": kid, "crit": ["exp"]}), &claims(json!({})), &right),
    ];
    for typ in ["at+jwt", "dpop+jwt", "logout+jwt", "oauth-authz-req+jwt", "token-introspection+jwt", "", "jose"] {
        forged.push(jwt(&json!({"alg": "ES256", "kid": kid, "typ": typ}), &claims(json!({})), &right));
    }
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!([STANDARD.encode("cert")])),
    ] {
        forged.push(jwt(&json!({"alg": "ES256", "kid": attacker.kid(), name: value}), &claims(json!({})), &wrong));
    }
    for forgery in forged {
        let reply = ask(&server, &forgery).await.expect_error(400, "invalid_client");
        assert!(reply.header("retry-after").is_none(), "{reply}");
        server.clock.advance_seconds(600);
        assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200, "after {forgery}");
    }
    assert!(server.world.fetched().is_empty(), "no address of an assertion is asked");
}

/// Tokens of ours are no assertions, and assertions are no tokens. TK-25.
#[tokio::test]
async fn tk25_our_own_tokens_are_no_assertions() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let code = Browser::new(&server).sign_in_for(&shop).await;
    let tokens = Tokens::of(&shop.redeem(&server, code.code()).await);
    // Even where the server's own keys are registered for a client.
    let jwks = server.get("/oauth2/jwks").send().await.text().to_owned();
    let person = brama_testkit::tokens::peek(&tokens.access).1["sub"].as_str().unwrap().to_owned();
    for token in [&tokens.access, &tokens.id] {
        seeds::put_client(&server, client(ClientKeys::Jwks(jwks.clone()))).await;
        let reply = ask(&server, token).await;
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400, "{person}");
    }
    let machine = server.post("/oauth2/token").basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT)).form(&[MACHINE]);
    let machine = machine.send().await.expect(200).member("access_token");
    let robot = Client { id: seeds::ROBOT.parse().unwrap(), ..client(ClientKeys::Jwks(jwks)) };
    seeds::put_client(&server, robot).await;
    assert_eq!(ask(&server, &machine).await.expect_error(400, "invalid_client").status, 400);
    let signer = Signer::registered(&server).await;
    let assertion = signer.assertion(&server, json!({}));
    assert_eq!(server.get("/userinfo").bearer(&assertion).send().await.status, 401);
}

#[tokio::test]
async fn te3_another_way_than_the_registered_one_is_refused() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let secret = seeds::secret(SIGNER);
    // A client of keys has no secret, and may not do without anything.
    assert_eq!(server.post("/oauth2/token").basic(SIGNER, &secret).form(&[MACHINE]).send().await.status, 401);
    for fields in
        [vec![MACHINE, ("client_id", SIGNER)], vec![MACHINE, ("client_id", SIGNER), ("client_secret", &secret)]]
    {
        let reply = server.post("/oauth2/token").form(&fields).send().await;
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400);
    }
    // Whatever keys it has, a client of secrets signs nothing.
    for auth_method in [AuthMethod::ClientSecret, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        let keyed = Client { auth_method, ..client(ClientKeys::Jwks(signer.jwks())) };
        seeds::put_client(&server, keyed).await;
        let reply = ask(&server, &signer.assertion(&server, json!({}))).await;
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400);
    }
    let public = Client { client_type: ClientType::Native, auth_method: AuthMethod::None, ..client(ClientKeys::None) };
    seeds::put_client(&server, public).await;
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 400);
    let disabled = Client { enabled: false, ..client(ClientKeys::Jwks(signer.jwks())) };
    seeds::put_client(&server, disabled).await;
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 400);
}

#[tokio::test]
async fn te4_an_assertion_and_something_else_is_two_mechanisms() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let assertion = signer.assertion(&server, json!({}));
    let form = with(&assertion, &[MACHINE]);
    let secret = seeds::secret(SIGNER);
    let basic = server.post("/oauth2/token").basic(SIGNER, &secret).form(&form).send().await;
    let in_body = server.post("/oauth2/token").form(&with(&assertion, &[MACHINE, ("client_secret", &secret)]));
    let mismatch = server.post("/oauth2/token").form(&with(&assertion, &[MACHINE, ("client_id", seeds::ROBOT)]));
    for reply in [basic, in_body.send().await, mismatch.send().await] {
        assert_eq!(reply.expect_error(400, "invalid_request").status, 400);
    }
    // Nothing of that used it up.
    assert_eq!(ask(&server, &assertion).await.status, 200);
}

/// Every advertised algorithm works, and none that the client did not choose. EP-52.
#[tokio::test]
async fn te15_the_algorithm_is_one_of_ours_and_the_clients_own() {
    let server = TestServer::start().await;
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    let advertised = metadata["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
    assert_eq!(advertised.len(), 5);
    for name in advertised {
        let name = name.as_str().unwrap();
        let algorithm: Algorithm = name.parse().unwrap();
        let signer = Signer::new(algorithm);
        for registered in [None, Some(name.to_owned())] {
            let keys = ClientKeys::Jwks(signer.jwks());
            seeds::put_client(&server, Client { auth_signing_alg: registered.clone(), ..client(keys) }).await;
            let reply = ask(&server, &signer.assertion(&server, json!({}))).await;
            assert_eq!(reply.status, 200, "{name} {registered:?}: {reply}");
        }
        let other = if algorithm == Algorithm::Es256 { "PS256" } else { "ES256" };
        let keys = ClientKeys::Jwks(signer.jwks());
        seeds::put_client(&server, Client { auth_signing_alg: Some(other.to_owned()), ..client(keys) }).await;
        let reply = ask(&server, &signer.assertion(&server, json!({}))).await;
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400, "{name}");
        server.clock.advance_seconds(600);
    }
}

const JWKS_URI: &str = "https://signer.example.net/jwks.json";

async fn published(server: &TestServer) -> Signer {
    let signer = Signer::new(Algorithm::Es256);
    seeds::put_client(server, client(ClientKeys::JwksUri(JWKS_URI.to_owned()))).await;
    server.world.put(JWKS_URI, signer.jwks());
    signer
}

#[tokio::test]
async fn te17_published_keys_are_fetched_once_an_hour() {
    let server = TestServer::start().await;
    let signer = published(&server).await;
    for _ in 0..3 {
        assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    }
    server.clock.advance_seconds(3599);
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    assert_eq!(server.world.fetched(), [JWKS_URI]);
    server.clock.advance_seconds(1);
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    assert_eq!(server.world.fetched().len(), 2);
}

#[tokio::test]
async fn te17_an_unknown_key_is_looked_for_once_a_minute() {
    let server = TestServer::start().await;
    let old = published(&server).await;
    assert_eq!(ask(&server, &old.assertion(&server, json!({}))).await.status, 200);
    let new = Signer::new(Algorithm::Es256);
    for _ in 0..3 {
        assert_eq!(
            ask(&server, &new.assertion(&server, json!({}))).await.expect_error(400, "invalid_client").status,
            400
        );
    }
    assert_eq!(server.world.fetched().len(), 2, "one look for all of them");
    server.world.put(JWKS_URI, new.jwks());
    server.clock.advance_seconds(59);
    assert_eq!(ask(&server, &new.assertion(&server, json!({}))).await.status, 400);
    server.clock.advance_seconds(1);
    assert_eq!(ask(&server, &new.assertion(&server, json!({}))).await.status, 200);
    assert_eq!(server.world.fetched().len(), 3);
    // What is gone there is gone here.
    assert_eq!(ask(&server, &old.assertion(&server, json!({}))).await.status, 400);
}

#[tokio::test]
async fn te17_while_the_site_is_away_known_keys_serve_for_a_day() {
    let server = TestServer::start().await;
    let signer = published(&server).await;
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    server.world.remove(JWKS_URI);
    server.clock.advance_seconds(86_399);
    for _ in 0..3 {
        assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    }
    assert_eq!(server.world.fetched().len(), 2, "asked again once, and not for a minute after that");
    server.clock.advance_seconds(1);
    let reply = ask(&server, &signer.assertion(&server, json!({}))).await;
    assert_eq!(reply.header("retry-after"), Some("60"));
    assert_eq!(reply.expect_error(503, "temporarily_unavailable").status, 503);
    server.world.put(JWKS_URI, signer.jwks());
    server.clock.advance_seconds(60);
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
}

#[tokio::test]
async fn te17_what_is_no_key_set_is_no_answer_and_no_failure_of_the_client() {
    let server = TestServer::start().await;
    let signer = published(&server).await;
    let secret = json!({"keys": [{"kty": "oct", "k": "AAAA"}]}).to_string();
    let large = format!("{{\"keys\":[], \"x\":\"{}\"}}", "x".repeat(64 * 1024));
    for document in ["", "[]", "{}", "not json", &secret, &large] {
        server.world.put(JWKS_URI, document);
        for _ in 0..3 {
            let reply = ask(&server, &signer.assertion(&server, json!({}))).await;
            assert_eq!(reply.expect_error(503, "temporarily_unavailable").status, 503, "{document}");
        }
        server.clock.advance_seconds(60);
    }
    assert_eq!(server.world.fetched().len(), 6);
    // That was not the client's failure: it is let in as soon as its keys are there.
    server.world.put(JWKS_URI, signer.jwks());
    assert_eq!(ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    // An empty set is an answer.
    server.clock.advance_seconds(3600);
    server.world.put(JWKS_URI, serde_json::to_string(&JwkSet::default()).unwrap());
    assert_eq!(
        ask(&server, &signer.assertion(&server, json!({}))).await.expect_error(400, "invalid_client").status,
        400
    );
}

/// Every endpoint that authenticates clients does it alike. TE-2, TE-12.
#[tokio::test]
async fn te2_te12_the_same_at_every_endpoint() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let rows = ROUTES.iter().filter(|row| row.access == Access::Client);
    let paths: Vec<&str> = rows.map(|row| row.path).collect();
    assert!(paths.len() >= 3, "{paths:?}");
    let believed = async |path: &str, assertion: &str| {
        let form = with(assertion, &[MACHINE, ("token", "x")]);
        let reply = server.post(path).form(&form).send().await;
        assert_ne!(reply.status, 429, "{reply}");
        !reply.text().contains("invalid_client")
    };
    for path in &paths {
        let assertion = signer.assertion(&server, json!({}));
        assert!(believed(path, &assertion).await, "{path}");
        for again in &paths {
            assert!(!believed(again, &assertion).await, "{again} after {path}");
        }
        let own_address = json!({"aud": format!("{}{path}", server.issuer())});
        assert!(!believed(path, &signer.assertion(&server, own_address)).await, "{path}: its address is no audience");
        server.clock.advance_seconds(600);
    }
}

/// What the assertion says of itself is not in the answer, and neither is the reason.
#[tokio::test]
async fn te9_the_answer_repeats_nothing_of_the_assertion() {
    let server = TestServer::start().await;
    let signer = Signer::registered(&server).await;
    let assertion = signer.assertion(&server, json!({"jti": "remember-me", "aud": "https://other.example"}));
    let reply = ask(&server, &assertion).await.expect_error(400, "invalid_client");
    let unknown = signer.sign(&Signer::claims(&server, json!({"iss": "nobody", "sub": "nobody"})));
    let of_nobody = ask(&server, &unknown).await.expect_error(400, "invalid_client");
    assert_eq!(reply.body, of_nobody.body);
    assert!(!reply.text().contains("remember-me") && !reply.text().contains("other.example"), "{reply}");
    let typ: Value = brama_testkit::tokens::peek(&assertion).0;
    assert_eq!(typ["typ"], Typ::ClientAuthentication.as_str());
}
