//! Bound tokens and their proofs: standards §4.2, RS-10 to RS-15 and the list of tests of §4; museum BINDING-01.

use std::time::SystemTime;

use axum::Router;
use axum::routing::{get, post};
use brama_guard::{
    AccessToken, BuildError, Dpop, FirstUse, Guard, InMemoryReplays, InvalidToken, ProofError, Reason, ReplayStore,
    ReplayUnavailable,
};
use brama_jose::{Algorithm, SigningKey, Typ};
use brama_protocol::dpop::{NonceKey, NoncePurpose, access_token_hash};
use serde_json::{Value, json};

use crate::support::{Issuer, Seen, key, send_with};

const API: &str = "https://api.example.com";

/// An issuer with a signing key, a client with a key of its own, and a token that is bound to it.
struct World {
    issuer: Issuer,
    signing: SigningKey,
    client: SigningKey,
    token: String,
}

impl World {
    async fn new() -> Self {
        let (signing, client) = (key(), key());
        let issuer = Issuer::start(&[&signing]).await;
        let token = issuer.token_with(&signing, json!({ "cnf": { "jkt": client.public().thumbprint() } }));
        Self { issuer, signing, client, token }
    }

    fn guard(&self, dpop: Dpop) -> Guard {
        self.issuer.builder().dpop(dpop).build().unwrap()
    }

    fn claims(&self, jti: &str) -> Value {
        json!({
            "jti": jti, "htm": "GET", "htu": format!("{API}/hello"), "iat": self.issuer.now(),
            "ath": access_token_hash(&self.token),
        })
    }

    /// `null` removes.
    fn proof(&self, jti: &str, changes: Value) -> String {
        let mut claims = self.claims(jti);
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        self.client.sign(Typ::DpopProof, &claims).unwrap()
    }

    async fn send(&self, api: &Router, proofs: &[&str]) -> Seen {
        send_with(api, "GET", "/hello", &[&format!("DPoP {}", self.token)], proofs).await
    }
}

fn api(guard: &Guard) -> Router {
    async fn hello(token: AccessToken) -> String {
        format!("hello {} {}", token.subject(), token.key_thumbprint().unwrap_or_default())
    }
    Router::new()
        .route("/hello", get(hello).post(hello).layer(guard.layer()))
        .route("/orders", post(hello).layer(guard.layer().require_scope("orders")))
        .route("/bound", get(hello).layer(guard.layer().require_dpop()))
}

fn assert_invalid_proof(seen: &Seen, error: ProofError) {
    assert_eq!(seen.status, 401, "{seen:?}");
    let text =
        format!("DPoP error=\"invalid_dpop_proof\", error_description=\"{error}\", algs=\"ES256 EdDSA RS256 PS256\"");
    assert_eq!(seen.challenges, ["Bearer".to_owned(), text]);
}

#[tokio::test]
async fn rs_10_a_bound_token_with_its_proof_is_handled() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    let seen = world.send(&api, &[&world.proof("1", json!({}))]).await;
    assert_eq!(seen.body, format!("hello alice {}", world.client.public().thumbprint()));
    assert_eq!((seen.status, seen.nonce), (200, None));
    // The scheme ignores case.
    let proof = world.proof("2", json!({}));
    let seen = send_with(&api, "GET", "/hello", &[&format!("dpop {}", world.token)], &[&proof]).await;
    assert_eq!(seen.status, 200);
}

#[tokio::test]
async fn rs_11_proofs_of_every_algorithm_and_of_those_allowed() {
    let mut world = World::new().await;
    let any = api(&world.guard(Dpop::at(API)));
    let es256_only = api(&world.guard(Dpop::at(API).algorithms([Algorithm::Es256])));
    for algorithm in Algorithm::ALL {
        world.client = SigningKey::generate(algorithm).unwrap();
        let jkt = world.client.public().thumbprint();
        world.token = world.issuer.token_with(&world.signing, json!({ "cnf": { "jkt": jkt } }));
        let proof = world.proof("1", json!({}));
        assert_eq!(world.send(&any, &[&proof]).await.status, 200, "{algorithm}");
        let seen = world.send(&es256_only, &[&proof]).await;
        if algorithm == Algorithm::Es256 {
            assert_eq!(seen.status, 200);
        } else {
            assert_eq!(seen.status, 401);
            let challenge = &seen.challenges[1];
            assert!(challenge.contains("invalid_dpop_proof") && challenge.ends_with("algs=\"ES256\""), "{challenge}");
        }
    }
}

