//! An issuer on this machine whose keys, answers and moods a test controls, and a clock that moves only when told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use brama_guard::{AccessToken, Algorithm, Guard, GuardBuilder};
use brama_jose::{SigningKey, Typ};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const START: u64 = 1_800_000_000;

/// How the issuer answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Well,
    /// Answers 500 to everything.
    Failing,
    /// Accepts the connection and never answers.
    Hanging,
    /// Only the metadata of RFC 8414 exist.
    OAuthOnly,
    /// Sends everybody elsewhere.
    Redirecting,
    /// Keys of 300 KiB.
    Huge,
    /// Not JSON.
    Garbage,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    clock: Arc<AtomicU64>,
    state: Arc<Shared>,
}

struct Shared {
    url: String,
    mood: Mutex<Mood>,
    issuer_in_metadata: Mutex<Option<String>>,
    keys_uri: Mutex<Option<String>>,
    key_set: Mutex<Value>,
    cache_control: Mutex<Option<&'static str>>,
    key_fetches: AtomicUsize,
    introspected: Mutex<Vec<Question>>,
    introspection: Mutex<(StatusCode, Value)>,
    offers_introspection: Mutex<bool>,
}

/// What came to the introspection endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) authorization: Option<String>,
    pub(crate) form: HashMap<String, String>,
}

impl Issuer {
    pub(crate) async fn start(keys: &[&SigningKey]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Shared {
            url: url.clone(),
            mood: Mutex::new(Mood::Well),
            issuer_in_metadata: Mutex::new(None),
            keys_uri: Mutex::new(None),
            key_set: Mutex::new(Value::Null),
            cache_control: Mutex::new(Some("public, max-age=600")),
            key_fetches: AtomicUsize::new(0),
            introspected: Mutex::default(),
            introspection: Mutex::new((StatusCode::OK, json!({ "active": false }))),
            offers_introspection: Mutex::new(true),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(openid))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/jwks", get(jwks))
            .route("/introspect", post(introspect))
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let issuer = Self { url, clock: Arc::new(AtomicU64::new(START)), state };
        issuer.publish(keys);
        issuer
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.public()).collect();
        self.publish_json(json!({ "keys": keys }));
    }

    pub(crate) fn publish_json(&self, set: Value) {
        *self.state.key_set.lock().unwrap() = set;
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    pub(crate) fn set_issuer_in_metadata(&self, issuer: &str) {
        *self.state.issuer_in_metadata.lock().unwrap() = Some(issuer.to_owned());
    }

    pub(crate) fn set_keys_uri(&self, uri: &str) {
        *self.state.keys_uri.lock().unwrap() = Some(uri.to_owned());
    }

    pub(crate) fn set_cache_control(&self, value: Option<&'static str>) {
        *self.state.cache_control.lock().unwrap() = value;
    }

    /// What the introspection endpoint says from now on.
    pub(crate) fn introspection_says(&self, status: u16, answer: Value) {
        *self.state.introspection.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), answer);
    }

    pub(crate) fn offer_introspection(&self, offer: bool) {
        *self.state.offers_introspection.lock().unwrap() = offer;
    }

    /// All questions so far.
    pub(crate) fn introspected(&self) -> Vec<Question> {
        self.state.introspected.lock().unwrap().clone()
    }

    /// How often keys were asked for.
    pub(crate) fn key_fetches(&self) -> usize {
        self.state.key_fetches.load(Ordering::SeqCst)
    }

    /// Wait for a refresh in the background, in real time.
    pub(crate) async fn key_fetches_reach(&self, count: usize) {
        for _ in 0..200 {
            if self.key_fetches() >= count {
                // The answer still has to arrive.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("keys were fetched {} times, not {count}", self.key_fetches());
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub(crate) fn builder(&self) -> GuardBuilder {
        let clock = Arc::clone(&self.clock);
        Guard::builder(self.url.clone())
            .audience(AUDIENCE)
            .clock(move || -> SystemTime { UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst)) })
    }

    pub(crate) fn guard(&self) -> Guard {
        self.builder().build().unwrap()
    }

    /// Good claims as of now, valid for 15 minutes.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.url, "sub": "alice", "aud": AUDIENCE, "client_id": "spa", "jti": "t1", "scope": "read write",
            "iat": self.now(), "exp": self.now() + 900,
        })
    }

    /// The same with changes; `null` removes.
    pub(crate) fn claims_with(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    pub(crate) fn token(&self, key: &SigningKey) -> String {
        key.sign(Typ::AccessToken, &self.claims()).unwrap()
    }

    pub(crate) fn token_with(&self, key: &SigningKey, changes: Value) -> String {
        key.sign(Typ::AccessToken, &self.claims_with(changes)).unwrap()
    }
}

