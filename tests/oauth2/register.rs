//! `/oauth2/register` and `/oauth2/register/{client_id}`. RFC 7591; RFC 7592; RG-10 to RG-17; museum class CLIENT.

mod manage;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_protocol::client::ClientType;
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::InitialAccessTokenId;
use brama_protocol::registration::policy::{HostRule, Mode};
use brama_store::registration::InitialAccessToken;
use brama_testkit::{Browser, Call, Options, RelyingParty, Reply, Storage, TestServer, rows, seeds};
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Tokens, assert_no_cookies, assert_no_cors};

pub(crate) const REDIRECT: &str = "https://app.example.net/cb";

pub(crate) async fn server(mode: Mode) -> TestServer {
    TestServer::with(|options| options.settings.registration.policy.mode = mode).await
}

/// An initial access token for so many apps, good for an hour.
pub(crate) async fn initial(server: &TestServer, uses_left: u32) -> String {
    let ctx = server.ctx();
    let token = Handle::<kind::InitialAccessToken>::from_random(ctx.random().unwrap());
    let record = InitialAccessToken {
        id: InitialAccessTokenId::new(ctx.now, ctx.random().unwrap()),
        note: String::new(),
        uses_left,
        expires_at: ctx.after(SignedDuration::from_hours(1)).unwrap(),
        created_at: ctx.now,
    };
    server.store.add_initial_access_token(record, token.hash()).await.unwrap();
    token.to_wire()
}

pub(crate) fn post<'s>(server: &'s TestServer, metadata: &Value) -> Call<'s> {
    server.post("/oauth2/register").json(metadata)
}

pub(crate) fn minimal() -> Value {
    json!({ "redirect_uris": [REDIRECT] })
}

pub(crate) fn with(member: &str, value: Value) -> Value {
    let mut metadata = minimal();
    metadata[member] = value;
    metadata
}

/// The metadata, where the method has a body.
fn carrying<'s>(call: Call<'s>, method: &Method, metadata: &Value) -> Call<'s> {
    if matches!(*method, Method::POST | Method::PUT) { call.json(metadata) } else { call }
}

/// An app that has registered itself.
pub(crate) struct App {
    pub(crate) answer: Value,
}

impl App {
    /// Register by token.
    pub(crate) async fn new(server: &TestServer, metadata: &Value) -> Self {
        let token = initial(server, 1).await;
        Self { answer: post(server, metadata).bearer(&token).send().await.expect(201).json() }
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.answer[member].as_str().unwrap_or_else(|| panic!("no {member}: {}", self.answer)).to_owned()
    }

    fn call<'s>(&self, server: &'s TestServer, method: Method) -> Call<'s> {
        server.call(method, &self.text("registration_client_uri")).bearer(&self.text("registration_access_token"))
    }

    async fn get(&self, server: &TestServer) -> Reply {
        self.call(server, Method::GET).send().await
    }

    pub(crate) async fn put(&self, server: &TestServer, metadata: &Value) -> Reply {
        let mut metadata = metadata.clone();
        if metadata.get("client_id").is_none() {
            metadata["client_id"] = self.answer["client_id"].clone();
        }
        self.call(server, Method::PUT).json(&metadata).send().await
    }

    /// As somebody who signs people in.
    pub(crate) fn party(&self) -> RelyingParty {
        RelyingParty {
            client_id: self.text("client_id"),
            secret: self.answer["client_secret"].as_str().map(ToOwned::to_owned),
            redirect_uri: REDIRECT.to_owned(),
            ..RelyingParty::shop()
        }
    }

    /// Sign somebody in with it.
    async fn tokens(&self, server: &TestServer) -> Tokens {
        let party = self.party();
        let code = Browser::new(server).sign_in_for(&party).await;
        Tokens::of(&party.redeem(server, code.code()).await)
    }
}

/// CLIENT-03.
#[tokio::test]
async fn rg10_closed_there_is_nothing_and_metadata_say_so() {
    let server = TestServer::start().await;
    let token = initial(&server, 9).await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
        let path = if method == Method::POST { "/oauth2/register" } else { "/oauth2/register/shop" };
        let call = server.call(method.clone(), path).bearer(&token);
        let _ = carrying(call, &method, &minimal()).send().await.expect_error(404, "not_found");
    }
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    assert_eq!(metadata.get("registration_endpoint"), None);
    for mode in [Mode::Token, Mode::Open] {
        let server = self::server(mode).await;
        for document in ["openid-configuration", "oauth-authorization-server"] {
            let metadata = server.get(&format!("/.well-known/{document}")).send().await.json();
            assert_eq!(metadata["registration_endpoint"], format!("{}/oauth2/register", server.issuer()));
        }
    }
}

