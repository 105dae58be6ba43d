//! Telling apps that a session has ended. OpenID Back-Channel Logout 1.0; LO-10 to LO-12.
//!
//! What is to be told stands in the database since the end of the session, in the same transaction: whoever signs out does
//! not wait for it, and it outlives this process. Every node delivers what it can claim; a sign-out on this node wakes its
//! own delivery at once.

use std::sync::Arc;

use brama_protocol::client::{BackchannelLogout, Client};
use brama_protocol::error::{Refusal, STORAGE, STORAGE_BUSY};
use brama_store::Unavailable;
use brama_store::logout_delivery::{Attempt, LogoutDelivery};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::context::{Clock, Ctx, Deployment};
use crate::outgoing::OutgoingError;
use crate::token::issue::logout_token;

/// Messages on their way at the same time, per round.
const PARALLEL: u32 = 16;
/// After this a message that was claimed and not settled is anybody's again: its node has died. Longer than a try takes.
const CLAIM: SignedDuration = SignedDuration::from_secs(30);
/// Waits after a try that was in vain; after the last one there is no other. LO-12.
const RETRY_AFTER: [SignedDuration; 2] = [SignedDuration::from_secs(20), SignedDuration::from_secs(100)];
/// Wait of a message that could not be sent now because too many others are.
const POSTPONE: SignedDuration = SignedDuration::from_secs(5);
/// No try begins later than this after the end of the session, but for the first. LO-12.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// Wakes the delivery of this process.
#[derive(Debug, Default)]
pub struct Backchannel(Notify);

impl Backchannel {
    /// A session may have ended: look now. Costs nothing, and nobody waits for it.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Until somebody calls [`Backchannel::wake`].
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// What became of the messages of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Apps that took theirs.
    pub delivered: u32,
    /// Apps that would not act on theirs.
    pub refused: u32,
    /// To be tried again.
    pub again: u32,
    /// Tried for the last time.
    pub given_up: u32,
}

/// Deliver everything that is due, many at a time. A slow app delays others only once all places are taken by slow ones.
///
/// # Errors
/// The database did not answer; what was claimed before has been tried.
pub async fn deliver_due(deployment: &Arc<Deployment>, clock: &dyn Clock) -> Result<Round, Unavailable> {
    let mut round = Round::default();
    let mut running: JoinSet<Option<Attempt>> = JoinSet::new();
    let (mut more, mut failed) = (true, None);
    loop {
        let free = PARALLEL.saturating_sub(u32::try_from(running.len()).unwrap_or(PARALLEL));
        if more && free >= PARALLEL / 2 {
            let ctx = Ctx::new(Arc::clone(deployment), clock.now());
            let until = ctx.now.checked_add(CLAIM).unwrap_or(ctx.now);
            let claimed = ctx.store.claim_logouts(free, until, ctx.now).await;
            more = claimed.as_ref().is_ok_and(|claimed| !claimed.is_empty());
            match claimed {
                Ok(claimed) => {
                    claimed.into_iter().for_each(|message| drop(running.spawn(deliver(ctx.clone(), message))))
                }
                Err(error) => failed = Some(error),
            }
        }
        match running.join_next().await {
            None if more => {}
            None => return failed.map_or(Ok(round), Err),
            Some(Ok(Some(Attempt::Delivered))) => round.delivered += 1,
            Some(Ok(Some(Attempt::Refused))) => round.refused += 1,
            Some(Ok(Some(Attempt::Again(_)))) => round.again += 1,
            // Too much goes out already: what else is due waits for the next round.
            Some(Ok(Some(Attempt::Postponed(_)))) => {
                round.again += 1;
                more = false;
            }
            Some(Ok(Some(Attempt::GivenUp))) => round.given_up += 1,
            // What could not be settled is claimed again later.
            Some(Ok(None) | Err(_)) => {}
        }
    }
}

/// Try one message once, and note what came of it. Nothing: it could not be tried or noted, and will be due again.
async fn deliver(ctx: Ctx, message: LogoutDelivery) -> Option<Attempt> {
    let (client, session) = (message.client.as_str(), message.session.to_string());
    let (attempt, answer) = match attempt(&ctx, &message).await {
        Ok(tried) => tried,
        // Nothing is known of the app now.
        Err(refusal) if [&STORAGE, &STORAGE_BUSY].contains(&refusal.row) => {
            tracing::warn!(%refusal, client, session, "an app could not be told that a session has ended");
            return None;
        }
        // No token can be signed for it: that ends like any other try in vain.
        Err(refusal) => (in_vain(&message, ctx.now), refusal.to_string()),
    };
    match attempt {
        Attempt::Delivered => tracing::debug!(client, session, "an app was told that a session has ended"),
        Attempt::Postponed(_) => tracing::debug!(client, session, answer, "too much goes out to tell an app now"),
        Attempt::Again(_) => {
            tracing::info!(client, session, answer, "an app will be told again that a session has ended");
        }
        Attempt::Refused | Attempt::GivenUp => {
            tracing::warn!(client, session, answer, "an app was not told that a session has ended");
        }
    }
    match ctx.store.settle_logout(&message, attempt, &answer, ctx.now).await {
        Ok(true) => Some(attempt),
        Ok(false) => None,
        Err(error) => {
            tracing::warn!(%error, client, session, "what came of a logout token could not be noted");
            None
        }
    }
}

