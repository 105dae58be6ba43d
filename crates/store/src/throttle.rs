//! Throttling: counters that are raised before a password is checked. TH-1 to TH-4.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::Unavailable;

/// What happens when the free attempts of a lane are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// Wait 30 s, then 60 s, doubling up to an hour, after each further attempt. TH-4.
    Doubling,
    /// Wait until the window ends.
    RestOfWindow,
}

/// The rule of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneRule {
    /// Attempts that cost nothing, per window.
    pub free: u32,
    /// How long attempts are counted after the first.
    pub window: SignedDuration,
    /// What comes after.
    pub penalty: Penalty,
}

/// One counter an attempt runs into: a keyed hash of an account name or an address, never the text itself. TH-2, LG-3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The counter.
    pub key: [u8; 32],
    /// Its rule.
    pub rule: LaneRule,
    /// What a right password does to it.
    pub on_success: OnSuccess,
}

/// What a right password does to a counter. TH-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSuccess {
    /// The counter starts anew: the account's own.
    Reset,
    /// This attempt is given back, earlier failures stay: an address may be shared.
    GiveBack,
    /// Nothing: it counts requests, not failures.
    Keep,
}

/// The state of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Attempts in this window.
    pub attempts: u32,
    /// When the window began.
    pub window_began: Timestamp,
    /// Until when no attempt is admitted.
    pub blocked_until: Option<Timestamp>,
}

/// First wait after the free attempts. TH-4.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// Longest wait. TH-4.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// So much may the clocks of nodes differ. A counter that is further ahead is of before the clock was set back.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What one attempt does to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Admitted; the counter becomes this.
    Admitted(Counter),
    /// Refused, nothing changes: wait so long.
    Wait(SignedDuration),
}

/// Count one attempt. TH-3, TH-4.
#[must_use]
pub fn attempt(counter: Option<Counter>, rule: LaneRule, now: Timestamp) -> Attempt {
    let fresh = Counter { attempts: 0, window_began: now, blocked_until: None };
    let counter = counter.unwrap_or(fresh);
    if let Some(until) = counter.blocked_until {
        let left = until.duration_since(now);
        // A block that would last longer than it can was made while the clock was ahead.
        if left.is_positive() && left <= longest_block(counter.attempts, rule) + SKEW {
            return Attempt::Wait(left);
        }
    }
    // A window ends `window` after it began or after its last block, whichever is later: a guesser who waits out each
    // block stays on the longer ones.
    let counted_from = match rule.penalty {
        Penalty::Doubling => counter.blocked_until.unwrap_or(counter.window_began),
        Penalty::RestOfWindow => counter.window_began,
    };
    let age = now.duration_since(counted_from);
    let counter = if age >= rule.window || age < -SKEW { fresh } else { counter };
    let attempts = counter.attempts.saturating_add(1);
    if attempts < rule.free {
        return Attempt::Admitted(Counter { attempts, ..counter });
    }
    let wait = match rule.penalty {
        Penalty::RestOfWindow => rule.window - now.duration_since(counter.window_began).max(SignedDuration::ZERO),
        Penalty::Doubling => longest_block(attempts, rule),
    };
    // The attempt itself is admitted; the next one has to wait.
    Attempt::Admitted(Counter { attempts, blocked_until: now.checked_add(wait).ok(), ..counter })
}

/// How long a counter with so many attempts is blocked at most.
fn longest_block(attempts: u32, rule: LaneRule) -> SignedDuration {
    match rule.penalty {
        Penalty::RestOfWindow => rule.window,
        Penalty::Doubling => {
            let doublings = attempts.saturating_sub(rule.free).min(7);
            (FIRST_WAIT * (1 << doublings)).min(LONGEST_WAIT)
        }
    }
}

/// A counter after an attempt turned out right; nothing: it is forgotten. TH-7.
#[must_use]
pub fn succeeded(counter: Counter, rule: LaneRule, on_success: OnSuccess) -> Option<Counter> {
    match on_success {
        OnSuccess::Reset => None,
        OnSuccess::Keep => Some(counter),
        OnSuccess::GiveBack => {
            let attempts = counter.attempts.saturating_sub(1);
            let blocked_until = counter.blocked_until.filter(|_| attempts >= rule.free);
            (attempts > 0).then_some(Counter { attempts, blocked_until, ..counter })
        }
    }
}

/// What reserving an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Every lane admits it and has counted it.
    Admitted,
    /// Some lane does not; none has counted it. The strictest wait.
    Wait(SignedDuration),
}

