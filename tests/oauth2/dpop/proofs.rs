//! What a proof has to be, at the token endpoint: each check, each once, nonces. Standards §4.2; RS-12 to RS-15.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Algorithm, SigningKey, Typ};
use brama_protocol::dpop::NoncePurpose;
use brama_testkit::{Browser, RelyingParty, Storage, TestServer, rows};
use serde_json::{Value, json};

use super::{Prover, TOKEN, ask, bound, code, form, open, refresh, refresh_fields};

/// Header, claims and what signs them, as they are.
pub(crate) fn jws(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}

/// The same proof under another header, its signature being over the old one.
pub(crate) fn with_header(proof: &str, change: impl FnOnce(&mut Value)) -> String {
    let (header, rest) = proof.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    change(&mut header);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// Everything that can be wrong about a proof for this request.
pub(crate) fn bad_proofs(
    server: &TestServer,
    prover: &Prover,
    method: &str,
    path: &str,
    base: &Value,
) -> Vec<(&'static str, String)> {
    let with = |changes: Value| {
        let mut all = base.clone();
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        prover.proof(server, method, path, all)
    };
    let now = server.ctx().now.as_second();
    let good = with(json!({}));
    let claims = Prover::claims(server, method, path, base.clone());
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    let mut bad = vec![
        ("no JWS", "x".to_owned()),
        ("two of three parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("a private key", with_header(&good, |header| header["jwk"]["d"] = json!("AAAA"))),
        ("no key", with_header(&good, |header| header["jwk"] = Value::Null)),
        ("typ JWT", with_header(&good, |header| header["typ"] = json!("JWT"))),
        ("alg none", jws(&json!({"typ": "dpop+jwt", "alg": "none"}), &claims, b"")),
        ("alg HS256", {
            let key = json!({"kty": "oct", "k": "c2VjcmV0"});
            let unsigned = jws(&json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": key}), &claims, b"");
            let signed = unsigned.trim_end_matches('.');
            jws(
                &json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": key}),
                &claims,
                aws_lc_rs::hmac::sign(&hmac, signed.as_bytes()).as_ref(),
            )
        }),
        ("signed by another key", {
            let other = Prover::new().proof(server, method, path, base.clone());
            format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1)
        }),
        ("an access token of the key", prover.0.sign(Typ::AccessToken, &claims).unwrap()),
        ("another method", with(json!({"htm": "PUT"}))),
        ("the method in lower case", with(json!({"htm": method.to_lowercase()}))),
        ("another path", with(json!({"htu": format!("{}/oauth2/other", server.issuer())}))),
        ("another host", with(json!({"htu": format!("https://evil.example{path}")}))),
        ("http", with(json!({"htu": format!("http://id.example.com{path}")}))),
        ("another port", with(json!({"htu": format!("https://id.example.com:8443{path}")}))),
        ("61 s old", with(json!({"iat": now - 61}))),
        ("31 s ahead", with(json!({"iat": now + 31}))),
        ("iat as text", with(json!({"iat": now.to_string()}))),
        ("a jti of 10 kB", with(json!({"jti": "a".repeat(10_000)}))),
        ("an empty jti", with(json!({"jti": ""}))),
    ];
    for claim in ["jti", "htm", "htu", "iat"] {
        bad.push(("a claim is missing", with(json!({ claim: null }))));
        bad.push(("a claim is a list", with(json!({ claim: [1] }))));
    }
    bad
}

/// Standards §4.2: each check, and none of them costs the code.
#[tokio::test]
async fn te22_rs15_every_check_of_a_proof_at_the_token_endpoint() {
    let server = TestServer::start().await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let fields = code(&server, &cli, &[]).await;
    for (why, proof) in bad_proofs(&server, &prover, "POST", TOKEN, &json!({})) {
        let reply = ask(&server, &cli, &fields, &[&proof]).await;
        assert_eq!((reply.status.as_u16(), &*reply.member("error")), (400, "invalid_dpop_proof"), "{why}: {reply}");
        assert_eq!(reply.header("dpop-nonce"), None, "{why}");
    }
    let two = [prover.at_token(&server), prover.at_token(&server)];
    let reply = ask(&server, &cli, &fields, &[&two[0], &two[1]]).await;
    assert_eq!(reply.expect_error(400, "invalid_dpop_proof").status, 400);
    // RS-15: what a proxy says about the address does not count.
    let elsewhere = prover.proof(&server, "POST", TOKEN, json!({"htu": format!("https://evil.example{TOKEN}")}));
    let call = server.post(TOKEN).header("dpop", &elsewhere).header("x-forwarded-host", "evil.example");
    assert_eq!(form(call, &cli, &fields).send().await.expect_error(400, "invalid_dpop_proof").status, 400);
    let htu = format!("HTTPS://ID.example.com:443{TOKEN}?query=is#ignored");
    let good = prover.proof(&server, "POST", TOKEN, json!({"htu": htu, "iat": server.ctx().now.as_second() - 60}));
    assert_eq!(ask(&server, &cli, &fields, &[&good]).await.status, 200);
}

/// RS-13: once, even for another request that it fits.
#[tokio::test]
async fn rs13_a_proof_serves_once() {
    let server = TestServer::start().await;
    let (shop, prover) = (RelyingParty::shop(), Prover::new());
    let token = bound(&server, &shop, &prover).await.member("refresh_token");
    let proof = prover.at_token(&server);
    let ask = async || ask(&server, &shop, &refresh_fields(&shop, &token), &[&proof]).await;
    assert_eq!(ask().await.status, 200);
    for seconds in [0, 59, 1] {
        server.clock.advance_seconds(seconds);
        assert_eq!(ask().await.expect_error(400, "invalid_dpop_proof").status, 400);
    }
    // Its `jti` is another one's to use.
    let mut claims = Prover::claims(&server, "POST", TOKEN, json!({"jti": "the same"}));
    for other in [&prover, &Prover::new()] {
        let proof = other.0.sign(Typ::DpopProof, &claims).unwrap();
        let reply = super::ask(&server, &shop, &refresh_fields(&shop, &token), &[&proof]).await;
        assert_eq!(reply.status, 200, "{reply}");
    }
    claims["jti"] = json!("new");
    let proof = prover.0.sign(Typ::DpopProof, &claims).unwrap();
    assert_eq!(super::ask(&server, &shop, &refresh_fields(&shop, &token), &[&proof]).await.status, 200);
}

/// RS-13: whether a proof is used again cannot be told then, so it is not taken.
#[tokio::test]
async fn rs13_without_the_memory_of_used_proofs_none_is_accepted() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let (shop, prover) = (RelyingParty::shop(), Prover::new());
    let reply = bound(&server, &shop, &prover).await;
    let (refresh_token, access) = (reply.member("refresh_token"), reply.member("access_token"));
    rows::execute(&server, "ALTER TABLE replay RENAME TO away");
    let refused = refresh(&server, &shop, &refresh_token, Some(&prover)).await;
    assert_eq!(refused.expect_error(503, "temporarily_unavailable").header("retry-after"), Some("2"));
    let proof = prover.beside(&server, "GET", "/userinfo", &access);
    assert_eq!(open(&server, "/userinfo", &access, &proof).await.status, 503);
    assert_eq!(refresh(&server, &shop, &refresh_token, None).await.status, 200, "nothing else is the matter");
    rows::execute(&server, "ALTER TABLE away RENAME TO replay");
    assert_eq!(refresh(&server, &shop, &refresh_token, Some(&prover)).await.status, 200);
}

#[tokio::test]
async fn rs14_every_listed_algorithm_works() {
    let server = TestServer::start().await;
    let json = server.get("/.well-known/openid-configuration").send().await.json();
    let listed: Vec<&str> =
        json["dpop_signing_alg_values_supported"].as_array().unwrap().iter().map(|alg| alg.as_str().unwrap()).collect();
    assert_eq!(listed, Algorithm::ALL.map(Algorithm::as_str));
    let cli = RelyingParty::cli();
    for algorithm in Algorithm::ALL {
        let prover = Prover(SigningKey::generate(algorithm).unwrap());
        let token = bound(&server, &cli, &prover).await.member("access_token");
        let proof = prover.beside(&server, "GET", "/userinfo", &token);
        assert_eq!(open(&server, "/userinfo", &token, &proof).await.status, 200, "{algorithm}");
    }
}

/// RS-12: with nonces required, one more request; a clock that is wrong does not matter then.
#[tokio::test]
async fn rs12_nonces_of_the_token_endpoint() {
    let server = TestServer::with(|options| options.settings.dpop_nonce_required = true).await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let fields = code(&server, &cli, &[]).await;
    let refused = ask(&server, &cli, &fields, &[&prover.at_token(&server)]).await.expect_error(400, "use_dpop_nonce");
    let nonce = refused.header("dpop-nonce").unwrap().to_owned();
    assert!(nonce.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{nonce}");
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    let with = |nonce: &str, iat: i64| {
        let iat = server.ctx().now.as_second() + iat;
        prover.proof(&server, "POST", TOKEN, json!({"nonce": nonce, "iat": iat}))
    };
    let resource = server.deployment.nonces.issue(NoncePurpose::ProtectedResource, server.ctx().now);
    for wrong in ["", "x", resource.as_str()] {
        let reply = ask(&server, &cli, &fields, &[&with(wrong, 0)]).await.expect_error(400, "use_dpop_nonce");
        assert_eq!(reply.headers_of("dpop-nonce"), [nonce.as_str()], "exactly one");
    }
    let reply = ask(&server, &cli, &fields, &[&with(&nonce, -7200)]).await.expect(200);
    assert_eq!(reply.header("dpop-nonce"), Some(&*nonce), "the next one");
    let token = reply.member("refresh_token");
    server.clock.advance_seconds(599);
    let fields = refresh_fields(&cli, &token);
    let replayed = ask(&server, &cli, &fields, &[&with(&nonce, 0)]).await.expect(200);
    let newer = replayed.header("dpop-nonce").unwrap().to_owned();
    assert_ne!(newer, nonce);
    server.clock.advance_seconds(1);
    let stale = ask(&server, &cli, &fields, &[&with(&nonce, 0)]).await.expect_error(400, "use_dpop_nonce");
    let newest = stale.header("dpop-nonce").unwrap().to_owned();
    assert_eq!(ask(&server, &cli, &fields, &[&with(&newest, 0)]).await.status, 200);
    // Whoever sends no proof is not asked for a nonce.
    assert_eq!(cli.redeem(&server, Browser::new(&server).sign_in_for(&cli).await.code()).await.status, 200);
}

/// Off by default; a nonce of ours is honoured, and one that is none is not.
#[tokio::test]
async fn rs12_a_nonce_that_nobody_asked_for() {
    let server = TestServer::start().await;
    let (shop, prover) = (RelyingParty::shop(), Prover::new());
    let reply = bound(&server, &shop, &prover).await;
    assert_eq!(reply.header("dpop-nonce"), None);
    let token = reply.member("refresh_token");
    let nonce = server.deployment.nonces.issue(NoncePurpose::AuthorizationServer, server.ctx().now);
    let ask = async |nonce: &str, iat: i64| {
        let iat = server.ctx().now.as_second() + iat;
        let proof = prover.proof(&server, "POST", TOKEN, json!({"nonce": nonce, "iat": iat}));
        super::ask(&server, &shop, &refresh_fields(&shop, &token), &[&proof]).await
    };
    assert_eq!(ask(nonce.as_str(), -7200).await.status, 200);
    let foreign = ask("of-somebody-else", 0).await.expect_error(400, "use_dpop_nonce");
    assert!(foreign.header("dpop-nonce").is_some());
}
