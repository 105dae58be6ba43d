//! Device authorizations: typed by one session, decided once, redeemed once.

use brama_protocol::device::UserCodeMac;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::pkce;
use brama_protocol::resource::Resources;

use super::fixture::{
    Came, DAY, HOUR, MINUTE, SignedIn, World, at, authentication, came, granted, in_parallel, verifier,
};
use super::list;
use crate::audit::Event;
use crate::device::{
    CheckedDeviceCode, Claimant, DeviceApproval, DeviceAsked, DeviceDecision, DeviceState, NewDevice, Pace, SpendDevice,
};
use crate::grant::{NewGrant, Presenter};
use crate::user::UserStatus;

list!["device":
    ep20_what_a_device_asked_for_is_kept,
    ep21_two_devices_never_share_a_user_code,
    ep22_a_code_is_bound_to_its_client,
    device03_a_challenge_that_was_sent_needs_its_verifier,
    device01_whoever_types_a_code_first_has_it,
    device01_of_many_who_type_a_code_at_once_one_has_it,
    device01_nobody_else_decides,
    ep22_a_code_is_decided_once,
    ep22_of_many_decisions_at_once_one_counts,
    ep22_nothing_happens_after_the_end,
    device02_approval_needs_session_user_and_client,
    device02_redemption_needs_user_and_client,
    ep22_an_approved_code_gives_the_grant_once,
    device03_of_64_parallel_polls_one_gets_the_grant,
    ep22_only_an_approved_code_is_spent,
    ep22_a_grant_outlives_the_session_in_which_it_was_allowed,
    ep22_polls_are_noted_and_two_at_once_are_not_both,
    te30_withdrawing_denies_a_device_that_was_allowed,
    lo10_a_device_hears_nothing_of_the_session_that_allowed_it,
    a_sweep_takes_devices_an_hour_after_their_end,
];

/// A device that asked at zero, for ten minutes.
struct Device {
    code: HandleHash<kind::DeviceCode>,
    user_code: UserCodeMac,
}

fn asked(client: &brama_protocol::client::ClientId) -> DeviceAsked {
    DeviceAsked {
        client: client.clone(),
        scope: granted("openid email"),
        resources: ["https://api.example.com", "https://mcp.example.com"].into_iter().collect(),
        challenge: None,
        address: "192.0.2.7".to_owned(),
        requested_at: at(0),
        expires_at: at(10 * MINUTE),
    }
}

fn user_code(w: &World) -> UserCodeMac {
    UserCodeMac::from_bytes(*w.hash::<kind::DeviceCode>().as_bytes())
}

async fn begin(w: &World, asked: DeviceAsked) -> Device {
    let device = Device { code: w.hash(), user_code: user_code(w) };
    let new = NewDevice { code: device.code, user_code: device.user_code, asked, pace: Pace::starting(at(0)) };
    assert!(w.store.begin_device(new).await.unwrap());
    device
}

async fn begun(w: &World) -> Device {
    let tv = w.client("tv").await;
    begin(w, asked(&tv)).await
}

fn claimant(who: SignedIn) -> Claimant {
    Claimant { session: who.session, user: who.user }
}

async fn claim(w: &World, device: &Device, who: SignedIn, now: i64) -> bool {
    w.store.claim_device(device.user_code, claimant(who), at(now)).await.unwrap().is_some()
}

async fn approval(w: &World, who: SignedIn) -> DeviceApproval {
    let epoch = w.epoch(who.user).await;
    DeviceApproval { user: who.user, epoch, session: who.session, authentication: authentication(0) }
}

async fn decide(w: &World, device: &Device, who: SignedIn, decision: DeviceDecision, now: i64) -> bool {
    w.store.decide_device(device.user_code, claimant(who), decision, at(now)).await.unwrap()
}

async fn allow(w: &World, device: &Device, who: SignedIn, now: i64) -> bool {
    let approval = approval(w, who).await;
    decide(w, device, who, DeviceDecision::Approve(approval), now).await
}

async fn state(w: &World, device: &Device) -> DeviceState {
    w.store.find_device_code(device.code).await.unwrap().unwrap().state
}