/// Counters in the database, shared by all nodes. TH-11.
#[async_trait]
pub trait Throttles: Send + Sync {
    /// Count an attempt on all lanes, or on none, before the password is looked at. One transaction. TH-3.
    async fn reserve_attempt(&self, lanes: Vec<Lane>, now: Timestamp) -> Result<Admission, Unavailable>;
    /// The password was right: [`succeeded`] for each lane. TH-7.
    async fn attempt_succeeded(&self, lanes: Vec<Lane>) -> Result<(), Unavailable>;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    const ACCOUNT: LaneRule = LaneRule { free: 5, window: SignedDuration::from_mins(15), penalty: Penalty::Doubling };
    const ADDRESS: LaneRule =
        LaneRule { free: 30, window: SignedDuration::from_mins(10), penalty: Penalty::RestOfWindow };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn th1_th4_five_free_then_doubling_to_an_hour() {
        let (mut counter, mut now, mut waits) = (None, 0, Vec::new());
        for _ in 0..14 {
            match attempt(counter, ACCOUNT, at(now)) {
                Attempt::Admitted(next) => {
                    counter = Some(next);
                    let wait = next.blocked_until.map_or(0, |until| until.duration_since(at(now)).as_secs());
                    waits.push(wait);
                    if wait > 0 {
                        assert_eq!(
                            attempt(counter, ACCOUNT, at(now + wait - 1)),
                            Attempt::Wait(SignedDuration::from_secs(1))
                        );
                    }
                    now += wait;
                }
                Attempt::Wait(_) => panic!("waited long enough"),
            }
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn th1_an_address_waits_for_the_end_of_its_window() {
        let mut counter = None;
        for n in 0..30 {
            let Attempt::Admitted(next) = attempt(counter, ADDRESS, at(n)) else { panic!("attempt {n}") };
            counter = Some(next);
        }
        assert_eq!(attempt(counter, ADDRESS, at(30)), Attempt::Wait(SignedDuration::from_secs(570)));
        assert!(matches!(attempt(counter, ADDRESS, at(600)), Attempt::Admitted(Counter { attempts: 1, .. })));
    }

    #[test]
    fn th7_success_resets_the_account_and_gives_one_back_to_the_address() {
        let counter = Counter { attempts: 30, window_began: at(0), blocked_until: Some(at(600)) };
        assert_eq!(succeeded(counter, ACCOUNT, OnSuccess::Reset), None);
        assert_eq!(succeeded(counter, ADDRESS, OnSuccess::Keep), Some(counter));
        let given_back = succeeded(counter, ADDRESS, OnSuccess::GiveBack).unwrap();
        assert_eq!((given_back.attempts, given_back.blocked_until), (29, None));
    }

    /// A clock that was ahead and is set right: nobody waits longer than the rule says, give or take the skew of nodes.
    #[test]
    fn th4_a_block_of_the_future_lasts_no_longer_than_its_own_length() {
        for rule in [ACCOUNT, ADDRESS] {
            let mut counter = None;
            for _ in 0..rule.free {
                let Attempt::Admitted(next) = attempt(counter, rule, at(0)) else { panic!() };
                counter = Some(next);
            }
            let Attempt::Wait(wait) = attempt(counter, rule, at(0)) else { panic!() };
            for skew in [1, 59, 60] {
                let longer = wait + SignedDuration::from_secs(skew);
                assert_eq!(attempt(counter, rule, at(-skew)), Attempt::Wait(longer));
            }
            for jump in [61, 3600, 86_400] {
                let Attempt::Admitted(next) = attempt(counter, rule, at(-jump)) else { panic!("{jump} s back") };
                assert_eq!((next.attempts, next.window_began), (1, at(-jump)));
            }
        }
    }

    /// The same for a window that blocks nobody yet.
    #[test]
    fn th4_attempts_of_the_future_are_forgotten() {
        for rule in [ACCOUNT, ADDRESS] {
            let Attempt::Admitted(counter) = attempt(None, rule, at(0)) else { panic!() };
            for (jump, attempts) in [(1, 2), (60, 2), (61, 1), (86_400, 1)] {
                let Attempt::Admitted(next) = attempt(Some(counter), rule, at(-jump)) else { panic!() };
                assert_eq!(next.attempts, attempts, "{jump} s back");
            }
        }
    }

    #[test]
    fn a_quiet_window_forgets() {
        let Attempt::Admitted(counter) = attempt(None, ACCOUNT, at(0)) else { panic!() };
        assert!(matches!(attempt(Some(counter), ACCOUNT, at(900)), Attempt::Admitted(Counter { attempts: 1, .. })));
        assert!(matches!(attempt(Some(counter), ACCOUNT, at(899)), Attempt::Admitted(Counter { attempts: 2, .. })));
    }
}
