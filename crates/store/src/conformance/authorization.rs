//! Authorization requests: they wait, and are answered once.

use brama_protocol::acr::AcrRequest;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::response::{ResponseMode, Return};
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::oidc::claims_request::{Claim, NamedClaims};
use brama_protocol::redirect_uri::MatchedRedirectUri;

use super::fixture::{MINUTE, World, at, consented, in_parallel, scope};
use super::list;
use crate::authorization::{Approve, AuthorizationState};

list!["authorization":
    b2_a_request_is_kept_as_asked,
    an_unknown_request_is_none,
    az27_a_code_is_bound_to_what_was_approved,
    az27_a_code_gives_what_was_allowed_of_what_was_asked,
    an_account_is_chosen_for_a_request_that_waits,
    a_request_is_approved_once,
    a_request_is_approved_until_it_runs_out,
    a_denied_request_stays_denied,
    only_a_waiting_request_is_denied,
    of_many_answers_one_counts,
];

async fn b2_a_request_is_kept_as_asked(w: World) {
    let shop = w.client("shop").await;
    let bare = w.authorization(&shop, "openid");
    let mut rich = w.authorization(&shop, "openid email");
    rich.asked.back = Return {
        redirect_uri: MatchedRedirectUri::from_stored("https://app.example.com/cb?x=%20y".to_owned()),
        mode: ResponseMode::FormPost,
        state: None,
    };
    rich.asked.nonce = Some("n-0S6_WzA2Mj".to_owned());
    rich.asked.prompt = Prompt { none: false, login: true, consent: true, select_account: true };
    rich.asked.max_age = Some(0);
    rich.asked.login_hint = Some("Олена".to_owned());
    rich.asked.ui_locales = Some("uk en".to_owned());
    rich.asked.expected_user = Some(w.user("olena").await);
    rich.asked.resources = ["https://api.example.com", "urn:other"].into_iter().collect();
    rich.asked.challenge = None;
    rich.asked.dpop_jkt = JwkThumbprint::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    rich.asked.acr = AcrRequest { values: vec!["urn:brama:acr:2".to_owned(), "x".to_owned()], essential: true };
    rich.asked.claims =
        NamedClaims { id_token: [Claim::Email].into(), userinfo: [Claim::Name, Claim::EmailVerified].into() };
    rich.asked.pushed = Some(w.hash());

    for new in [bare, rich] {
        w.store.request_authorization(new.clone()).await.unwrap();
        let found = w.store.find_authorization(new.id).await.unwrap().unwrap();
        assert_eq!(found.asked, new.asked);
        assert!(found.browser == new.browser && found.id == new.id);
        assert_eq!((found.requested_at, found.expires_at, found.state), (new.requested_at, new.expires_at, new.state));
    }
}

async fn an_unknown_request_is_none(w: World) {
    let who = w.signed_in("olena").await;
    assert!(w.store.find_authorization(w.authorization_id()).await.unwrap().is_none());
    let code = w.new_code(who).await;
    let hash = code.code;
    assert_eq!(w.store.approve_authorization(w.authorization_id(), code, at(1)).await.unwrap(), Approve::NotWaiting);
    assert!(w.store.find_code(hash).await.unwrap().is_none());
    assert!(!w.store.deny_authorization(w.authorization_id(), at(1)).await.unwrap());
}

async fn az27_a_code_is_bound_to_what_was_approved(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let request = w.authorization(&shop, "openid email");
    w.store.request_authorization(request.clone()).await.unwrap();
    let new = w.new_code(who).await;
    assert!(w.store.find_code(new.code).await.unwrap().is_none());
    assert_eq!(w.store.approve_authorization(request.id, new.clone(), at(1)).await.unwrap(), Approve::Issued);

    assert_eq!(w.state(request.id).await, AuthorizationState::Answered);
    let code = w.store.find_code(new.code).await.unwrap().unwrap();
    assert!(code.hash == new.code);
    assert_eq!((code.authorization, code.asked), (request.id, request.asked));
    assert_eq!((code.user, code.session, code.authentication), (new.user, new.session, new.authentication));
    assert_eq!(code.expires_at, new.expires_at);
    assert!(w.store.find_code(w.hash()).await.unwrap().is_none());
}

async fn az27_a_code_gives_what_was_allowed_of_what_was_asked(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for (granted, claims, left) in [
        ("openid", NamedClaims::default(), "openid"),
        ("openid email", NamedClaims { id_token: [Claim::Email].into(), ..NamedClaims::default() }, "openid email"),
        // Claims by name may be allowed where their scope was not asked for; more than was asked never comes.
        (
            "openid profile offline_access",
            NamedClaims { userinfo: [Claim::Name].into(), ..NamedClaims::default() },
            "openid",
        ),
    ] {
        let mut request = w.authorization(&shop, "openid email");
        request.asked.claims = NamedClaims { id_token: [Claim::Email].into(), userinfo: [Claim::Name].into() };
        w.store.request_authorization(request.clone()).await.unwrap();
        let new = crate::authorization::NewCode { granted: scope(granted), ..w.new_code(who).await };
        assert_eq!(w.store.approve_authorization(request.id, new.clone(), at(1)).await.unwrap(), Approve::Issued);
        let code = w.find_code(new.code).await;
        assert_eq!((code.granted.clone(), code.claims()), (scope(granted), claims), "{granted}");
        assert_eq!(code.scope().scope(), &scope(left), "{granted}");
        assert_eq!(code.asked, request.asked, "what was asked stays as it was");
    }
}

