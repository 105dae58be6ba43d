//! Apps that register themselves and look after their registration. RFC 7591; RFC 7592; OpenID Registration; RG-10 to RG-17.
//!
//! Registering: [`admit`] decides who may (so that a bad token is told before bad metadata), [`register`] does it. Coming
//! back: [`open`] checks the registration access token, then the registration is read, replaced ([`update`]) or removed
//! ([`remove`]). The rules of the metadata are in `protocol/registration`, and are the same for both.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_faults::{Fault, planted};
use brama_jose::{Jwk, JwkSet, Typ, VerifyingKey};
use brama_protocol::client::{Client, ClientId, ClientKeys, GrantType, Registrar};
use brama_protocol::error::{
    INITIAL_TOKEN, INITIAL_TOKEN_MISSING, INTERNAL, NOT_FOUND, REGISTRATION_FORBIDDEN, REGISTRATION_FULL,
    REGISTRATION_KEYS, REGISTRATION_SECTOR, REGISTRATION_SHOWN, REGISTRATION_TOKEN, REGISTRATION_UPDATE, Refusal,
    TOO_MANY,
};
use brama_protocol::handle::{Handle, HandleHash, kind};
use brama_protocol::registration::metadata::{ClientMetadata, Proposed};
use brama_protocol::registration::name::skeleton;
use brama_protocol::registration::policy::{Mode, Policy};
use brama_store::client::ClientRecord;
use brama_store::registration::{NewRegistration, Register, Registration, Replacement, Secrets};
use brama_store::throttle::{Admission, Lane, LaneRule, OnSuccess, Penalty};
use jiff::{SignedDuration, Timestamp};

use crate::context::Ctx;
use crate::login::flood::Asked;
use crate::login::throttle::{Source, prefix};

/// What the operator decided about registration. RG-10.
#[derive(Clone, Debug)]
pub struct RegistrationSettings {
    /// Who may register what.
    pub policy: Policy,
    /// Most apps that may be registered this way.
    pub most: u32,
    /// How long an app stays that nobody uses.
    pub unused_life: SignedDuration,
    /// Registrations of strangers from one address within an hour. TH-13.
    pub per_hour: u32,
    /// Names that no app may imitate, beside those of first-party apps.
    pub own_names: Vec<String>,
}

/// Requests to the registration endpoint per minute and address, whatever comes of them.
const PER_MINUTE: u32 = 60;
/// Changes of one registration within an hour.
const CHANGES_PER_HOUR: u32 = 30;
/// Documents that are fetched for one initial access token, or for changes of one registration, within an hour.
const FETCHES_PER_HOUR: u32 = 20;
/// Largest document at a `sector_identifier_uri`, bytes. RG-25.
const SECTOR_BYTES: usize = 64 * 1024;

/// Somebody who may register an app. Only [`admit`] makes it.
pub struct Admitted {
    by: Option<HandleHash<kind::InitialAccessToken>>,
}

/// A registration that its own token has opened. Only [`open`] makes it.
pub struct Opened {
    registration: Registration,
    token: Handle<kind::RegistrationAccessToken>,
}

/// What the app is told. The secret is there when it was made just now, or when the app sent it along.
pub struct Told {
    /// What is registered.
    pub client: Client,
    /// When the id was given.
    pub issued_at: Timestamp,
    /// Its secret, as it goes over the wire.
    pub secret: Option<Handle<kind::ClientSecret>>,
    /// What opens the registration.
    pub token: Handle<kind::RegistrationAccessToken>,
}

impl Opened {
    /// What is registered.
    #[must_use]
    pub fn told(self) -> Told {
        let Self { registration: Registration { record, issued_at }, token } = self;
        Told { client: record.client.clone(), issued_at, secret: None, token }
    }
}

