//! DPoP: proofs at the token endpoint, bound tokens at our own protected resources. RFC 9449; standards §4.2; TE-22, TE-25,
//! TK-7, RS-10 to RS-15; BINDING-01.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Algorithm, SigningKey, Typ};
use brama_protocol::client::{AuthMethod, Client, ClientType, GrantType};
use brama_protocol::dpop::{NoncePurpose, access_token_hash};
use brama_testkit::{Browser, Call, RelyingParty, Reply, Storage, TestServer, rows, seeds, tokens};
use http::Method;
use serde_json::{Value, json};

use crate::device_page::{Tv, connect};
use crate::support::{DEMO_RT, SESSION};

const TOKEN: &str = "/oauth2/token";

/// A client's key.
struct Prover(SigningKey);

impl Prover {
    fn new() -> Self {
        Self(SigningKey::generate(Algorithm::Es256).unwrap())
    }

    fn jkt(&self) -> String {
        self.0.public().thumbprint()
    }

    /// Claims of a proof for this request, some of them changed; `null` leaves one out.
    fn claims(server: &TestServer, method: &str, path: &str, changes: Value) -> Value {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut claims = json!({
            "jti": format!("proof-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            "htm": method,
            "htu": format!("{}{path}", server.issuer()),
            "iat": server.ctx().now.as_second(),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        claims
    }

    fn proof(&self, server: &TestServer, method: &str, path: &str, changes: Value) -> String {
        self.0.sign(Typ::DpopProof, &Self::claims(server, method, path, changes)).unwrap()
    }

    /// For the token endpoint.
    fn at_token(&self, server: &TestServer) -> String {
        self.proof(server, "POST", TOKEN, json!({}))
    }

    /// For a protected resource with a token.
    fn beside(&self, server: &TestServer, method: &str, path: &str, token: &str) -> String {
        self.proof(server, method, path, json!({ "ath": access_token_hash(token) }))
    }
}

/// A code for an app, with the fields that redeem it.
async fn code(server: &TestServer, app: &RelyingParty, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut browser = Browser::new(server);
    let landing = browser.authorize(app, changes).await;
    let code = browser.complete(landing).await.code().to_owned();
    let mut fields = vec![("grant_type", "authorization_code"), ("code", &code), ("code_verifier", &app.verifier)];
    fields.push(("client_id", &app.client_id));
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn form<'s>(call: Call<'s>, app: &RelyingParty, fields: &[(String, String)]) -> Call<'s> {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match &app.secret {
        Some(secret) => call.basic(&app.client_id, secret).form(&fields),
        None => call.form(&fields),
    }
}

/// A token request with these proofs.
async fn ask(server: &TestServer, app: &RelyingParty, fields: &[(String, String)], proofs: &[&str]) -> Reply {
    let mut call = server.post(TOKEN);
    for proof in proofs {
        call = call.header("dpop", proof);
    }
    form(call, app, fields).send().await
}

fn refresh_fields(app: &RelyingParty, token: &str) -> Vec<(String, String)> {
    [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &app.client_id)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

async fn refresh(server: &TestServer, app: &RelyingParty, token: &str, prover: Option<&Prover>) -> Reply {
    let proof = prover.map(|prover| prover.at_token(server));
    let proofs: Vec<&str> = proof.as_deref().into_iter().collect();
    ask(server, app, &refresh_fields(app, token), &proofs).await
}

/// Tokens of an app that were bound to a key.
async fn bound(server: &TestServer, app: &RelyingParty, prover: &Prover) -> Reply {
    let fields = code(server, app, &[]).await;
    ask(server, app, &fields, &[&prover.at_token(server)]).await.expect(200)
}

/// One request to a protected resource with a bound token.
async fn open(server: &TestServer, path: &str, token: &str, proof: &str) -> Reply {
    server.get(path).header("authorization", &format!("DPoP {token}")).header("dpop", proof).send().await
}

#[tokio::test]
async fn tk7_rs14_a_proof_binds_the_access_token() {
    let server = TestServer::start().await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let reply = bound(&server, &cli, &prover).await;
    assert_eq!(reply.json()["token_type"], "DPoP");
    let token = reply.member("access_token");
    let claims = tokens::verify(&server, &token, Typ::AccessToken).await;
    assert_eq!(claims["cnf"], json!({ "jkt": prover.jkt() }));
    let reply = open(&server, "/userinfo", &token, &prover.beside(&server, "GET", "/userinfo", &token)).await;
    assert_eq!(reply.status, 200, "{reply}");
    // Without a proof everything is as before.
    let plain = cli.redeem(&server, Browser::new(&server).sign_in_for(&cli).await.code()).await.expect(200);
    assert_eq!(plain.json()["token_type"], "Bearer");
    assert_eq!(tokens::verify(&server, &plain.member("access_token"), Typ::AccessToken).await.get("cnf"), None);
}

/// TE-25, BINDING-01: the key can neither be swapped nor left out; a mistake costs nothing.
#[tokio::test]
async fn te25_binding01_a_public_clients_refresh_token_is_bound() {
    let server = TestServer::start().await;
    let (cli, prover, thief) = (RelyingParty::cli(), Prover::new(), Prover::new());
    let first = bound(&server, &cli, &prover).await.member("refresh_token");
    let forgotten = refresh(&server, &cli, &first, None).await;
    assert_eq!(forgotten.expect_error(400, "invalid_dpop_proof").status, 400);
    let swapped = refresh(&server, &cli, &first, Some(&thief)).await;
    assert_eq!(swapped.expect_error(400, "invalid_grant").status, 400);
    let second = refresh(&server, &cli, &first, Some(&prover)).await.expect(200);
    assert_eq!(second.json()["token_type"], "DPoP");
    let claims = tokens::verify(&server, &second.member("access_token"), Typ::AccessToken).await;
    assert_eq!(claims["cnf"]["jkt"], prover.jkt());
    let second = second.member("refresh_token");
    assert_ne!(first, second);
    // Design §5: the holder of the key lost an answer, long ago.
    server.clock.advance_seconds(3600);
    let replaced = refresh(&server, &cli, &first, Some(&prover)).await.expect(200).member("refresh_token");
    assert!(replaced != first && replaced != second);
    assert_eq!(refresh(&server, &cli, &second, Some(&prover)).await.expect_error(400, "invalid_grant").status, 400);
}

/// TE-25: a client that authenticates itself may change its key.
#[tokio::test]
async fn te25_a_confidential_clients_refresh_token_is_not_bound() {
    let server = TestServer::start().await;
    let (shop, one, two) = (RelyingParty::shop(), Prover::new(), Prover::new());
    let token = bound(&server, &shop, &one).await.member("refresh_token");
    for prover in [None, Some(&two), Some(&one)] {
        let reply = refresh(&server, &shop, &token, prover).await.expect(200);
        assert_eq!(reply.member("refresh_token"), token);
        let claims = tokens::verify(&server, &reply.member("access_token"), Typ::AccessToken).await;
        let jkt = claims.get("cnf").map(|cnf| cnf["jkt"].as_str().unwrap().to_owned());
        assert_eq!(jkt, prover.map(Prover::jkt));
    }
}

/// Header, claims and what signs them, as they are.
fn jws(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}

/// The same proof under another header, its signature being over the old one.
fn with_header(proof: &str, change: impl FnOnce(&mut Value)) -> String {
    let (header, rest) = proof.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    change(&mut header);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// Everything that can be wrong about a proof for this request.
fn bad_proofs(server: &TestServer, prover: &Prover, method: &str, path: &str, base: &Value) -> Vec<(&'static str, String)> {
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
        let reply = self::ask(&server, &shop, &refresh_fields(&shop, &token), &[&proof]).await;
        assert_eq!(reply.status, 200, "{reply}");
    }
    claims["jti"] = json!("new");
    let proof = prover.0.sign(Typ::DpopProof, &claims).unwrap();
    assert_eq!(self::ask(&server, &shop, &refresh_fields(&shop, &token), &[&proof]).await.status, 200);
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

/// TE-22: a code that was asked for with `dpop_jkt`.
#[tokio::test]
async fn te22_a_code_is_redeemed_by_the_key_it_was_asked_for_with() {
    let server = TestServer::start().await;
    let (prover, thief) = (Prover::new(), Prover::new());
    for app in [RelyingParty::cli(), RelyingParty::shop()] {
        let fields = code(&server, &app, &[("dpop_jkt", &prover.jkt())]).await;
        let missing = ask(&server, &app, &fields, &[]).await;
        assert_eq!(missing.expect_error(400, "invalid_dpop_proof").status, 400);
        let other = ask(&server, &app, &fields, &[&thief.at_token(&server)]).await;
        assert_eq!(other.expect_error(400, "invalid_grant").status, 400);
        let right = ask(&server, &app, &fields, &[&prover.at_token(&server)]).await;
        assert_eq!(right.expect(200).json()["token_type"], "DPoP", "nothing was spent");
    }
}

/// TE-22: such a client gets nothing without a proof, by whatever grant.
#[tokio::test]
async fn te22_a_client_whose_tokens_are_bound_always_needs_a_proof() {
    let server = TestServer::start().await;
    let robot = Client {
        dpop_bound_access_tokens: true,
        scope: brama_protocol::scope::Scope::parse("read").unwrap(),
        ..seeds::client("strict", ClientType::Service)
    };
    seeds::put_client(&server, robot).await;
    seeds::put_client(&server, Client { dpop_bound_access_tokens: true, ..Tv::client() }).await;
    let prover = Prover::new();
    let machine = async |proof: Option<&str>| {
        let call = server.post(TOKEN).basic("strict", &seeds::secret("strict")).maybe("dpop", proof);
        call.form(&[("grant_type", "client_credentials")]).send().await
    };
    assert_eq!(machine(None).await.expect_error(400, "invalid_dpop_proof").status, 400);
    let token = machine(Some(&prover.at_token(&server))).await.expect(200);
    assert_eq!(token.json()["token_type"], "DPoP");
    let claims = tokens::verify(&server, &token.member("access_token"), Typ::AccessToken).await;
    assert_eq!(claims["cnf"]["jkt"], prover.jkt());

    // EP-22: the device grant too, whose refresh token is bound.
    let tv = Tv::begin(&server, &[]).await;
    connect(&server, &tv, "allow").await;
    assert_eq!(tv.poll(&server).await.expect_error(400, "invalid_dpop_proof").status, 400);
    let fields = [("grant_type", Tv::GRANT), ("device_code", &*tv.device_code), ("client_id", "tv")];
    let reply = server.post(TOKEN).header("dpop", &prover.at_token(&server)).form(&fields).send().await.expect(200);
    assert_eq!(reply.json()["token_type"], "DPoP");
    let token = reply.member("refresh_token");
    let refresh = async |prover: &Prover| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &*token), ("client_id", "tv")];
        server.post(TOKEN).header("dpop", &prover.at_token(&server)).form(&fields).send().await
    };
    assert_eq!(refresh(&Prover::new()).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(refresh(&prover).await.status, 200);
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
        self::ask(&server, &shop, &refresh_fields(&shop, &token), &[&proof]).await
    };
    assert_eq!(ask(nonce.as_str(), -7200).await.status, 200);
    let foreign = ask("of-somebody-else", 0).await.expect_error(400, "use_dpop_nonce");
    assert!(foreign.header("dpop-nonce").is_some());
}

