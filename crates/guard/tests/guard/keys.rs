//! The keys over time: first fetch, refresh, rotation, an issuer that is away or lies (TK-20, TK-21, G-7).

use std::future::Future as _;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::support::{AUDIENCE, Issuer, Mood, START, api, key, send_token};
use brama_guard::{Algorithm, BuildError, FetchError, Guard, InvalidToken, JwsError, Reason};
use brama_jose::SigningKey;
use serde_json::json;

async fn reason(guard: &Guard, token: &str) -> Reason {
    guard.verify(token).await.unwrap_err().reason().clone()
}

fn unknown_key() -> Reason {
    Reason::Invalid(InvalidToken::UnknownKey)
}

async fn is_unavailable(guard: &Guard, token: &str) -> bool {
    matches!(reason(guard, token).await, Reason::Unavailable { .. })
}

#[tokio::test]
async fn issuer_down_at_start_503_then_well() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    issuer.set_mood(Mood::Failing);
    let guard = issuer.guard();
    let api = api(&guard);
    let token = issuer.token(&key);
    let seen = send_token(&api, &token).await;
    assert_eq!((seen.status, seen.challenge, seen.retry_after.as_deref()), (503, None, Some("1")));
    assert!(seen.body.contains("temporarily_unavailable"));
    // Pauses grow: 1, 2, 4, 8, 10, 10 seconds.
    for pause in [1, 2, 4, 8, 10, 10] {
        let retry_after = Duration::from_secs(pause);
        assert_eq!(reason(&guard, &token).await, Reason::Unavailable { retry_after });
        issuer.pass(pause);
        assert!(is_unavailable(&guard, &token).await);
    }
    issuer.set_mood(Mood::Well);
    issuer.pass(10);
    assert_eq!(send_token(&api, &token).await.status, 200);
    // What is no token at all is not excused by our trouble, nor does it wait for it.
    assert!(matches!(reason(&issuer.guard(), "a.b.c").await, Reason::Invalid(_)));
}

#[tokio::test]
async fn nobody_listens_503() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let guard = Guard::builder(url.as_str()).audience(AUDIENCE).build().unwrap();
    assert!(is_unavailable(&guard, &issuer.token_with(&key, json!({ "iss": url }))).await);
    let warm = Guard::builder(url).audience(AUDIENCE).build_and_warm().await;
    assert!(matches!(warm.unwrap_err(), BuildError::Keys(FetchError::Connection { .. })));
}

#[tokio::test]
async fn a_silent_issuer_costs_five_seconds_once() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    issuer.set_mood(Mood::Hanging);
    let guard = issuer.guard();
    let token = issuer.token(&key);
    let started = Instant::now();
    let (one, two) = tokio::join!(is_unavailable(&guard, &token), is_unavailable(&guard, &token));
    assert!(one && two);
    assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&started.elapsed()), "{:?}", started.elapsed());
    // The next one does not wait at all.
    let started = Instant::now();
    assert!(is_unavailable(&guard, &token).await);
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn one_fetch_for_many_first_requests() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..50 {
        let guard = guard.clone();
        let token = issuer.token_with(&key, json!({ "jti": number.to_string() }));
        requests.spawn(async move { guard.verify(&token).await.is_ok() });
    }
    assert!(requests.join_all().await.into_iter().all(|ok| ok));
    assert_eq!(issuer.key_fetches(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_end_the_fetch() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let token = issuer.token(&key);
    // Polled once, which starts the fetch, and given up.
    let mut hasty = Box::pin(guard.verify(&token));
    assert!(std::future::poll_fn(|context| Poll::Ready(hasty.as_mut().poll(context).is_pending())).await);
    drop(hasty);
    issuer.key_fetches_reach(1).await;
    assert!(guard.verify(&token).await.is_ok());
    assert_eq!(issuer.key_fetches(), 1);
}

#[tokio::test]
async fn tk_21_refresh_in_the_background_before_the_end_of_freshness() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let token = || issuer.token(&key);
    assert!(guard.verify(&token()).await.is_ok());
    issuer.pass(479);
    assert!(guard.verify(&token()).await.is_ok());
    assert_eq!(issuer.key_fetches(), 1);
    issuer.pass(1);
    for _ in 0..20 {
        assert!(guard.verify(&token()).await.is_ok());
    }
    issuer.key_fetches_reach(2).await;
    assert!(guard.verify(&token()).await.is_ok());
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test]
async fn tk_20_freshness_is_bounded_whatever_the_issuer_says() {
    let key = key();
    for (header, fresh) in [(Some("max-age=1"), 60), (Some("max-age=999999"), 3600), (None, 300)] {
        let issuer = Issuer::start(&[&key]).await;
        issuer.set_cache_control(header);
        let guard = issuer.guard();
        assert!(guard.verify(&issuer.token(&key)).await.is_ok());
        issuer.pass(fresh * 4 / 5 - 1);
        assert!(guard.verify(&issuer.token(&key)).await.is_ok());
        assert_eq!(issuer.key_fetches(), 1, "{header:?}");
        issuer.pass(fresh);
        assert!(guard.verify(&issuer.token(&key)).await.is_ok());
        assert_eq!(issuer.key_fetches(), 2, "{header:?}");
    }
}