fn not_closed(ctx: &Ctx) -> Result<&RegistrationSettings, Refusal> {
    let settings = &ctx.settings.registration;
    match settings.policy.mode {
        Mode::Closed => Err(Refusal::from(&NOT_FOUND).with_detail("registration.mode is closed")),
        Mode::Token | Mode::Open => Ok(settings),
    }
}

fn flood(ctx: &Ctx, source: Source) -> Result<(), Refusal> {
    if source.exempt {
        return Ok(());
    }
    ctx.flood.admit_address(Asked::Registration, source.address, PER_MINUTE, ctx.now)
}

/// Decide whether somebody may register an app, before anything is read of it. `bearer`: the initial access token.
///
/// # Errors
/// Nothing is here when registration is closed; 401 for a token that does not let in; `too_many_attempts`.
pub async fn admit(ctx: &Ctx, source: Source, bearer: Option<&str>) -> Result<Admitted, Refusal> {
    let settings = not_closed(ctx)?;
    flood(ctx, source)?;
    if settings.policy.mode == Mode::Open {
        count(ctx, settings, source).await?;
        return Ok(Admitted { by: None });
    }
    let token = bearer.ok_or(&INITIAL_TOKEN_MISSING)?;
    if planted(Fault::Client03) && ctx.keyring().own(token, Typ::AccessToken).is_some() {
        return Ok(Admitted { by: None });
    }
    let hash = Handle::<kind::InitialAccessToken>::parse(token).ok_or(&INITIAL_TOKEN)?.hash();
    if ctx.store.admits_registration(hash, ctx.now).await? {
        Ok(Admitted { by: Some(hash) })
    } else {
        Err(Refusal::from(&INITIAL_TOKEN).with_detail(format!("token {}…", hash.reference())))
    }
}

/// Strangers register so many apps an hour. The counters are in the database, where all nodes see them. TH-13.
async fn count(ctx: &Ctx, settings: &RegistrationSettings, source: Source) -> Result<(), Refusal> {
    if source.exempt {
        return Ok(());
    }
    let lanes = vec![
        lane(ctx, "registration", &prefix(source.address, 4, 8), settings.per_hour),
        lane(ctx, "registration network", &prefix(source.address, 3, 6), settings.per_hour.saturating_mul(10)),
    ];
    count_in(ctx, lanes).await
}

/// So many within an hour, and then none for the rest of it.
fn lane(ctx: &Ctx, label: &str, whose: &[u8], free: u32) -> Lane {
    Lane {
        key: ctx.throttle_key.name(label, whose),
        rule: LaneRule { free, window: SignedDuration::from_hours(1), penalty: Penalty::RestOfWindow },
        on_success: OnSuccess::Keep,
    }
}

async fn count_in(ctx: &Ctx, lanes: Vec<Lane>) -> Result<(), Refusal> {
    let (store, now) = (Arc::clone(&ctx.store), ctx.now);
    match ctx.flood.write(async move { store.reserve_attempt(lanes, now).await }).await? {
        Admission::Admitted => Ok(()),
        Admission::Wait(wait) => {
            let seconds = u64::try_from(wait.as_millis()).unwrap_or(0).div_ceil(1000).max(1);
            Err(Refusal::from(&TOO_MANY).retry_after(seconds))
        }
    }
}