async fn checked(w: &World, device: &Device) -> CheckedDeviceCode {
    let code = w.store.find_device_code(device.code).await.unwrap().unwrap();
    let client = code.asked.client.clone();
    code.check(&client, None).unwrap()
}

async fn new_grant(w: &World, device: &Device, who: SignedIn) -> NewGrant {
    let client = checked(w, device).await.code().asked.client.clone();
    NewGrant { offline: true, ..w.new_grant(who, &client).await }
}

async fn spend(w: &World, device: &Device, who: SignedIn, now: i64) -> SpendDevice {
    let (code, new) = (checked(w, device).await, new_grant(w, device, who).await);
    w.store.spend_device_code(code, new, at(now)).await.unwrap()
}

/// A device that somebody allowed.
async fn allowed(w: &World) -> (Device, SignedIn) {
    let (device, who) = (begun(w).await, w.signed_in("olena").await);
    assert!(claim(w, &device, who, 1).await && allow(w, &device, who, 2).await);
    (device, who)
}

/// A device that waits, one that was redeemed with a key, for the cases about moving rows.
pub(super) async fn fill(w: &World, who: SignedIn) {
    let tv = w.client("tv").await;
    let challenge = pkce::Challenge::parse(Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), Some("S256")).unwrap();
    begin(w, DeviceAsked { challenge: Some(challenge), resources: Resources::default(), ..asked(&tv) }).await;
    let device = begin(w, asked(&tv)).await;
    assert!(claim(w, &device, who, 1).await && allow(w, &device, who, 2).await);
    let new = NewGrant { jkt: Some(JwkThumbprint::from_bytes([8; 32])), ..new_grant(w, &device, who).await };
    let spent = w.store.spend_device_code(checked(w, &device).await, new, at(3)).await.unwrap();
    assert!(matches!(spent, SpendDevice::Now(_)));
}

async fn ep20_what_a_device_asked_for_is_kept(w: World) {
    let tv = w.client("tv").await;
    let challenge = pkce::Challenge::parse(Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), Some("S256")).unwrap();
    for (name, wanted) in [
        ("olena", asked(&tv)),
        ("taras", DeviceAsked { challenge: Some(challenge), resources: Resources::default(), ..asked(&tv) }),
    ] {
        let device = begin(&w, wanted.clone()).await;
        let code = w.store.find_device_code(device.code).await.unwrap().unwrap();
        assert_eq!((code.hash, &code.asked), (device.code, &wanted));
        assert_eq!((code.pace, code.state), (Pace::starting(at(0)), DeviceState::Pending));
        let who = w.signed_in(name).await;
        assert!(w.store.find_claimed_device(device.user_code, claimant(who), at(1)).await.unwrap().is_none());
        let claimed = w.store.claim_device(device.user_code, claimant(who), at(1)).await.unwrap();
        assert_eq!(claimed.as_ref(), Some(&wanted));
        let found = w.store.find_claimed_device(device.user_code, claimant(who), at(1)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&wanted));
    }
    assert!(w.store.find_device_code(w.hash()).await.unwrap().is_none());
}

async fn ep21_two_devices_never_share_a_user_code(w: World) {
    let device = begun(&w).await;
    let tv = checked(&w, &device).await.code().asked.client.clone();
    let new =
        || NewDevice { code: w.hash(), user_code: device.user_code, asked: asked(&tv), pace: Pace::starting(at(0)) };
    let second = new();
    assert!(!w.store.begin_device(second.clone()).await.unwrap());
    assert!(w.store.find_device_code(second.code).await.unwrap().is_none());
    assert_eq!(state(&w, &device).await, DeviceState::Pending);
    let shared = user_code(&w);
    let many: Vec<NewDevice> = (0..16).map(|_| NewDevice { user_code: shared, ..new() }).collect();
    let made = in_parallel(16, |n| {
        let (store, new) = (w.store.clone(), many.get(n).cloned().unwrap());
        async move { store.begin_device(new).await.unwrap() }
    })
    .await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
}

async fn ep22_a_code_is_bound_to_its_client(w: World) {
    let (device, _) = allowed(&w).await;
    let other = w.client("other").await;
    let code = w.store.find_device_code(device.code).await.unwrap().unwrap();
    assert_eq!(code.check(&other, None).unwrap_err().id, "B3324");
}