#[tokio::test]
async fn rs_11_both_schemes_are_offered_and_the_error_is_in_the_one_used() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    let algs = "algs=\"ES256 EdDSA RS256 PS256\"";
    let seen = send_with(&api, "GET", "/hello", &[], &[]).await;
    assert_eq!((seen.status, seen.challenges), (401, vec!["Bearer".to_owned(), format!("DPoP {algs}")]));
    let seen = send_with(&api, "GET", "/hello", &["Bearer a.b.c"], &[]).await;
    assert!(seen.challenges[0].starts_with("Bearer error=\"invalid_token\""), "{seen:?}");
    assert_eq!((seen.status, seen.challenges[1].clone()), (401, format!("DPoP {algs}")));
    let seen = send_with(&api, "GET", "/hello", &["DPoP a.b.c"], &[]).await;
    assert_eq!((seen.status, seen.challenges[0].as_str()), (401, "Bearer"));
    assert!(seen.challenges[1].starts_with("DPoP error=\"invalid_token\""), "{seen:?}");
    let seen = send_with(&api, "GET", "/hello", &["DPoP a", "DPoP a"], &[]).await;
    assert_eq!(seen.status, 400);
    // A scope that is short, under the scheme that was used.
    let proof = world.proof("1", json!({ "htm": "POST", "htu": format!("{API}/orders") }));
    let seen = send_with(&api, "POST", "/orders", &[&format!("DPoP {}", world.token)], &[&proof]).await;
    assert_eq!((seen.status, seen.challenges[0].as_str()), (403, "Bearer"));
    assert!(seen.challenges[1].starts_with("DPoP error=\"insufficient_scope\""), "{seen:?}");
}

#[tokio::test]
async fn rs_10_binding_01_a_bound_token_as_bearer_and_an_unbound_one_as_dpop() {
    let world = World::new().await;
    let guard = world.guard(Dpop::at(API));
    let api = api(&guard);
    // Even with a good proof beside it.
    for proofs in [&[][..], &[world.proof("1", json!({})).as_str()]] {
        let seen = send_with(&api, "GET", "/hello", &[&format!("Bearer {}", world.token)], proofs).await;
        assert_eq!(seen.status, 401);
        assert!(seen.challenges[0].starts_with("Bearer error=\"invalid_token\""), "{seen:?}");
    }
    let error = guard.verify(&world.token).await.unwrap_err();
    assert_eq!(*error.reason(), Reason::Invalid(InvalidToken::SenderConstrained));
    let unbound = world.issuer.token(&world.signing);
    let proof = world.proof("2", json!({ "ath": access_token_hash(&unbound) }));
    let seen = send_with(&api, "GET", "/hello", &[&format!("DPoP {unbound}")], &[&proof]).await;
    assert_eq!(seen.status, 401);
    assert!(seen.challenges[1].starts_with("DPoP error=\"invalid_token\""), "{seen:?}");
    assert_eq!(send_with(&api, "GET", "/hello", &[&format!("Bearer {unbound}")], &[]).await.status, 200);
}

#[tokio::test]
async fn rs_10_binding_01_another_key() {
    let mut world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    world.client = key();
    let seen = world.send(&api, &[&world.proof("1", json!({}))]).await;
    assert_eq!(seen.status, 401);
    assert!(seen.challenges[1].starts_with("DPoP error=\"invalid_token\""), "{seen:?}");
    assert!(seen.challenges[1].contains("another key"), "{seen:?}");
}

#[tokio::test]
async fn dpop_1_no_proof_and_two_proofs() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    let (one, two) = (world.proof("1", json!({})), world.proof("2", json!({})));
    assert_invalid_proof(&world.send(&api, &[]).await, ProofError::Missing);
    assert_invalid_proof(&world.send(&api, &[&one, &two]).await, ProofError::TwoHeaders);
    assert_invalid_proof(&world.send(&api, &[&format!("{one}, {two}")]).await, ProofError::BadSignature);
    assert_invalid_proof(&world.send(&api, &[""]).await, ProofError::BadSignature);
    assert_invalid_proof(&world.send(&api, &[&"a".repeat(9000)]).await, ProofError::Malformed);
    assert_eq!(world.send(&api, &[&one]).await.status, 200);
}