/// One try, with a token of its own. LO-12.
async fn attempt(ctx: &Ctx, message: &LogoutDelivery) -> Result<(Attempt, String), Refusal> {
    let record = ctx.client(&message.client).await?.filter(|record| record.client.enabled);
    let wants = |client: &Client| client.backchannel_logout.clone();
    let Some((record, BackchannelLogout { uri, .. })) =
        record.and_then(|record| wants(&record.client).map(|logout| (record, logout)))
    else {
        return Ok((Attempt::GivenUp, "the app is disabled or wants no logout tokens any more".to_owned()));
    };
    let token = logout_token(ctx, &record.client, message.user, message.session)?;
    // A compact JWS has only characters that a form leaves alone.
    Ok(match ctx.outgoing.post_form(&uri, &format!("logout_token={token}")).await {
        Ok(status @ (200 | 204)) => (Attempt::Delivered, format!("answered {status}")),
        Ok(400) => (Attempt::Refused, "answered 400".to_owned()),
        Ok(status) => (in_vain(message, ctx.now), format!("answered {status}")),
        Err(error @ OutgoingError::Later(_)) => (not_sent(message, ctx.now), error.to_string()),
        Err(error) => (in_vain(message, ctx.now), error.to_string()),
    })
}

/// What follows when a message was not sent because of our own limit: that is no try of the app's. Only one that was tried
/// before runs out of time.
fn not_sent(message: &LogoutDelivery, now: Timestamp) -> Attempt {
    let next = now.checked_add(POSTPONE).ok();
    next.filter(|next| message.attempts <= 1 || next.duration_since(message.ended_at) <= WINDOW)
        .map_or(Attempt::GivenUp, Attempt::Postponed)
}

/// What follows a try that was in vain.
fn in_vain(message: &LogoutDelivery, now: Timestamp) -> Attempt {
    let tries = usize::try_from(message.attempts).unwrap_or(usize::MAX);
    let wait = tries.checked_sub(1).and_then(|before| RETRY_AFTER.get(before));
    let next = wait.and_then(|wait| now.checked_add(*wait).ok());
    next.filter(|next| next.duration_since(message.ended_at) <= WINDOW).map_or(Attempt::GivenUp, Attempt::Again)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use brama_protocol::id::{SessionId, UserId};
    use brama_store::logout_delivery::DeliveryState;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + seconds).unwrap()
    }

    fn message(attempts: u32) -> LogoutDelivery {
        LogoutDelivery {
            session: SessionId::from_bytes([1; 16]),
            client: "shop".parse().unwrap(),
            user: UserId::from_bytes([2; 16]),
            ended_at: at(0),
            attempts,
            state: DeliveryState::Waiting { next_at: at(0) },
            answer: None,
        }
    }

    #[test]
    fn lo12_three_tries_within_five_minutes() {
        assert_eq!(in_vain(&message(1), at(0)), Attempt::Again(at(20)));
        assert_eq!(in_vain(&message(2), at(20)), Attempt::Again(at(120)));
        assert_eq!(in_vain(&message(3), at(120)), Attempt::GivenUp);
        assert_eq!(in_vain(&message(9), at(120)), Attempt::GivenUp);
        // The server was away meanwhile: the first try is made all the same, and no other follows too late.
        assert_eq!(in_vain(&message(1), at(280)), Attempt::Again(at(300)));
        assert_eq!(in_vain(&message(1), at(281)), Attempt::GivenUp);
        assert_eq!(in_vain(&message(2), at(201)), Attempt::GivenUp);
    }

    #[test]
    fn lo12_our_own_limit_is_no_try_of_the_apps() {
        assert_eq!(not_sent(&message(1), at(0)), Attempt::Postponed(at(5)));
        assert_eq!(
            not_sent(&message(1), at(3600)),
            Attempt::Postponed(at(3605)),
            "the first try is made, however late"
        );
        assert_eq!(not_sent(&message(2), at(295)), Attempt::Postponed(at(300)));
        assert_eq!(not_sent(&message(2), at(296)), Attempt::GivenUp);
    }
}
