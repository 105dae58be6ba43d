//! What the cases have in common: a counted world of users, apps, sessions and grants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brama_protocol::authorize::response::{ResponseMode, Return};
use brama_protocol::client::{Client, ClientId, ClientType};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{AuthorizationId, GrantId, SessionId, UserId};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::origin::Origin;
use brama_protocol::pkce;
use brama_protocol::redirect_uri::{MatchedRedirectUri, RegisteredRedirectUri};
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::scope::{GrantedScope, Scope};
use brama_protocol::username::{Email, Username};
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::audit::{AuditRow, Event};
use crate::authorization::{
    Approve, Asked, Authorization, AuthorizationState, CheckedCode, Code, Consented, NewCode, Spend,
};
use crate::client::{AddClient, ClientRecord};
use crate::grant::{Grant, NewGrant, Presentation, Presenter, Refreshed};
use crate::par::PushedRequest;
use crate::session::{Authentication, BeginSession, Lifetime, NewSession, Session};
use crate::user::{AddUser, NewUser, SealedPasswordHash, User};

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// The window of design §5, seconds.
pub(super) const WINDOW: i64 = 60;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where all apps of the suite want their codes.
pub(super) const REDIRECT_URI: &str = "https://app.example.com/cb";

/// The instant so many seconds after the suite's beginning, which is the start of 2026.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

/// A store under test, and the counter that ids and secrets come from.
pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    counter: AtomicU64,
}

/// A browser that is signed in.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedIn {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) secret: HandleHash<kind::Session>,
}