/// Register an app. RFC 7591 §3.1.
///
/// # Errors
/// The rows of registration.
pub async fn register(ctx: &Ctx, admitted: Admitted, metadata: ClientMetadata) -> Result<Told, Refusal> {
    let settings = not_closed(ctx)?;
    // A refusal costs the token no use, so what is fetched on the way to it is counted by itself. Strangers were counted.
    let counted_as = admitted.by.as_ref().map(|by| by.as_bytes().as_slice());
    let client = acceptable(ctx, new_id(ctx)?, metadata, counted_as).await?;
    if let Some(logo) = client.links.logo_uri.as_deref().filter(|_| planted(Fault::Ssrf03)) {
        let _ = ctx.outgoing.get_json(logo, 1024).await;
    }
    let secret = if client.auth_method.has_secret() || planted(Fault::Client01) {
        Some(ctx.handle::<kind::ClientSecret>()?)
    } else {
        None
    };
    let token = ctx.handle::<kind::RegistrationAccessToken>()?;
    let record = ClientRecord {
        client: client.clone(),
        secrets: secret.iter().map(Handle::hash).collect(),
        created_at: ctx.now,
        updated_at: ctx.now,
    };
    let unused_life = unused_life(settings, &client);
    let new = NewRegistration { record, token: token.hash(), by: admitted.by, most: settings.most, unused_life };
    let (store, now) = (Arc::clone(&ctx.store), ctx.now);
    match ctx.flood.write(async move { store.register_client(new, now).await }).await? {
        Register::Registered => {
            tracing::info!(client = %client.id, name = client.name, "an app has registered itself");
            Ok(Told { client, issued_at: ctx.now, secret, token })
        }
        Register::TokenRefused => Err((&INITIAL_TOKEN).into()),
        Register::Full => {
            let detail = format!("{} apps are registered already; see registration.max_clients", settings.most);
            Err(Refusal::from(&REGISTRATION_FULL).with_detail(detail))
        }
        Register::IdTaken => Err(Refusal::from(&INTERNAL).with_detail("a random client id came twice")),
    }
}

/// How long it stays without being used. A machine stays for ever: it leaves no grant behind by which its use could be seen.
fn unused_life(settings: &RegistrationSettings, client: &Client) -> Option<SignedDuration> {
    (!client.may_use(GrantType::ClientCredentials)).then_some(settings.unused_life)
}

/// An id that nobody can guess and that resembles neither a URL nor a user id. RG-3.
fn new_id(ctx: &Ctx) -> Result<ClientId, Refusal> {
    let random: [u8; 16] = ctx.random()?;
    let text = format!("dcr-{}", URL_SAFE_NO_PAD.encode(random));
    text.parse()
        .map_err(|error: brama_protocol::client::NotAClientId| Refusal::from(&INTERNAL).with_detail(error.to_string()))
}

/// Every rule that metadata have to keep, at first and at every update. CLIENT-02.
///
/// `counted_as`: under which name what has to be fetched is counted; nothing: it was counted before.
async fn acceptable(
    ctx: &Ctx,
    id: ClientId,
    metadata: ClientMetadata,
    counted_as: Option<&[u8]>,
) -> Result<Client, Refusal> {
    let settings = not_closed(ctx)?;
    let proposed = metadata.propose(id, &settings.policy, &ctx.settings.signing_algorithms)?;
    if let ClientKeys::Jwks(text) = &proposed.client().keys {
        usable_keys(text).map_err(|why| Refusal::from(&REGISTRATION_KEYS).with_detail(why))?;
    }
    imitates_nobody(ctx, settings, proposed.client()).await?;
    listed_in_sector(ctx, &proposed, counted_as).await?;
    Ok(proposed.into_client())
}

/// Check the keys of a JWK set: one at least that can verify a signature, none that is broken. RG-2, TK-20.
///
/// # Errors
/// What is wrong with them.
pub fn usable_keys(jwks: &str) -> Result<(), String> {
    let set: JwkSet = serde_json::from_str(jwks).map_err(|error| error.to_string())?;
    let Some(first) = set.keys.first() else {
        return Err("no key of the set is for signatures with ES256, EdDSA, RS256 or PS256".to_owned());
    };
    let sound = |key: &Jwk| match key.algorithm() {
        Some(algorithm) => VerifyingKey::with_algorithm(key, algorithm).is_ok(),
        None => VerifyingKey::with_algorithm(key, brama_jose::Algorithm::Rs256).is_ok(),
    };
    match set.keys.iter().find(|key| !sound(key)) {
        None => Ok(()),
        Some(key) => {
            Err(format!("the key {:?} is no sound public key", key.kid().or(first.kid()).unwrap_or("(no kid)")))
        }
    }
}

