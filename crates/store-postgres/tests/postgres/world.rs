//! Databases, and a counted world of users, apps, sessions and grants in them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brama_postgres_cluster::Cluster;
use brama_protocol::authorize::response::{ResponseMode, Return};
use brama_protocol::client::{Client, ClientId, ClientType};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{AuthorizationId, GrantId, SessionId, UserId};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::pkce;
use brama_protocol::redirect_uri::MatchedRedirectUri;
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::resource::Resources;
use brama_protocol::scope::{GrantedScope, Scope};
use brama_protocol::username::Username;
use brama_store::authorization::{
    Approve, Asked, Authorization, AuthorizationState, Authorizations as _, CheckedCode, NewCode,
};
use brama_store::client::{AddClient, ClientRecord, Clients as _};
use brama_store::grant::{Grant, Grants as _, NewGrant, Presentation, Presenter, Refreshed};
use brama_store::session::{Authentication, BeginSession, Lifetime, NewSession, Sessions as _};
use brama_store::user::{AddUser, NewUser, Users as _};
use brama_store_postgres::{PostgresStore, Settings};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The settings of a small node.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        pool_max: 8,
        connect_timeout: Duration::from_secs(5),
        acquire_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(10),
        ca_file: None,
    }
}

/// A migrated, empty database of the shared cluster, to copy.
pub(crate) async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let url = Cluster::shared().create_database();
            PostgresStore::migrate(&settings(&url), Timestamp::UNIX_EPOCH).await.unwrap();
            url
        })
        .await
}

/// A new database of the shared cluster.
pub(crate) async fn database() -> String {
    Cluster::shared().create_database_from(template().await)
}

pub(crate) async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(&settings(url)).await.unwrap()
}

/// The instant so many seconds after the tests' beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn bytes<const N: usize>() -> [u8; N] {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().rev().zip(count.iter().rev()) {
        *to = *from;
    }
    bytes
}

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        id: UserId::new(at(0), bytes()),
        username: Username::parse(name).unwrap(),
        email: None,
        name: None,
        locale: None,
        password: None,
    }
}

pub(crate) fn client(id: &str) -> ClientRecord {
    ClientRecord {
        client: Client {
            scope: Scope::parse("openid").unwrap(),
            first_party: true,
            ..Client::new(id.parse().unwrap(), ClientType::Browser)
        },
        secrets: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A user with a session since zero, at an app.
#[derive(Clone)]
pub(crate) struct SignedIn {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) secret: HandleHash<kind::Session>,
    pub(crate) client: ClientId,
}

pub(crate) async fn signed_in(store: &PostgresStore, name: &str) -> SignedIn {
    let (user, app) = (new_user(name), client(&format!("app-of-{name}")));
    let (id, client) = (user.id, app.client.id.clone());
    assert_eq!(store.add_user(user, at(0)).await.unwrap(), AddUser::Added);
    assert_eq!(store.add_client(app).await.unwrap(), AddClient::Added);
    let new = NewSession {
        id: SessionId::new(at(0), bytes()),
        secret: HandleHash::from_bytes(bytes()),
        user: id,
        epoch: 0,
        authentication: authentication(),
        lifetime: Lifetime { idle_seconds: 86_400, expires_at: at(7 * 86_400), persistent: false },
        device: "Firefox on Linux".to_owned(),
        replaces: None,
        max_per_user: 50,
    };
    let (session, secret) = (new.id, new.secret);
    assert!(matches!(store.begin_session(new, at(0)).await.unwrap(), BeginSession::Begun(_)));
    SignedIn { user: id, session, secret, client }
}

fn authentication() -> Authentication {
    Authentication { at: at(0), amr: vec!["pwd".to_owned()], acr: "urn:brama:acr:1".to_owned() }
}

fn granted() -> GrantedScope {
    GrantedScope::from_stored(Scope::parse("openid").unwrap())
}

pub(crate) fn new_grant(who: &SignedIn) -> NewGrant {
    NewGrant {
        id: GrantId::new(at(0), bytes()),
        user: who.user,
        epoch: 0,
        client: who.client.clone(),
        session: who.session,
        scope: granted(),
        resources: Resources::default(),
        claims: NamedClaims::default(),
        authentication: authentication(),
        offline: false,
        jkt: None,
        expires_at: at(7 * 86_400),
    }
}

pub(crate) async fn grant(store: &PostgresStore, who: &SignedIn) -> Grant {
    store.give_grant(new_grant(who), at(0)).await.unwrap().unwrap()
}

/// A code that was issued to the app, good for a minute.
pub(crate) async fn code(store: &PostgresStore, who: &SignedIn) -> HandleHash<kind::AuthorizationCode> {
    let id = AuthorizationId::new(at(0), bytes());
    let request = Authorization {
        id,
        browser: HandleHash::from_bytes(bytes()),
        asked: Asked::new(
            who.client.clone(),
            Return {
                redirect_uri: MatchedRedirectUri::from_stored("https://app.example.com/cb".to_owned()),
                mode: ResponseMode::Query,
                state: None,
            },
            granted(),
            Some(pkce::Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap()),
        ),
        requested_at: at(0),
        expires_at: at(600),
        state: AuthorizationState::Requested { consented: None, chosen: None },
    };
    store.request_authorization(request).await.unwrap();
    let new = NewCode {
        code: HandleHash::from_bytes(bytes()),
        user: who.user,
        epoch: 0,
        session: who.session,
        authentication: authentication(),
        granted: granted().scope().clone(),
        remembered: None,
        expires_at: at(60),
    };
    let hash = new.code;
    assert_eq!(store.approve_authorization(id, new, at(0)).await.unwrap(), Approve::Issued);
    hash
}

/// The code, looked up and checked with everything right.
pub(crate) async fn checked(store: &PostgresStore, hash: HandleHash<kind::AuthorizationCode>) -> CheckedCode {
    let code = store.find_code(hash).await.unwrap().unwrap();
    let client = code.asked.client.clone();
    code.check(&client, None, Some(&pkce::Verifier::parse(VERIFIER).unwrap())).unwrap()
}

pub(crate) fn presentation(grant: &Grant, generation: u64, presenter: Presenter) -> Presentation<'_> {
    Presentation {
        token: PresentedRefreshToken { grant: grant.id, generation },
        client: &grant.client,
        presenter,
        jkt: None,
        window: SignedDuration::from_secs(60),
    }
}

/// The generation that counts after a refresh that stands.
pub(crate) fn generation(refreshed: &Refreshed) -> Option<u64> {
    match refreshed {
        Refreshed::Stands { grant, .. } => Some(grant.lineage.generation),
        _ => None,
    }
}
