//! Class LEAK: secrets in logs, in debug texts, in caches.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brama_flows::csrf::CsrfKey;
use brama_flows::dpop::Proofs;
use brama_flows::keys::{MasterKey, Sealer};
use brama_http::routes::{Access, Cache, Cors, Csrf};
use brama_jose::{Algorithm, SigningKey, Typ};
use brama_protocol::authorize::request::{AuthorizationRequest, Channel, Policy, validate};
use brama_protocol::client::{Client, ClientType};
use brama_protocol::dpop::{NonceKey, NoncePurpose};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::GrantId;
use brama_protocol::oidc::logout::LogoutRequest;
use brama_protocol::par::{self, PushedResponse};
use brama_protocol::parameters::Parameters;
use brama_protocol::password::Password;
use brama_protocol::pkce::{Challenge, Verifier};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::refresh_token::{RefreshToken, RefreshTokenKey};
use brama_protocol::registration::policy::Mode;
use brama_protocol::token::request::{Credentials, Grant};
use brama_protocol::token::response::TokenResponse;
use brama_store::user::SealedPasswordHash;
use brama_testkit::{Browser, RelyingParty, Storage, TestServer, logs, rows, seeds};
use serde::Serialize;
use serde_json::json;

use crate::device_page::Tv;
use crate::oauth2::backchannel_logout;
use crate::oauth2::dpop::{Prover, ask, bound, refresh_fields};
use crate::oauth2::par::pushed;
use crate::oauth2::register;
use crate::oauth2::signer::{self, Signer};
use crate::routes::cases;
use crate::secrets::{contains, secret_part, spellings};
use crate::support::{DEMO_RT, SESSION, TX, logged_in, signed_in_to};

/// What a type cannot do, told by the compiler: types that can have the constants of their own, which say no.
pub(super) struct Asked<T>(PhantomData<T>);

pub(super) trait Lacks {
    const NO_DEBUG: bool = true;
    const NO_DISPLAY: bool = true;
    const NO_SERIALIZE: bool = true;
    const NO_EQUALITY: bool = true;
    const NO_ORDER: bool = true;
    const NO_HASH: bool = true;
}

impl<T> Lacks for Asked<T> {}

impl<T: Debug> Asked<T> {
    pub(super) const NO_DEBUG: bool = false;
}

impl<T: Display> Asked<T> {
    pub(super) const NO_DISPLAY: bool = false;
}

impl<T: Serialize> Asked<T> {
    pub(super) const NO_SERIALIZE: bool = false;
}

impl<T: PartialEq> Asked<T> {
    pub(super) const NO_EQUALITY: bool = false;
}

impl<T: PartialOrd> Asked<T> {
    pub(super) const NO_ORDER: bool = false;
}

impl<T: Hash> Asked<T> {
    pub(super) const NO_HASH: bool = false;
}

/// With `Display` or `Serialize` on one of these, or `Debug` on a key, this does not compile.
const _: () = {
    // The questions themselves work.
    assert!(!Asked::<String>::NO_DEBUG && !Asked::<String>::NO_DISPLAY && !Asked::<String>::NO_SERIALIZE);
    assert!(!Asked::<String>::NO_EQUALITY && !Asked::<String>::NO_ORDER && !Asked::<String>::NO_HASH);
    assert!(Asked::<Handle<kind::Session>>::NO_DISPLAY && Asked::<Handle<kind::Session>>::NO_SERIALIZE);
    assert!(Asked::<RefreshToken>::NO_DISPLAY && Asked::<RefreshToken>::NO_SERIALIZE);
    assert!(Asked::<Password>::NO_DISPLAY && Asked::<Password>::NO_SERIALIZE);
    assert!(Asked::<Verifier>::NO_DISPLAY && Asked::<Verifier>::NO_SERIALIZE);
    assert!(Asked::<Credentials>::NO_DISPLAY && Asked::<Credentials>::NO_SERIALIZE);
    assert!(Asked::<Parameters>::NO_DISPLAY && Asked::<Parameters>::NO_SERIALIZE);
    assert!(Asked::<SigningKey>::NO_DISPLAY && Asked::<SigningKey>::NO_SERIALIZE);
    assert!(Asked::<MasterKey>::NO_DISPLAY && Asked::<MasterKey>::NO_SERIALIZE);
    assert!(Asked::<SealedPasswordHash>::NO_DISPLAY && Asked::<SealedPasswordHash>::NO_SERIALIZE);
    assert!(Asked::<Sealer>::NO_DEBUG && Asked::<CsrfKey>::NO_DEBUG && Asked::<RefreshTokenKey>::NO_DEBUG);
};

