//! Signing keys come and go without anybody noticing: announced, active, retired, gone. TK-20, TK-21, TK-11, TK-12.

use std::collections::{BTreeSet, VecDeque};

use brama_flows::keys::rotation::ANNOUNCED_FOR;
use brama_jose::{Algorithm, JwkSet, Typ, VerifyingKey};
use brama_protocol::client::{Client, ClientType, IdTokenAlgorithm};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_store::signing_key::{KeyState, RemoveKey};
use brama_testkit::{Browser, RelyingParty, TestServer, seeds, tokens};
use serde_json::Value;

const DAY: i64 = 86_400;

async fn published(server: &TestServer) -> JwkSet {
    serde_json::from_slice(&server.get("/oauth2/jwks").send().await.expect(200).body).unwrap()
}

fn kids(set: &JwkSet) -> BTreeSet<String> {
    set.keys.iter().map(|key| key.kid().unwrap().to_owned()).collect()
}

/// A token that needs no person.
async fn token(server: &TestServer) -> String {
    let call = server.post("/oauth2/token").basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT));
    call.form(&[("grant_type", "client_credentials")]).send().await.expect(200).member("access_token")
}

fn kid(token: &str) -> String {
    tokens::peek(token).0["kid"].as_str().unwrap().to_owned()
}

fn verifies(set: &JwkSet, token: &str) -> bool {
    let unverified = brama_jose::parse(token).unwrap();
    let Some(key) = set.get(unverified.header().kid().unwrap()) else { return false };
    let verified = unverified.verify(&VerifyingKey::new(key).unwrap(), Typ::AccessToken);
    verified.is_ok_and(|verified| verified.claims::<Value>().is_ok())
}

/// The key of an algorithm that stands there.
async fn key(server: &TestServer, alg: &str, wanted: impl Fn(KeyState) -> bool) -> String {
    let keys = server.store.signing_keys().await.unwrap();
    keys.into_iter().find(|key| key.alg == alg && wanted(key.state)).unwrap().kid
}

#[tokio::test]
async fn tk21_the_next_key_is_published_before_it_signs() {
    let server = TestServer::start().await;
    let before = published(&server).await;
    assert_eq!(before.keys.len(), 2);
    let turned = server.turn_keys().await;
    assert_eq!((turned.announced.len(), turned.activated.len(), turned.erased.len()), (2, 0, 0));
    let after = published(&server).await;
    assert_eq!(after.keys.len(), 4);
    assert!(kids(&before).is_subset(&kids(&after)));
    assert!(kids(&before).contains(&kid(&token(&server).await)), "the old one signs");
    assert_eq!(server.turn_keys().await, Default::default(), "nothing is due");

    // A key that was announced a moment ago does not sign, however old the other one is.
    let server = TestServer::start().await;
    server.clock.advance_seconds(400 * DAY);
    let turned = server.turn_keys().await;
    assert_eq!((turned.announced.len(), turned.activated.len()), (2, 0));
    server.clock.advance_seconds(ANNOUNCED_FOR.as_secs() - 1);
    assert_eq!(server.turn_keys().await, Default::default());
    server.clock.advance_seconds(1);
    let turned = server.turn_keys().await;
    assert_eq!((turned.announced.len(), turned.activated.len()), (2, 2));
}

/// An API keeps the key set for as long as it may, and checks tokens of all ages, through three rotations.
#[tokio::test]
async fn tk21_rotation_without_a_failed_check() {
    let server = TestServer::start().await;
    let (mut signers, mut young) = (BTreeSet::new(), VecDeque::new());
    let mut sets = BTreeSet::new();
    for _ in 0..(300 * 4) {
        // The set is fetched, then everything that is due happens, and the set is five minutes old.
        let cached = published(&server).await;
        sets.insert(kids(&cached));
        server.turn_keys().await;
        let new = token(&server).await;
        server.clock.advance_seconds(300);
        assert!(verifies(&cached, &new), "signed with a key that a cached set does not have");
        signers.insert(kid(&new));
        young.push_back((server.ctx().now, new));
        while young.front().is_some_and(|(at, _)| server.ctx().now.duration_since(*at).as_secs() > 900) {
            young.pop_front();
        }
        server.turn_keys().await;
        let current = published(&server).await;
        for (_, token) in &young {
            assert!(verifies(&current, token), "its key went before it");
        }
        server.clock.advance_seconds(DAY / 4 - 300);
    }
    assert_eq!(signers.len(), 4, "a quarter of a year each");
    // Old keys go: never more than the retired, the active and the next one of each algorithm.
    assert!(sets.iter().all(|set| (2..=6).contains(&set.len())), "{sets:?}");
    let keys = server.store.signing_keys().await.unwrap();
    let gone: Vec<_> = keys.iter().filter(|key| key.state == KeyState::Gone).collect();
    assert_eq!(gone.len(), 6, "two algorithms");
    assert!(gone.iter().all(|key| key.sealed.is_empty()), "private halves are erased");
}