async fn an_account_is_chosen_for_a_request_that_waits(w: World) {
    let shop = w.client("shop").await;
    let (who, taras) = (w.signed_in("olena").await, w.user("taras").await);
    let choose = async |id, user, now| w.store.choose_account(id, user, at(now)).await.unwrap();
    let chosen = |user| AuthorizationState::Requested { consented: None, chosen: user };
    assert!(!choose(w.authorization_id(), who.user, 1).await, "unknown");
    let id = w.requested(&shop).await;
    assert_eq!(w.state(id).await, chosen(None));
    assert!(!choose(id, who.user, 10 * MINUTE).await, "expired");
    assert!(choose(id, taras, 1).await && choose(id, who.user, 2).await);
    assert_eq!(w.state(id).await, chosen(Some(who.user)), "the last choice counts");
    w.store.approve_authorization(id, w.new_code(who).await, at(3)).await.unwrap();
    assert!(!choose(id, who.user, 4).await, "answered");
    let denied = w.requested(&shop).await;
    assert!(w.store.deny_authorization(denied, at(1)).await.unwrap());
    assert!(!choose(denied, who.user, 2).await, "denied");
}

async fn a_request_is_approved_once(w: World) {
    let shop = w.client("shop").await;
    let (olena, taras) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let id = w.requested(&shop).await;
    let (first, second) = (w.new_code(olena).await, w.new_code(taras).await);
    assert_eq!(w.store.approve_authorization(id, first.clone(), at(1)).await.unwrap(), Approve::Issued);
    assert_eq!(w.store.approve_authorization(id, second.clone(), at(1)).await.unwrap(), Approve::NotWaiting);
    assert_eq!(w.store.find_code(first.code).await.unwrap().unwrap().user, olena.user);
    assert!(w.store.find_code(second.code).await.unwrap().is_none());
    // Redeemed is answered too.
    assert!(matches!(w.spend(first.code, olena, 2).await, crate::authorization::Spend::Now(_)));
    assert_eq!(w.state(id).await, AuthorizationState::Answered);
    assert_eq!(w.store.approve_authorization(id, second, at(3)).await.unwrap(), Approve::NotWaiting);
}

async fn a_request_is_approved_until_it_runs_out(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for (now, expected) in
        [(10 * MINUTE - 1, Approve::Issued), (10 * MINUTE, Approve::NotWaiting), (10 * MINUTE + 1, Approve::NotWaiting)]
    {
        let id = w.requested(&shop).await;
        let code = w.new_code(who).await;
        let hash = code.code;
        assert_eq!(w.store.approve_authorization(id, code, at(now)).await.unwrap(), expected, "{now}");
        assert_eq!(w.store.find_code(hash).await.unwrap().is_some(), expected == Approve::Issued, "{now}");
    }
}

async fn a_denied_request_stays_denied(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let id = w.requested(&shop).await;
    assert!(w.store.deny_authorization(id, at(1)).await.unwrap());
    assert_eq!(w.state(id).await, AuthorizationState::Denied);
    assert!(!w.store.deny_authorization(id, at(2)).await.unwrap());
    let code = w.new_code(who).await;
    let hash = code.code;
    assert_eq!(w.store.approve_authorization(id, code, at(2)).await.unwrap(), Approve::NotWaiting);
    assert!(w.store.find_code(hash).await.unwrap().is_none());
    assert_eq!(w.state(id).await, AuthorizationState::Denied);
    // A consent given before does not count against the no.
    let allowed = w.requested(&shop).await;
    assert!(w.store.consent_authorization(allowed, consented(who.user, "openid"), false, at(1)).await.unwrap());
    assert!(w.store.deny_authorization(allowed, at(2)).await.unwrap());
    assert_eq!(w.state(allowed).await, AuthorizationState::Denied);
}

async fn only_a_waiting_request_is_denied(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let answered = w.requested(&shop).await;
    let code = w.new_code(who).await;
    let hash = code.code;
    w.store.approve_authorization(answered, code, at(1)).await.unwrap();
    assert!(!w.store.deny_authorization(answered, at(2)).await.unwrap());
    assert_eq!(w.state(answered).await, AuthorizationState::Answered);
    assert!(w.store.find_code(hash).await.unwrap().is_some());

    let expired = w.requested(&shop).await;
    assert!(!w.store.deny_authorization(expired, at(10 * MINUTE)).await.unwrap());
    assert!(w.store.deny_authorization(expired, at(10 * MINUTE - 1)).await.unwrap());
}

async fn of_many_answers_one_counts(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let id = w.requested(&shop).await;
    let mut codes = Vec::new();
    for _ in 0..32 {
        codes.push(w.new_code(who).await);
    }
    let counted = in_parallel(32, |n| {
        let (store, code) = (w.store.clone(), codes.get(n).cloned().unwrap());
        async move {
            if n % 4 == 0 {
                store.deny_authorization(id, at(1)).await.unwrap()
            } else {
                store.approve_authorization(id, code, at(1)).await.unwrap() == Approve::Issued
            }
        }
    })
    .await;
    assert_eq!(counted.iter().filter(|counted| **counted).count(), 1);
    let winner = counted.iter().position(|counted| *counted).unwrap();
    let denied = winner % 4 == 0;
    let expected = if denied { AuthorizationState::Denied } else { AuthorizationState::Answered };
    assert_eq!(w.state(id).await, expected);
    for (n, code) in codes.iter().enumerate() {
        assert_eq!(w.store.find_code(code.code).await.unwrap().is_some(), n == winner && !denied, "{n}");
    }
}