#[tokio::test]
async fn rg14_who_brings_no_good_token_is_told_so_before_anything_else() {
    let server = server(Mode::Token).await;
    let (good, used_up) = (initial(&server, 2).await, initial(&server, 1).await);
    let _ = post(&server, &minimal()).bearer(&used_up).send().await.expect(201);
    let broken = json!({ "redirect_uris": ["javascript:alert(1)"] });
    for metadata in [minimal(), broken] {
        let reply = post(&server, &metadata).send().await.expect(401);
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "RFC 6750 §3.1: no error without a token");
        for wrong in [&used_up, "x", &"A".repeat(43), &good[1..], &seeds::secret(seeds::SHOP)] {
            let reply = post(&server, &metadata).bearer(wrong).send().await.expect_error(401, "invalid_token");
            assert!(reply.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{reply}");
        }
    }
    // A token is read from the header alone.
    let elsewhere = [format!("/oauth2/register?access_token={good}"), "/oauth2/register".to_owned()];
    for target in elsewhere {
        let metadata = with("access_token", json!(good));
        let _ = server.post(&target).json(&metadata).send().await.expect(401);
    }
    let twice = post(&server, &minimal()).bearer(&good).bearer(&good).send().await;
    assert_eq!(twice.status, 400, "{twice}");
    // All that cost no use.
    for expected in [201, 201, 401] {
        let _ = post(&server, &minimal()).bearer(&good).send().await.expect(expected);
    }
    let late = initial(&server, 1).await;
    server.clock.advance(SignedDuration::from_hours(1));
    let _ = post(&server, &minimal()).bearer(&late).send().await.expect_error(401, "invalid_token");
}