#[tokio::test]
async fn tk_21_rotation_without_a_failed_request() {
    let (old, new) = (key(), key());
    let issuer = Issuer::start(&[&old]).await;
    let guard = issuer.guard();
    assert!(guard.verify(&issuer.token(&old)).await.is_ok());
    // Even without notice: the new key signs the moment it is published.
    issuer.pass(1);
    issuer.publish(&[&old, &new]);
    for _ in 0..5 {
        assert!(guard.verify(&issuer.token(&new)).await.is_ok());
        assert!(guard.verify(&issuer.token(&old)).await.is_ok());
    }
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tk_21_tk_23_rotation_under_load_through_every_algorithm() {
    let keys = Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).unwrap());
    let issuer = Issuer::start(&[&keys[0]]).await;
    let guard = issuer.guard();
    for pair in keys.windows(2) {
        let [old, new] = pair else { panic!("two of a window of two") };
        // Announced, then used while the old one still is, then alone: never a failure in between.
        issuer.publish(&[old, new]);
        issuer.pass(500);
        let mut requests = tokio::task::JoinSet::new();
        for number in 0..60 {
            let key = if number % 2 == 0 { old } else { new };
            let (guard, token) = (guard.clone(), issuer.token_with(key, json!({ "jti": number.to_string() })));
            requests.spawn(async move { guard.verify(&token).await.map(|token| token.id().to_owned()) });
        }
        for result in requests.join_all().await {
            assert!(result.is_ok(), "{result:?}");
        }
        issuer.publish(&[new]);
        issuer.pass(601);
        assert!(guard.verify(&issuer.token(new)).await.is_ok());
        assert_eq!(reason(&guard, &issuer.token(old)).await, unknown_key());
    }
}

#[tokio::test]
async fn tk_21_a_withdrawn_key_is_refused_after_the_next_refresh_remembered_tokens_too() {
    let (old, new) = (key(), key());
    let issuer = Issuer::start(&[&old, &new]).await;
    let guard = issuer.guard();
    let remembered = issuer.token_with(&old, json!({ "exp": START + 3000 }));
    let kept = issuer.token_with(&new, json!({ "exp": START + 3000 }));
    for token in [&remembered, &kept, &remembered] {
        assert!(guard.verify(token).await.is_ok());
    }
    issuer.publish(&[&new]);
    assert!(guard.verify(&remembered).await.is_ok());
    issuer.pass(601);
    assert_eq!(reason(&guard, &remembered).await, unknown_key());
    assert!(guard.verify(&kept).await.is_ok());
}

