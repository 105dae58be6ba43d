//! How often a client may fail to authenticate. TE-9; TH-1, TH-3, TH-7, TH-11, TH-13.
//!
//! Failures are counted for the client at one address, for the address and for its network; beyond the limit nothing from
//! there is looked at until the window ends, a right secret no more than a wrong one. Who fails elsewhere locks nobody
//! out: failures of a client from everywhere block nothing, they only leave each address one attempt instead of ten.
//!
//! What a node has seen it holds in memory, and a secret is looked at while the counter is held, so no burst gets more
//! looks than the limit. Each failure is counted in the database too: when the nodes together have seen too many, the
//! next failure at any node ends the attempts there. A client that is right costs no write.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use brama_protocol::client::ClientId;
use brama_protocol::error::{CLIENT_TOO_MANY, Refusal};
use brama_store::throttle::{Admission, Attempt, Counter, Lane, LaneRule, OnSuccess, Penalty, attempt};
use jiff::{SignedDuration, Timestamp};

use crate::context::Ctx;
use crate::login::throttle::prefix;

/// How long failures are counted after the first.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Failures of a client at one address.
const AT_ADDRESS: u32 = 10;
/// The same while the client is under attack from everywhere.
const UNDER_ATTACK: u32 = 1;
/// Failures of a client from everywhere that are an attack.
const ATTACK: u32 = 100;
/// Most counters that a node keeps.
const KEPT: usize = 1 << 16;

const fn rule(free: u32) -> LaneRule {
    LaneRule { free, window: WINDOW, penalty: Penalty::RestOfWindow }
}

/// The counters that a failure runs into.
pub(super) struct Lanes {
    /// The client from everywhere.
    everywhere: Lane,
    /// The client at this address.
    here: Lane,
    /// The address and its network, whatever the client; none where addresses are spared.
    address: Vec<Lane>,
}

impl Lanes {
    /// Counted whether or not the client exists. TH-2.
    pub(super) fn of(ctx: &Ctx, client: &ClientId) -> Self {
        let day = (ctx.now.as_second() / 86_400).to_be_bytes();
        let lane = |label: &str, parts: &[&[u8]], rule| {
            let mut bytes = parts.join(&0);
            bytes.extend_from_slice(&day);
            Lane { key: ctx.throttle_key.name(label, &bytes), rule, on_success: OnSuccess::Keep }
        };
        let client = client.as_str().as_bytes();
        let (address, network) =
            ctx.source.map(|source| (prefix(source.address, 4, 8), prefix(source.address, 3, 6))).unwrap_or_default();
        let rules = &ctx.settings.throttle;
        let of_address = vec![
            lane("client auth address", &[&address], rules.address),
            lane("client auth network", &[&network], rules.network),
        ];
        Self {
            everywhere: lane("client auth", &[client], rule(ATTACK)),
            here: lane("client auth here", &[client, &address], rule(AT_ADDRESS)),
            address: if ctx.source.is_some_and(|source| !source.exempt) { of_address } else { Vec::new() },
        }
    }

    /// Those that refuse, as strict as they have to be.
    fn that_refuse(&self, under_attack: bool) -> Vec<Lane> {
        let here = Lane { rule: rule(if under_attack { UNDER_ATTACK } else { AT_ADDRESS }), ..self.here.clone() };
        std::iter::once(here).chain(self.address.iter().cloned()).collect()
    }
}

/// What one node has seen.
#[derive(Default)]
pub(super) struct Guesses(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    counters: HashMap<[u8; 32], Kept>,
    /// Clients at addresses of which the database said that they have to wait: when, and until when.
    told: HashMap<[u8; 32], (Timestamp, Timestamp)>,
}

struct Kept {
    counter: Counter,
    forget_at: Timestamp,
}

fn refusal(wait: SignedDuration) -> Refusal {
    let seconds = u64::try_from(wait.as_millis()).unwrap_or(0).div_ceil(1000).max(1);
    Refusal::from(&CLIENT_TOO_MANY).retry_after(seconds)
}