/// RS-10, RS-11, BINDING-01: a bound token opens nothing without its key.
#[tokio::test]
async fn rs10_rs11_binding01_bound_tokens_at_our_own_resources() {
    let server = TestServer::start().await;
    let (cli, prover, thief) = (RelyingParty::cli(), Prover::new(), Prover::new());
    let token = bound(&server, &cli, &prover).await.member("access_token");
    let other = bound(&server, &cli, &prover).await.member("access_token");
    for path in ["/userinfo", "/api/auth/me"] {
        let as_bearer = server.get(path).bearer(&token).send().await.expect_error(401, "invalid_token");
        let challenges = as_bearer.headers_of("www-authenticate");
        assert!(challenges[0].starts_with("Bearer error=\"invalid_token\""), "{as_bearer}");
        assert_eq!(challenges[1..], ["DPoP algs=\"ES256 EdDSA RS256 PS256\""], "{as_bearer}");
        let proof = prover.beside(&server, "GET", path, &token);
        let with_proof = server.get(path).bearer(&token).header("dpop", &proof).send().await;
        assert_eq!(with_proof.expect_error(401, "invalid_token").status, 401, "the scheme counts");

        let without = server.get(path).header("authorization", &format!("DPoP {token}")).send().await;
        let without = without.expect_error(401, "invalid_dpop_proof");
        let challenge = without.headers_of("www-authenticate")[0].to_owned();
        assert!(challenge.starts_with("DPoP error=\"invalid_dpop_proof\"") && challenge.contains("algs="), "{without}");

        let base = json!({ "ath": access_token_hash(&token) });
        let bad = bad_proofs(&server, &prover, "GET", path, &base);
        let more = [
            ("no ath", prover.proof(&server, "GET", path, json!({}))),
            ("ath of another token", prover.beside(&server, "GET", path, &other)),
            ("ath is the token", prover.proof(&server, "GET", path, json!({"ath": token}))),
        ];
        for (why, proof) in bad.into_iter().chain(more) {
            let reply = open(&server, path, &token, &proof).await;
            assert_eq!((reply.status.as_u16(), &*reply.member("error")), (401, "invalid_dpop_proof"), "{why}: {reply}");
        }
        let stolen = open(&server, path, &token, &thief.beside(&server, "GET", path, &token)).await;
        assert_eq!(stolen.expect_error(401, "invalid_token").status, 401, "another key");

        let proof = prover.beside(&server, "GET", path, &token);
        assert_eq!(open(&server, path, &token, &proof).await.status, 200);
        assert_eq!(open(&server, path, &token, &proof).await.expect_error(401, "invalid_dpop_proof").status, 401, "again");
    }
    // OpenID Core §5.3.1: a token in a form is a bearer token.
    let in_form = server.post("/userinfo").form(&[("access_token", &token)]).send().await;
    assert_eq!(in_form.expect_error(401, "invalid_token").status, 401);
    let proof = prover.beside(&server, "POST", "/userinfo", &token);
    let posted = server.post("/userinfo").header("authorization", &format!("dpop {token}")).header("dpop", &proof);
    assert_eq!(posted.send().await.status, 200);
}