/// CLIENT-01.
#[tokio::test]
async fn rg11_the_answer_has_everything_and_the_app_works() {
    let server = server(Mode::Token).await;
    let metadata = json!({
        "redirect_uris": [REDIRECT],
        "client_name": "Крамниця 2",
        "client_uri": "https://app.example.net/about",
        "grant_types": ["authorization_code", "refresh_token", "implicit"],
        "response_types": ["code", "id_token"],
        "scope": "openid profile email orders",
        "contacts": ["admin@app.example.net"],
        "default_max_age": 3600,
        "id_token_signed_response_alg": "ES256",
        "backchannel_logout_uri": "https://app.example.net/logout",
        "software_id": "unknown to this server",
    });
    let token = initial(&server, 1).await;
    let reply = post(&server, &metadata).bearer(&token).send().await.expect(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_no_cookies(&reply);
    assert_no_cors(&reply);
    let app = App { answer: reply.json() };
    assert_eq!(app.answer["client_id_issued_at"], server.ctx().now.as_second());
    assert_eq!(app.answer["client_secret_expires_at"], 0);
    assert_eq!(app.text("token_endpoint_auth_method"), "client_secret_basic");
    assert_eq!(app.answer["grant_types"], json!(["authorization_code", "refresh_token"]), "told what remained");
    assert_eq!((&app.answer["response_types"], &app.answer["subject_type"]), (&json!(["code"]), &json!("public")));
    assert_eq!(app.text("scope"), "email openid profile");
    for (member, value) in metadata.as_object().unwrap() {
        match member.as_str() {
            "grant_types" | "response_types" | "scope" => {}
            "software_id" => assert_eq!(app.answer.get(member), None),
            _ => assert_eq!(&app.answer[member], value, "{member}"),
        }
    }
    assert_eq!(
        app.text("registration_client_uri"),
        format!("{}/oauth2/register/{}", server.issuer(), app.text("client_id"))
    );

    let tokens = app.tokens(&server).await;
    let _ = server.get("/userinfo").bearer(&tokens.access).send().await.expect(200);
    // CLIENT-01: what is stored is what was answered, and the secret is needed.
    let mut read = app.get(&server).await.expect(200).json();
    read["client_secret"] = app.answer["client_secret"].clone();
    assert_eq!(read, app.answer);
    let mut without = app.party();
    without.secret = None;
    let code = Browser::new(&server).sign_in_for(&without).await;
    let _ = without.redeem(&server, code.code()).await.expect_error(400, "invalid_client");
}

#[tokio::test]
async fn client01_an_app_without_a_secret_is_given_none() {
    let server = server(Mode::Token).await;
    let app = App::new(&server, &with("token_endpoint_auth_method", json!("none"))).await;
    for member in ["client_secret", "client_secret_expires_at"] {
        assert_eq!(app.answer.get(member), None, "{}", app.answer);
    }
    let stored = server.store.find_client(&app.text("client_id").parse().unwrap()).await.unwrap().unwrap();
    assert!(stored.secrets.is_empty() && !stored.client.is_confidential());
}

#[tokio::test]
async fn rg3_an_id_is_unlike_a_url_and_unlike_a_user() {
    let server = server(Mode::Token).await;
    let mut seen = BTreeSet::new();
    for _ in 0..8 {
        let metadata = with("client_id", json!("https://app.example.net/client"));
        let id = App::new(&server, &metadata).await.text("client_id");
        assert!(id.starts_with("dcr-") && id.len() == 26, "{id}");
        assert!(seen.insert(id));
    }
}

/// What nobody may register, each with its error. CLIENT-02: the same at an update.
fn refused() -> Vec<(Value, &'static str)> {
    let mut cases: Vec<(Value, &str)> = [
        "http://app.example.net/cb",
        "https://localhost/cb",
        "http://localhost/cb",
        "https://app.example.net/cb#x",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "javascript&colon;alert(1)",
        "data:text/html,x",
        "https://*.example.net/cb",
        ".*",
        "/cb",
    ]
    .iter()
    .map(|uri| (json!({ "redirect_uris": [REDIRECT, uri], "application_type": "web" }), "invalid_redirect_uri"))
    .collect();
    cases.push((json!({ "redirect_uris": ["myapp:/cb"], "application_type": "native" }), "invalid_redirect_uri"));
    cases.push((json!({}), "invalid_redirect_uri"));
    cases.push((json!({ "redirect_uris": [] }), "invalid_redirect_uri"));
    let key = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" });
    let metadata = "invalid_client_metadata";
    for (member, value) in [
        ("redirect_uris", json!(REDIRECT)),
        ("grant_types", json!(["implicit"])),
        ("grant_types", json!(["client_credentials"])),
        ("grant_types", json!(["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"])),
        ("response_types", json!(["token"])),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("token_endpoint_auth_signing_alg", json!("none")),
        ("scope", json!("admin root")),
        ("scope", json!("a\"b")),
        ("jwks", json!({ "keys": [key] })),
        ("jwks", json!({ "keys": [] })),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
        ("jwks_uri", json!("http://169.254.169.254/")),
        ("jwks_uri", json!("javascript:alert(1)")),
        ("client_name", json!("The demo-spa")),
        ("client_name", json!("Тhe dеmo sра")),
        ("client_name", json!("BRAMA")),
        ("client_name", json!("—")),
        ("client_name", json!("a\u{202e}b")),
        ("client_name", json!("x".repeat(101))),
        ("client_uri", json!("https://bank.example/")),
        ("logo_uri", json!("data:image/png;base64,AA")),
        ("policy_uri", json!("javascript:alert(1)")),
        ("tos_uri", json!("http://app.example.net/")),
        ("subject_type", json!("pairwise")),
        ("id_token_signed_response_alg", json!("none")),
        ("userinfo_encrypted_response_alg", json!("RSA-OAEP")),
        ("sector_identifier_uri", json!("http://app.example.net/sector.json")),
        ("sector_identifier_uri", json!("https://app.example.net/gone.json")),
        ("application_type", json!("desktop")),
        ("backchannel_logout_uri", json!("http://app.example.net/logout")),
        ("default_max_age", json!(-1)),
    ] {
        cases.push((with(member, value), metadata));
    }
    let mut both = with("jwks_uri", json!("https://app.example.net/jwks"));
    both["jwks"] = json!({ "keys": [] });
    cases.push((both, metadata));
    cases.push((json!({ "redirect_uris": ["https://elsewhere.example.org/cb"] }), "invalid_redirect_uri"));
    cases
}

#[tokio::test]
async fn rg13_rg14_lo13_client02_what_may_not_be_registered_may_not_be_updated_either() {
    let server = TestServer::with(|options| {
        let policy = &mut options.settings.registration.policy;
        policy.mode = Mode::Token;
        policy.redirect_hosts = ["app.example.net", "localhost"].map(|host| HostRule::parse(host).unwrap()).to_vec();
    })
    .await;
    let token = initial(&server, 1).await;
    let app = App::new(&server, &minimal()).await;
    let before = app.get(&server).await.expect(200).json();
    for (metadata, error) in refused() {
        let reply = post(&server, &metadata).bearer(&token).send().await;
        assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (400, error), "{metadata}: {reply}");
        let reply = app.put(&server, &metadata).await;
        assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (400, error), "PUT {metadata}: {reply}");
        server.clock.advance(SignedDuration::from_secs(3));
    }
    assert_eq!(app.get(&server).await.expect(200).json(), before);
    // Nothing of it cost the token its use.
    let _ = post(&server, &minimal()).bearer(&token).send().await.expect(201);
}