#[tokio::test]
async fn dpop_2_to_5_type_algorithm_key_and_signature() {
    use base64::Engine;
    let b64 = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    let good = world.proof("1", json!({}));
    let rest = good.split_once('.').unwrap().1;
    let public = serde_json::to_value(world.client.public()).unwrap();
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": public["x"], "y": public["y"] });
    let mut private = jwk.clone();
    private["d"] = json!("AAAA");
    for header in [
        json!({ "typ": "dpop+jwt", "alg": "none", "jwk": jwk }),
        json!({ "typ": "dpop+jwt", "alg": "HS256", "jwk": jwk }),
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": private }),
        json!({ "typ": "dpop+jwt", "alg": "ES256" }),
        json!({ "typ": "JWT", "alg": "ES256", "jwk": jwk }),
        json!({ "alg": "ES256", "jwk": jwk }),
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key().public() }),
    ] {
        let forged = format!("{}.{rest}", b64(&header.to_string()));
        assert_invalid_proof(&world.send(&api, &[&forged]).await, ProofError::BadSignature);
    }
    // Signed by the right key, but as tokens of other kinds.
    for typ in Typ::ALL.into_iter().filter(|typ| *typ != Typ::DpopProof) {
        let other = world.client.sign(typ, &world.claims("1")).unwrap();
        assert_invalid_proof(&world.send(&api, &[&other]).await, ProofError::BadSignature);
    }
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    assert_invalid_proof(&world.send(&api, &[&unsigned]).await, ProofError::BadSignature);
    assert_eq!(world.send(&api, &[&good]).await.status, 200);
}

#[tokio::test]
async fn dpop_6_to_11_every_claim() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    let now = world.issuer.now();
    for (changes, error) in [
        (json!({ "jti": null }), ProofError::BadSignature),
        (json!({ "htm": null }), ProofError::BadSignature),
        (json!({ "htu": null }), ProofError::BadSignature),
        (json!({ "iat": null }), ProofError::BadSignature),
        (json!({ "iat": now.to_string() }), ProofError::BadSignature),
        (json!({ "jti": "a".repeat(10_000) }), ProofError::Malformed),
        (json!({ "jti": "a".repeat(300) }), ProofError::BadClaims),
        (json!({ "jti": "" }), ProofError::BadClaims),
        (json!({ "htm": "POST" }), ProofError::WrongMethod),
        (json!({ "htm": "get" }), ProofError::WrongMethod),
        (json!({ "htu": "http://api.example.com/hello" }), ProofError::WrongUrl),
        (json!({ "htu": "https://other.example.com/hello" }), ProofError::WrongUrl),
        (json!({ "htu": "https://api.example.com/orders" }), ProofError::WrongUrl),
        (json!({ "htu": "https://api.example.com" }), ProofError::WrongUrl),
        (json!({ "htu": "/hello" }), ProofError::BadClaims),
        (json!({ "iat": now - 61 }), ProofError::TooOld),
        (json!({ "iat": now + 31 }), ProofError::TooFarAhead),
        (json!({ "ath": null }), ProofError::WrongAccessToken),
        (json!({ "ath": access_token_hash("other") }), ProofError::WrongAccessToken),
    ] {
        let seen = world.send(&api, &[&world.proof("1", changes.clone())]).await;
        assert_invalid_proof(&seen, error);
    }
    for (jti, changes) in [
        ("2", json!({ "iat": now - 60 })),
        ("3", json!({ "iat": now + 30 })),
        ("4", json!({ "htu": "HTTPS://API.example.com:443/%68ello?query=1#fragment" })),
    ] {
        assert_eq!(world.send(&api, &[&world.proof(jti, changes.clone())]).await.status, 200, "{changes}");
    }
}