async fn device03_a_challenge_that_was_sent_needs_its_verifier(w: World) {
    let tv = w.client("tv").await;
    let challenge = pkce::Challenge::parse(Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), Some("S256")).unwrap();
    let device = begin(&w, DeviceAsked { challenge: Some(challenge), ..asked(&tv) }).await;
    let find = async || w.store.find_device_code(device.code).await.unwrap().unwrap();
    let wrong = pkce::Verifier::parse(&"a".repeat(43)).unwrap();
    assert_eq!(find().await.check(&tv, None).unwrap_err().error, "invalid_request");
    assert_eq!(find().await.check(&tv, Some(&wrong)).unwrap_err().error, "invalid_grant");
    assert!(find().await.check(&tv, Some(&verifier())).is_ok());
    let plain = begin(&w, asked(&tv)).await;
    let plain = w.store.find_device_code(plain.code).await.unwrap().unwrap();
    assert_eq!(plain.check(&tv, Some(&verifier())).unwrap_err().error, "invalid_request");
}

async fn device01_whoever_types_a_code_first_has_it(w: World) {
    let (device, olena, taras) = (begun(&w).await, w.signed_in("olena").await, w.signed_in("taras").await);
    let unknown = w.store.claim_device(user_code(&w), claimant(olena), at(1)).await.unwrap();
    assert!(unknown.is_none());
    assert!(claim(&w, &device, olena, 1).await);
    assert!(!claim(&w, &device, taras, 2).await);
    let elsewhere = w.sign_in(olena.user, 2).await;
    assert!(!claim(&w, &device, elsewhere, 3).await, "another browser of the same person");
    assert!(claim(&w, &device, olena, 4).await, "again in the same one");
    let seen = async |who| w.store.find_claimed_device(device.user_code, claimant(who), at(5)).await.unwrap().is_some();
    assert!(seen(olena).await && !seen(taras).await && !seen(elsewhere).await);
}

async fn device01_of_many_who_type_a_code_at_once_one_has_it(w: World) {
    let device = begun(&w).await;
    let mut people = Vec::new();
    for n in 0..8 {
        people.push(w.signed_in(&format!("user{n}")).await);
    }
    let code = device.user_code;
    let claimed = in_parallel(32, |n| {
        let (store, who) = (w.store.clone(), people.get(n % 8).copied().unwrap());
        async move { (n % 8, store.claim_device(code, claimant(who), at(1)).await.unwrap().is_some()) }
    })
    .await;
    let winners: std::collections::BTreeSet<usize> =
        claimed.into_iter().filter(|(_, claimed)| *claimed).map(|(who, _)| who).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
}

async fn device01_nobody_else_decides(w: World) {
    let (device, olena, taras) = (begun(&w).await, w.signed_in("olena").await, w.signed_in("taras").await);
    assert!(!allow(&w, &device, olena, 1).await, "it has to be typed first");
    assert!(claim(&w, &device, olena, 1).await);
    assert!(!allow(&w, &device, taras, 2).await);
    assert!(!decide(&w, &device, taras, DeviceDecision::Deny, 2).await);
    let elsewhere = w.sign_in(olena.user, 2).await;
    assert!(!allow(&w, &device, elsewhere, 3).await);
    let theirs = DeviceDecision::Approve(approval(&w, taras).await);
    assert!(!decide(&w, &device, olena, theirs, 3).await, "for somebody else");
    assert_eq!(state(&w, &device).await, DeviceState::Pending);
    assert!(allow(&w, &device, olena, 4).await);
    assert_eq!(state(&w, &device).await, DeviceState::Approved(approval(&w, olena).await));
}

async fn ep22_a_code_is_decided_once(w: World) {
    let (device, who) = allowed(&w).await;
    assert!(!decide(&w, &device, who, DeviceDecision::Deny, 3).await);
    assert!(!allow(&w, &device, who, 3).await);
    assert!(!claim(&w, &device, who, 3).await, "nothing waits any more");
    let second = begin(&w, asked(&checked(&w, &device).await.code().asked.client.clone())).await;
    assert!(claim(&w, &second, who, 3).await);
    assert!(decide(&w, &second, who, DeviceDecision::Deny, 4).await);
    assert_eq!(state(&w, &second).await, DeviceState::Denied);
    assert!(!allow(&w, &second, who, 5).await);
}

