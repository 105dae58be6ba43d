//! `id_token_hint` of authorization requests: who is expected. OpenID Core §3.1.2.1, §3.1.2.2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Algorithm, SigningKey, Typ};
use brama_testkit::{Answer, Browser, RelyingParty, TestServer, html, seeds, tokens};

use crate::support::Tokens;

async fn id_token_of<'s>(server: &'s TestServer, name: &str) -> (Browser<'s>, String) {
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(server);
    let landing = browser.authorize(&shop, &[]).await;
    let answer = browser.complete_as(landing, name, seeds::PASSWORD).await;
    let id = Tokens::of(&shop.redeem(server, answer.code()).await).id;
    (browser, id)
}

#[tokio::test]
async fn tk13_a_hint_names_who_has_to_be_signed_in() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let (mut olena, of_olena) = id_token_of(&server, seeds::OLENA).await;
    let (mut taras, of_taras) = id_token_of(&server, seeds::TARAS).await;
    let silent = |hint| [("prompt", "none"), ("id_token_hint", hint)];
    assert!(Answer::parse(&olena.authorize(&shop, &silent(&of_olena)).await.outside()).get("code").is_some());
    assert_eq!(Answer::parse(&olena.authorize(&shop, &silent(&of_taras)).await.outside()).error(), "login_required");
    // Not silent: whoever is expected signs in; somebody else gets no code.
    let page = olena.authorize(&shop, &[("id_token_hint", &of_taras)]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let again = olena.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
    assert!(html::form(again.text(), "/sign-in").is_some(), "{again}");
    // Expired is fine.
    server.clock.advance_seconds(3600);
    assert!(Answer::parse(&taras.authorize(&shop, &silent(&of_taras)).await.outside()).get("code").is_some());
}

#[tokio::test]
async fn tk22_a_hint_that_is_not_ours_is_refused() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let (mut olena, good) = id_token_of(&server, seeds::OLENA).await;
    let (header, claims) = tokens::peek(&good);
    let parts: Vec<&str> = good.split('.').collect();
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with_header = |change: serde_json::Value| {
        let mut header = header.clone();
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        format!("{}.{}.{}", encode(&header), parts[1], parts[2])
    };
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut other_issuer = claims.clone();
    other_issuer["iss"] = "https://id.example.com/".into();
    let forgeries = [
        format!("{}.{}.", encode(&serde_json::json!({"alg": "none"})), parts[1]),
        with_header(serde_json::json!({"alg": "none"})),
        with_header(serde_json::json!({"alg": "nOnE"})),
        with_header(serde_json::json!({"alg": "HS256"})),
        with_header(serde_json::json!({"alg": "RS256"})),
        with_header(serde_json::json!({"kid": "../../etc/passwd"})),
        with_header(serde_json::json!({"kid": "' OR 1=1 --"})),
        with_header(serde_json::json!({"crit": ["x"], "x": 1})),
        with_header(serde_json::json!({"jku": "https://evil.example/jwks"})),
        stranger.sign(Typ::IdToken, &claims).unwrap(),
        stranger.sign(Typ::IdToken, &other_issuer).unwrap(),
        format!("{}.{}.{}", parts[0], encode(&other_issuer), parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(parts[2].len())),
        format!("{good}="),
        format!("{good}.x"),
        good[..good.len() - 4].to_owned(),
    ];
    for forged in forgeries {
        let landing = olena.authorize(&shop, &[("prompt", "none"), ("id_token_hint", &forged)]).await;
        assert_eq!(Answer::parse(&landing.outside()).error(), "invalid_request", "{forged}");
    }
}
