//! Apps by command and by configuration: the same checks, both idempotent; and `brama explain`. RG-1 to RG-4, RG-10, TE-9.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Ended, Scratch, Server};

const FILE: [&str; 2] = ["-c", "brama.toml"];

fn client(scratch: &Scratch, arguments: &[&str]) -> Ended {
    scratch.run(&[&["client"], arguments, &FILE[..]].concat())
}

fn shown(scratch: &Scratch, id: &str) -> Value {
    client(scratch, &["show", id, "--json"]).succeeded().json()
}

fn site() -> Scratch {
    Scratch::new().site("")
}

const WEB: [&str; 6] = ["add", "shop", "--type", "web", "--redirect-uri", "https://shop.example.com/cb"];

#[test]
fn rg4_everything_that_a_client_is_can_be_written_by_flag() {
    let scratch = site();
    let jwks = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    scratch.write("jwks.json", jwks);
    let flags = [
        "--name",
        "The shop",
        "--post-logout-redirect-uri",
        "https://shop.example.com/bye",
        "--origin",
        "https://shop.example.com",
        "--scope",
        "openid",
        "--scope",
        "orders:read",
        "--resource",
        "https://api.example.com",
        "--serves",
        "https://orders.example.com",
        "--refresh-delivery",
        "body",
        "--id-token-alg",
        "RS256",
        "--auth-method",
        "private_key_jwt",
        "--auth-signing-alg",
        "ES256",
        "--jwks",
        "jwks.json",
        "--grant-type",
        "authorization_code",
        "--grant-type",
        "refresh_token",
        "--grant-type",
        "client_credentials",
        "--require-par",
        "--dpop-bound",
        "--default-max-age",
        "3600",
        "--default-acr-value",
        "urn:brama:acr:2",
        "--backchannel-logout-uri",
        "https://shop.example.com/logout",
        "--backchannel-logout-session-required",
        "--danger-allow-missing-pkce",
        "--client-uri",
        "https://shop.example.com/",
        "--logo-uri",
        "https://shop.example.com/logo.png",
        "--policy-uri",
        "https://shop.example.com/privacy",
        "--tos-uri",
        "https://shop.example.com/terms",
        "--contact",
        "admin@shop.example.com",
    ];
    let added = client(&scratch, &[&WEB[..], &flags, &["--json"]].concat()).succeeded().json();
    assert_eq!(added.get("client_secret"), None, "a client with keys has no secret");
    let shop = shown(&scratch, "shop");
    for (member, value) in [
        ("client_name", json!("The shop")),
        ("type", json!("web")),
        ("redirect_uris", json!(["https://shop.example.com/cb"])),
        ("post_logout_redirect_uris", json!(["https://shop.example.com/bye"])),
        ("origins", json!(["https://shop.example.com"])),
        ("scope", json!("openid orders:read")),
        ("resources", json!(["https://api.example.com"])),
        ("serves", json!(["https://orders.example.com"])),
        ("refresh_delivery", json!("body")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("token_endpoint_auth_signing_alg", json!("ES256")),
        ("jwks", serde_json::from_str(jwks).unwrap()),
        ("grant_types", json!(["authorization_code", "refresh_token", "client_credentials"])),
        ("require_pushed_authorization_requests", json!(true)),
        ("dpop_bound_access_tokens", json!(true)),
        ("default_max_age", json!(3600)),
        ("default_acr_values", json!(["urn:brama:acr:2"])),
        ("backchannel_logout_uri", json!("https://shop.example.com/logout")),
        ("backchannel_logout_session_required", json!(true)),
        ("danger_allow_missing_pkce", json!(true)),
        ("client_uri", json!("https://shop.example.com/")),
        ("logo_uri", json!("https://shop.example.com/logo.png")),
        ("policy_uri", json!("https://shop.example.com/privacy")),
        ("tos_uri", json!("https://shop.example.com/terms")),
        ("contacts", json!(["admin@shop.example.com"])),
        ("registered_by", json!("operator")),
        ("enabled", json!(true)),
        ("client_secrets", json!(0)),
    ] {
        assert_eq!(shop[member], value, "{member}");
    }
}

/// The same in the file comes to the same client.
#[tokio::test]
async fn rg4_everything_that_a_client_is_can_be_declared() {
    let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let declared = r#"
        [[clients]]
        id = "shop"
        type = "web"
        redirect_uris = ["https://shop.example.com/cb"]
        auth_method = "private_key_jwt"
        auth_signing_alg = "EdDSA"
        jwks_file = "jwks.json"
        grant_types = ["authorization_code", "device_code"]
        serves = ["https://orders.example.com"]
        require_pushed_authorization_requests = true
        dpop_bound_access_tokens = true
        default_max_age = "1h"
        default_acr_values = ["urn:brama:acr:2"]
        backchannel_logout_uri = "https://shop.example.com/logout"
        backchannel_logout_session_required = true
        danger_allow_missing_pkce = true
        client_uri = "https://shop.example.com/"
        logo_uri = "https://shop.example.com/logo.png"
        policy_uri = "https://shop.example.com/privacy"
        tos_uri = "https://shop.example.com/terms"
        contacts = ["admin@shop.example.com"]

        [[clients]]
        id = "orphan"
        type = "web"
        redirect_uris = ["https://orphan.example.com/cb"]
    "#;
    let scratch = Scratch::new();
    scratch.write("jwks.json", jwks);
    let scratch = scratch.site(declared);
    scratch.run(&["check", "-c", "brama.toml"]).succeeded();
    let server = scratch.serve();
    let flags = [
        "--auth-method",
        "private_key_jwt",
        "--auth-signing-alg",
        "EdDSA",
        "--jwks",
        "jwks.json",
        "--grant-type",
        "authorization_code",
        "--grant-type",
        "device_code",
        "--serves",
        "https://orders.example.com",
        "--require-par",
        "--dpop-bound",
        "--default-max-age",
        "3600",
        "--default-acr-value",
        "urn:brama:acr:2",
        "--backchannel-logout-uri",
        "https://shop.example.com/logout",
        "--backchannel-logout-session-required",
        "--danger-allow-missing-pkce",
        "--client-uri",
        "https://shop.example.com/",
        "--logo-uri",
        "https://shop.example.com/logo.png",
        "--policy-uri",
        "https://shop.example.com/privacy",
        "--tos-uri",
        "https://shop.example.com/terms",
        "--contact",
        "admin@shop.example.com",
    ];
    let again = client(&scratch, &[&WEB[..], &flags].concat()).succeeded();
    assert!(again.stderr.contains("registered already, exactly so"), "{again:?}");
    // The log warns of what is dangerous and of what cannot work.
    let log = server.log();
    assert!(log.contains("B5110") && log.contains("shop"), "{log}");
    assert!(log.contains("B5111") && log.contains("orphan") && log.contains("brama client rotate orphan"), "{log}");
}

#[test]
fn rg2_what_does_not_fit_is_refused_with_a_fix_in_both_places() {
    let scratch = site();
    scratch.write("private.json", r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}]}"#);
    scratch.write(
        "jwks.json",
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    );
    let uri = "https://shop.example.com/jwks";
    for (flags, texts) in [
        (&["--auth-method", "private_key_jwt"][..], &["jwks_file", "--jwks"][..]),
        (&["--auth-method", "private_key_jwt", "--jwks", "private.json"], &["private"]),
        (&["--auth-method", "private_key_jwt", "--jwks", "jwks.json", "--jwks-uri", uri], &["jwks_uri", "exclude"]),
        (
            &["--auth-method", "none", "--grant-type", "client_credentials", "--grant-type", "authorization_code"],
            &["grant_types"],
        ),
        (&["--auth-method", "none", "--danger-allow-missing-pkce"], &["danger_allow_missing_pkce"]),
        (&["--auth-method", "none", "--serves", "https://api.example.com"], &["serves"]),
        (&["--auth-signing-alg", "ES256"], &["auth_signing_alg"]),
        (&["--grant-type", "implicit"], &["grant_types", "implicit"]),
        (&["--grant-type", "client_credentials"], &["redirect_uris"]),
        (&["--backchannel-logout-uri", "http://shop.example.com/logout"], &["backchannel_logout_uri"]),
        (&["--default-max-age", "soon"], &["default_max_age"]),
        (&["--tos-uri", "javascript:alert(1)"], &["tos_uri"]),
    ] {
        client(&scratch, &[&WEB[..], flags].concat()).refused(2, "B5102", texts);
    }
    client(&scratch, &[&WEB[..], &["--auth-method", "private_key_jwt", "--jwks", "gone.json"]].concat()).refused(
        2,
        "B5107",
        &["gone.json"],
    );
    let ids = ["https://app.example.com/client", "01920000-0000-7000-8000-000000000000", "a b"];
    for id in ids {
        client(&scratch, &["add", id, "--type", "service"]).refused(2, "B5102", &["id"]);
    }
    assert_eq!(client(&scratch, &["list"]).succeeded().stdout, "");
    for (line, key) in [
        ("auth_method = \"private_key_jwt\"", "clients[0].jwks_file"),
        ("auth_method = \"none\"\ndanger_allow_missing_pkce = true", "clients[0].danger_allow_missing_pkce"),
        ("auth_method = \"secret\"", "clients[0].auth_method"),
        ("grant_types = [\"implicit\"]", "clients[0].grant_types"),
        ("jwks_file = \"jwks.json\"\njwks_uri = \"https://shop.example.com/jwks\"", "clients[0].jwks_uri"),
    ] {
        let text = format!(
            "public_url = \"https://id.example.com\"\n[server]\ntrust_proxy = [\"127.0.0.1\"]\n[[clients]]\nid = \"shop\"\ntype = \"web\"\nredirect_uris = [\"https://shop.example.com/cb\"]\n{line}\n"
        );
        scratch.write("other.toml", &text);
        scratch.run(&["check", "-c", "other.toml"]).refused(2, "B1012", &[key]);
    }
}