async fn ep22_of_many_decisions_at_once_one_counts(w: World) {
    let (device, who) = (begun(&w).await, w.signed_in("olena").await);
    assert!(claim(&w, &device, who, 1).await);
    let (approval, code) = (approval(&w, who).await, device.user_code);
    let decided = in_parallel(32, |n| {
        let (store, approval) = (w.store.clone(), approval.clone());
        let decision = if n % 2 == 0 { DeviceDecision::Approve(approval) } else { DeviceDecision::Deny };
        async move { store.decide_device(code, claimant(who), decision, at(2)).await.unwrap() }
    })
    .await;
    assert_eq!(decided.into_iter().filter(|decided| *decided).count(), 1);
}

async fn ep22_nothing_happens_after_the_end(w: World) {
    let end = 10 * MINUTE;
    let (device, who) = (begun(&w).await, w.signed_in("olena").await);
    assert!(!claim(&w, &device, who, end).await);
    assert!(claim(&w, &device, who, end - 1).await);
    assert!(w.store.find_claimed_device(device.user_code, claimant(who), at(end)).await.unwrap().is_none());
    assert!(!allow(&w, &device, who, end).await && !decide(&w, &device, who, DeviceDecision::Deny, end).await);
    let next = checked(&w, &device).await.code().pace.polled(at(end)).0;
    assert!(!w.store.note_device_poll(&checked(&w, &device).await, next, at(end)).await.unwrap());
    assert!(allow(&w, &device, who, end - 1).await);
    let late = spend(&w, &device, who, end).await;
    assert!(matches!(late, SpendDevice::NotApproved), "{late:?}");
    assert!(matches!(spend(&w, &device, who, end - 1).await, SpendDevice::Now(_)));
}

async fn device02_approval_needs_session_user_and_client(w: World) {
    let tv = w.client("tv").await;
    let fresh = async |name: &str| {
        let (device, who) = (begin(&w, asked(&tv)).await, w.signed_in(name).await);
        assert!(claim(&w, &device, who, 1).await);
        (device, who)
    };
    let (device, who) = fresh("ended").await;
    assert!(w.store.end_session(who.user, who.session, at(2)).await.unwrap());
    assert!(!allow(&w, &device, who, 3).await, "the session has ended");

    let (device, who) = fresh("everywhere").await;
    let before = approval(&w, who).await;
    w.store.end_everything(who.user, at(2)).await.unwrap();
    assert!(!decide(&w, &device, who, DeviceDecision::Approve(before), 3).await, "the epoch was raised");

    let (device, who) = fresh("disabled").await;
    assert!(w.store.set_user_status(who.user, UserStatus::Disabled, at(2)).await.unwrap());
    assert!(!allow(&w, &device, who, 3).await, "the account is disabled");

    let (device, who) = fresh("appless").await;
    disable(&w, &tv).await;
    assert!(!allow(&w, &device, who, 3).await, "the client is disabled");
    assert_eq!(state(&w, &device).await, DeviceState::Pending);
}

async fn disable(w: &World, client: &brama_protocol::client::ClientId) {
    let mut record = (*w.store.find_client(client).await.unwrap().unwrap()).clone();
    record.client.enabled = false;
    w.store.declare_client(record).await.unwrap();
}