#[tokio::test]
async fn rs_15_the_address_is_the_configured_one_whatever_the_request_says() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at("https://example.com/api/")));
    let authorization = format!("DPoP {}", world.token);
    for (jti, htu, status) in [
        ("1", "https://example.com/api/hello", 200),
        ("2", "https://evil.example/hello", 401),
        ("3", "https://example.com/hello", 401),
    ] {
        let proof = world.proof(jti, json!({ "htu": htu }));
        let request = axum::http::Request::get("https://evil.example/hello")
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "https")
            .header("forwarded", "host=evil.example;proto=https")
            .header("authorization", &authorization)
            .header("dpop", proof)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = tower::ServiceExt::oneshot(api.clone(), request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{htu}");
    }
}

#[tokio::test]
async fn rs_15_a_nested_router_says_where_it_is() {
    let world = World::new().await;
    let guard = world.guard(Dpop::at(API));
    async fn hello(_: AccessToken) {}
    let nested = |layer| Router::new().nest("/v1", Router::new().route("/hello", get(hello)).layer(layer));
    let (told, untold) = (nested(guard.layer().nested_at("/v1/")), nested(guard.layer()));
    let outside = Router::new().nest("/v1", Router::new().route("/hello", get(hello))).layer(guard.layer());
    for (jti, api, status) in [("1", told, 200), ("2", untold, 401), ("3", outside, 200)] {
        let proof = world.proof(jti, json!({ "htu": format!("{API}/v1/hello") }));
        let seen = send_with(&api, "GET", "/v1/hello", &[&format!("DPoP {}", world.token)], &[&proof]).await;
        assert_eq!(seen.status, status, "{jti}");
    }
}

#[tokio::test]
async fn rs_13_a_proof_serves_once() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    let proof = world.proof("1", json!({}));
    assert_eq!(world.send(&api, &[&proof]).await.status, 200);
    assert_invalid_proof(&world.send(&api, &[&proof]).await, ProofError::Replayed);
    world.issuer.pass(60);
    assert_invalid_proof(&world.send(&api, &[&proof]).await, ProofError::Replayed);
    world.issuer.pass(1);
    assert_invalid_proof(&world.send(&api, &[&proof]).await, ProofError::TooOld);
    // A refused proof is not used up: what failed was the request.
    let early = world.proof("2", json!({ "iat": world.issuer.now() + 31 }));
    assert_invalid_proof(&world.send(&api, &[&early]).await, ProofError::TooFarAhead);
    world.issuer.pass(1);
    assert_eq!(world.send(&api, &[&early]).await.status, 200);
}

/// Two nodes, one memory.
#[derive(Clone)]
struct Shared(std::sync::Arc<InMemoryReplays>);

impl ReplayStore for Shared {
    fn first_use<'a>(&'a self, key: &'a [u8; 32], until: SystemTime, now: SystemTime) -> FirstUse<'a> {
        self.0.first_use(key, until, now)
    }
}

struct Broken;

impl ReplayStore for Broken {
    fn first_use<'a>(&'a self, _: &'a [u8; 32], _: SystemTime, _: SystemTime) -> FirstUse<'a> {
        Box::pin(std::future::ready(Err(ReplayUnavailable)))
    }
}

#[tokio::test]
async fn rs_13_a_proof_serves_once_among_all_nodes() {
    let world = World::new().await;
    let memory = Shared(std::sync::Arc::default());
    let [one, two] = [0, 1].map(|_| api(&world.guard(Dpop::at(API).replays(memory.clone()))));
    let proof = world.proof("1", json!({}));
    assert_eq!(world.send(&one, &[&proof]).await.status, 200);
    assert_invalid_proof(&world.send(&two, &[&proof]).await, ProofError::Replayed);
}

#[tokio::test]
async fn rs_13_without_a_memory_nobody_passes() {
    let world = World::new().await;
    let full = || InMemoryReplays::new(1);
    let api = api(&world.guard(Dpop::at(API).replays(Broken)));
    let seen = world.send(&api, &[&world.proof("1", json!({}))]).await;
    assert_eq!((seen.status, seen.retry_after.as_deref(), seen.challenges.len()), (503, Some("1"), 0));
    // One that is full is as good as none. With room for 16 at most, one of 17 finds no place.
    let api = super::dpop::api(&world.guard(Dpop::at(API).replays(full())));
    let mut statuses = Vec::new();
    for number in 0..17 {
        statuses.push(world.send(&api, &[&world.proof(&number.to_string(), json!({}))]).await.status);
    }
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
}