#[test]
fn a_second_add_of_the_same_client_changes_nothing_and_prints_no_secret() {
    let scratch = site();
    let first = client(&scratch, &[&WEB[..], &["--json"]].concat()).succeeded().json();
    let secret = first["client_secret"].as_str().unwrap();
    let before = shown(&scratch, "shop");
    let again = client(&scratch, &WEB).succeeded();
    assert_eq!(again.stdout, "", "{again:?}");
    let again = client(&scratch, &[&WEB[..], &["--json"]].concat()).succeeded().keeps(secret);
    assert_eq!(again.json().get("client_secret"), None);
    assert_eq!(again.json(), before);
    // Another app of that id is refused, and the message names what differs.
    for (flags, differs) in [(&["--name", "Another"][..], "client_name"), (&["--require-par"], "require_pushed")] {
        let other = client(&scratch, &[&WEB[..], flags].concat());
        other.refused(1, "B5104", &["not changed", differs, "brama client set shop"]).keeps(secret);
    }
    client(&scratch, &["disable", "shop"]).succeeded();
    client(&scratch, &WEB).refused(1, "B5104", &["enabled"]);
    client(&scratch, &["enable", "shop"]).succeeded();
    assert_eq!(shown(&scratch, "shop")["redirect_uris"], before["redirect_uris"]);
}