/// An authorization request with these parameters beside those that it needs.
fn asked(more: &str) -> AuthorizationRequest {
    let client = Client {
        redirect_uris: vec![RegisteredRedirectUri::parse(seeds::SHOP_REDIRECT).unwrap()],
        ..seeds::client("shop", ClientType::Web)
    };
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(RelyingParty::shop().parameters(&[]))
        .finish();
    let parameters = Parameters::parse(format!("{query}&{more}").as_bytes()).unwrap();
    let policy = Policy { default_audience: "https://id.example.com/api", require_pushed: false };
    validate(&parameters, &client, policy, Channel::Front).unwrap()
}

/// `{:?}` of what holds a secret printed it. `Display` and `Serialize` have none of them: see above.
#[test]
fn leak_01_the_debug_form_of_a_secret_does_not_show_it() {
    let bytes: [u8; 32] = std::array::from_fn(|index| 200 - u8::try_from(index * 5).unwrap());
    let handle = || Handle::<kind::Session>::from_random(bytes);
    let token = RefreshTokenKey::new(&bytes).token(GrantId::from_bytes([3; 16]), 5);
    let password = "canary of a password";
    let verifier = "canary-verifier-0123456789-0123456789-0123456789";
    let signing = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwt = signing.sign(Typ::AccessToken, &json!({ "canary": password })).unwrap();
    let form = format!("client_id=shop&client_secret={}&code_verifier={verifier}", handle().to_wire());
    let parameters = Parameters::parse(form.as_bytes()).unwrap();
    let proofs = Proofs { headers: vec![jwt.as_bytes()], method: "POST", path: "/oauth2/token" };
    let tokens = TokenResponse {
        access_token: &jwt,
        token_type: "Bearer",
        expires_in: 900,
        scope: "openid",
        refresh_token: Some(token.as_str()),
        id_token: Some(&jwt),
    };
    let hints = format!("client_id=shop&id_token_hint={jwt}&logout_hint=kalyna%20canary%20hint");
    let hints = Parameters::parse(hints.as_bytes()).unwrap();
    let refresh = format!("grant_type=refresh_token&refresh_token={}", token.as_str());
    let device = format!("grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={}", handle().to_wire());
    let code = format!("grant_type=authorization_code&code={}&code_verifier={verifier}", handle().to_wire());
    let grant = |form: &str| Grant::parse(&Parameters::parse(form.as_bytes()).unwrap()).unwrap();
    let pushed = Handle::<kind::PushedRequest>::from_random(bytes);
    let pushed = PushedResponse { request_uri: par::request_uri(&pushed), expires_in: 60 };
    let verifying = brama_jose::VerifyingKey::new(signing.public()).unwrap();
    let verified = brama_jose::parse(&jwt).unwrap().verify(&verifying, Typ::AccessToken).unwrap();
    let shown = [
        format!("{:?} {:#?}", handle(), handle()),
        format!("{:?}", handle().hash()),
        format!("{token:?} {token:#?}"),
        format!("{:?}", Password::parse(password).unwrap()),
        format!("{:?}", Verifier::parse(verifier).unwrap()),
        format!("{:?}", Challenge::from_bytes(bytes)),
        format!("{:?}", MasterKey::new(bytes).unwrap()),
        format!("{:?}", NonceKey::new(&bytes, NoncePurpose::AuthorizationServer)),
        format!("{:?}", SealedPasswordHash(bytes.to_vec())),
        format!("{signing:?} {signing:#?}"),
        format!("{parameters:?} {parameters:#?}"),
        format!("{:?}", Credentials::parse(&[], &parameters).unwrap()),
        format!("{:?} {verified:?}", brama_jose::parse(&jwt).unwrap()),
        format!("{proofs:?} {proofs:#?}"),
        format!("{tokens:?} {tokens:#?}"),
        format!("{pushed:?} {pushed:#?}"),
        format!("{:?}", LogoutRequest::parse(&hints).unwrap()),
        format!("{:?}", asked(&format!("id_token_hint={jwt}&login_hint=kalyna%20canary%20hint"))),
        format!("{:#?} {:?} {:?}", grant(&refresh), grant(&device), grant(&code)),
    ]
    .join("\n");
    let list = format!("{bytes:?}");
    let secrets = [
        handle().to_wire(),
        token.as_str().to_owned(),
        password.to_owned(),
        verifier.to_owned(),
        String::from_utf8_lossy(signing.to_pkcs8()).into_owned(),
        jwt.clone(),
        "kalyna canary hint".to_owned(),
        // As bytes, in a list.
        jwt.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "),
        list.trim_matches(['[', ']']).to_owned(),
    ];
    for secret in &secrets {
        assert!(secret.len() > 16 && spellings(secret).iter().all(|one| !contains(shown.as_bytes(), one)), "{shown}");
    }
}