#[tokio::test]
async fn rs_13_the_same_proof_at_once_passes_once() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API)));
    let proof = world.proof("1", json!({}));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (api, proof, token) = (api.clone(), proof.clone(), format!("DPoP {}", world.token));
        requests.spawn(async move { send_with(&api, "GET", "/hello", &[&token], &[&proof]).await.status });
    }
    let statuses = requests.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}

#[tokio::test]
async fn rs_12_a_missing_or_stale_nonce_brings_a_new_one_and_the_retry_succeeds() {
    let world = World::new().await;
    let api = api(&world.guard(Dpop::at(API).require_nonce()));
    // A client whose clock is an hour late: the nonce decides.
    let late = world.issuer.now() - 3600;
    let seen = world.send(&api, &[&world.proof("1", json!({ "iat": late }))]).await;
    assert_eq!((seen.status, seen.challenges[0].as_str()), (401, "Bearer"));
    assert!(seen.challenges[1].starts_with("DPoP error=\"use_dpop_nonce\""), "{seen:?}");
    assert_eq!(seen.cache_control.as_deref(), Some("no-store"));
    let nonce = seen.nonce.unwrap();
    let seen = world.send(&api, &[&world.proof("2", json!({ "iat": late, "nonce": nonce }))]).await;
    assert_eq!((seen.status, seen.nonce), (200, None));
    // Still good in the next period, and the answer brings the new one.
    world.issuer.pass(300);
    let seen = world.send(&api, &[&world.proof("3", json!({ "nonce": nonce }))]).await;
    let newer = seen.nonce.unwrap();
    assert_eq!(seen.status, 200);
    assert_ne!(newer, nonce);
    world.issuer.pass(300);
    let seen = world.send(&api, &[&world.proof("4", json!({ "nonce": nonce }))]).await;
    assert!(seen.status == 401 && seen.challenges[1].contains("use_dpop_nonce"), "{seen:?}");
    let seen = world.send(&api, &[&world.proof("4", json!({ "nonce": seen.nonce.unwrap() }))]).await;
    assert_eq!(seen.status, 200);
    // With the nonce, the replay is remembered for as long as the nonce is honoured.
    let nonce = newer;
    let proof = world.proof("5", json!({ "iat": late, "nonce": nonce }));
    assert_eq!(world.send(&api, &[&proof]).await.status, 200);
    world.issuer.pass(200);
    assert_invalid_proof(&world.send(&api, &[&proof]).await, ProofError::Replayed);
}

#[tokio::test]
async fn rs_12_nonces_of_the_server_and_of_other_nodes() {
    let world = World::new().await;
    let now = jiff::Timestamp::from_second(world.issuer.now().try_into().unwrap()).unwrap();
    let [one, two] = [0, 1].map(|_| api(&world.guard(Dpop::at(API).nonce_key(&[7; 32]))));
    let alone = api(&world.guard(Dpop::at(API).require_nonce()));
    let at_server = NonceKey::new(&[7; 32], NoncePurpose::AuthorizationServer).issue(now);
    let seen = world.send(&one, &[&world.proof("1", json!({ "nonce": at_server.as_str() }))]).await;
    assert!(seen.status == 401 && seen.challenges[1].contains("use_dpop_nonce"), "{seen:?}");
    let nonce = seen.nonce.unwrap();
    assert_eq!(world.send(&two, &[&world.proof("2", json!({ "nonce": nonce }))]).await.status, 200);
    let seen = world.send(&alone, &[&world.proof("3", json!({ "nonce": nonce }))]).await;
    assert!(seen.status == 401 && seen.challenges[1].contains("use_dpop_nonce"), "{seen:?}");
}

