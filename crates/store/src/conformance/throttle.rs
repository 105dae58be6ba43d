//! Throttling: counters are raised before the password is looked at, on all lanes or on none.

use jiff::SignedDuration;

use super::fixture::{World, at, in_parallel};
use super::list;
use crate::throttle::{Admission, Lane, LaneRule, OnSuccess, Penalty};

list!["throttle":
    th4_the_free_attempts_then_the_wait,
    th3_all_lanes_count_or_none,
    th1_the_strictest_lane_decides,
    th3_of_500_parallel_attempts_only_the_free_ones_are_admitted,
    th7_success_does_what_each_lane_says,
    th7_success_frees_a_blocked_account,
    lanes_are_told_apart_by_their_whole_key,
];

fn lane(key: u8, free: u32, penalty: Penalty, on_success: OnSuccess) -> Lane {
    Lane { key: [key; 32], rule: LaneRule { free, window: SignedDuration::from_mins(15), penalty }, on_success }
}

fn account(free: u32) -> Lane {
    lane(1, free, Penalty::Doubling, OnSuccess::Reset)
}

fn address(free: u32) -> Lane {
    lane(2, free, Penalty::RestOfWindow, OnSuccess::GiveBack)
}

fn wait(seconds: i64) -> Admission {
    Admission::Wait(SignedDuration::from_secs(seconds))
}

async fn reserve(w: &World, lanes: &[&Lane], now: i64) -> Admission {
    w.store.reserve_attempt(lanes.iter().map(|lane| (*lane).clone()).collect(), at(now)).await.unwrap()
}

async fn succeed(w: &World, lanes: &[&Lane]) {
    w.store.attempt_succeeded(lanes.iter().map(|lane| (*lane).clone()).collect()).await.unwrap();
}

/// How many attempts a lane still admits at this instant; they are used up.
async fn left(w: &World, lane: &Lane, now: i64) -> u32 {
    let mut admitted = 0;
    while reserve(w, &[lane], now).await == Admission::Admitted {
        admitted += 1;
        assert!(admitted < 1000, "the lane has no end");
    }
    admitted
}

async fn th4_the_free_attempts_then_the_wait(w: World) {
    let account = account(3);
    for now in 0..3 {
        assert_eq!(reserve(&w, &[&account], now).await, Admission::Admitted, "{now}");
    }
    // The third began a block of 30 s; refused attempts do not lengthen it.
    for now in [2, 3, 31] {
        assert_eq!(reserve(&w, &[&account], now).await, wait(32 - now), "{now}");
    }
    assert_eq!(reserve(&w, &[&account], 32).await, Admission::Admitted);
    assert_eq!(reserve(&w, &[&account], 33).await, wait(59));
    // No lanes, no limit.
    assert_eq!(reserve(&w, &[], 33).await, Admission::Admitted);
}

async fn th3_all_lanes_count_or_none(w: World) {
    let (narrow, wide) = (account(2), address(10));
    assert_eq!(left(&w, &narrow, 0).await, 2);
    // Refused by the first lane or by the last: the other one has not counted it.
    for _ in 0..5 {
        assert_eq!(reserve(&w, &[&narrow, &wide], 1).await, wait(29));
        assert_eq!(reserve(&w, &[&wide, &narrow], 1).await, wait(29));
    }
    assert_eq!(left(&w, &wide, 1).await, 10);
}

async fn th1_the_strictest_lane_decides(w: World) {
    let (account, address) = (account(2), address(2));
    for now in 0..2 {
        assert_eq!(reserve(&w, &[&account, &address], now).await, Admission::Admitted);
    }
    // The account would wait until 31, the address until the end of its quarter of an hour.
    assert_eq!(reserve(&w, &[&account, &address], 10).await, wait(890));
    assert_eq!(reserve(&w, &[&address, &account], 10).await, wait(890));
    assert_eq!(reserve(&w, &[&account], 10).await, wait(21));
}

async fn th3_of_500_parallel_attempts_only_the_free_ones_are_admitted(w: World) {
    for penalty in [Penalty::Doubling, Penalty::RestOfWindow] {
        let free = 17;
        let narrow = Lane { key: [penalty as u8; 32], ..lane(0, free, penalty, OnSuccess::Keep) };
        let wide = Lane { key: [100 + penalty as u8; 32], ..lane(0, 100, Penalty::RestOfWindow, OnSuccess::Keep) };
        let admissions = in_parallel(500, |_| {
            let (store, lanes) = (w.store.clone(), vec![wide.clone(), narrow.clone()]);
            async move { store.reserve_attempt(lanes, at(1)).await.unwrap() }
        })
        .await;
        let admitted = admissions.iter().filter(|admission| **admission == Admission::Admitted).count();
        assert_eq!(admitted, 17, "{penalty:?}");
        assert_eq!(left(&w, &wide, 1).await, 100 - free, "{penalty:?}: the other lane counted the admitted ones alone");
    }
}

async fn th7_success_does_what_each_lane_says(w: World) {
    let reset = lane(1, 10, Penalty::Doubling, OnSuccess::Reset);
    let give_back = lane(2, 10, Penalty::RestOfWindow, OnSuccess::GiveBack);
    let keep = lane(3, 10, Penalty::RestOfWindow, OnSuccess::Keep);
    let bystander = lane(4, 10, Penalty::RestOfWindow, OnSuccess::Reset);
    let all = [&reset, &give_back, &keep];
    for now in 0..4 {
        assert_eq!(reserve(&w, &all, now).await, Admission::Admitted);
        assert_eq!(reserve(&w, &[&bystander], now).await, Admission::Admitted);
    }
    succeed(&w, &all).await;
    assert_eq!(left(&w, &reset, 5).await, 10, "the account's own counter starts anew");
    assert_eq!(left(&w, &give_back, 5).await, 7, "one is given back, the failures before stay");
    assert_eq!(left(&w, &keep, 5).await, 6, "requests are counted, not failures");
    assert_eq!(left(&w, &bystander, 5).await, 6, "nobody else's");
    // Counters that were never raised.
    let unknown = [lane(5, 2, Penalty::Doubling, OnSuccess::Reset), lane(6, 2, Penalty::Doubling, OnSuccess::GiveBack)];
    for lane in &unknown {
        succeed(&w, &[lane]).await;
        assert_eq!(left(&w, lane, 5).await, 2, "nothing is given in advance");
    }
}

/// The last free attempt was the right one: what it blocked is open again.
async fn th7_success_frees_a_blocked_account(w: World) {
    let (account, address) = (account(2), address(2));
    for now in 0..2 {
        assert_eq!(reserve(&w, &[&account, &address], now).await, Admission::Admitted);
    }
    succeed(&w, &[&account, &address]).await;
    assert_eq!(reserve(&w, &[&account, &address], 2).await, Admission::Admitted);
    assert_eq!(reserve(&w, &[&address], 3).await, wait(897), "one attempt was given back, not two");
    assert_eq!(reserve(&w, &[&account], 3).await, Admission::Admitted);
}

async fn lanes_are_told_apart_by_their_whole_key(w: World) {
    let first = account(1);
    let mut last_byte = first.clone();
    last_byte.key = std::array::from_fn(|n| if n == 31 { 2 } else { 1 });
    let mut first_byte = first.clone();
    first_byte.key = std::array::from_fn(|n| if n == 0 { 2 } else { 1 });
    for lane in [first, last_byte, first_byte] {
        assert_eq!(left(&w, &lane, 0).await, 1);
    }
}