/// No look-alike of an app that belongs to whoever runs the server, or of the server itself. RG-15.
async fn imitates_nobody(ctx: &Ctx, settings: &RegistrationSettings, client: &Client) -> Result<(), Refusal> {
    let face = skeleton(&client.name);
    let imitated =
        |name: &str| Err(Refusal::from(&REGISTRATION_SHOWN).with_detail(format!("the name imitates {name:?}")));
    if face.is_empty() {
        return Err(Refusal::from(&REGISTRATION_SHOWN).with_detail("the name has no letter and no digit"));
    }
    if let Some(name) = settings.own_names.iter().find(|name| skeleton(name) == face) {
        return imitated(name);
    }
    for other in ctx.store.list_clients().await? {
        let other = &other.client;
        if other.first_party && other.registrar == Registrar::Operator && skeleton(&other.name) == face {
            return imitated(&other.name);
        }
    }
    Ok(())
}

/// OpenID Registration §5: whoever names a place has to list every redirect URI there.
async fn listed_in_sector(ctx: &Ctx, proposed: &Proposed, counted_as: Option<&[u8]>) -> Result<(), Refusal> {
    let Some(uri) = &proposed.sector_identifier_uri else { return Ok(()) };
    let refused = |why: String| Err(Refusal::from(&REGISTRATION_SECTOR).with_detail(format!("{uri:?}: {why}")));
    if !uri.starts_with("https://") {
        return refused("not https".to_owned());
    }
    if let Some(whose) = counted_as {
        count_in(ctx, vec![lane(ctx, "registration fetch", whose, FETCHES_PER_HOUR)]).await?;
    }
    match ctx.outgoing.get_json(uri, SECTOR_BYTES).await {
        Ok(document) if proposed.is_listed_in(&document) => Ok(()),
        Ok(_) => refused("it does not list every redirect URI".to_owned()),
        Err(error) => refused(error.to_string()),
    }
}

/// Open a registration with its own token. One answer for an unknown client, a removed one and another one's token: nobody
/// learns which clients there are. RFC 7592 §2.
///
/// # Errors
/// 401; 403 for an app that was switched off; nothing is here when registration is closed; `too_many_attempts`.
pub async fn open(ctx: &Ctx, source: Source, client: &str, bearer: Option<&str>) -> Result<Opened, Refusal> {
    not_closed(ctx)?;
    flood(ctx, source)?;
    let (Ok(id), Some(token)) = (client.parse::<ClientId>(), bearer.and_then(Handle::parse)) else {
        return Err((&REGISTRATION_TOKEN).into());
    };
    let Some(registration) = ctx.store.find_registration(&id, Handle::hash(&token)).await? else {
        return Err(Refusal::from(&REGISTRATION_TOKEN).with_detail(format!("client {id}")));
    };
    if !registration.record.client.enabled && !planted(Fault::Revoke10) {
        return Err(Refusal::from(&REGISTRATION_FORBIDDEN).with_detail(format!("client {id}")));
    }
    Ok(Opened { registration, token })
}

