//! The device grant: a device that cannot show a sign-in page gets its tokens after somebody allows it elsewhere. RFC 8628.
//!
//! 1. The device asks for codes: [`begin`]. It shows the user code and polls with the device code (`token/device_code.rs`).
//! 2. A person who is signed in types the user code: [`enter`]. From then on it is theirs, nobody else decides.
//! 3. The page shows what would be allowed ([`open`]), to somebody who has signed in since the device asked.
//! 4. The person decides: [`decide`].

use std::net::IpAddr;
use std::sync::Arc;

use brama_faults::{Fault, planted};
use brama_protocol::client::{GrantType, Registrar};
use brama_protocol::device::{DeviceRequest, LIFETIME_SECONDS, UserCode};
use brama_protocol::error::{AUTHORIZE_SCOPE, GRANT_NOT_ALLOWED, INTERNAL, Refusal, TOKEN_TARGET, TOO_MANY};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::parameters::Parameters;
use brama_protocol::resource::Resources;
use brama_protocol::scope::Scope;
use brama_protocol::token::request::Credentials;
use brama_store::client::ClientRecord;
use brama_store::device::{Claimant, DeviceApproval, DeviceAsked, DeviceDecision, NewDevice, Pace};
use brama_store::session::Session;
use brama_store::throttle::{Admission, Lane, LaneRule, OnSuccess, Penalty};
use brama_store::user::User;
use jiff::SignedDuration;

use crate::client_auth::authenticate;
use crate::context::Ctx;
use crate::login::flood::Asked;
use crate::login::throttle::{Source, prefix};

/// Both codes, given out once.
pub struct Begun {
    /// What the device polls with.
    pub device_code: Handle<kind::DeviceCode>,
    /// What the person types.
    pub user_code: UserCode,
    /// How fast it may poll, seconds.
    pub interval: u32,
}

/// Begin: authenticate the client, then keep what the device asks for. EP-20, EP-24.
///
/// # Errors
/// `invalid_client`, `unauthorized_client`, `invalid_scope`, `invalid_target`, `invalid_request`; `too_many_attempts`.
pub async fn begin(
    ctx: &Ctx,
    authorization: &[&str],
    parameters: &Parameters,
    source: Source,
) -> Result<Begun, Refusal> {
    let credentials = Credentials::parse(authorization, parameters)?;
    let client = authenticate(ctx, &credentials).await?;
    let client = client.client();
    // EP-24: only where the operator has said so, never for an app that registered itself.
    let may_use = client.may_use(GrantType::DeviceCode) || planted(Fault::Device02);
    if !may_use || client.registrar != Registrar::Operator {
        return Err(Refusal::from(&GRANT_NOT_ALLOWED).with_detail(format!("client {}", client.id)));
    }
    let request = DeviceRequest::parse(parameters)?;
    let scope = Scope::granted(request.scope.as_ref(), &client.scope).ok_or(&AUTHORIZE_SCOPE)?;
    let resources = Resources::requested(parameters, client, &ctx.settings.default_audience).ok_or(&TOKEN_TARGET)?;
    if !source.exempt {
        // Every request is a row. TH-13.
        ctx.flood.admit_address(Asked::Device, source.address, ctx.settings.throttle.authorize_per_minute, ctx.now)?;
    }
    let asked = DeviceAsked {
        client: client.id.clone(),
        scope,
        resources,
        challenge: request.challenge,
        address: source.address.to_canonical().to_string(),
        requested_at: ctx.now,
        expires_at: ctx.after(SignedDuration::from_secs(i64::from(LIFETIME_SECONDS)))?,
    };
    store(ctx, asked).await
}

/// Two devices never show the same code; that a drawn one is taken happens hardly ever, and hardly ever twice.
async fn store(ctx: &Ctx, asked: DeviceAsked) -> Result<Begun, Refusal> {
    let pace = Pace::starting(ctx.now);
    for _ in 0..4 {
        let device_code = ctx.handle::<kind::DeviceCode>()?;
        let Some(user_code) = UserCode::from_random(ctx.random()?) else { continue };
        let new = NewDevice {
            code: device_code.hash(),
            user_code: ctx.user_codes.mac(user_code),
            asked: asked.clone(),
            pace,
        };
        let store = Arc::clone(&ctx.store);
        if ctx.flood.write(async move { store.begin_device(new).await }).await? {
            return Ok(Begun { device_code, user_code, interval: pace.interval });
        }
    }
    Err(Refusal::from(&INTERNAL).with_detail("no user code is free"))
}

