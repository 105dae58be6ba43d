//! The keys of a client: registered with it, or published at its `jwks_uri`. OpenID Core §10.1.1; TE-15, TE-17.
//!
//! | What is known of a `jwks_uri` | What happens |
//! | --- | --- |
//! | nothing, or older than an hour | it is fetched; after a failure, once a minute |
//! | fresh, and a key fits | that key |
//! | fresh, and no key fits | it is fetched once a minute: the client may have a new key |
//! | the site is away | what was fetched last serves for a day |
//!
//! A fetch that succeeds replaces all keys. There is one at a time for each client, in a task of its own, so that a caller
//! who hangs up does not end it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brama_jose::{Header, JwkSet, VerifyingKey};
use brama_protocol::client::{Client, ClientId, ClientKeys};
use brama_protocol::error::{CLIENT_KEYS_AWAY, Refusal};
use brama_protocol::limits;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use crate::client_auth::Failure;
use crate::context::Ctx;
use crate::outgoing::{Outgoing, OutgoingError};

/// How long fetched keys are fresh.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How long they serve while their site is away.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// Pause between fetches because of failures, and between those because of unknown keys.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// Most clients whose keys are kept.
const KEPT: usize = 1000;
/// Most keys that are tried for an assertion that does not name one.
const TRIED: usize = 8;

/// Keys that clients publish, as this node fetched them.
pub(super) struct RemoteKeys(Cache<(ClientId, String), Arc<Site>>);

impl Default for RemoteKeys {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

/// The `jwks_uri` of one client.
#[derive(Default)]
struct Site {
    state: Mutex<State>,
    /// Held by the one who fetches.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    known: Option<(Arc<JwkSet>, Timestamp)>,
    /// The last fetch, if it failed.
    failed: Option<(OutgoingError, Timestamp)>,
    /// When it was last fetched because no key fitted.
    chased_at: Option<Timestamp>,
    /// How many fetches have ended.
    fetches: u64,
}

/// Whether so much time has not passed since. A clock that was set back does not hold anything up.
fn within(limit: SignedDuration, since: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(since);
    !age.is_negative() && age < limit
}

impl State {
    fn known_for(&self, limit: SignedDuration, now: Timestamp) -> Option<&JwkSet> {
        self.known.as_ref().filter(|(_, at)| within(limit, *at, now)).map(|(set, _)| &**set)
    }
}

/// Keys of the client that may have made a signature with this header, made ready for its algorithm.
pub(super) async fn fitting(ctx: &Ctx, client: &Client, header: &Header) -> Result<Vec<VerifyingKey>, Failure> {
    match &client.keys {
        ClientKeys::None => Err(Failure::not_proven("it has no registered keys")),
        ClientKeys::Jwks(json) => {
            let set: JwkSet = serde_json::from_str(json)
                .map_err(|error| Failure::not_proven(format!("its registered keys cannot be read: {error}")))?;
            Ok(select(&set, header))
        }
        ClientKeys::JwksUri(url) => published(ctx, &client.id, url, header).await,
    }
}

/// Keys of the id that the header names; where either names none, all that do the algorithm.
fn select(set: &JwkSet, header: &Header) -> Vec<VerifyingKey> {
    let named = |key: Option<&str>| key.is_none() || header.kid().is_none() || key == header.kid();
    let keys = set.keys.iter().filter(|jwk| named(jwk.kid()));
    keys.filter_map(|jwk| VerifyingKey::with_algorithm(jwk, header.algorithm()).ok()).take(TRIED).collect()
}

async fn published(ctx: &Ctx, client: &ClientId, url: &str, header: &Header) -> Result<Vec<VerifyingKey>, Failure> {
    let place = (client.clone(), url.to_owned());
    let site = ctx.client_auth.keys.0.get_or_insert_with(&place, || Ok::<_, Failure>(Arc::default()))?;
    let before = site.state().clone();
    let fresh = before.known_for(FRESH, ctx.now);
    let keys = fresh.map(|set| select(set, header)).unwrap_or_default();
    if !keys.is_empty() {
        return Ok(keys);
    }
    let chase = fresh.is_some();
    let last = if chase { before.chased_at } else { before.failed.as_ref().map(|(_, at)| *at) };
    if !last.is_some_and(|at| within(PAUSE, at, ctx.now)) {
        let (site, outgoing, url, now) = (Arc::clone(&site), Arc::clone(&ctx.outgoing), url.to_owned(), ctx.now);
        let client = client.clone();
        let fetching =
            tokio::spawn(async move { site.fetch(outgoing.as_ref(), &client, &url, before.fetches, chase, now).await });
        fetching.await.map_err(|error| Refusal::from(&CLIENT_KEYS_AWAY).with_detail(error.to_string()))?;
    }
    let after = site.state().clone();
    if let Some(set) = after.known_for(STALE, ctx.now) {
        return Ok(select(set, header));
    }
    // One answer, whatever kept us from asking: which names of ours lead where is told in the log alone.
    let why = after.failed.map_or_else(|| "its keys are too old".to_owned(), |(error, _)| error.to_string());
    Err(Failure::Undecided(
        Refusal::from(&CLIENT_KEYS_AWAY)
            .retry_after(PAUSE.as_secs().unsigned_abs())
            .with_detail(format!("{client}: {why}")),
    ))
}

impl Site {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetch, unless another one has done so since `seen` was counted. `chase`: because no key fitted.
    async fn fetch(
        &self,
        outgoing: &dyn Outgoing,
        client: &ClientId,
        url: &str,
        seen: u64,
        chase: bool,
        now: Timestamp,
    ) {
        let _turn = self.fetching.lock().await;
        if self.state().fetches != seen {
            return;
        }
        let fetched = outgoing.get_json(url, limits::CLIENT_JWKS_BYTES).await.and_then(|document| {
            serde_json::from_slice::<JwkSet>(&document)
                .map_err(|error| OutgoingError::Failed(format!("not a JWK set: line {}", error.line())))
        });
        let mut state = self.state();
        state.fetches = seen.wrapping_add(1);
        if chase {
            state.chased_at = Some(now);
        }
        match fetched {
            Ok(set) => {
                state.known = Some((Arc::new(set), now));
                state.failed = None;
            }
            Err(error) => {
                tracing::warn!(%client, url, %error, "the keys of a client cannot be fetched");
                state.failed = Some((error, now));
            }
        }
    }
}