#[test]
fn set_changes_what_is_named_and_nothing_else() {
    let scratch = site();
    client(&scratch, &[&WEB[..], &["--name", "The shop", "--scope", "openid", "--require-par"]].concat()).succeeded();
    let before = shown(&scratch, "shop");
    let set = |flags: &[&str]| client(&scratch, &[&["set", "shop"], flags].concat());
    let changed = set(&["--name", "New name"]).succeeded();
    assert!(changed.stderr.contains("client_name") && !changed.stderr.contains("scope"), "{changed:?}");
    let mut wanted = before.clone();
    wanted["client_name"] = json!("New name");
    let mut found = shown(&scratch, "shop");
    found["updated_at"] = before["updated_at"].clone();
    assert_eq!(found, wanted);

    set(&["--add-redirect-uri", "https://shop.example.com/cb/", "--add-redirect-uri", "https://shop.example.com/cb"])
        .succeeded();
    assert_eq!(
        shown(&scratch, "shop")["redirect_uris"],
        json!(["https://shop.example.com/cb", "https://shop.example.com/cb/"])
    );
    set(&["--remove-redirect-uri", "https://shop.example.com/cb"]).succeeded();
    assert_eq!(shown(&scratch, "shop")["redirect_uris"], json!(["https://shop.example.com/cb/"]));
    set(&["--redirect-uri", "https://b.example.com/cb", "--require-par=false", "--scope", ""]).succeeded();
    let found = shown(&scratch, "shop");
    assert_eq!(found["redirect_uris"], json!(["https://b.example.com/cb"]));
    assert_eq!(found["require_pushed_authorization_requests"], false);
    let same = set(&["--redirect-uri", "https://b.example.com/cb"]).succeeded();
    assert!(same.stderr.contains("nothing was changed"), "{same:?}");

    // The checks are those of `add`, and a refusal changes nothing.
    let before = shown(&scratch, "shop");
    set(&["--redirect-uri", ""]).refused(2, "B5102", &["redirect_uris"]);
    set(&["--remove-redirect-uri", "https://b.example.com/cb"]).refused(2, "B5102", &["redirect_uris"]);
    set(&["--auth-method", "none", "--danger-allow-missing-pkce"]).refused(2, "B5102", &["danger"]);
    set(&["--add-redirect-uri", "https://b.example.com/#x"]).refused(2, "B5102", &["redirect_uris"]);
    assert_eq!(shown(&scratch, "shop"), before);
    client(&scratch, &["set", "nobody", "--name", "x"]).refused(1, "B5101", &["nobody"]);

    // A method without a secret takes the secret away; a method with one says how to get it.
    set(&["--auth-method", "none"]).succeeded();
    assert_eq!(shown(&scratch, "shop")["client_secrets"], 0);
    let secretless = set(&["--auth-method", "client_secret_post"]).succeeded();
    assert!(secretless.stderr.contains("brama client rotate shop"), "{secretless:?}");
}