/// Wrong user codes of one session. EP-21; RFC 8628 §5.1.
const SESSION: LaneRule = LaneRule { free: 5, window: SignedDuration::from_mins(10), penalty: Penalty::RestOfWindow };
/// Wrong user codes of one address.
const ADDRESS: LaneRule = LaneRule { free: 20, window: SignedDuration::from_hours(1), penalty: Penalty::RestOfWindow };
/// Wrong user codes of one account, however many sessions it begins.
const USER: LaneRule = LaneRule { free: 20, window: SignedDuration::from_hours(1), penalty: Penalty::RestOfWindow };
/// Wrong user codes of one network.
const NETWORK: LaneRule = LaneRule { free: 100, window: SignedDuration::from_hours(1), penalty: Penalty::RestOfWindow };
/// Wrong user codes of everybody: with a thousand devices waiting, one in 25,000 hours of guessing this fast is right.
const EVERYBODY: LaneRule =
    LaneRule { free: 1000, window: SignedDuration::from_hours(1), penalty: Penalty::RestOfWindow };

fn lanes(ctx: &Ctx, session: &Session, source: Source) -> Vec<Lane> {
    let key = |label: &str, value: &[u8]| ctx.throttle_key.name(label, value);
    let lane = |key, rule| Lane { key, rule, on_success: OnSuccess::GiveBack };
    let mut lanes = vec![
        lane(key("device session", session.id.as_bytes()), SESSION),
        lane(key("device user", session.user.as_bytes()), USER),
        lane(key("device", &[]), EVERYBODY),
    ];
    if !source.exempt {
        lanes.push(lane(key("device address", &address(ctx, source.address, (4, 8))), ADDRESS));
        lanes.push(lane(key("device network", &address(ctx, source.address, (3, 6))), NETWORK));
    }
    lanes
}

/// The day is part of it: yesterday's addresses cannot be told from today's. TH-11.
fn address(ctx: &Ctx, address: IpAddr, (of_v4, of_v6): (usize, usize)) -> Vec<u8> {
    let mut name = prefix(address, of_v4, of_v6);
    name.extend_from_slice(&(ctx.now.as_second() / 86_400).to_be_bytes());
    name
}

fn claimant(session: &Session) -> Claimant {
    Claimant { session: session.id, user: session.user }
}

/// A signed-in person typed a code. The attempt is counted before the code is looked up. EP-21; DEVICE-01, DEVICE-04.
///
/// Nothing: no device waits with this code, or it is somebody else's already.
///
/// # Errors
/// `too_many_attempts`; an unavailable store.
pub async fn enter(
    ctx: &Ctx,
    session: &Session,
    source: Source,
    typed: Option<UserCode>,
) -> Result<Option<UserCode>, Refusal> {
    let lanes = lanes(ctx, session, source);
    if let Admission::Wait(wait) = ctx.store.reserve_attempt(lanes.clone(), ctx.now).await? {
        let seconds = u64::try_from(wait.as_millis()).unwrap_or(0).div_ceil(1000).max(1);
        return Err(Refusal::from(&TOO_MANY).retry_after(seconds));
    }
    if planted(Fault::Device04) {
        ctx.store.attempt_succeeded(lanes.clone()).await?;
    }
    let Some(code) = typed else { return Ok(None) };
    if ctx.store.claim_device(ctx.user_codes.mac(code), claimant(session), ctx.now).await?.is_none() {
        return Ok(None);
    }
    ctx.store.attempt_succeeded(lanes).await?;
    Ok(Some(code))
}

/// What waits behind a code, for the person who typed it.
pub struct Waiting {
    /// What is asked for, and from where.
    pub asked: DeviceAsked,
    /// By whom.
    pub client: Arc<ClientRecord>,
    /// Whether the person has signed in since the device asked; before that nothing is shown. EP-23.
    pub is_fresh: bool,
}

/// Open what this session has typed. Nothing: it typed no such code, the code ran out or was decided about, or the client is
/// gone or may not do this any more.
///
/// # Errors
/// An unavailable store.
pub async fn open(ctx: &Ctx, session: &Session, code: UserCode) -> Result<Option<Waiting>, Refusal> {
    let found = ctx.store.find_claimed_device(ctx.user_codes.mac(code), claimant(session), ctx.now).await?;
    let Some(asked) = found else { return Ok(None) };
    let client = ctx.client(&asked.client).await?;
    let client = client.filter(|record| record.client.enabled && record.client.may_use(GrantType::DeviceCode));
    let is_fresh = session.authentication.at >= asked.requested_at;
    Ok(client.map(|client| Waiting { asked, client, is_fresh }))
}

/// What a person answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// Decide, for a code that was opened. Consent is for this device alone and never remembered. `false`: too late. EP-22, EP-23.
///
/// # Errors
/// An unavailable store.
pub async fn decide(
    ctx: &Ctx,
    (session, user): (&Session, &User),
    code: UserCode,
    answer: Answer,
) -> Result<bool, Refusal> {
    let decision = match answer {
        Answer::Deny => DeviceDecision::Deny,
        Answer::Allow => DeviceDecision::Approve(DeviceApproval {
            user: user.id,
            epoch: user.epoch,
            session: session.id,
            authentication: session.authentication.clone(),
        }),
    };
    Ok(ctx.store.decide_device(ctx.user_codes.mac(code), claimant(session), decision, ctx.now).await?)
}