#[tokio::test]
async fn required_dpop_refuses_bearer_tokens() {
    let world = World::new().await;
    let unbound = format!("Bearer {}", world.issuer.token(&world.signing));
    let everywhere = api(&world.guard(Dpop::at(API).required()));
    let here = api(&world.guard(Dpop::at(API)));
    assert_eq!(send_with(&here, "GET", "/hello", &[&unbound], &[]).await.status, 200);
    for (api, path) in [(&everywhere, "/hello"), (&here, "/bound")] {
        let seen = send_with(api, "GET", path, &[&unbound], &[]).await;
        assert_eq!(
            (seen.status, seen.challenge.as_deref().unwrap()),
            (
                401,
                "DPoP error=\"invalid_token\", error_description=\"only tokens bound to a key are accepted here\", \
                 algs=\"ES256 EdDSA RS256 PS256\""
            )
        );
        assert_eq!(seen.challenges.len(), 1);
        assert_eq!(send_with(api, "GET", path, &[], &[]).await.challenges, ["DPoP algs=\"ES256 EdDSA RS256 PS256\""]);
        let proof = world.proof(path, json!({ "htu": format!("{API}{path}") }));
        assert_eq!(send_with(api, "GET", path, &[&format!("DPoP {}", world.token)], &[&proof]).await.status, 200);
    }
}

#[tokio::test]
async fn a_layer_within_a_layer_asks_for_one_proof() {
    let world = World::new().await;
    let guard = world.guard(Dpop::at(API));
    let other = world.guard(Dpop::at(API));
    async fn hello(_: AccessToken) {}
    let app = |inner: &Guard, scope| {
        Router::new().route("/hello", get(hello).layer(inner.layer().require_scope(scope))).layer(guard.layer())
    };
    assert_eq!(world.send(&app(&guard, "read"), &[&world.proof("1", json!({}))]).await.status, 200);
    assert_eq!(world.send(&app(&guard, "admin"), &[&world.proof("2", json!({}))]).await.status, 403);
    // Another guard has its own opinion, and its own memory.
    assert_eq!(world.send(&app(&other, "read"), &[&world.proof("3", json!({}))]).await.status, 200);
    assert_eq!(world.send(&app(&guard, "read"), &[&world.proof("3", json!({}))]).await.status, 401);
}

#[tokio::test]
async fn a_plain_function_checks_proofs_too() {
    use axum::http::{HeaderMap, Method};
    let world = World::new().await;
    let guard = world.guard(Dpop::at(API).require_nonce());
    let uri = "/hello?x=1".parse().unwrap();
    let headers = |proof: &str| -> HeaderMap {
        [("authorization", format!("DPoP {}", world.token)), ("dpop", proof.to_owned())]
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .into_iter()
            .collect()
    };
    let refused = guard.check(&Method::GET, &uri, &headers(&world.proof("1", json!({})))).await.unwrap_err();
    assert_eq!(*refused.reason(), Reason::UseDpopNonce);
    let nonce = refused.headers()["dpop-nonce"].clone();
    assert_eq!(guard.dpop_nonce(), Some(nonce.clone()));
    let proof = world.proof("2", json!({ "nonce": nonce.to_str().unwrap() }));
    let token = guard.check(&Method::GET, &uri, &headers(&proof)).await.unwrap();
    assert!(token.is_bound());
    let again = guard.check(&Method::GET, &uri, &headers(&proof)).await.unwrap_err();
    assert_eq!(*again.reason(), Reason::InvalidProof(ProofError::Replayed));
    let post = world.proof("3", json!({ "nonce": nonce.to_str().unwrap() }));
    let wrong = guard.check(&Method::POST, &uri, &headers(&post)).await.unwrap_err();
    assert_eq!(*wrong.reason(), Reason::InvalidProof(ProofError::WrongMethod));
}

#[test]
fn settings_that_cannot_work() {
    let build = |dpop| Guard::builder("http://localhost").audience("a").dpop(dpop).build();
    for url in
        ["", "api.example.com", "http://api.example.com", "https://a@api.example.com", "https://api.example.com/?a"]
    {
        assert!(matches!(build(Dpop::at(url)), Err(BuildError::PublicUrl(_))), "{url}");
    }
    assert!(matches!(build(Dpop::at(API).algorithms([])), Err(BuildError::NoAlgorithm)));
    assert!(build(Dpop::at("http://localhost:3000")).is_ok());
}