#[tokio::test]
async fn an_unknown_kid_causes_one_refetch_every_ten_seconds() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    assert!(guard.verify(&issuer.token(&key)).await.is_ok());
    for expected in [2, 3] {
        for _ in 0..10 {
            assert_eq!(reason(&guard, &issuer.token(&crate::support::key())).await, unknown_key());
        }
        assert_eq!(issuer.key_fetches(), expected);
        issuer.pass(10);
    }
    let mut stampede = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (guard, token) = (guard.clone(), issuer.token(&crate::support::key()));
        stampede.spawn(async move { reason(&guard, &token).await });
    }
    assert!(stampede.join_all().await.into_iter().all(|reason| reason == unknown_key()));
    assert_eq!(issuer.key_fetches(), 4);
}

#[tokio::test]
async fn tk_24_a_strange_kid_is_just_unknown() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let token = issuer.token(&key);
    let rest = token.split_once('.').unwrap().1;
    for header in [
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": "../../etc/passwd" }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": "' OR 1=1 --" }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": "" }),
        json!({ "alg": "ES256", "typ": "at+jwt" }),
    ] {
        use base64::Engine;
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header.to_string());
        assert_eq!(reason(&guard, &format!("{header}.{rest}")).await, unknown_key());
    }
}

#[tokio::test]
async fn an_unknown_kid_while_the_issuer_is_away_signs_nobody_out() {
    let (old, new) = (key(), key());
    let issuer = Issuer::start(&[&old]).await;
    let guard = issuer.guard();
    assert!(guard.verify(&issuer.token(&old)).await.is_ok());
    issuer.publish(&[&old, &new]);
    issuer.set_mood(Mood::Failing);
    assert!(is_unavailable(&guard, &issuer.token(&new)).await);
    assert!(is_unavailable(&guard, &issuer.token(&new)).await);
    assert!(guard.verify(&issuer.token(&old)).await.is_ok());
    issuer.set_mood(Mood::Well);
    issuer.pass(10);
    assert!(guard.verify(&issuer.token(&new)).await.is_ok());
}

#[tokio::test]
async fn keys_outlive_the_issuer_by_a_day() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    assert!(guard.verify(&issuer.token(&key)).await.is_ok());
    issuer.set_mood(Mood::Failing);
    for _ in 0..23 {
        issuer.pass(3600);
        assert!(guard.verify(&issuer.token(&key)).await.is_ok());
    }
    issuer.pass(3599);
    assert!(guard.verify(&issuer.token(&key)).await.is_ok());
    issuer.pass(1);
    assert!(is_unavailable(&guard, &issuer.token(&key)).await);
    issuer.set_mood(Mood::Well);
    issuer.pass(10);
    assert!(guard.verify(&issuer.token(&key)).await.is_ok());
}

#[tokio::test]
async fn a_silent_issuer_delays_one_request_of_a_warm_guard() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    assert!(guard.verify(&issuer.token(&key)).await.is_ok());
    issuer.set_mood(Mood::Hanging);
    issuer.pass(601);
    assert!(guard.verify(&issuer.token(&key)).await.is_ok());
    issuer.pass(100);
    let started = Instant::now();
    assert!(guard.verify(&issuer.token(&key)).await.is_ok());
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_clock_set_back_does_not_freeze_the_keys() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let (old, new) = (key(), key());
    let issuer = Issuer::start(&[&old]).await;
    let clock = Arc::new(AtomicU64::new(START + 1_000_000));
    let read = Arc::clone(&clock);
    let guard = Guard::builder(issuer.url.as_str())
        .audience(AUDIENCE)
        .clock(move || std::time::UNIX_EPOCH + Duration::from_secs(read.load(Ordering::SeqCst)))
        .build()
        .unwrap();
    let token = |key, at: u64| issuer.token_with(key, json!({ "iat": at, "exp": at + 900 }));
    assert!(guard.verify(&token(&old, START + 1_000_000)).await.is_ok());
    clock.store(START, Ordering::SeqCst);
    issuer.publish(&[&new]);
    assert!(guard.verify(&token(&old, START)).await.is_ok());
    issuer.key_fetches_reach(2).await;
    assert_eq!(reason(&guard, &token(&old, START)).await, unknown_key());
    assert!(guard.verify(&token(&new, START)).await.is_ok());
}