async fn device02_redemption_needs_user_and_client(w: World) {
    let tv = w.client("tv").await;
    let ready = async |name: &str| {
        let (device, who) = (begin(&w, asked(&tv)).await, w.signed_in(name).await);
        assert!(claim(&w, &device, who, 1).await && allow(&w, &device, who, 2).await);
        let new = new_grant(&w, &device, who).await;
        (device, who, new)
    };
    let ends = async |device: &Device, new: NewGrant, why: &str| {
        let id = new.id;
        let spent = w.store.spend_device_code(checked(&w, device).await, new, at(4)).await.unwrap();
        assert!(matches!(spent, SpendDevice::Ended), "{why}: {spent:?}");
        assert!(!w.grant_stands(id, 4).await, "{why}");
    };
    let (device, who, new) = ready("everywhere").await;
    w.store.end_everything(who.user, at(3)).await.unwrap();
    ends(&device, new, "the epoch was raised").await;
    let (device, who, new) = ready("disabled").await;
    assert!(w.store.set_user_status(who.user, UserStatus::Disabled, at(3)).await.unwrap());
    ends(&device, new, "the account is disabled").await;
    let (device, _, new) = ready("appless").await;
    disable(&w, &tv).await;
    ends(&device, new, "the client is disabled").await;
}

async fn ep22_an_approved_code_gives_the_grant_once(w: World) {
    let (device, who) = allowed(&w).await;
    let new = new_grant(&w, &device, who).await;
    let spent = w.store.spend_device_code(checked(&w, &device).await, new.clone(), at(3)).await.unwrap();
    let SpendDevice::Now(grant) = spent else { panic!("it was approved: {spent:?}") };
    assert_eq!((grant.id, grant.user, &grant.client, grant.session), (new.id, who.user, &new.client, who.session));
    assert_eq!(
        (&grant.scope, &grant.resources, grant.offline, grant.lasting),
        (&new.scope, &new.resources, true, false)
    );
    assert_eq!((grant.created_at, grant.expires_at), (at(3), new.expires_at));
    assert!(w.grant_stands(grant.id, 3).await);
    assert_eq!(state(&w, &device).await, DeviceState::Redeemed);
    assert_eq!(w.audited(who.user, Event::GrantIssued).await.len(), 1);

    let again = spend(&w, &device, who, 4).await;
    assert!(matches!(again, SpendDevice::Already), "{again:?}");
    assert!(w.grant_stands(grant.id, 4).await, "asking twice is no theft");
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 5).await), Came::To(1));
}

async fn device03_of_64_parallel_polls_one_gets_the_grant(w: World) {
    let (device, who) = allowed(&w).await;
    let mut attempts = Vec::new();
    for _ in 0..64 {
        attempts.push((checked(&w, &device).await, new_grant(&w, &device, who).await));
    }
    let spent = in_parallel(64, |n| {
        let (store, (code, grant)) = (w.store.clone(), attempts.get(n).cloned().unwrap());
        async move { store.spend_device_code(code, grant, at(3)).await.unwrap() }
    })
    .await;
    assert_eq!(spent.iter().filter(|spent| matches!(spent, SpendDevice::Now(_))).count(), 1);
    assert_eq!(spent.iter().filter(|spent| matches!(spent, SpendDevice::Already)).count(), 63);
    let mut standing = 0;
    for (_, grant) in attempts {
        standing += i32::from(w.grant_stands(grant.id, 3).await);
    }
    assert_eq!(standing, 1);
}

async fn ep22_only_an_approved_code_is_spent(w: World) {
    let (device, who) = (begun(&w).await, w.signed_in("olena").await);
    let refused = async |now| {
        let spent = spend(&w, &device, who, now).await;
        assert!(matches!(spent, SpendDevice::NotApproved), "{spent:?}");
    };
    refused(1).await;
    assert!(claim(&w, &device, who, 1).await);
    refused(2).await;
    assert!(decide(&w, &device, who, DeviceDecision::Deny, 2).await);
    refused(3).await;
    // What was approved is given to whoever approved and to nobody else.
    let (device, _) = {
        let tv = checked(&w, &device).await.code().asked.client.clone();
        let device = begin(&w, asked(&tv)).await;
        assert!(claim(&w, &device, who, 4).await && allow(&w, &device, who, 4).await);
        (device, who)
    };
    let other = w.signed_in("taras").await;
    let spent = spend(&w, &device, other, 5).await;
    assert!(matches!(spent, SpendDevice::NotApproved), "{spent:?}");
}