#[tokio::test]
async fn tk21_a_key_that_leaked_is_removed_at_once_and_the_published_next_one_signs() {
    let server = TestServer::start().await;
    server.turn_keys().await;
    let cached = published(&server).await;
    let mut browser = Browser::new(&server);
    let before = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.expect(200).member("access_token");
    let leaked = key(&server, "ES256", |state| matches!(state, KeyState::Active { .. })).await;
    assert_eq!(kid(&before), leaked);
    let _ = server.get("/userinfo").bearer(&before).send().await.expect(200);
    assert_eq!(server.store.remove_signing_key(&leaked, server.ctx().now).await.unwrap(), RemoveKey::Removed);
    server.keep_up().await;
    assert!(!kids(&published(&server).await).contains(&leaked));
    assert_eq!(server.get("/userinfo").bearer(&before).send().await.status, 401, "what it signed is worth nothing");
    let after = token(&server).await;
    assert_ne!(kid(&after), leaked);
    assert!(verifies(&cached, &after), "whoever had the keys before needs no new ones");
    assert_eq!(server.turn_keys().await.announced.len(), 1, "and there is a next one again");
}

#[tokio::test]
async fn tk21_an_id_token_of_a_key_that_is_gone_is_still_a_hint_and_nothing_else() {
    let server = TestServer::start().await;
    server.turn_keys().await;
    let mut browser = Browser::new(&server);
    let shop = RelyingParty::shop();
    let answer = browser.sign_in_for(&shop).await;
    let tokens = shop.redeem(&server, answer.code()).await.expect(200);
    let (id_token, access_token) = (tokens.member("id_token"), tokens.member("access_token"));
    let old = kid(&id_token);
    for _ in 0..2 {
        server.clock.advance_seconds(91 * DAY);
        server.turn_keys().await;
    }
    server.clock.advance_seconds(DAY);
    server.turn_keys().await;
    assert!(!kids(&published(&server).await).contains(&old));
    let ctx = server.ctx();
    assert!(ctx.keyring().own(&id_token, Typ::IdToken).is_some());
    assert!(ctx.keyring().own(&access_token, Typ::AccessToken).is_none());
    assert!(ctx.keyring().own(&access_token, Typ::IdToken).is_none());
}

#[tokio::test]
async fn tk11_every_algorithm_signs_the_id_tokens_of_clients_that_choose_it() {
    let all = ["EdDSA", "ES256", "RS256", "PS256"];
    let server = TestServer::with(|options| options.settings.signing_algorithms = all.to_vec()).await;
    assert_eq!(published(&server).await.keys.len(), 4);
    let found = server.get("/.well-known/openid-configuration").send().await.json();
    assert_eq!(found["id_token_signing_alg_values_supported"], serde_json::json!(all));
    for algorithm in IdTokenAlgorithm::ALL {
        let client = Client {
            redirect_uris: vec![RegisteredRedirectUri::parse(seeds::SHOP_REDIRECT).unwrap()],
            id_token_alg: algorithm,
            ..seeds::client(seeds::SHOP, ClientType::Web)
        };
        seeds::put_client(&server, client).await;
        server.keep_up().await;
        let (mut browser, shop) = (Browser::new(&server), RelyingParty::shop());
        let answer = browser.sign_in_for(&shop).await;
        let given = shop.redeem(&server, answer.code()).await.expect(200);
        let id_token = given.member("id_token");
        assert_eq!(tokens::peek(&id_token).0["alg"], algorithm.as_str());
        let claims = tokens::verify(&server, &id_token, Typ::IdToken).await;
        let access_token = given.member("access_token");
        let at_hash = brama_protocol::oidc::id_token::at_hash(&access_token, algorithm);
        assert_eq!(claims["at_hash"], at_hash);
        assert_eq!(tokens::peek(&access_token).0["alg"], "EdDSA", "the first of the list");
        let _ = server.get("/userinfo").bearer(&access_token).send().await.expect(200);
    }
}

