//! How clients say who they are at `/oauth2/token`. TE-2 to TE-10.

use brama_testkit::{Browser, RelyingParty, TestServer, seeds};

#[tokio::test]
async fn te6_te7_a_secret_in_the_body_or_in_the_header() {
    let server = TestServer::start().await;
    let secret = seeds::secret(seeds::ROBOT);
    let grant = [("grant_type", "client_credentials")];
    assert_eq!(server.post("/oauth2/token").basic(seeds::ROBOT, &secret).form(&grant).send().await.status, 200);
    let percent = secret.replace('-', "%2D").replace('_', "%5f");
    assert_eq!(
        server.post("/oauth2/token").basic("%72obot", &percent).form(&grant).send().await.status,
        200,
        "form-encoded"
    );
    let lower =
        server.post("/oauth2/token").header("authorization", &basic(seeds::ROBOT, &secret).replace("Basic", "bAsIc"));
    assert_eq!(lower.form(&grant).send().await.status, 200);
    let body = [grant[0], ("client_id", seeds::ROBOT), ("client_secret", &secret)];
    assert_eq!(server.post("/oauth2/token").form(&body).send().await.status, 200);
    // A client_id beside Basic is no second mechanism, if it is the same.
    let beside = server.post("/oauth2/token").basic(seeds::ROBOT, &secret).form(&body[..2]);
    assert_eq!(beside.send().await.status, 200);
}

fn basic(id: &str, secret: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

#[tokio::test]
async fn te3_te5_te7_te9_every_wrong_header_is_answered_alike() {
    let server = TestServer::start().await;
    let secret = seeds::secret(seeds::ROBOT);
    let other = seeds::secret(seeds::SHOP);
    let mut bodies = std::collections::BTreeSet::new();
    for header in [
        basic("nobody", &secret),
        basic(seeds::ROBOT, &other),
        basic(seeds::ROBOT, ""),
        basic(seeds::ROBOT, &format!("{secret} ")),
        basic(seeds::ROBOT, &secret.to_lowercase()),
        basic(seeds::ROBOT, "100%"),
        basic(seeds::ROBOT, &format!("{secret}&x=1")),
        basic("", &secret),
        basic(seeds::CLI, &secret),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        "Basic cm9ib3Q=".to_owned(),
        "Bearer x".to_owned(),
        format!("Digest {secret}"),
    ] {
        let call = server.post("/oauth2/token").header("authorization", &header);
        let reply = call.form(&[("grant_type", "client_credentials")]).send().await.expect_error(401, "invalid_client");
        assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"brama\""), "{reply}");
        bodies.insert(reply.text().to_owned());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

/// RFC 6749 §2.3.1: a secret that is empty may be left out, and old clients send it so.
#[tokio::test]
async fn te5_a_public_client_may_name_itself_by_basic_with_an_empty_secret() {
    let server = TestServer::start().await;
    let ask = |client| server.post("/oauth2/token").header("authorization", &basic(client, ""));
    let machine = [("grant_type", "client_credentials")];
    let _ = ask(seeds::CLI).form(&machine).send().await.expect_error(400, "unauthorized_client");
    let code = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", &*"v".repeat(43))];
    let _ = ask(seeds::CLI).form(&code).send().await.expect_error(400, "invalid_grant");
    let _ = ask(seeds::ROBOT).form(&machine).send().await.expect_error(401, "invalid_client");
}

#[tokio::test]
async fn te3_te5_wrong_credentials_in_the_body_are_400() {
    let server = TestServer::start().await;
    let (robot, shop) = (seeds::secret(seeds::ROBOT), seeds::secret(seeds::SHOP));
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("client_id", "nobody")],
        &[("client_id", "")],
        &[("client_id", "not a client id")],
        &[("client_id", seeds::ROBOT)],
        &[("client_id", seeds::ROBOT), ("client_secret", &shop)],
        &[("client_id", seeds::ROBOT), ("client_secret", "")],
        &[("client_secret", &robot)],
        &[("client_id", seeds::CLI), ("client_secret", &robot)],
        &[
            ("client_id", seeds::ROBOT),
            ("client_assertion", "x"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ],
    ];
    for fields in cases {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend_from_slice(fields);
        let reply = server.post("/oauth2/token").form(&form).send().await.expect_error(400, "invalid_client");
        assert_eq!(reply.header("www-authenticate"), None, "{reply}");
    }
}

