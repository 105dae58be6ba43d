//! What `brama-guard` does beyond bearer tokens, against a whole server on a socket: bound tokens, introspection, step-up.
//! RS-7, RS-10 to RS-15, EP-30 to EP-32, TK-7.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use brama_flows::Clock as _;
use brama_guard::{AccessToken, Dpop, Guard, GuardBuilder, Introspection};
use brama_jose::{Algorithm, JwkSet, SigningKey, Typ};
use brama_protocol::client::{AuthMethod, Client, ClientKeys, ClientType};
use brama_protocol::dpop::access_token_hash;
use brama_testkit::{Browser, RelyingParty, TestServer, seeds};
use http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{Tokens, signed_in_to};

const API: &str = "https://api.example.com";

fn builder(server: &TestServer) -> GuardBuilder {
    let clock = Arc::clone(&server.clock);
    let now = move || SystemTime::UNIX_EPOCH + Duration::from_millis(clock.now().as_millisecond().try_into().unwrap());
    Guard::builder(server.issuer()).audience(format!("{}/api", server.issuer())).clock(now)
}

fn api(guard: &Guard) -> Router {
    let hello = |token: AccessToken| async move { format!("hello {}", token.subject()) };
    let recent = guard.layer().require_max_age(Duration::from_secs(60));
    Router::new().route("/hello", get(hello).layer(guard.layer())).route("/recent", get(hello).layer(recent))
}