/// What was in `tokens.signing_algorithms` is changed, and the server started again.
#[tokio::test]
async fn tk21_a_new_first_algorithm_waits_until_its_key_is_known() {
    let before = TestServer::start().await;
    before.turn_keys().await;
    before.clock.advance_seconds(DAY);
    let server = before.another_node_with(|options| options.settings.signing_algorithms = vec!["EdDSA", "ES256"]).await;
    let alg = async || tokens::peek(&token(&server).await).0["alg"].as_str().unwrap().to_owned();
    assert_eq!(alg().await, "ES256", "nobody has fetched the new key yet");
    assert!(published(&server).await.keys.iter().any(|key| key.algorithm() == Some(Algorithm::EdDsa)));
    server.clock.advance_seconds(ANNOUNCED_FOR.as_secs() - 1);
    assert_eq!(alg().await, "ES256");
    server.clock.advance_seconds(1);
    assert_eq!(alg().await, "EdDSA");
    // A key that takes the place of a leaked one does not bring the other algorithm back.
    server.turn_keys().await;
    server.clock.advance_seconds(1);
    let leaked = key(&server, "EdDSA", |state| matches!(state, KeyState::Active { .. })).await;
    assert_eq!(server.store.remove_signing_key(&leaked, server.ctx().now).await.unwrap(), RemoveKey::Removed);
    server.keep_up().await;
    assert_eq!(alg().await, "EdDSA");
}

#[tokio::test]
async fn tk21_the_key_of_an_algorithm_that_was_switched_off_goes_like_any_other() {
    let before = TestServer::start().await;
    before.turn_keys().await;
    let old = token(&before).await;
    let server = before.another_node_with(|options| options.settings.signing_algorithms = vec!["RS256"]).await;
    server.clock.advance_seconds(60);
    assert_eq!(tokens::peek(&token(&server).await).0["alg"], "RS256");
    assert_eq!(server.turn_keys().await, Default::default(), "another node may still sign with it");
    assert_eq!(tokens::peek(&token(&before).await).0["alg"], "ES256");
    assert!(verifies(&published(&server).await, &old));
    server.clock.advance_seconds(90 * DAY);
    assert_eq!(server.turn_keys().await.retired, [kid(&old)]);
    assert!(kids(&published(&server).await).contains(&kid(&old)), "what it signed may be current");
    server.clock.advance_seconds(DAY);
    assert!(server.turn_keys().await.erased.contains(&kid(&old)));
    assert!(!kids(&published(&server).await).contains(&kid(&old)));
    // Switched on again: the key that was announced then is known, and signs at once.
    let announced = key(&server, "ES256", |state| state == KeyState::Announced).await;
    let again = server.another_node().await;
    assert_eq!(tokens::peek(&token(&again).await).0["alg"], "RS256");
    let again = before.another_node().await;
    assert_eq!(kid(&token(&again).await), announced);
}

#[tokio::test]
async fn tk12_an_algorithm_without_a_key_issues_nothing() {
    let server = TestServer::start().await;
    let client = Client {
        redirect_uris: vec![RegisteredRedirectUri::parse(seeds::SHOP_REDIRECT).unwrap()],
        id_token_alg: IdTokenAlgorithm::PS256,
        ..seeds::client(seeds::SHOP, ClientType::Web)
    };
    seeds::put_client(&server, client).await;
    server.keep_up().await;
    let (mut browser, shop) = (Browser::new(&server), RelyingParty::shop());
    let answer = browser.sign_in_for(&shop).await;
    let _ = shop.redeem(&server, answer.code()).await.expect_error(400, "unauthorized_client");
}

#[tokio::test]
async fn tk10_access_tokens_are_signed_by_the_first_algorithm_whichever_it_is() {
    for first in ["RS256", "PS256", "EdDSA", "ES256"] {
        let server = TestServer::with(|options| options.settings.signing_algorithms = vec![first]).await;
        let token = token(&server).await;
        assert_eq!(tokens::peek(&token).0["alg"], first);
        assert_eq!(tokens::verify(&server, &token, Typ::AccessToken).await["sub"], seeds::ROBOT);
    }
}