async fn machine_token(server: &Server, id: &str, secret: &str) -> Answer {
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", basic.as_str())];
    server.wire().send(Method::POST, "/oauth2/token", &headers, "grant_type=client_credentials").await.unwrap()
}

/// Ask until the answer has this status; a running server notices changes within a second. Seldom enough that the failures
/// do not count as guesses: ten of a client are too many.
async fn becomes(server: &Server, id: &str, secret: &str, status: u16) {
    let began = Instant::now();
    loop {
        let answer = machine_token(server, id, secret).await;
        if answer.status == status {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "not {status} in time: {answer:?}");
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

#[tokio::test]
async fn te9_a_secret_is_replaced_without_a_gap() {
    let scratch = site();
    let add = ["add", "robot", "--type", "service", "--scope", "read", "--json"];
    let first = client(&scratch, &add).succeeded().json()["client_secret"].as_str().unwrap().to_owned();
    let server = scratch.serve();
    becomes(&server, "robot", &first, 200).await;
    let rotated = client(&scratch, &["rotate", "robot", "--json"]).succeeded().keeps(&first).json();
    let second = rotated["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(rotated["client_secrets"], 2);
    becomes(&server, "robot", &second, 200).await;
    assert_eq!(machine_token(&server, "robot", &first).await.status, 200, "both count");
    client(&scratch, &["rotate", "robot"]).refused(1, "B5105", &["two secrets", "--retire"]).keeps(&second);
    client(&scratch, &["rotate", "robot", "--retire"]).succeeded().keeps(&second);
    becomes(&server, "robot", &first, 401).await;
    assert_eq!(machine_token(&server, "robot", &second).await.status, 200);
    let none = client(&scratch, &["rotate", "robot", "--retire"]).succeeded();
    assert!(none.stderr.contains("nothing was changed"), "{none:?}");
    assert_eq!(machine_token(&server, "robot", &second).await.status, 200, "the only one stays");
    client(&scratch, &["add", "app", "--type", "native", "--redirect-uri", "com.example.app:/cb"]).succeeded();
    client(&scratch, &["rotate", "app"]).refused(1, "B5105", &["none", "--auth-method"]);
}

#[tokio::test]
async fn te23_a_client_that_is_switched_off_counts_as_unknown() {
    let scratch = site();
    let add = ["add", "robot", "--type", "service", "--scope", "read", "--json"];
    let secret = client(&scratch, &add).succeeded().json()["client_secret"].as_str().unwrap().to_owned();
    let server = scratch.serve();
    becomes(&server, "robot", &secret, 200).await;
    client(&scratch, &["disable", "robot"]).succeeded();
    becomes(&server, "robot", &secret, 401).await;
    assert!(client(&scratch, &["list"]).succeeded().stdout.contains("robot  service  robot  (off)"));
    client(&scratch, &["enable", "robot"]).succeeded();
    becomes(&server, "robot", &secret, 200).await;
    for command in ["disable", "enable", "rotate"] {
        client(&scratch, &[command, "nobody"]).refused(1, "B5101", &["nobody"]);
    }
}

#[test]
fn te9_a_declared_secret_file_may_be_replaced_again_and_again() {
    let declared =
        "[[clients]]\nid = \"robot\"\ntype = \"service\"\nscopes = [\"read\"]\nsecret_file = \"robot.secret\"\n";
    let scratch = Scratch::new();
    let scratch = scratch.site(declared);
    for n in 1..=3u8 {
        scratch.write("robot.secret", &format!("{}\n", URL_SAFE_NO_PAD.encode([n; 32])));
        drop(scratch.serve());
        assert_eq!(shown(&scratch, "robot")["client_secrets"], n.min(2), "at most two");
    }
}

async fn register(server: &Server, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let body = json!({ "redirect_uris": ["https://tool.example.com/cb"] }).to_string();
    server.wire().send(Method::POST, "/oauth2/register", &headers, &body).await.unwrap()
}

#[tokio::test]
async fn rg10_tokens_for_registration_by_command() {
    let scratch = Scratch::new().site("\n[registration]\nmode = \"token\"\nredirect_hosts = [\"*.example.com\"]\n");
    let server = scratch.serve();
    let token = |arguments: &[&str]| scratch.run(&[&["registration", "token"], arguments, &FILE[..]].concat());
    let made =
        token(&["add", "--uses", "2", "--expires", "1h", "--note", "the tools team", "--json"]).succeeded().json();
    let secret = made["initial_access_token"].as_str().unwrap().to_owned();
    let listed = token(&["list"]).succeeded().keeps(&secret);
    assert!(listed.stdout.contains("2 left") && listed.stdout.contains("the tools team"), "{listed:?}");
    let app = register(&server, &secret).await.expect(201);
    assert_eq!(shown(&scratch, &app.text("client_id"))["registered_by"], "itself");
    let left: Value = token(&["list", "--json"]).succeeded().json();
    assert_eq!((&left["uses_left"], &left["id"]), (&json!(1), &made["id"]));
    let id = made["id"].as_str().unwrap();
    token(&["rm", id]).succeeded();
    register(&server, &secret).await.expect(401);
    token(&["rm", id]).refused(1, "B5108", &[id, "brama registration token list"]);
    token(&["rm", "x"]).refused(1, "B5108", &["x"]);
    for wrong in ["never", "0s", "10", "9999d"] {
        token(&["add", "--expires", wrong]).refused(2, "B5109", &[wrong]);
    }
    assert_eq!(token(&["list"]).succeeded().stdout, "");
}

#[test]
fn rg10_a_token_that_lets_nobody_in_says_so() {
    let scratch = site();
    let made = scratch.run(&["registration", "token", "add", "-c", "brama.toml"]).succeeded();
    assert!(made.stderr.contains("registration.mode"), "{made:?}");
    scratch.write("other.toml", "public_url = \"https://id.example.com\"\n[server]\ntrust_proxy = [\"127.0.0.1\"]\n[registration]\nredirect_hosts = [\"https://a.example\"]\n");
    scratch.run(&["check", "-c", "other.toml"]).refused(2, "B1012", &["redirect_hosts", "*.example.com"]);
}

/// Plans of the OpenID conformance suite: their clients can be declared, and the file stays right.
#[test]
fn the_clients_of_the_conformance_plans_are_declared() {
    let scratch = Scratch::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance");
    let text = std::fs::read_to_string(format!("{folder}/brama.toml")).unwrap();
    scratch.write("brama.toml", &text);
    scratch.run(&["check", "-c", "brama.toml"]).succeeded();
    for plan in std::fs::read_dir(format!("{folder}/plans")).unwrap() {
        let plan: Value = serde_json::from_slice(&std::fs::read(plan.unwrap().path()).unwrap()).unwrap();
        let configuration = &plan["configuration"];
        for name in ["client", "client2", "client_secret_post"] {
            let Some(id) = configuration[name]["client_id"].as_str() else { continue };
            assert!(text.contains(&format!("id = \"{id}\"")), "{id}");
            let callback = format!("/test/a/{}/callback", configuration["alias"].as_str().unwrap());
            assert!(text.contains(&callback), "{callback}");
        }
    }
}

#[test]
fn explain_says_what_a_code_means_without_a_server() {
    let scratch = Scratch::new();
    let run = |arguments: &[&str]| scratch.run(&[&["explain"], arguments].concat());
    let text = run(&["B2104"]).succeeded().stdout;
    for part in [
        "B2104 redirect_uri is not registered",
        "invalid_request",
        "\n      why ",
        "\n      fix ",
        "--add-redirect-uri",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(run(&["b2104"]).succeeded().stdout, text);
    let json = run(&["B3110", "--json"]).succeeded().json();
    assert_eq!((&json["error"], &json["status"]), (&json!("invalid_client"), &json!(401)));
    for code in ["B1004", "B1101", "B5104"] {
        assert!(run(&[code]).succeeded().stdout.starts_with(code), "{code}");
    }
    let all = run(&[]).succeeded().stdout;
    assert!(all.lines().count() > 150 && all.lines().all(|line| line.starts_with('B')), "{all}");
    run(&["B0000"]).refused(2, "B5112", &["B0000", "brama explain"]);
}