/// RS-10 the other way round, and what is said to whoever brought nothing.
#[tokio::test]
async fn rs10_an_unbound_token_is_no_dpop_token() {
    let server = TestServer::start().await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let plain = cli.redeem(&server, Browser::new(&server).sign_in_for(&cli).await.code()).await.member("access_token");
    for path in ["/userinfo", "/api/auth/me"] {
        let reply = open(&server, path, &plain, &prover.beside(&server, "GET", path, &plain)).await;
        let challenges = reply.headers_of("www-authenticate");
        assert!(challenges[0].starts_with("DPoP error=\"invalid_token\""), "{reply}");
        assert_eq!((reply.status.as_u16(), challenges[1..].concat()), (401, "Bearer".to_owned()), "{reply}");
        assert_eq!(server.get(path).bearer(&plain).send().await.status, 200);
        let nothing = server.get(path).send().await;
        let challenges = nothing.headers_of("www-authenticate");
        assert_eq!(challenges, ["Bearer", "DPoP algs=\"ES256 EdDSA RS256 PS256\""], "no error where nothing came");
    }
}

/// RS-12: nonces of the two kinds are separate.
#[tokio::test]
async fn rs12_a_nonce_of_the_token_endpoint_is_none_at_a_resource() {
    let server = TestServer::start().await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let token = bound(&server, &cli, &prover).await.member("access_token");
    let open = async |nonce: &str| {
        let claims = json!({"ath": access_token_hash(&token), "nonce": nonce});
        open(&server, "/userinfo", &token, &prover.proof(&server, "GET", "/userinfo", claims)).await
    };
    let foreign = server.deployment.nonces.issue(NoncePurpose::AuthorizationServer, server.ctx().now);
    let refused = open(foreign.as_str()).await.expect_error(401, "use_dpop_nonce");
    assert!(refused.headers_of("www-authenticate")[0].starts_with("DPoP error=\"use_dpop_nonce\""), "{refused}");
    let nonce = refused.header("dpop-nonce").unwrap();
    assert_eq!(open(nonce).await.status, 200);
}

