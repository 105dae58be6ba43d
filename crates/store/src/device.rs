//! Device authorizations, from `pending` (codes given out) through `claimed` (somebody typed the user code) and
//! `approved` to `redeemed`. RFC 8628; EP-20 to EP-23.

use async_trait::async_trait;
use brama_faults::{Fault, planted};
use brama_protocol::client::ClientId;
use brama_protocol::device::{INTERVAL_SECONDS, SLOW_DOWN_SECONDS, UserCodeMac};
use brama_protocol::error::{self, Row};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{SessionId, UserId};
use brama_protocol::pkce;
use brama_protocol::resource::Resources;
use brama_protocol::scope::GrantedScope;
use jiff::{SignedDuration, Timestamp};

use crate::Unavailable;
use crate::grant::{Grant, NewGrant};
use crate::session::Authentication;

/// What a device asked for, and what is known of where it asked from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAsked {
    /// Who asked.
    pub client: ClientId,
    /// What may be given.
    pub scope: GrantedScope,
    /// The resources that tokens are for.
    pub resources: Resources,
    /// What a verifier has to fit, if the client sent one.
    pub challenge: Option<pkce::Challenge>,
    /// The address it asked from, for the person who decides. EP-23.
    pub address: String,
    /// When it asked.
    pub requested_at: Timestamp,
    /// End of both codes.
    pub expires_at: Timestamp,
}

/// A device authorization that begins.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// SHA-256 of the device code.
    pub code: HandleHash<kind::DeviceCode>,
    /// The user code, hashed under a key.
    pub user_code: UserCodeMac,
    /// What was asked.
    pub asked: DeviceAsked,
    /// How fast the device may poll.
    pub pace: Pace,
}

/// How fast a device may poll. RFC 8628 §3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Seconds between polls.
    pub interval: u32,
    /// Before this a poll comes too early.
    pub next_poll_at: Timestamp,
}

/// Answers take their time to the device and back: a poll may come so much too early.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);

impl Pace {
    /// The pace of a code that was just given out: it may be polled with at once.
    #[must_use]
    pub fn starting(now: Timestamp) -> Self {
        Self { interval: INTERVAL_SECONDS, next_poll_at: now }
    }

    /// What a poll at this instant does to it; `true`: it came too early, and the interval grows for all that follow.
    #[must_use]
    pub fn polled(self, now: Timestamp) -> (Self, bool) {
        let too_early = now < self.next_poll_at;
        let interval = if too_early { self.interval.saturating_add(SLOW_DOWN_SECONDS) } else { self.interval };
        let wait = SignedDuration::from_secs(i64::from(interval)) - TOLERANCE;
        (Self { interval, next_poll_at: now.checked_add(wait).unwrap_or(self.next_poll_at) }, too_early)
    }
}

/// Who approved, and how they had proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceApproval {
    /// Who.
    pub user: UserId,
    /// The account's epoch then. SE-14.
    pub epoch: u32,
    /// In which session.
    pub session: SessionId,
    /// How that session was begun.
    pub authentication: Authentication,
}

/// How far a device authorization got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has decided.
    Pending,
    /// The person said no.
    Denied,
    /// The person said yes.
    Approved(DeviceApproval),
    /// The device has its tokens.
    Redeemed,
}

/// A stored device code, found by its hash. Before it tells anything, [`DeviceCode::check`] has to pass.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// Its hash.
    pub hash: HandleHash<kind::DeviceCode>,
    /// What was asked.
    pub asked: DeviceAsked,
    /// How fast it may be polled.
    pub pace: Pace,
    /// How far it got.
    pub state: DeviceState,
}

/// A device code whose client and verifier were right. Only [`DeviceCode::check`] makes it.
#[derive(Clone, Debug)]
pub struct CheckedDeviceCode(DeviceCode);