impl World {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, counter: AtomicU64::new(1) }
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        let count = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().rev().zip(count.iter().rev()) {
            *to = *from;
        }
        bytes
    }

    pub(super) fn user_id(&self) -> UserId {
        UserId::new(at(0), self.bytes())
    }

    pub(super) fn session_id(&self) -> SessionId {
        SessionId::new(at(0), self.bytes())
    }

    pub(super) fn authorization_id(&self) -> AuthorizationId {
        AuthorizationId::new(at(0), self.bytes())
    }

    pub(super) fn grant_id(&self) -> GrantId {
        GrantId::new(at(0), self.bytes())
    }

    pub(super) fn hash<K>(&self) -> HandleHash<K> {
        HandleHash::from_bytes(self.bytes())
    }

    /// An account called so, with a password.
    pub(super) async fn user(&self, name: &str) -> UserId {
        let user = self.new_user(name, None);
        let id = user.id;
        assert_eq!(self.store.add_user(user, at(0)).await.unwrap(), AddUser::Added);
        id
    }

    pub(super) fn new_user(&self, name: &str, email: Option<&str>) -> NewUser {
        NewUser {
            id: self.user_id(),
            username: Username::parse(name).unwrap(),
            email: email.map(|email| Email::parse(email).unwrap()),
            name: Some("Somebody".to_owned()),
            locale: Some("uk".to_owned()),
            password: Some(password("first")),
        }
    }

    pub(super) async fn find_user(&self, id: UserId) -> User {
        self.store.find_user(id).await.unwrap().unwrap()
    }

    pub(super) async fn epoch(&self, id: UserId) -> u32 {
        self.find_user(id).await.epoch
    }

    /// An app called so.
    pub(super) async fn client(&self, id: &str) -> ClientId {
        let record = client(id);
        let id = record.client.id.clone();
        assert_eq!(self.store.add_client(record).await.unwrap(), AddClient::Added);
        id
    }

    /// A session that nobody began yet, of a user as the account is now: a day idle, a week overall.
    pub(super) async fn new_session(&self, user: UserId, now: i64) -> NewSession {
        NewSession {
            id: self.session_id(),
            secret: self.hash(),
            user,
            epoch: self.epoch(user).await,
            authentication: authentication(now),
            lifetime: Lifetime {
                idle_seconds: u32::try_from(DAY).unwrap(),
                expires_at: at(now + 7 * DAY),
                persistent: false,
            },
            device: "Firefox on Linux".to_owned(),
            replaces: None,
            max_per_user: 50,
        }
    }

    pub(super) async fn begin(&self, new: NewSession, now: i64) -> Session {
        match self.store.begin_session(new, at(now)).await.unwrap() {
            BeginSession::Begun(session) => session,
            BeginSession::AccountChanged => panic!("the account has not changed"),
        }
    }

    pub(super) async fn sign_in(&self, user: UserId, now: i64) -> SignedIn {
        let new = self.new_session(user, now).await;
        let secret = new.secret;
        let session = self.begin(new, now).await;
        SignedIn { user, session: session.id, secret }
    }

    /// A user with a session since zero.
    pub(super) async fn signed_in(&self, name: &str) -> SignedIn {
        let user = self.user(name).await;
        self.sign_in(user, 0).await
    }

    pub(super) async fn session_lives(&self, who: SignedIn, now: i64) -> bool {
        self.store.find_session(who.secret, at(now)).await.unwrap().is_some()
    }

    /// A request of an app, kept for ten minutes.
    pub(super) fn authorization(&self, client: &ClientId, scope: &str) -> Authorization {
        Authorization {
            id: self.authorization_id(),
            browser: self.hash(),
            asked: Asked::new(
                client.clone(),
                Return {
                    redirect_uri: MatchedRedirectUri::from_stored(REDIRECT_URI.to_owned()),
                    mode: ResponseMode::Query,
                    state: Some("af0ifjsldkj".to_owned()),
                },
                granted(scope),
                Some(pkce::Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap()),
            ),
            requested_at: at(0),
            expires_at: at(10 * MINUTE),
            state: AuthorizationState::Requested { consented: None, chosen: None },
        }
    }

    pub(super) async fn requested(&self, client: &ClientId) -> AuthorizationId {
        let new = self.authorization(client, "openid");
        let id = new.id;
        self.store.request_authorization(new).await.unwrap();
        id
    }

    /// A pushed request of an app, to be opened within the minute after zero.
    pub(super) async fn pushed(&self, client: &ClientId) -> HandleHash<kind::PushedRequest> {
        let new = PushedRequest {
            handle: self.hash(),
            client: client.clone(),
            parameters: "scope=openid&state=%22".to_owned(),
            created_at: at(0),
            expires_at: at(MINUTE),
        };
        let handle = new.handle;
        self.store.push_request(new).await.unwrap();
        handle
    }

    /// A request that was made from a pushed one.
    pub(super) async fn requested_from(
        &self,
        client: &ClientId,
        pushed: HandleHash<kind::PushedRequest>,
    ) -> AuthorizationId {
        let mut new = self.authorization(client, "openid");
        new.asked.pushed = Some(pushed);
        let id = new.id;
        self.store.request_authorization(new).await.unwrap();
        id
    }

    pub(super) async fn state(&self, id: AuthorizationId) -> AuthorizationState {
        self.store.find_authorization(id).await.unwrap().unwrap().state
    }

    /// A code for somebody, as the account is now, good for the minute after zero.
    pub(super) async fn new_code(&self, who: SignedIn) -> NewCode {
        NewCode {
            code: self.hash(),
            user: who.user,
            epoch: self.epoch(who.user).await,
            session: who.session,
            authentication: authentication(0),
            granted: scope("openid"),
            remembered: None,
            expires_at: at(MINUTE),
        }
    }

    /// A code that was issued to an app.
    pub(super) async fn code(&self, who: SignedIn, client: &ClientId) -> HandleHash<kind::AuthorizationCode> {
        let id = self.requested(client).await;
        let new = self.new_code(who).await;
        let code = new.code;
        assert_eq!(self.store.approve_authorization(id, new, at(0)).await.unwrap(), Approve::Issued);
        code
    }

    pub(super) async fn find_code(&self, hash: HandleHash<kind::AuthorizationCode>) -> Code {
        self.store.find_code(hash).await.unwrap().unwrap()
    }

    /// The code, looked up and checked with everything right.
    pub(super) async fn checked(&self, hash: HandleHash<kind::AuthorizationCode>) -> CheckedCode {
        let code = self.find_code(hash).await;
        let client = code.asked.client.clone();
        code.check(&client, Some(REDIRECT_URI), Some(&verifier())).unwrap()
    }

    /// Redeem a code for a grant of its own.
    pub(super) async fn spend(&self, hash: HandleHash<kind::AuthorizationCode>, who: SignedIn, now: i64) -> Spend {
        let code = self.checked(hash).await;
        let client = code.code().asked.client.clone();
        let new = self.new_grant(who, &client).await;
        self.store.spend_code(code, new, at(now)).await.unwrap()
    }

    /// A grant that nobody gave yet, of a user as the account is now: it lasts a week and ends with its session.
    pub(super) async fn new_grant(&self, who: SignedIn, client: &ClientId) -> NewGrant {
        NewGrant {
            id: self.grant_id(),
            user: who.user,
            epoch: self.epoch(who.user).await,
            client: client.clone(),
            session: who.session,
            scope: granted("openid email"),
            resources: ["https://api.example.com"].into_iter().collect(),
            claims: NamedClaims::default(),
            authentication: authentication(0),
            offline: false,
            jkt: None,
            expires_at: at(7 * DAY),
        }
    }

    pub(super) async fn grant(&self, who: SignedIn, client: &ClientId) -> Grant {
        let new = self.new_grant(who, client).await;
        self.store.give_grant(new, at(0)).await.unwrap().unwrap()
    }

    /// A grant that outlives its session. TE-30.
    pub(super) async fn offline_grant(&self, who: SignedIn, client: &ClientId) -> Grant {
        let new = NewGrant { offline: true, ..self.new_grant(who, client).await };
        self.store.give_grant(new, at(0)).await.unwrap().unwrap()
    }

    pub(super) async fn grant_stands(&self, id: GrantId, now: i64) -> bool {
        self.store.find_grant(id, at(now)).await.unwrap().is_some()
    }

    /// Present one refresh token of a grant.
    pub(super) async fn rotate(&self, grant: &Grant, generation: u64, presenter: Presenter, now: i64) -> Refreshed {
        self.store.rotate(presentation(grant.id, &grant.client, generation, presenter), at(now)).await.unwrap()
    }

    /// Ask what presenting one refresh token of a grant would come to.
    pub(super) async fn look(&self, grant: &Grant, generation: u64, presenter: Presenter, now: i64) -> Refreshed {
        self.store.look(presentation(grant.id, &grant.client, generation, presenter), at(now)).await.unwrap()
    }

    /// What the audit log holds of one kind of event about a user.
    pub(super) async fn audited(&self, user: UserId, event: Event) -> Vec<AuditRow> {
        let rows = self.store.audit_of_user(user, 1000).await.unwrap();
        rows.into_iter().filter(|row| row.event == event).collect()
    }
}

