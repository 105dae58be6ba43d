//! The run: people sign in, apps redeem codes and refresh, sessions end, many at once, and the log is copied now and then.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use brama_protocol::authorize::response::{ResponseMode, Return};
use brama_protocol::client::{Client, ClientId, ClientType};
use brama_protocol::handle::HandleHash;
use brama_protocol::id::{AuthorizationId, GrantId, SessionId, UserId};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::pkce;
use brama_protocol::redirect_uri::{MatchedRedirectUri, RegisteredRedirectUri};
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::resource::Resources;
use brama_protocol::scope::{GrantedScope, Scope};
use brama_protocol::username::Username;
use brama_store::authorization::{Approve, Asked, Authorization, AuthorizationState, NewCode, Spend};
use brama_store::client::ClientRecord;
use brama_store::grant::{NewGrant, Presentation, Presenter, Refreshed};
use brama_store::session::{Authentication, BeginSession, Lifetime, NewSession};
use brama_store::user::{AddUser, NewUser, SealedPasswordHash};
use brama_store::{Authorizations as _, Clients as _, Grants as _, Sessions as _, Users as _};
use brama_store_sqlite::{Settings, SqliteStore};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::fact::{Fact, Moment};
use crate::trace;

/// The variable that names the folder of the run.
pub(crate) const FOLDER: &str = "BRAMA_POWER_LOSS_FOLDER";

const PEOPLE: usize = 12;
/// What each of them does, again and again. The first rounds are accompanied by checkpoints of another connection, as an
/// administration command makes them; in the others the log grows until the store copies it by itself.
const ROUNDS: usize = 6;
const WITH_CHECKPOINTS: usize = 2;
/// Acknowledged effects between two of them.
const CHECKPOINT: u64 = 20;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "https://app.example.com/cb";

/// The instant of everything: nothing runs out.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap()
}

fn later(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}

/// The app that everybody uses.
pub(crate) fn app() -> ClientId {
    "app".parse().unwrap()
}

/// A refresh token in the hands of the app.
pub(crate) fn presentation(grant: GrantId, client: &ClientId, generation: u64) -> Presentation<'_> {
    let token = PresentedRefreshToken { grant, generation };
    Presentation { token, client, presenter: Presenter::PublicClient, jkt: None, window: SignedDuration::ZERO }
}

struct World {
    store: SqliteStore,
    said: File,
    counter: AtomicU64,
    /// Another connection, while it makes checkpoints.
    other: Mutex<Option<Connection>>,
    acknowledged: AtomicU64,
}

/// What a person's browser holds.
#[derive(Clone, Copy)]
struct SignedIn {
    user: UserId,
    epoch: u32,
    session: SessionId,
}

/// One run, in the folder of the variable or, to see that it works, in one of its own.
pub(crate) fn run() {
    let own = tempfile::tempdir().unwrap();
    let folder = trace::folder().unwrap_or_else(|| own.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(people(&folder));
}

async fn people(folder: &Path) {
    let said = File::options().create(true).append(true).open(folder.join("said")).unwrap();
    let path = folder.join("brama.db");
    SqliteStore::migrate(&path, now()).unwrap();
    let store = SqliteStore::open(&Settings { path: path.clone(), group_commit_max: 64, readers: 2 }).unwrap();
    let world = Arc::new(World {
        store,
        said,
        counter: AtomicU64::new(1),
        other: Mutex::new(Some(Connection::open(&path).unwrap())),
        acknowledged: AtomicU64::new(0),
    });
    world.store.add_client(client()).await.unwrap();
    for round in 0..ROUNDS {
        let people: Vec<_> = (0..PEOPLE)
            .map(|person| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.person(&format!("person-{round}-{person}")).await })
            })
            .collect();
        for person in people {
            person.await.unwrap();
        }
        if round + 1 == WITH_CHECKPOINTS {
            *world.other.lock().unwrap() = None;
        }
    }
}

fn client() -> ClientRecord {
    ClientRecord {
        client: Client {
            name: "App".to_owned(),
            redirect_uris: vec![RegisteredRedirectUri::parse(REDIRECT_URI).unwrap()],
            scope: Scope::parse("openid").unwrap(),
            first_party: true,
            ..Client::new(app(), ClientType::Browser)
        },
        secrets: Vec::new(),
        created_at: now(),
        updated_at: now(),
    }
}