/// Tokens were written to the log. The sign-ins of a browser and of an app, good and bad, are in `tests/secrets.rs`; here
/// is everything else that carries a secret: pushed requests, assertions, proofs, devices, registration, logout tokens, and the
/// keys themselves.
#[tokio::test]
async fn leak_02_no_other_secret_is_stored_or_logged() {
    let logs = logs::capture();
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.seed = 0x1ea6_0002;
        options.settings.registration.policy.mode = Mode::Token;
    })
    .await;
    let mut secrets: Vec<(&str, String)> = Vec::new();
    let shop = RelyingParty::shop();
    // Pushed requests and bound tokens.
    let request_uri = pushed(&server, &shop, &[("nonce", "canary-nonce-5f1e-not-a-secret")]).await;
    secrets.push(("request_uri", request_uri.rsplit(':').next().unwrap().to_owned()));
    let prover = Prover::new();
    let tokens = bound(&server, &shop, &prover).await;
    secrets.push(("bound access token", secret_part(&tokens.member("access_token"))));
    secrets.push(("bound refresh token", secret_part(&tokens.member("refresh_token"))));
    let proof = prover.at_token(&server);
    let fields = refresh_fields(&shop, &tokens.member("refresh_token"));
    for _ in 0..2 {
        ask(&server, &shop, &fields, &[&proof]).await;
    }
    secrets.push(("proof", secret_part(&proof)));
    // Assertions: right, used again, wrong.
    let client = Signer::registered(&server).await;
    let assertion = client.assertion(&server, json!({}));
    for _ in 0..2 {
        signer::ask(&server, &assertion).await;
    }
    let wrong = client.assertion(&server, json!({ "aud": "https://other.example" }));
    signer::ask(&server, &wrong).await;
    secrets.extend([("assertion", secret_part(&assertion)), ("wrong assertion", secret_part(&wrong))]);
    // Devices.
    seeds::put_client(&server, Tv::client()).await;
    let tv = Tv::begin(&server, &[]).await;
    tv.poll(&server).await;
    let mut browser = logged_in(&server).await;
    browser.visit(&format!("/device?user_code={}", tv.user_code)).await;
    secrets.push(("device code", tv.device_code.clone()));
    // Registration: the token that lets an app in, its own token, its secret.
    let initial = register::initial(&server, 1).await;
    let metadata = register::with("token_endpoint_auth_method", json!("client_secret_basic"));
    let app = register::post(&server, &metadata).bearer(&initial).send().await.expect(201);
    register::post(&server, &metadata).bearer(&initial).send().await;
    let (id, own) = (app.member("client_id"), app.member("registration_access_token"));
    let _ = server.get(&format!("/oauth2/register/{id}")).bearer(&own).send().await.expect(200);
    let _ = server.get(&format!("/oauth2/register/{id}")).bearer(&initial).send().await.expect(401);
    secrets.extend([("initial access token", initial), ("registration token", own)]);
    secrets.push(("generated client secret", app.member("client_secret")));
    // Asked about and revoked.
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        for token in [tokens.member("refresh_token"), tokens.member("access_token")] {
            let call = server.post(path).basic(seeds::SHOP, &seeds::secret(seeds::SHOP));
            call.form(&[("token", &token)]).send().await;
        }
    }
    // What apps are told at the end of a session.
    let told = backchannel_logout::listener(&server, "told", |_| {}).await;
    let mut browser = Browser::new(&server);
    secrets.push(("ID token", secret_part(&backchannel_logout::sign_in(&mut browser, &server, &told).await.id)));
    backchannel_logout::sign_out(&mut browser).await;
    server.tell_apps().await;
    let posted = server.world.posted();
    assert!(!posted.is_empty(), "no app is told");
    secrets.extend(posted.iter().map(|(_, form)| ("logout token", secret_part(form))));
    // Keys: what signs tokens (the last 32 bytes of its PKCS#8 are the scalar and the public point), and what seals it.
    let catalog = server.deployment.catalog.get();
    let signing = catalog.keyring.for_access_tokens(server.ctx().now).unwrap();
    secrets.push(("signing key", URL_SAFE_NO_PAD.encode(&signing.to_pkcs8()[36..68])));
    secrets.push(("master key", URL_SAFE_NO_PAD.encode(brama_testkit::MASTER)));
    secrets.push(("master key as text", String::from_utf8(brama_testkit::MASTER.to_vec()).unwrap()));
    assert!(secrets.len() >= 14);
    let (stored, logged) = (rows::everything(&server), logs.text());
    assert!(
        contains(&stored, b"canary-nonce-5f1e") && logged.contains("/oauth2/device_authorization"),
        "the search works"
    );
    for (what, secret) in &secrets {
        assert!(secret.len() >= 20, "{what}: {secret}");
        for spelling in spellings(secret) {
            assert!(!contains(&stored, &spelling), "{what} is in the database");
            assert!(!contains(logged.as_bytes(), &spelling), "{what} is in the log");
        }
    }
    let shown = tv.user_code.replace('-', "");
    for code in [tv.user_code.as_bytes(), shown.as_bytes()] {
        assert!(!contains(&stored, code) && !contains(logged.as_bytes(), code), "the code that a person types");
    }
}