/// Replace everything that is registered: what is left out is deleted. RFC 7592 §2.2; RG-17.
///
/// # Errors
/// The rows of registration, by the same rules as at first.
pub async fn update(ctx: &Ctx, opened: Opened, metadata: ClientMetadata) -> Result<Told, Refusal> {
    let Opened { registration: Registration { record: old, issued_at }, token } = opened;
    let sent = confirmed(&metadata, &old)?;
    let client = if planted(Fault::Client02) {
        let policy = &ctx.settings.registration.policy;
        metadata.propose(old.client.id.clone(), policy, &ctx.settings.signing_algorithms)?.into_client()
    } else {
        acceptable(ctx, old.client.id.clone(), metadata, Some(old.client.id.as_str().as_bytes())).await?
    };
    let mut new_secret = None;
    let secrets = match (client.auth_method.has_secret(), old.secrets.is_empty()) {
        (false, true) | (true, false) => Secrets::Keep,
        (false, false) => Secrets::Drop,
        (true, true) => {
            let secret = ctx.handle::<kind::ClientSecret>()?;
            let hash = secret.hash();
            new_secret = Some(secret);
            Secrets::Only(hash)
        }
    };
    // Some clients send the same again at every start: that costs no write, and no node reads its clients again.
    let replaced = if client == old.client && secrets == Secrets::Keep {
        true
    } else {
        changes_seldom(ctx, &client.id).await?;
        let new = Replacement {
            record: ClientRecord {
                client: client.clone(),
                secrets: Vec::new(),
                created_at: old.created_at,
                updated_at: ctx.now,
            },
            secrets,
            token: Handle::hash(&token),
            forget: is_another(&old.client, &client),
            unused_life: unused_life(not_closed(ctx)?, &client),
        };
        let store = Arc::clone(&ctx.store);
        ctx.flood.write(async move { store.replace_registration(new).await }).await?
    };
    if replaced {
        let secret = new_secret.or(sent).filter(|_| client.auth_method.has_secret());
        Ok(Told { client, issued_at, secret, token })
    } else {
        Err(Refusal::from(&REGISTRATION_TOKEN).with_detail("it was removed or switched off meanwhile"))
    }
}

/// One registration is changed so many times an hour. The counter is in the database, where all nodes see it. TH-13.
async fn changes_seldom(ctx: &Ctx, client: &ClientId) -> Result<(), Refusal> {
    count_in(ctx, vec![lane(ctx, "registration change", client.as_str().as_bytes(), CHANGES_PER_HOUR)]).await
}

/// What an update has to carry and may not carry. The secret, if the client sent the one it has. RFC 7592 §2.2.
fn confirmed(metadata: &ClientMetadata, old: &ClientRecord) -> Result<Option<Handle<kind::ClientSecret>>, Refusal> {
    let refused = |why: &str| Err(Refusal::from(&REGISTRATION_UPDATE).with_detail(format!("{}: {why}", old.client.id)));
    let update = metadata.update();
    if update.says_too_much {
        return refused("it carries what only the server says");
    }
    match update.client_id {
        None => return refused("it carries no client_id"),
        Some(id) if id != old.client.id.as_str() => return refused("it carries another client_id"),
        Some(_) => {}
    }
    let Some(text) = update.client_secret else { return Ok(None) };
    let sent = Handle::<kind::ClientSecret>::parse(text);
    let fits = sent.as_ref().is_some_and(|sent| {
        let hash = sent.hash();
        old.secrets.iter().fold(false, |found, stored| found | (*stored == hash))
    });
    if fits { Ok(sent) } else { refused("it carries another client_secret") }
}

/// Whether people who allowed the one would not know the other again. RG-28.
fn is_another(old: &Client, new: &Client) -> bool {
    let face = |client: &Client| (client.name.clone(), client.links.clone(), client.redirect_uris.clone());
    face(old) != face(new) || old.auth_method != new.auth_method || old.keys != new.keys
}

/// Remove a registration: the client, its grants, and with them its tokens. RFC 7592 §2.3.
///
/// # Errors
/// 401, if it was removed meanwhile.
pub async fn remove(ctx: &Ctx, opened: Opened) -> Result<(), Refusal> {
    let id = opened.registration.record.client.id.clone();
    let hash = Handle::hash(&opened.token);
    let (store, client) = (Arc::clone(&ctx.store), id.clone());
    if ctx.flood.write(async move { store.remove_registration(&client, hash).await }).await? {
        tracing::info!(client = %id, "an app has removed its registration");
        Ok(())
    } else {
        Err((&REGISTRATION_TOKEN).into())
    }
}