async fn ask(api: &Router, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// All challenges in one text.
fn challenges(response: &Response<Body>) -> String {
    let values = response.headers().get_all("www-authenticate").iter();
    values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
}

fn proof(server: &TestServer, key: &SigningKey, jti: &str, method: &str, url: &str, more: Value) -> String {
    let mut claims = json!({ "jti": jti, "htm": method, "htu": url, "iat": server.clock.now().as_second() });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    key.sign(Typ::DpopProof, &claims).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rs10_tk7_a_bound_token_of_the_server_opens_an_api_for_its_key_only() {
    let server = TestServer::on_loopback(|_| {}).await;
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let at_token_endpoint =
            proof(&server, &key, "1", "POST", &format!("{}/oauth2/token", server.issuer()), json!({}));
        let call = server.post("/oauth2/token").basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT));
        let call = call.header("dpop", &at_token_endpoint).form(&[("grant_type", "client_credentials")]);
        let answer = call.send().await.expect(200).json();
        assert_eq!(answer["token_type"], "DPoP");
        let token = answer["access_token"].as_str().unwrap();

        let api = api(&builder(&server).dpop(Dpop::at(API).require_nonce()).build().unwrap());
        let ath = access_token_hash(token);
        let url = format!("{API}/hello");
        let authorization = format!("DPoP {token}");
        let first = proof(&server, &key, "2", "GET", &url, json!({ "ath": ath }));
        let refused = ask(&api, "/hello", &[("authorization", &authorization), ("dpop", &first)]).await;
        assert_eq!(refused.status(), 401);
        assert!(challenges(&refused).contains("use_dpop_nonce"), "{}", challenges(&refused));
        let nonce = refused.headers()["dpop-nonce"].to_str().unwrap();

        let good = proof(&server, &key, "3", "GET", &url, json!({ "ath": ath, "nonce": nonce }));
        let passed = ask(&api, "/hello", &[("authorization", &authorization), ("dpop", &good)]).await;
        assert_eq!(passed.status(), 200, "{algorithm}: {}", challenges(&passed));
        let again = ask(&api, "/hello", &[("authorization", &authorization), ("dpop", &good)]).await;
        assert!(again.status() == 401 && challenges(&again).contains("invalid_dpop_proof"), "{}", challenges(&again));

        let thief = SigningKey::generate(Algorithm::Es256).unwrap();
        let stolen = proof(&server, &thief, "4", "GET", &url, json!({ "ath": ath, "nonce": nonce }));
        let stolen = ask(&api, "/hello", &[("authorization", &authorization), ("dpop", &stolen)]).await;
        assert!(stolen.status() == 401 && challenges(&stolen).contains("invalid_token"), "{}", challenges(&stolen));
        let bearer = ask(&api, "/hello", &[("authorization", &format!("Bearer {token}"))]).await;
        assert!(bearer.status() == 401 && challenges(&bearer).contains("Bearer error=\"invalid_token\""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ep32_ep35_an_api_that_asks_sees_a_revocation_at_once() {
    let server = TestServer::on_loopback(|_| {}).await;
    let resource = format!("{}/api", server.issuer());
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = serde_json::to_string(&JwkSet { keys: vec![key.public().clone()] }).unwrap();
    let by_secret = Client { serves: vec![resource.clone()], ..seeds::client("api", ClientType::Service) };
    seeds::put_client(&server, by_secret).await;
    let by_key = Client {
        serves: vec![resource],
        auth_method: AuthMethod::PrivateKeyJwt,
        keys: ClientKeys::Jwks(jwks),
        ..seeds::client("signing-api", ClientType::Service)
    };
    seeds::put_client(&server, by_key).await;
    for introspection in [
        Introspection::client_secret_basic("api", seeds::secret("api")),
        Introspection::private_key_jwt("signing-api", key),
    ] {
        let guard = builder(&server).introspection(introspection.remember(Duration::ZERO)).build().unwrap();
        let api = api(&guard);
        let app = RelyingParty::shop();
        let tokens = signed_in_to(&server, &app).await;
        let good = format!("Bearer {}", tokens.access);
        assert_eq!(ask(&api, "/hello", &[("authorization", &good)]).await.status(), 200);
        // Neither kind of other token is one.
        for other in [&tokens.refresh, &tokens.id] {
            let refused = ask(&api, "/hello", &[("authorization", &format!("Bearer {other}"))]).await;
            assert!(refused.status() == 401 && challenges(&refused).contains("invalid_token"));
        }
        let call = server.post("/oauth2/revoke").basic(&app.client_id, &seeds::secret(&app.client_id));
        assert_eq!(call.form(&[("token", &tokens.access)]).send().await.status, 200);
        let revoked = ask(&api, "/hello", &[("authorization", &good)]).await;
        assert!(revoked.status() == 401 && challenges(&revoked).contains("invalid_token"), "{}", challenges(&revoked));
    }
    // With the wrong secret nobody is let in, and nobody is told that the token is bad.
    let wrong = Introspection::client_secret_basic("api", "wrong");
    let api = self::api(&builder(&server).introspection(wrong).build().unwrap());
    let tokens = signed_in_to(&server, &RelyingParty::shop()).await;
    let unknown = ask(&api, "/hello", &[("authorization", &format!("Bearer {}", tokens.access))]).await;
    assert_eq!((unknown.status().as_u16(), challenges(&unknown).as_str()), (503, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rs7_a_step_up_round_trip() {
    let server = TestServer::on_loopback(|_| {}).await;
    let api = api(&builder(&server).leeway(Duration::ZERO).build().unwrap());
    let app = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let code = browser.sign_in_for(&app).await;
    let old = Tokens::of(&app.redeem(&server, code.code()).await).access;
    assert_eq!(ask(&api, "/recent", &[("authorization", &format!("Bearer {old}"))]).await.status(), 200);
    server.clock.advance_seconds(61);
    let refused = ask(&api, "/recent", &[("authorization", &format!("Bearer {old}"))]).await;
    assert_eq!(refused.status(), 401);
    let challenge = challenges(&refused);
    assert!(
        challenge.contains("insufficient_user_authentication") && challenge.contains("max_age=\"60\""),
        "{challenge}"
    );
    // The app does as it is told: the same browser, which is signed in, has to sign in again.
    let landing = browser.authorize(&app, &[("max_age", "60")]).await;
    let code = browser.complete(landing).await;
    let new = Tokens::of(&app.redeem(&server, code.code()).await).access;
    assert_eq!(ask(&api, "/recent", &[("authorization", &format!("Bearer {new}"))]).await.status(), 200);
    assert_eq!(ask(&api, "/hello", &[("authorization", &format!("Bearer {old}"))]).await.status(), 200);
}