async fn openid(State(state): State<Arc<Shared>>) -> Response {
    if *state.mood.lock().unwrap() == Mood::OAuthOnly {
        return StatusCode::NOT_FOUND.into_response();
    }
    metadata(State(state)).await
}

async fn metadata(State(state): State<Arc<Shared>>) -> Response {
    let mood = *state.mood.lock().unwrap();
    match mood {
        Mood::Failing => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::Hanging => std::future::pending().await,
        Mood::Garbage => return "<html>".into_response(),
        Mood::Redirecting => {
            return (StatusCode::FOUND, [(header::LOCATION, "/.well-known/oauth-authorization-server")])
                .into_response();
        }
        Mood::Well | Mood::OAuthOnly | Mood::Huge => {}
    }
    let issuer = state.issuer_in_metadata.lock().unwrap().clone().unwrap_or_else(|| state.url.clone());
    let keys = state.keys_uri.lock().unwrap().clone().unwrap_or_else(|| format!("{}/jwks", state.url));
    let mut document = json!({ "issuer": issuer, "jwks_uri": keys, "token_endpoint": "unused" });
    if *state.offers_introspection.lock().unwrap() {
        document["introspection_endpoint"] = format!("{}/introspect", state.url).into();
    }
    document.to_string().into_response()
}

async fn introspect(State(state): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
    state.introspected.lock().unwrap().push(Question {
        authorization: headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned()),
        form: form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
    });
    if *state.mood.lock().unwrap() == Mood::Hanging {
        std::future::pending::<()>().await;
    }
    let (status, answer) = state.introspection.lock().unwrap().clone();
    (status, answer.to_string()).into_response()
}

async fn jwks(State(state): State<Arc<Shared>>) -> Response {
    state.key_fetches.fetch_add(1, Ordering::SeqCst);
    let mood = *state.mood.lock().unwrap();
    let mut body = state.key_set.lock().unwrap().to_string();
    if mood == Mood::Huge {
        body.push_str(&" ".repeat(300 * 1024));
    }
    let mut response = body.into_response();
    if let Some(value) = *state.cache_control.lock().unwrap() {
        response.headers_mut().insert(header::CACHE_CONTROL, value.parse().unwrap());
    }
    response
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// An API with one open and two protected routes.
pub(crate) fn api(guard: &Guard) -> Router {
    async fn hello(token: AccessToken) -> String {
        format!("hello {}", token.subject())
    }
    Router::new().route("/unguarded", get(hello)).route("/hello", get(hello).layer(guard.layer())).route(
        "/orders",
        get(hello).layer(guard.layer().require_scope("read").require_scope("orders:read orders:write")),
    )
}

/// What a client sees.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    /// The first challenge.
    pub(crate) challenge: Option<String>,
    pub(crate) challenges: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) body: String,
}

pub(crate) async fn send(api: &Router, uri: &str, authorization: &[&str]) -> Seen {
    let seen = send_with(api, "GET", uri, authorization, &[]).await;
    assert!(seen.challenges.len() <= 1);
    seen
}

pub(crate) async fn send_with(api: &Router, method: &str, uri: &str, authorization: &[&str], proofs: &[&str]) -> Seen {
    let mut request = Request::builder().method(method).uri(uri);
    for value in authorization {
        request = request.header(header::AUTHORIZATION, *value);
    }
    for proof in proofs {
        request = request.header("DPoP", *proof);
    }
    let response = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let all = |name: &str| -> Vec<String> {
        parts.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let one = |name: &str| {
        let values = all(name);
        assert!(values.len() <= 1, "{name}: {values:?}");
        values.into_iter().next()
    };
    let (status, challenges) = (parts.status.as_u16(), all("www-authenticate"));
    let (nonce, retry_after, cache_control) = (one("dpop-nonce"), one("retry-after"), one("cache-control"));
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    let (challenge, body) = (challenges.first().cloned(), String::from_utf8(body.to_vec()).unwrap());
    Seen { status, challenge, challenges, nonce, retry_after, cache_control, body }
}

/// With one good-looking `Authorization` header.
pub(crate) async fn send_token(api: &Router, token: &str) -> Seen {
    send(api, "/hello", &[&format!("Bearer {token}")]).await
}
