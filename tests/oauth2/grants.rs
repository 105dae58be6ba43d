//! Which client may use which grant, and the machine's own. TE-32, TE-33, TE-37.

use brama_jose::Typ;
use brama_protocol::client::{Client, ClientType};
use brama_testkit::{RelyingParty, TestServer, seeds, tokens};

async fn robot(server: &TestServer, fields: &[(&str, &str)]) -> brama_testkit::Reply {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend_from_slice(fields);
    server.post("/oauth2/token").basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT)).form(&form).send().await
}

#[tokio::test]
async fn te32_a_machine_gets_an_access_token_and_nothing_of_a_person() {
    let server = TestServer::start().await;
    let json = robot(&server, &[]).await.expect(200).json();
    let mut members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(json["scope"], "read write", "openid is not for machines");
    let token = json["access_token"].as_str().unwrap();
    let claims = tokens::verify(&server, token, Typ::AccessToken).await;
    assert_eq!((&claims["sub"], &claims["client_id"]), (&"robot".into(), &"robot".into()));
    assert_eq!(claims["aud"], "https://id.example.com/api");
    // TE-33: what tells a machine from a person.
    for name in ["auth_time", "amr", "acr", "sid"] {
        assert_eq!(claims.get(name), None);
    }
    for path in ["/userinfo", "/api/auth/me"] {
        assert_eq!(server.get(path).bearer(token).send().await.expect_error(401, "invalid_token").status, 401);
    }
    assert_eq!(robot(&server, &[("scope", "read")]).await.json()["scope"], "read");
    assert_eq!(robot(&server, &[("scope", "read admin")]).await.json()["scope"], "read");
    for scope in ["openid", "offline_access", "admin", "\"", "openid offline_access"] {
        assert_eq!(robot(&server, &[("scope", scope)]).await.expect_error(400, "invalid_scope").status, 400);
    }
    assert_eq!(
        robot(&server, &[("resource", "https://other.example")]).await.expect_error(400, "invalid_target").status,
        400
    );
}

#[tokio::test]
async fn te32_te37_each_client_has_its_grants() {
    let server = TestServer::start().await;
    let no_uri = Client { ..seeds::client("nowhere", ClientType::Web) };
    seeds::put_client(&server, no_uri).await;
    let public = [("grant_type", "client_credentials")];
    for app in [RelyingParty::cli(), RelyingParty::demo(), RelyingParty::foreign(), RelyingParty::shop()] {
        let reply = app.token(&server, &public, &[]).await.expect_error(400, "unauthorized_client");
        assert!(!reply.text().contains("eyJ"), "{}: {reply}", app.client_id);
    }
    let code = [("grant_type", "authorization_code"), ("code", &"A".repeat(43)), ("code_verifier", &"A".repeat(43))];
    for id in [seeds::ROBOT, "nowhere"] {
        let call = server.post("/oauth2/token").basic(id, &seeds::secret(id)).form(&code);
        assert_eq!(call.send().await.expect_error(400, "unauthorized_client").status, 400);
    }
}

#[tokio::test]
async fn te33_no_client_can_look_like_a_user() {
    let server = TestServer::start().await;
    let user = seeds::user(&server, seeds::OLENA).await.id.to_string();
    for text in [user.clone(), user.to_uppercase(), user.replace('-', "")] {
        assert!(text.parse::<brama_protocol::client::ClientId>().is_err(), "{text}");
    }
}
