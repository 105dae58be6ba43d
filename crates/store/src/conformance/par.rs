//! Pushed requests: their client's alone, opened in time, answered once.

use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};

use super::fixture::{DAY, HOUR, MINUTE, World, at, in_parallel};
use super::list;
use crate::authorization::{Approve, AuthorizationState};
use crate::par::Opening;

list!["par":
    ep4_a_pushed_request_is_its_clients,
    ep5_the_first_load_is_in_time_and_later_ones_live_with_the_page,
    ep5_a_pushed_request_is_answered_once,
    ep5_a_no_is_an_answer_too,
    ep5_of_many_browsers_one_gets_a_code,
    ep5_a_request_whose_push_is_gone_gets_no_code,
    a_pushed_request_is_swept_a_day_after_its_end,
];

type Pushed = HandleHash<kind::PushedRequest>;

/// Open in this browser, for half an hour from then on. The first load has a minute.
async fn open_in(w: &World, browser: HandleHash<kind::Browser>, handle: Pushed, client: &ClientId, now: i64) -> bool {
    let opening = Opening { browser, pushed_after: at(now - MINUTE), until: at(now + HOUR / 2) };
    let found = w.store.open_pushed_request(handle, client, opening, at(now)).await.unwrap();
    assert!(found.as_deref().is_none_or(|found| found == "scope=openid&state=%22"), "{found:?}");
    found.is_some()
}

/// Open in a browser of its own.
async fn open(w: &World, handle: Pushed, client: &ClientId, now: i64) -> bool {
    open_in(w, w.hash(), handle, client, now).await
}

async fn ep4_a_pushed_request_is_its_clients(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let pushed = w.pushed(&shop).await;
    assert!(!open(&w, w.hash(), &shop, 1).await, "unknown");
    assert!(!open(&w, pushed, &mobile, 1).await, "another client's");
    assert!(open(&w, pushed, &shop, 1).await);
}

async fn ep5_the_first_load_is_in_time_and_later_ones_live_with_the_page(w: World) {
    let shop = w.client("shop").await;
    let late = w.pushed(&shop).await;
    assert!(!open(&w, late, &shop, MINUTE).await);
    let pushed = w.pushed(&shop).await;
    assert!(open(&w, pushed, &shop, MINUTE - 1).await);
    // Loading it again moves nothing, and it can be loaded where a page came from it, and nowhere else.
    let browser = w.hash();
    let mut page = w.authorization(&shop, "openid");
    (page.browser, page.asked.pushed, page.expires_at) = (browser, Some(pushed), at(HOUR));
    w.store.request_authorization(page).await.unwrap();
    let other = w.requested_from(&shop, late).await;
    assert!(matches!(w.state(other).await, AuthorizationState::Requested { .. }));
    for now in [MINUTE, 10 * MINUTE, MINUTE - 1 + HOUR / 2 - 1] {
        assert!(open_in(&w, browser, pushed, &shop, now).await, "{now}");
        assert!(!open(&w, pushed, &shop, now).await, "{now}: the handle was read in a log");
    }
    assert!(!open_in(&w, browser, pushed, &shop, MINUTE - 1 + HOUR / 2).await);
    assert!(!open_in(&w, browser, late, &shop, MINUTE).await, "a page of another request says nothing");
}

async fn ep5_a_pushed_request_is_answered_once(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let pushed = w.pushed(&shop).await;
    assert!(open(&w, pushed, &shop, 1).await && open(&w, pushed, &shop, 2).await, "loading answers nothing");
    let (first, second) = (w.requested_from(&shop, pushed).await, w.requested_from(&shop, pushed).await);
    let codes = [w.new_code(who).await, w.new_code(who).await];
    let [one, two] = codes.clone();
    assert_eq!(w.store.approve_authorization(first, one, at(3)).await.unwrap(), Approve::Issued);
    assert_eq!(w.store.approve_authorization(second, two, at(4)).await.unwrap(), Approve::PushedRequestSpent);
    assert!(w.store.find_code(codes[1].code).await.unwrap().is_none());
    assert_eq!(w.state(second).await, AuthorizationState::Requested { consented: None, chosen: None });
    assert!(!open(&w, pushed, &shop, 5).await);
    // Others are not affected.
    let other = w.requested_from(&shop, w.pushed(&shop).await).await;
    assert_eq!(w.store.approve_authorization(other, w.new_code(who).await, at(5)).await.unwrap(), Approve::Issued);
}

async fn ep5_a_no_is_an_answer_too(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let pushed = w.pushed(&shop).await;
    let (first, second) = (w.requested_from(&shop, pushed).await, w.requested_from(&shop, pushed).await);
    assert!(w.store.deny_authorization(first, at(1)).await.unwrap());
    assert!(!open(&w, pushed, &shop, 2).await);
    let code = w.new_code(who).await;
    assert_eq!(w.store.approve_authorization(second, code, at(2)).await.unwrap(), Approve::PushedRequestSpent);
    // The second no is told to the app all the same: it gives nothing.
    assert!(w.store.deny_authorization(second, at(3)).await.unwrap());
}

async fn ep5_of_many_browsers_one_gets_a_code(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let pushed = w.pushed(&shop).await;
    let mut attempts = Vec::new();
    for n in 0..32 {
        // Two of each request, and many requests.
        let id = match attempts.last() {
            Some((id, _)) if n % 2 == 1 => *id,
            _ => w.requested_from(&shop, pushed).await,
        };
        attempts.push((id, w.new_code(who).await));
    }
    let outcomes = in_parallel(32, |n| {
        let (store, (id, code)) = (w.store.clone(), attempts.get(n).cloned().unwrap());
        async move { store.approve_authorization(id, code, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Approve::Issued).count(), 1, "{outcomes:?}");
    let mut codes = 0;
    for (_, code) in attempts {
        codes += usize::from(w.store.find_code(code.code).await.unwrap().is_some());
    }
    assert_eq!(codes, 1);
}

async fn ep5_a_request_whose_push_is_gone_gets_no_code(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let id = w.requested_from(&shop, w.hash()).await;
    let code = w.new_code(who).await;
    assert_eq!(w.store.approve_authorization(id, code, at(1)).await.unwrap(), Approve::PushedRequestSpent);
}

async fn a_pushed_request_is_swept_a_day_after_its_end(w: World) {
    let shop = w.client("shop").await;
    let (opened, unopened) = (w.pushed(&shop).await, w.pushed(&shop).await);
    assert!(open(&w, opened, &shop, 0).await);
    let sweep = async |now| w.store.sweep(at(now), 10).await.unwrap().pushed_requests;
    assert_eq!(sweep(DAY + MINUTE).await, 0);
    assert_eq!(sweep(DAY + MINUTE + 1).await, 1, "the one that nobody opened");
    assert_eq!(sweep(DAY + HOUR / 2).await, 0);
    assert_eq!(sweep(DAY + HOUR / 2 + 1).await, 1);
    assert!(!open(&w, unopened, &shop, 1).await);
}