/// Parameters that carry a secret, here or elsewhere.
const SECRET_PARAMETERS: &[&str] = &[
    "password",
    "client_secret",
    "client_assertion",
    "assertion",
    "code",
    "code_verifier",
    "refresh_token",
    "access_token",
    "token",
    "id_token_hint",
    "device_code",
    "user_code",
    "csrf",
    "request",
    "request_uri",
    "subject_token",
    "actor_token",
    "registration_access_token",
];

/// The same for what is sent where it means nothing, or is refused: a canary in every parameter, header and cookie of every
/// route, each of them another.
#[tokio::test]
async fn leak_02_whatever_is_sent_is_neither_stored_nor_logged() {
    let logs = logs::capture();
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.unlimited_addresses();
        options.settings.registration.policy.mode = Mode::Token;
    })
    .await;
    let mut sent = 0;
    let mut canary = || {
        sent += 1;
        // As long as a handle.
        format!("leak02canary{sent:031}")
    };
    let mut pairs_sent = Vec::new();
    for case in cases(&server).await {
        let fields: Vec<(&str, String)> = SECRET_PARAMETERS.iter().map(|name| (*name, canary())).collect();
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let json: serde_json::Map<String, serde_json::Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let basic = STANDARD.encode(format!("shop:{}", canary()));
        pairs_sent.push(basic.clone());
        let authorizations =
            [format!("Bearer {}", canary()), format!("DPoP {}", canary()), format!("Basic {basic}"), canary()];
        for authorization in &authorizations {
            let cookie = format!("{SESSION}={}; {DEMO_RT}=brt_{}; {TX}={}", canary(), canary(), canary());
            let as_json =
                matches!(case.row.csrf, Csrf::CookieEndpoint) || case.row.path.starts_with("/oauth2/register");
            let call = match case.row.method {
                "GET" | "DELETE" => case.call(&server),
                _ if as_json => case.call(&server).json(&json.clone().into()),
                _ => case.call(&server).form(&pairs),
            };
            let call = call.header("authorization", authorization).header("dpop", &canary()).cookie(&cookie);
            call.header("referer", &canary()).header("x-request-id", &canary()).send().await;
        }
    }
    let (stored, logged) = (rows::everything(&server), logs.text());
    assert!(sent >= 100 && logged.contains("/oauth2/token"), "{sent}");
    assert!(!contains(&stored, b"leak02canary"), "in the database");
    let leaked = logged.lines().find(|line| line.contains("leak02canary"));
    assert_eq!(leaked, None);
    assert!(pairs_sent.iter().all(|pair| !logged.contains(pair)), "in base64");
}