impl Seen {
    fn next(&self, lane: &Lane, now: Timestamp) -> Attempt {
        attempt(self.counters.get(&lane.key).map(|kept| kept.counter), lane.rule, now)
    }

    /// The counters after one more failure, or the longest wait.
    fn judge(&self, lanes: &Lanes, now: Timestamp) -> Result<Vec<(Lane, Counter)>, SignedDuration> {
        let mut counted = Vec::new();
        let mut longest = self
            .told
            .get(&lanes.here.key)
            .filter(|(at, until)| *at <= now && now < *until)
            .map(|(_, until)| until.duration_since(now));
        let everywhere = self.next(&lanes.everywhere, now);
        if let Attempt::Admitted(counter) = everywhere {
            counted.push((lanes.everywhere.clone(), counter));
        }
        for lane in lanes.that_refuse(matches!(everywhere, Attempt::Wait(_))) {
            match self.next(&lane, now) {
                Attempt::Admitted(counter) => counted.push((lane, counter)),
                Attempt::Wait(wait) => longest = longest.max(Some(wait)),
            }
        }
        longest.map_or(Ok(counted), Err)
    }

    /// Keep the number of counters bounded. When too many of them still count, all begin anew here; those in the database
    /// stay.
    fn make_room(&mut self, now: Timestamp) {
        if self.counters.len() >= KEPT {
            self.counters.retain(|_, kept| kept.forget_at > now);
            if self.counters.len() > KEPT / 2 {
                self.counters.clear();
            }
        }
        if self.told.len() >= KEPT {
            self.told.retain(|_, (_, until)| *until > now);
            if self.told.len() > KEPT / 2 {
                self.told.clear();
            }
        }
    }
}

impl Guesses {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an attempt may be made, before any work is done for it.
    ///
    /// # Errors
    /// The wait.
    pub(super) fn look(&self, lanes: &Lanes, now: Timestamp) -> Result<(), Refusal> {
        self.seen().judge(lanes, now).map(drop).map_err(refusal)
    }

    /// Make an attempt, and count it if it fails. TH-3.
    ///
    /// # Errors
    /// The wait; then nothing was looked at.
    pub(super) fn attempt(&self, lanes: &Lanes, now: Timestamp, fits: impl FnOnce() -> bool) -> Result<bool, Refusal> {
        let mut seen = self.seen();
        let counted = seen.judge(lanes, now).map_err(refusal)?;
        if fits() {
            return Ok(true);
        }
        seen.make_room(now);
        for (lane, counter) in counted {
            let forget_at = now.checked_add(lane.rule.window).unwrap_or(now);
            seen.counters.insert(lane.key, Kept { counter, forget_at });
        }
        Ok(false)
    }

    fn tell(&self, lanes: &Lanes, now: Timestamp, wait: SignedDuration) {
        let mut seen = self.seen();
        seen.make_room(now);
        seen.told.insert(lanes.here.key, (now, now.checked_add(wait).unwrap_or(now)));
    }
}

/// Count a failure where all nodes see it.
///
/// # Errors
/// The wait, when the nodes together have seen too many; a store that does not answer.
pub(super) async fn tell_all_nodes(ctx: &Ctx, lanes: &Lanes) -> Result<(), Refusal> {
    let reserve = async |lanes: Vec<Lane>| {
        let (store, now) = (std::sync::Arc::clone(&ctx.store), ctx.now);
        ctx.flood.write(async move { store.reserve_attempt(lanes, now).await }).await
    };
    let everywhere = reserve(vec![lanes.everywhere.clone()]).await?;
    match reserve(lanes.that_refuse(everywhere != Admission::Admitted)).await? {
        Admission::Admitted => Ok(()),
        Admission::Wait(wait) => {
            ctx.client_auth.guesses.tell(lanes, ctx.now, wait);
            Err(refusal(wait))
        }
    }
}