/// Design §5: a script on another site gets its refresh token in the body when it is bound, and none otherwise.
#[tokio::test]
async fn design5_where_a_bound_refresh_token_goes() {
    let server = TestServer::start().await;
    let (foreign, prover) = (RelyingParty::foreign(), Prover::new());
    let ask = async |origin: &str, fields: &[(String, String)], proof: Option<&str>| {
        let call = server.post(TOKEN).script(origin, "cross-site").maybe("dpop", proof);
        form(call, &foreign, fields).send().await.expect(200)
    };
    let fields = code(&server, &foreign, &[]).await;
    assert_eq!(ask(seeds::FOREIGN_ORIGIN, &fields, None).await.json().get("refresh_token"), None);
    let fields = code(&server, &foreign, &[]).await;
    let stranger = ask("https://evil.example", &fields, Some(&prover.at_token(&server))).await;
    assert_eq!(stranger.json().get("refresh_token"), None, "its origin is not the client's");
    let fields = code(&server, &foreign, &[]).await;
    let reply = ask(seeds::FOREIGN_ORIGIN, &fields, Some(&prover.at_token(&server))).await;
    assert_eq!(reply.set_cookies(), [""; 0]);
    assert_eq!(reply.header("access-control-expose-headers"), Some("DPoP-Nonce, WWW-Authenticate, Retry-After, Date"));
    let token = reply.member("refresh_token");
    let fields = refresh_fields(&foreign, &token);
    let next = ask(seeds::FOREIGN_ORIGIN, &fields, Some(&prover.at_token(&server))).await;
    assert_ne!(next.member("refresh_token"), token);
    let preflight = server.call(Method::OPTIONS, TOKEN).header("origin", seeds::FOREIGN_ORIGIN);
    let preflight = preflight.header("access-control-request-method", "POST").send().await;
    assert!(preflight.list("access-control-allow-headers").contains(&"DPoP"), "{preflight}");
}