#[tokio::test]
async fn te4_two_mechanisms_at_once_are_refused() {
    let server = TestServer::start().await;
    let secret = seeds::secret(seeds::ROBOT);
    let grant = ("grant_type", "client_credentials");
    let call = || server.post("/oauth2/token").basic(seeds::ROBOT, &secret);
    let both = call().form(&[grant, ("client_id", seeds::ROBOT), ("client_secret", &secret)]).send().await;
    assert_eq!(both.expect_error(400, "invalid_request").status, 400);
    let different = call().form(&[grant, ("client_id", seeds::SHOP)]).send().await;
    assert_eq!(different.expect_error(400, "invalid_request").status, 400);
    let twice = call().header("authorization", &basic(seeds::ROBOT, &secret)).form(&[grant]).send().await;
    assert_eq!(twice.expect_error(400, "invalid_request").status, 400);
    for name in ["client_id", "client_secret"] {
        let form = [grant, ("client_id", seeds::ROBOT), ("client_secret", &secret), (name, seeds::ROBOT)];
        assert_eq!(
            server.post("/oauth2/token").form(&form).send().await.expect_error(400, "invalid_request").status,
            400
        );
    }
    // A secret in the URL is not read. OAuth 2.1 §2.4.1.
    let url = format!("/oauth2/token?client_id={}&client_secret={secret}", seeds::ROBOT);
    assert_eq!(server.post(&url).form(&[grant]).send().await.expect_error(400, "invalid_client").status, 400);
}

#[tokio::test]
async fn te2_the_client_comes_before_the_grant() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    let wrong = RelyingParty { secret: Some(seeds::secret(seeds::ROBOT)), ..shop.clone() };
    for grant in ["authorization_code", "password", "", "nonsense"] {
        let reply = wrong.redeem_with(&server, &code, &[("grant_type", grant)]).await;
        assert_eq!(reply.expect_error(401, "invalid_client").status, 401);
    }
    // A confidential client may not do without.
    let none = RelyingParty { secret: None, ..shop.clone() };
    assert_eq!(none.redeem(&server, &code).await.expect_error(400, "invalid_client").status, 400);
    assert_eq!(shop.redeem(&server, &code).await.status, 200);
}

#[tokio::test]
async fn te9_two_secrets_overlap_while_one_is_replaced() {
    use brama_protocol::handle::{Handle, kind};
    use brama_store::client::ClientRecord;
    let server = TestServer::start().await;
    let new = Handle::<kind::ClientSecret>::from_random([9; 32]);
    let old = Handle::<kind::ClientSecret>::from_random([8; 32]);
    let now = server.ctx().now;
    let client = brama_protocol::client::Client {
        scope: brama_protocol::scope::Scope::parse("read").unwrap(),
        ..seeds::client("rotating", brama_protocol::client::ClientType::Service)
    };
    let record = ClientRecord { client, secrets: vec![old.hash(), new.hash()], created_at: now, updated_at: now };
    server.store.add_client(record).await.unwrap();
    for (secret, status) in [(old.to_wire(), 200), (new.to_wire(), 200), ("A".repeat(43), 401)] {
        let call = server.post("/oauth2/token").basic("rotating", &secret);
        assert_eq!(call.form(&[("grant_type", "client_credentials")]).send().await.status, status);
    }
}

/// A secret is accepted where the client said it would send it, and nowhere else.
#[tokio::test]
async fn te3_the_registered_method_is_the_only_one() {
    use brama_protocol::client::{AuthMethod, Client, ClientType};
    let server = TestServer::start().await;
    let secret = seeds::secret("one-way");
    let grant = ("grant_type", "client_credentials");
    for (auth_method, header, body) in [
        (AuthMethod::ClientSecret, 200, 200),
        (AuthMethod::ClientSecretBasic, 200, 400),
        (AuthMethod::ClientSecretPost, 401, 200),
        (AuthMethod::PrivateKeyJwt, 401, 400),
        (AuthMethod::None, 401, 400),
    ] {
        let scope = brama_protocol::scope::Scope::parse("read").unwrap();
        let record = Client { auth_method, scope, ..seeds::client("one-way", ClientType::Service) };
        seeds::put_client(&server, Client { auth_method: AuthMethod::ClientSecret, ..record.clone() }).await;
        let mut stored = (*server.store.find_client(&record.id).await.unwrap().unwrap()).clone();
        stored.client = record;
        server.store.declare_client(stored).await.unwrap();
        let call = server.post("/oauth2/token").basic("one-way", &secret).form(&[grant]);
        assert_eq!(call.send().await.status, header, "{auth_method:?} in the header");
        let form = [grant, ("client_id", "one-way"), ("client_secret", &secret)];
        let reply = server.post("/oauth2/token").form(&form).send().await;
        assert_eq!(reply.status, body, "{auth_method:?} in the body: {reply}");
    }
}

/// All four ways are advertised, and nothing else is tried. EP-52.
#[tokio::test]
async fn ep52_te10_ways_of_authentication_are_as_advertised() {
    let server = TestServer::start().await;
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    let advertised = &metadata["token_endpoint_auth_methods_supported"];
    let all = serde_json::json!(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]);
    assert_eq!(*advertised, all);
    let grant = ("grant_type", "client_credentials");
    for assertion_type in [
        "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        "urn:ietf:params:oauth:client-assertion-type:JWT-bearer",
        "",
    ] {
        let form =
            [grant, ("client_assertion", "e30.eyJzdWIiOiJyb2JvdCJ9.AA"), ("client_assertion_type", assertion_type)];
        let reply = server.post("/oauth2/token").form(&form).send().await;
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400, "{assertion_type}");
    }
}