pub(super) fn password(text: &str) -> SealedPasswordHash {
    SealedPasswordHash(text.as_bytes().to_vec())
}

pub(super) fn authentication(now: i64) -> Authentication {
    Authentication { at: at(now), amr: vec!["pwd".to_owned()], acr: "urn:brama:acr:1".to_owned() }
}

pub(super) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

pub(super) fn granted(text: &str) -> GrantedScope {
    GrantedScope::from_stored(scope(text))
}

/// That a user allowed so much.
pub(super) fn consented(user: UserId, allowed: &str) -> Consented {
    Consented { user, scope: scope(allowed) }
}

pub(super) fn verifier() -> pkce::Verifier {
    pkce::Verifier::parse(VERIFIER).unwrap()
}

/// A browser app without a secret.
pub(super) fn client(id: &str) -> ClientRecord {
    ClientRecord {
        client: Client {
            name: format!("App {id}"),
            redirect_uris: vec![RegisteredRedirectUri::parse(REDIRECT_URI).unwrap()],
            origins: vec![Origin::parse("https://app.example.com").unwrap()],
            scope: scope("openid email offline_access"),
            first_party: true,
            ..Client::new(id.parse().unwrap(), ClientType::Browser)
        },
        secrets: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(super) fn presentation(
    grant: GrantId,
    client: &ClientId,
    generation: u64,
    presenter: Presenter,
) -> Presentation<'_> {
    Presentation {
        token: PresentedRefreshToken { grant, generation },
        client,
        presenter,
        jkt: None,
        window: SignedDuration::from_secs(WINDOW),
    }
}

/// What a refresh came to, short enough to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// It stands, and this generation counts.
    To(u64),
    Reused,
    Expired,
    Revoked,
    OtherKey,
    Unknown,
}

pub(super) fn came(refreshed: &Refreshed) -> Came {
    match refreshed {
        Refreshed::Stands { grant, .. } => Came::To(grant.lineage.generation),
        Refreshed::Reused => Came::Reused,
        Refreshed::Expired => Came::Expired,
        Refreshed::Revoked => Came::Revoked,
        Refreshed::OtherKey => Came::OtherKey,
        Refreshed::Unknown => Came::Unknown,
    }
}

/// Run so many tasks at once and collect what they return.
pub(super) async fn in_parallel<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|n| tokio::spawn(task(n))).collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