#[tokio::test]
async fn rg10_metadata_are_one_json_object() {
    let server = server(Mode::Token).await;
    let token = initial(&server, 1).await;
    let good = minimal().to_string();
    let twice = format!("{{\"redirect_uris\":[\"{REDIRECT}\"],\"redirect_uris\":[\"https://b.example/\"]}}");
    for (kind, body) in [
        ("application/x-www-form-urlencoded", good.as_str()),
        ("text/plain", &good),
        ("application/json", ""),
        ("application/json", "[]"),
        ("application/json", "null"),
        ("application/json", "{"),
        ("application/json", &format!("[{good}]")),
        ("application/json", &twice),
        ("application/json", &format!("{good}{good}")),
    ] {
        let reply = server.post("/oauth2/register").bearer(&token).body(kind, body.to_owned()).send().await;
        let _ = reply.expect_error(400, "invalid_client_metadata");
    }
    let deep = format!("{{\"jwks\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let reply = server.post("/oauth2/register").bearer(&token).body("application/json", deep).send().await;
    let _ = reply.expect_error(400, "invalid_client_metadata");
    let _ = post(&server, &minimal()).bearer(&token).send().await.expect(201);
}

#[tokio::test]
async fn client03_open_registration_makes_public_apps_and_has_an_end() {
    let server = TestServer::with(|options| {
        options.settings.registration.policy.mode = Mode::Open;
        options.settings.registration.per_hour = 3;
        options.settings.registration.most = 4;
    })
    .await;
    let from = |address: &'static str| {
        let call = post(&server, &minimal()).peer(address);
        async move { call.send().await }
    };
    let answer = from("198.51.100.1").await.expect(201).json();
    assert_eq!(answer["token_endpoint_auth_method"], "none");
    assert_eq!(answer.get("client_secret"), None);
    for metadata in [
        with("token_endpoint_auth_method", json!("client_secret_basic")),
        with("grant_types", json!(["client_credentials"])),
    ] {
        let reply = post(&server, &metadata).peer("203.0.113.9").send().await;
        let _ = reply.expect_error(400, "invalid_client_metadata");
    }
    // TH-13: one address is stopped, with the time to wait, and another one goes on.
    for expected in [201, 201, 429] {
        let reply = from("198.51.100.1").await.expect(expected);
        if expected == 429 {
            let wait: i64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=3600).contains(&wait), "{reply}");
        }
    }
    let _ = from("198.51.100.77").await.expect(201);
    let _ = from("198.51.100.78").await.expect_error(403, "access_denied");
    server.clock.advance(SignedDuration::from_hours(1));
    let _ = from("198.51.100.1").await.expect_error(403, "access_denied");
}