impl DeviceCode {
    /// Client and verifier match. EP-22, DEVICE-03: a challenge that was sent is a verifier that is needed.
    ///
    /// # Errors
    /// The row to answer; the code stays as it was.
    pub fn check(
        self,
        client: &ClientId,
        verifier: Option<&pkce::Verifier>,
    ) -> Result<CheckedDeviceCode, &'static Row> {
        if self.asked.client != *client {
            return Err(&error::DEVICE_UNKNOWN);
        }
        match (self.asked.challenge, verifier) {
            (None, None) => Ok(CheckedDeviceCode(self)),
            (None, Some(_)) => Err(&error::VERIFIER_WITHOUT_CHALLENGE),
            (Some(_), None) if planted(Fault::Device03) => Ok(CheckedDeviceCode(self)),
            (Some(_), None) => Err(&error::VERIFIER_MISSING),
            (Some(challenge), Some(verifier)) => match challenge.verify(verifier) {
                Some(pkce::Verified { .. }) => Ok(CheckedDeviceCode(self)),
                None => Err(&error::VERIFIER_MISMATCH),
            },
        }
    }
}

impl CheckedDeviceCode {
    /// The code.
    #[must_use]
    pub fn code(&self) -> &DeviceCode {
        &self.0
    }
}

/// Whoever types a user code: a session and its user. DEVICE-01: from then on nobody else decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
}

/// What a person decided.
#[derive(Clone, Debug)]
pub enum DeviceDecision {
    /// Yes.
    Approve(DeviceApproval),
    /// No.
    Deny,
}

/// What spending a device code did.
#[derive(Clone, Debug)]
pub enum SpendDevice {
    /// This call spent it, and the grant is stored.
    Now(Box<Grant>),
    /// It was spent before. Nothing is revoked: unlike an authorization code it went through no browser, and a device
    /// whose answer was lost, or a proxy, asks twice.
    Already,
    /// It is not approved, or its life is over.
    NotApproved,
    /// It is spent, but its user, epoch or client has ended meanwhile.
    Ended,
}

/// Device authorizations in the database.
#[async_trait]
pub trait Devices: Send + Sync {
    /// Store a device authorization. `false`: another one has this user code; nothing changed.
    async fn begin_device(&self, new: NewDevice) -> Result<bool, Unavailable>;
    /// Somebody typed a user code: it is theirs from now on. One conditional statement; nothing: no device waits with
    /// this code, or somebody else typed it first. DEVICE-01.
    async fn claim_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        now: Timestamp,
    ) -> Result<Option<DeviceAsked>, Unavailable>;
    /// What waits behind a user code that this claimant has typed.
    async fn find_claimed_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        now: Timestamp,
    ) -> Result<Option<DeviceAsked>, Unavailable>;
    /// Decide, once. One conditional statement: the code is this claimant's and waits; for a yes the session, its user and
    /// the client are there. `false`: nothing changed.
    async fn decide_device(
        &self,
        user_code: UserCodeMac,
        claimant: Claimant,
        decision: DeviceDecision,
        now: Timestamp,
    ) -> Result<bool, Unavailable>;
    /// The code with this hash, whatever its state; expired ones too, as long as the row is kept.
    async fn find_device_code(&self, hash: HandleHash<kind::DeviceCode>) -> Result<Option<DeviceCode>, Unavailable>;
    /// Note a poll of a device nobody has decided about: `next` takes the place of the pace that `code` was found with.
    /// `false`: it is not that any more, because of another poll or a decision; nothing changed.
    async fn note_device_poll(&self, code: &CheckedDeviceCode, next: Pace, now: Timestamp)
    -> Result<bool, Unavailable>;
    /// Spend an approved code and store the grant, which has to be an offline one: the session is that of the browser in
    /// which it was approved, and may have ended. One conditional statement: of many racing calls one gets `Now`. User,
    /// epoch and client are checked in it again. DEVICE-02, DEVICE-03.
    async fn spend_device_code(
        &self,
        code: CheckedDeviceCode,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<SpendDevice, Unavailable>;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000_000_000 + millis).unwrap()
    }

    #[test]
    fn ep22_a_poll_too_early_slows_down_all_that_follow() {
        let pace = Pace::starting(at(0));
        let (pace, early) = pace.polled(at(0));
        assert!(!early, "the first poll may come at once");
        let (kept, early) = pace.polled(at(4000));
        assert!(!early && kept.interval == 5, "a second of tolerance");
        let (slower, early) = pace.polled(at(3999));
        assert!(early);
        assert_eq!((slower.interval, slower.next_poll_at), (10, at(3999 + 9000)));
        let (slower_still, early) = slower.polled(at(3999 + 8999));
        assert!(early && slower_still.interval == 15);
        let (stays, early) = slower_still.polled(slower_still.next_poll_at);
        assert!(!early && stays.interval == 15, "five seconds more from then on");
    }
}