/// The access log had the query. Every route, and addresses that do not exist.
#[tokio::test]
async fn leak_03_no_query_and_no_path_of_strangers_is_logged() {
    let logs = logs::capture();
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let names = [
        "code",
        "token",
        "access_token",
        "refresh_token",
        "id_token",
        "id_token_hint",
        "login_hint",
        "logout_hint",
        "state",
        "nonce",
        "password",
        "username",
        "client_secret",
        "client_assertion",
        "user_code",
        "tx",
        "x",
    ];
    let query: Vec<String> = names.iter().map(|name| format!("{name}=leak03-canary-{name}-0a1b2c")).collect();
    let query = query.join("&");
    let mut lines = 0;
    for case in cases(&server).await {
        let target = format!("{}?{query}", case.path);
        let call = server.call(case.row.method.parse().unwrap(), &target);
        call.header("referer", &format!("https://shop.example.net/?{query}")).send().await;
        lines += 1;
    }
    for path in ["/leak03-canary-path-0a1b2c", "/oauth2/leak03-canary-path-0a1b2c", "/error/leak03-canary-path-0a1b2c"]
    {
        server.get(path).header("user-agent", "leak03-canary-agent-0a1b2c").send().await;
    }
    let logged = logs.text();
    assert!(lines > 40 && logged.contains("/error/{code}"));
    let leaked = logged.lines().find(|line| line.contains("leak03-canary"));
    assert_eq!(leaked, None);
}

/// An answer with a session cookie was kept by a cache between. Every route, for somebody who is signed in; for nobody:
/// `tests/routes.rs`.
#[tokio::test]
async fn leak_05_nothing_that_depends_on_who_asks_may_be_kept() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let access = signed_in_to(&server, &RelyingParty::shop()).await.access;
    let mut opened = 0;
    for case in cases(&server).await {
        let token = (case.row.access == Access::Token).then(|| format!("Bearer {access}"));
        let browser = logged_in(&server).await;
        let names = browser.jar.names();
        let jar: Vec<String> = names.iter().map(|name| format!("{name}={}", browser.jar.get(name).unwrap())).collect();
        for origin in [None, Some(server.issuer()), Some(seeds::APP_ORIGIN)] {
            let call = case.empty(&server).cookie(&jar.join("; ")).maybe("origin", origin);
            let reply = call.maybe("authorization", token.as_deref()).send().await;
            opened += usize::from(token.is_some() && reply.status.is_success());
            let kept = reply.header("cache-control") != Some("no-store");
            assert_eq!(kept, case.row.cache != Cache::NoStore && reply.status.is_success(), "{}: {reply}", case.name());
            assert!(!kept || reply.set_cookies().is_empty(), "{}: {reply}", case.name());
            let vary = reply.list("vary");
            match case.row.cors {
                Cors::None | Cors::Any => {}
                Cors::Listed => assert!(vary.contains(&"Origin"), "{}: {reply}", case.name()),
                Cors::ListedWithCredentials => {
                    assert!(vary.contains(&"Origin") && vary.contains(&"Cookie"), "{}: {reply}", case.name());
                }
            }
        }
    }
    assert!(opened >= 9, "a person's data were told {opened} times");
}