async fn ep22_a_grant_outlives_the_session_in_which_it_was_allowed(w: World) {
    let (device, who) = allowed(&w).await;
    assert!(w.store.end_session(who.user, who.session, at(3)).await.unwrap());
    let SpendDevice::Now(grant) = spend(&w, &device, who, 4).await else { panic!("signing out says nothing about it") };
    assert!(w.grant_stands(grant.id, 5).await);
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 5).await), Came::To(1));
    w.store.end_everything(who.user, at(6)).await.unwrap();
    assert!(!w.grant_stands(grant.id, 6).await, "signing out everywhere does");
}

async fn ep22_polls_are_noted_and_two_at_once_are_not_both(w: World) {
    let device = begun(&w).await;
    let first = checked(&w, &device).await;
    let (next, too_early) = first.code().pace.polled(at(1));
    assert!(!too_early);
    assert!(w.store.note_device_poll(&first, next, at(1)).await.unwrap());
    assert!(!w.store.note_device_poll(&first, next, at(1)).await.unwrap(), "it was found before the other poll");
    let second = checked(&w, &device).await;
    assert_eq!(second.code().pace, next);
    let (slower, too_early) = second.code().pace.polled(at(2));
    assert!(too_early);
    let noted = in_parallel(16, |_| {
        let (store, second) = (w.store.clone(), second.clone());
        async move { store.note_device_poll(&second, slower, at(2)).await.unwrap() }
    })
    .await;
    assert_eq!(noted.into_iter().filter(|noted| *noted).count(), 1);
    assert_eq!(checked(&w, &device).await.code().pace, slower);

    let who = w.signed_in("olena").await;
    assert!(claim(&w, &device, who, 3).await && allow(&w, &device, who, 3).await);
    let decided = checked(&w, &device).await;
    let (next, _) = decided.code().pace.polled(at(100));
    assert!(!w.store.note_device_poll(&decided, next, at(100)).await.unwrap(), "nobody waits any more");
}

async fn a_sweep_takes_devices_an_hour_after_their_end(w: World) {
    let device = begun(&w).await;
    let gone = 10 * MINUTE + HOUR;
    assert_eq!(w.store.sweep(at(gone), 100).await.unwrap().devices, 0);
    assert!(w.store.find_device_code(device.code).await.unwrap().is_some());
    assert_eq!(w.store.sweep(at(gone + 1), 100).await.unwrap().devices, 1);
    assert!(w.store.find_device_code(device.code).await.unwrap().is_none());
    let tv = w.store.find_client(&"tv".parse().unwrap()).await.unwrap().unwrap().client.id.clone();
    for _ in 0..3 {
        begin(&w, asked(&tv)).await;
    }
    for taken in [2, 1, 0] {
        assert_eq!(w.store.sweep(at(DAY), 2).await.unwrap().devices, taken);
    }
}

async fn te30_withdrawing_denies_a_device_that_was_allowed(w: World) {
    let (device, who) = allowed(&w).await;
    let tv: brama_protocol::client::ClientId = "tv".parse().unwrap();
    assert!(!w.store.withdraw_access(w.user("taras").await, &tv, at(5)).await.unwrap());
    assert!(w.store.withdraw_access(who.user, &tv, at(5)).await.unwrap());
    assert!(!matches!(spend(&w, &device, who, 6).await, SpendDevice::Now(_)));
    assert_eq!(state(&w, &device).await, DeviceState::Denied);
}

async fn lo10_a_device_hears_nothing_of_the_session_that_allowed_it(w: World) {
    let (device, who) = allowed(&w).await;
    let tv: brama_protocol::client::ClientId = "tv".parse().unwrap();
    let mut listening = (*w.store.find_client(&tv).await.unwrap().unwrap()).clone();
    let uri = "https://tv.example/logout".to_owned();
    listening.client.backchannel_logout =
        Some(brama_protocol::client::BackchannelLogout { uri, session_required: true });
    w.store.declare_client(listening).await.unwrap();
    let spent = spend(&w, &device, who, 6).await;
    assert!(matches!(spent, SpendDevice::Now(grant) if !grant.lasting), "it was allowed");
    assert!(w.store.end_session(who.user, who.session, at(7)).await.unwrap());
    assert_eq!(w.store.claim_logouts(10, at(60), at(8)).await.unwrap().len(), 0);
}