/// The cookie of an app that proves a key is bound too.
#[tokio::test]
async fn te25_a_refresh_cookie_can_be_bound() {
    let server = TestServer::start().await;
    let (prover, thief) = (Prover::new(), Prover::new());
    let login = json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    let proof = prover.proof(&server, "POST", "/api/auth/login", json!({}));
    let call = server.post("/api/auth/login").script(seeds::APP_ORIGIN, "same-site").header("dpop", &proof);
    let reply = call.json(&login).send().await.expect(200);
    assert_eq!(reply.json()["token_type"], "DPoP");
    let jar = [SESSION, DEMO_RT].map(|name| format!("{name}={}", reply.cookie_value(name).unwrap())).join("; ");
    for method in ["POST", "GET"] {
        let path = "/api/auth/refresh";
        let send = async |proof: Option<String>| {
            let call = server.call(method.parse().unwrap(), path).script(seeds::APP_ORIGIN, "same-site");
            call.cookie(&jar).maybe("dpop", proof.as_deref()).send().await
        };
        assert_eq!(send(None).await.expect_error(400, "invalid_dpop_proof").status, 400);
        let stolen = send(Some(thief.proof(&server, method, path, json!({})))).await;
        assert_eq!(stolen.expect_error(401, "login_required").status, 401);
        let right = send(Some(prover.proof(&server, method, path, json!({})))).await.expect(200);
        assert_eq!(right.json()["token_type"], "DPoP");
        let token = right.member("access_token");
        let me = open(&server, "/api/auth/me", &token, &prover.beside(&server, "GET", "/api/auth/me", &token)).await;
        assert_eq!(me.status, 200, "{me}");
    }
}

/// TE-37 for cookies: a first-party app without the refresh grant gets no cookie and cannot refresh.
#[tokio::test]
async fn te37_a_first_party_app_without_the_refresh_grant_gets_no_cookie() {
    let server = TestServer::start().await;
    let demo = server.store.find_client(&seeds::DEMO.parse().unwrap()).await.unwrap().unwrap().client.clone();
    let before = crate::support::logged_in(&server).await;
    let jar = format!("{SESSION}={}; {DEMO_RT}={}", before.jar.get(SESSION).unwrap(), before.jar.get(DEMO_RT).unwrap());
    seeds::put_client(&server, Client { grant_types: vec![GrantType::AuthorizationCode], ..demo }).await;
    let mut browser = Browser::new(&server);
    let reply = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.expect(200);
    assert_eq!(reply.set_cookie(DEMO_RT), None);
    let refused = server.post("/api/auth/refresh").script(seeds::APP_ORIGIN, "same-site").cookie(&jar).send().await;
    assert_eq!(refused.expect_error(401, "login_required").status, 401);
    assert_eq!(AuthMethod::None, server.store.find_client(&seeds::DEMO.parse().unwrap()).await.unwrap().unwrap().client.auth_method);
}