#[tokio::test]
async fn metadata_of_rfc_8414_are_enough() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    issuer.set_mood(Mood::OAuthOnly);
    assert!(issuer.guard().verify(&issuer.token(&key)).await.is_ok());
    assert!(issuer.builder().build_and_warm().await.is_ok());
}

/// SSRF-05: discovery by the APIs that use `guard`; the server itself discovers nobody.
#[tokio::test]
async fn g_7_metadata_of_another_issuer_are_refused() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    for other in [format!("{}/", issuer.url), "https://attacker.example".to_owned()] {
        issuer.set_issuer_in_metadata(&other);
        assert!(is_unavailable(&issuer.guard(), &issuer.token(&key)).await);
        let warm = issuer.builder().build_and_warm().await;
        assert!(matches!(warm.unwrap_err(), BuildError::Keys(FetchError::WrongIssuer { .. })));
    }
    assert_eq!(issuer.key_fetches(), 0);
}

/// SSRF-05.
#[tokio::test]
async fn keys_from_elsewhere_are_refused() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let other = Issuer::start(&[&key]).await;
    for uri in [
        format!("{}/jwks", other.url),
        "https://attacker.example/jwks".to_owned(),
        "/jwks".to_owned(),
        "x y".to_owned(),
    ] {
        issuer.set_keys_uri(&uri);
        let warm = issuer.builder().build_and_warm().await;
        assert!(matches!(warm.unwrap_err(), BuildError::Keys(FetchError::Elsewhere { .. })), "{uri}");
    }
    assert_eq!(other.key_fetches(), 0);
}

/// SSRF-05.
#[tokio::test]
async fn answers_are_bounded_and_redirects_not_followed() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    for mood in [Mood::Redirecting, Mood::Huge, Mood::Garbage] {
        issuer.set_mood(mood);
        let error = match issuer.builder().build_and_warm().await.unwrap_err() {
            BuildError::Keys(error) => error,
            error => panic!("{error}"),
        };
        let expected = match mood {
            Mood::Redirecting => {
                matches!(error, FetchError::Status { status, .. } if status == 302)
            }
            Mood::Huge => matches!(error, FetchError::Connection { .. }),
            _ => matches!(error, FetchError::Document { .. }),
        };
        assert!(expected, "{mood:?}: {error}");
    }
}

#[tokio::test]
async fn tk_20_a_set_with_a_secret_or_a_repeated_kid_is_refused() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let public = serde_json::to_value(key.public()).unwrap();
    let mut private = public.clone();
    private["d"] = json!("AAAA");
    for set in [
        json!({ "keys": [private] }),
        json!({ "keys": [public, public] }),
        json!({ "keys": [public, { "kty": "oct", "k": "AAAA" }] }),
        json!([]),
        json!({}),
    ] {
        issuer.publish_json(set.clone());
        assert!(is_unavailable(&issuer.guard(), &issuer.token(&key)).await, "{set}");
    }
    // Keys we cannot use do no harm.
    issuer.publish_json(json!({ "keys": [{ "kty": "AKP", "alg": "ML-DSA-44", "kid": "x", "pub": "AA" }, public] }));
    assert!(issuer.guard().verify(&issuer.token(&key)).await.is_ok());
}

#[tokio::test]
async fn tk_21_an_issuer_that_withdraws_all_keys_is_obeyed() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let token = issuer.token_with(&key, json!({ "exp": START + 3000 }));
    assert!(guard.verify(&token).await.is_ok());
    issuer.publish(&[]);
    issuer.pass(601);
    assert_eq!(reason(&guard, &token).await, unknown_key());
}

#[tokio::test]
async fn a_remembered_token_is_remembered_as_a_whole() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let token = issuer.token(&key);
    assert!(guard.verify(&token).await.is_ok());
    assert!(guard.verify(&token).await.is_ok());
    let (stem, signature) = token.rsplit_once('.').unwrap();
    let zeros = "A".repeat(signature.len());
    assert_eq!(reason(&guard, &format!("{stem}.{zeros}")).await, Reason::Invalid(JwsError::BadSignature.into()));
}