fn authentication() -> Authentication {
    Authentication { at: now(), amr: vec!["pwd".to_owned()], acr: "urn:brama:acr:1".to_owned() }
}

fn granted() -> GrantedScope {
    GrantedScope::from_stored(Scope::parse("openid").unwrap())
}

impl World {
    /// Spread over the tables, as random ids are: one page each.
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut dice = crate::Dice::new(self.counter.fetch_add(1, Ordering::Relaxed));
        std::array::from_fn(|_| dice.roll().to_le_bytes()[0])
    }

    /// Say what is about to be done, do it, say that it was acknowledged.
    async fn told<T>(&self, facts: &[Fact], deed: impl Future<Output = T>) -> T {
        self.say(facts, Moment::Begun);
        let done = deed.await;
        self.say(facts, Moment::Acknowledged);
        if self.acknowledged.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECKPOINT)
            && let Some(other) = &*self.other.lock().unwrap()
        {
            other.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).unwrap();
        }
        done
    }

    fn say(&self, facts: &[Fact], moment: Moment) {
        let lines: String = facts.iter().map(|fact| fact.line(moment)).collect();
        (&self.said).write_all(lines.as_bytes()).unwrap();
    }

    async fn person(&self, name: &str) {
        let user = self.add_user(name).await;
        let first = self.sign_in(user, 0).await;
        let second = self.sign_in(user, 0).await;
        let grant = self.grant(first).await;
        self.refresh(grant, 0..3).await;
        let (code, other) = self.redeem(second).await;
        self.refresh(other, 0..2).await;
        // A replay revokes the grant: of a code, and of a refresh token.
        if name.ends_with(['0', '4', '8']) {
            self.told(&[Fact::Revoked(other.as_bytes().to_vec())], self.spend_again(&code, second)).await;
        }
        if name.ends_with(['1', '5']) {
            self.told(&[Fact::Revoked(grant.as_bytes().to_vec())], self.reuse(grant)).await;
        }
        let third = self.grant(second).await;
        self.refresh(third, 0..2).await;
        if name.ends_with(['2', '6']) {
            let revoked = [first.session.as_bytes().to_vec(), grant.as_bytes().to_vec()];
            let facts = [Fact::Ended(revoked[0].clone()), Fact::Revoked(revoked[1].clone())];
            let ended = self.told(&facts, self.store.end_session(user, first.session, now())).await;
            assert!(ended.unwrap());
        }
        if name.ends_with(['3', '7']) {
            let ended = [first, second].map(|who| Fact::Ended(who.session.as_bytes().to_vec()));
            let revoked = [grant, other, third].map(|grant| Fact::Revoked(grant.as_bytes().to_vec()));
            let facts = [&ended[..], &revoked, &[Fact::Epoch(user.as_bytes().to_vec(), 1)]].concat();
            self.told(&facts, self.store.end_everything(user, now())).await.unwrap();
            let again = self.sign_in(user, 1).await;
            let grant = self.grant(again).await;
            self.refresh(grant, 0..2).await;
        }
    }

    async fn add_user(&self, name: &str) -> UserId {
        let id = UserId::new(now(), self.bytes());
        let new = NewUser {
            id,
            username: Username::parse(name).unwrap(),
            email: None,
            name: None,
            locale: None,
            password: Some(SealedPasswordHash(vec![7; 120])),
        };
        let added = self.told(&[Fact::User(id.as_bytes().to_vec())], self.store.add_user(new, now())).await;
        assert_eq!(added.unwrap(), AddUser::Added);
        id
    }

    async fn sign_in(&self, user: UserId, epoch: u32) -> SignedIn {
        let session = SessionId::new(now(), self.bytes());
        let new = NewSession {
            id: session,
            secret: HandleHash::from_bytes(self.bytes()),
            user,
            epoch,
            authentication: authentication(),
            lifetime: Lifetime { idle_seconds: 86_400, expires_at: later(7), persistent: false },
            device: "Firefox on Linux".to_owned(),
            replaces: None,
            max_per_user: 50,
        };
        let facts = [Fact::Session(session.as_bytes().to_vec())];
        let begun = self.told(&facts, self.store.begin_session(new, now())).await;
        assert!(matches!(begun.unwrap(), BeginSession::Begun(_)));
        SignedIn { user, epoch, session }
    }

    fn new_grant(&self, who: SignedIn) -> NewGrant {
        NewGrant {
            id: GrantId::new(now(), self.bytes()),
            user: who.user,
            epoch: who.epoch,
            client: app(),
            session: who.session,
            scope: granted(),
            resources: Resources::default(),
            claims: NamedClaims::default(),
            authentication: authentication(),
            offline: false,
            jkt: None,
            expires_at: later(7),
        }
    }

    async fn grant(&self, who: SignedIn) -> GrantId {
        let new = self.new_grant(who);
        let id = new.id;
        let given = self.told(&[Fact::Grant(id.as_bytes().to_vec())], self.store.give_grant(new, now())).await;
        assert!(given.unwrap().is_some());
        id
    }

    async fn refresh(&self, grant: GrantId, generations: std::ops::Range<u64>) {
        for generation in generations {
            let client = app();
            let facts = [Fact::Rotated(grant.as_bytes().to_vec(), generation + 1)];
            let rotated = self.store.rotate(presentation(grant, &client, generation), now());
            let stands = self.told(&facts, rotated).await.unwrap();
            assert!(matches!(stands, Refreshed::Stands { grant, .. } if grant.lineage.generation == generation + 1));
        }
    }

    /// A replay of the oldest token of a grant.
    async fn reuse(&self, grant: GrantId) {
        let answer = self.store.rotate(presentation(grant, &app(), 0), now()).await.unwrap();
        assert!(matches!(answer, Refreshed::Reused));
    }

    async fn redeem(&self, who: SignedIn) -> ([u8; 32], GrantId) {
        let request = Authorization {
            id: AuthorizationId::new(now(), self.bytes()),
            browser: HandleHash::from_bytes(self.bytes()),
            asked: Asked::new(
                app(),
                Return {
                    redirect_uri: MatchedRedirectUri::from_stored(REDIRECT_URI.to_owned()),
                    mode: ResponseMode::Query,
                    state: None,
                },
                granted(),
                Some(pkce::Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap()),
            ),
            requested_at: now(),
            expires_at: later(1),
            state: AuthorizationState::Requested { consented: None, chosen: None },
        };
        let id = request.id;
        self.store.request_authorization(request).await.unwrap();
        let code: [u8; 32] = self.bytes();
        let new = NewCode {
            code: HandleHash::from_bytes(code),
            user: who.user,
            epoch: who.epoch,
            session: who.session,
            authentication: authentication(),
            granted: granted().scope().clone(),
            remembered: None,
            expires_at: later(1),
        };
        let issued = self.store.approve_authorization(id, new, now());
        assert_eq!(self.told(&[Fact::Code(code.to_vec())], issued).await.unwrap(), Approve::Issued);
        let grant = self.new_grant(who);
        let grant_id = grant.id;
        let name = grant_id.as_bytes().to_vec();
        let facts = [Fact::Grant(name.clone()), Fact::Spent(code.to_vec(), name)];
        let spent = self.told(&facts, self.spend(&code, grant)).await;
        assert!(matches!(spent, Spend::Now(_)));
        (code, grant_id)
    }

    async fn spend(&self, code: &[u8; 32], grant: NewGrant) -> Spend {
        let code = self.store.find_code(HandleHash::from_bytes(*code)).await.unwrap().unwrap();
        let verifier = pkce::Verifier::parse(VERIFIER).unwrap();
        let checked = code.check(&app(), Some(REDIRECT_URI), Some(&verifier)).unwrap();
        self.store.spend_code(checked, grant, now()).await.unwrap()
    }

    async fn spend_again(&self, code: &[u8; 32], who: SignedIn) {
        assert!(matches!(self.spend(code, self.new_grant(who)).await, Spend::Already));
    }
}