#[tokio::test]
async fn th13_a_flood_is_refused_from_memory() {
    let server = TestServer::with(|options: &mut Options| {
        options.settings.registration.policy.mode = Mode::Token;
        options.storage = Storage::Disk;
    })
    .await;
    let app = App::new(&server, &minimal()).await;
    let mut refused = 0;
    let before = rows::dump(&server);
    for _ in 0..200 {
        let reply = server.get(&app.text("registration_client_uri")).bearer("x").send().await;
        refused += usize::from(reply.status == 429);
        assert!(matches!(reply.status.as_u16(), 401 | 429), "{reply}");
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(rows::dump(&server), before, "it costs the database no write");
    let other = app.call(&server, Method::GET).peer("198.51.100.1").send().await;
    assert_eq!(other.status, 200, "{other}");
}

#[tokio::test]
async fn openid_registration_5_the_sector_document_lists_every_address() {
    let server = server(Mode::Token).await;
    let token = initial(&server, 1).await;
    let uri = "https://app.example.net/sector.json";
    let metadata = with("sector_identifier_uri", json!(uri));
    let send = async || post(&server, &metadata).bearer(&token).send().await;
    for document in [None, Some("[]"), Some("{}"), Some("[\"https://app.example.net/CB\"]"), Some("not JSON")] {
        if let Some(document) = document {
            server.world.put(uri, document);
        }
        let _ = send().await.expect_error(400, "invalid_client_metadata");
    }
    assert_eq!(server.world.fetched().len(), 5);
    server.world.put(uri, json!([REDIRECT, "https://b.example/"]).to_string());
    let _ = send().await.expect(201);
}

/// SSRF-02, SSRF-03: at registration nothing is fetched but the sector document, and for strangers not even that.
#[tokio::test]
async fn ssrf03_registration_asks_no_server_that_it_need_not_ask() {
    let server = server(Mode::Token).await;
    let mut metadata = with("token_endpoint_auth_method", json!("private_key_jwt"));
    metadata["jwks_uri"] = json!("https://app.example.net/jwks");
    for (member, path) in [("logo_uri", "logo.png"), ("policy_uri", "p"), ("tos_uri", "t"), ("client_uri", "")] {
        metadata[member] = json!(format!("https://app.example.net/{path}"));
    }
    metadata["initiate_login_uri"] = json!("https://app.example.net/start");
    metadata["request_uris"] = json!(["https://app.example.net/request"]);
    metadata["backchannel_logout_uri"] = json!("https://app.example.net/logout");
    let _ = App::new(&server, &metadata).await;
    assert_eq!((server.world.fetched().len(), server.world.posted().len()), (0, 0));
    let open = self::server(Mode::Open).await;
    let reply = post(&open, &with("sector_identifier_uri", json!("https://app.example.net/s.json"))).send().await;
    let _ = reply.expect_error(400, "invalid_client_metadata");
    assert!(open.world.fetched().is_empty());
}

#[tokio::test]
async fn rg2_only_keys_that_can_verify_are_registered() {
    let server = server(Mode::Token).await;
    let token = initial(&server, 1).await;
    let point = |x: [u8; 32], y: [u8; 32]| json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
    let good = json!({
        "kty": "EC", "crv": "P-256", "kid": "1",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let send = async |keys: Value| {
        let mut metadata = with("token_endpoint_auth_method", json!("private_key_jwt"));
        metadata["jwks"] = json!({ "keys": keys });
        post(&server, &metadata).bearer(&token).send().await
    };
    let mut for_encryption = good.clone();
    for_encryption["use"] = json!("enc");
    let mut private = good.clone();
    private["d"] = json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    for wrong in [
        json!([point([1; 32], [2; 32])]),
        json!([good, point([0; 32], [0; 32])]),
        json!([for_encryption]),
        json!([private]),
        json!([good, good]),
        json!([{ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }]),
    ] {
        let _ = send(wrong).await.expect_error(400, "invalid_client_metadata");
    }
    let answer = send(json!([good.clone()])).await.expect(201).json();
    assert_eq!(answer["jwks"], json!({ "keys": [good] }));
    assert_eq!(answer.get("client_secret"), None);
}

#[tokio::test]
async fn g4_the_database_holds_no_token_and_no_secret() {
    let server = TestServer::with(|options| {
        options.settings.registration.policy.mode = Mode::Token;
        options.storage = Storage::Disk;
    })
    .await;
    let token = initial(&server, 2).await;
    let answer = post(&server, &minimal()).bearer(&token).send().await.expect(201).json();
    let text = |member: &str| answer[member].as_str().unwrap().to_owned();
    let wire = [token, text("client_secret"), text("registration_access_token")];
    for (table, rows) in rows::dump(&server) {
        for secret in &wire {
            let bytes = URL_SAFE_NO_PAD.decode(secret).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(rows.iter().all(|row| !row.contains(secret) && !row.contains(&hex)), "{table}");
        }
    }
}

/// RG-10: nobody who registers itself is taken for somebody whom the operator registered.
#[tokio::test]
async fn rg10_an_app_cannot_give_itself_what_only_the_operator_gives() {
    let server = server(Mode::Token).await;
    let mut metadata = with("first_party", json!(true));
    for (member, value) in [
        ("registrar", json!("operator")),
        ("danger_allow_missing_pkce", json!(true)),
        ("resources", json!(["https://id.example.com/api"])),
        ("serves", json!(["https://id.example.com/api"])),
        ("type", json!("service")),
        ("origins", json!([seeds::APP_ORIGIN])),
        ("enabled", json!(true)),
    ] {
        metadata[member] = value;
    }
    let app = App::new(&server, &metadata).await;
    let stored = server.store.find_client(&app.text("client_id").parse().unwrap()).await.unwrap().unwrap();
    let client = &stored.client;
    assert_eq!(client.client_type, ClientType::Web);
    assert_eq!(client.registrar, brama_protocol::client::Registrar::Itself);
    assert!(!client.first_party && !client.danger_allow_missing_pkce);
    assert!(client.resources.is_empty() && client.serves.is_empty() && client.origins.is_empty());
}
