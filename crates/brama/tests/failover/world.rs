//! Everybody at once: people, apps, bystanders; from one kill to the next.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brama_guard::Guard;
use brama_testkit::RelyingParty;

use crate::app::App;
use crate::bystander::{self, Served};
use crate::outage::{Outage, Watch};
use crate::person::Person;
use crate::site::Site;
use crate::support::{Answer, PASSWORD, Server};

const PEOPLE: u64 = 4;
const APPS: u64 = 4;
/// Whoever measures, measures alone.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
/// Longest time until everybody can write again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A number that looks random and is the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ seed)
    }

    /// 0 to `sides - 1`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    pub(crate) fn pick(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length.try_into().unwrap())).unwrap()
    }
}

/// A refusal that says when to come back; no other fault of the server is accepted.
#[track_caller]
pub(crate) fn for_now(answer: &Answer) -> bool {
    if answer.status == 503 {
        let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{answer:?}");
    }
    assert!(answer.status == 503 || answer.status < 500, "{answer:?}");
    answer.status == 503
}

/// What was acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sign_ins: u64,
    pub(crate) refreshes: u64,
    pub(crate) sign_outs: u64,
    pub(crate) codes: u64,
    pub(crate) replays: u64,
    /// Refused for now.
    pub(crate) refused: u64,
    /// Codes that were spent while nobody learned what they brought.
    pub(crate) codes_lost: u64,
}

impl Tally {
    fn add(mut self, other: Self) -> Self {
        self.sign_ins += other.sign_ins;
        self.refreshes += other.refreshes;
        self.sign_outs += other.sign_outs;
        self.codes += other.codes;
        self.replays += other.replays;
        self.refused += other.refused;
        self.codes_lost += other.codes_lost;
        self
    }
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Bystanders {
    pub(crate) documents: Served,
    pub(crate) api: Served,
    pub(crate) robot: Served,
    pub(crate) reader: Served,
}

/// Everybody, and the servers they use.
pub(crate) struct World {
    site: Site,
    _nodes: Vec<Server>,
    people: Vec<Person>,
    apps: Vec<App>,
    robot: RelyingParty,
    guard: Guard,
    access: String,
    newest: Arc<Mutex<String>>,
    pub(crate) bystanders: Bystanders,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

impl World {
    /// Three servers on this database, which is empty.
    pub(crate) async fn start(database: &str) -> Self {
        let alone = ALONE.lock().await;
        // Sign-ins that nobody knew the end of count as failures.
        let site = Site::new(database, 3, "account_free = 100\n").with_apps();
        let (back, cli) = (site.add_back(), site.add_cli());
        let secret = site.add_client(&["robot", "--type", "service", "--scope", "api:read"]);
        let robot = RelyingParty { client_id: "robot".to_owned(), secret, ..cli.clone() };
        let nodes = site.start_all();
        let person = |seed: u64| {
            let name = format!("person-{seed}");
            site.add_user(&name);
            Person::new(&name, seed, site.browser())
        };
        let people = (0..PEOPLE).map(person).collect();
        let app = |seed: u64| {
            let name = format!("user-{seed}");
            site.add_user(&name);
            let app = if seed.is_multiple_of(2) { &back } else { &cli };
            App::new(&name, 100 + seed, app.clone(), site.url(), site.browser(), site.wire())
        };
        let apps = (0..APPS).map(app).collect();
        let access = site.browser().login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
        // Every node has been asked by everybody once: what they keep in memory is there.
        for node in 0..3 {
            let credentials = [("grant_type", "client_credentials")];
            crate::walk::token(&mut site.wire_to(node), &robot, &credentials).await.unwrap().expect(200);
        }
        let guard = Guard::builder(site.url()).audience(format!("{}/api", site.url()));
        let guard = guard.build_and_warm().await.unwrap();
        let newest = Arc::new(Mutex::new(access.clone()));
        let bystanders = Bystanders::default();
        Self { site, _nodes: nodes, people, apps, robot, guard, access, newest, bystanders, _alone: alone }
    }

    /// Work while `happen` does what it does to the database; it says when the kill is over. Everybody goes on until all
    /// have written again. Then the database is held against the ledgers.
    pub(crate) async fn live_through<T: Send + 'static>(
        &mut self,
        last: bool,
        happen: impl FnOnce(&Watch) -> T + Send + 'static,
    ) -> (Outage, T) {
        let watch = Arc::new(Watch::default());
        let (site, newest) = (&self.site, Arc::clone(&self.newest));
        let documents = tokio::spawn(bystander::documents(site.wire(), Arc::clone(&watch)));
        let api = tokio::spawn(bystander::api(self.guard.clone(), Arc::clone(&newest), Arc::clone(&watch)));
        let robot = tokio::spawn(bystander::robot(site.wire(), self.robot.clone(), Arc::clone(&watch)));
        let reader = tokio::spawn(bystander::reader(site.wire(), self.access.clone(), newest, Arc::clone(&watch)));
        let people: Vec<_> =
            self.people.drain(..).map(|person| tokio::spawn(person.work(Arc::clone(&watch)))).collect();
        let apps: Vec<_> = self.apps.drain(..).map(|app| tokio::spawn(app.work(Arc::clone(&watch)))).collect();
        let writers = people.len() + apps.len();
        let happened = tokio::task::spawn_blocking({
            let watch = Arc::clone(&watch);
            move || happen(&watch)
        })
        .await
        .unwrap();
        let began = Instant::now();
        // Somebody who failed has ended.
        while watch.back() < writers && !people.iter().any(|person| person.is_finished()) {
            if apps.iter().any(|app| app.is_finished()) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "only {} of {writers} can write again", watch.back());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        watch.stop();
        for person in people {
            self.people.push(person.await.unwrap());
        }
        for app in apps {
            self.apps.push(app.await.unwrap());
        }
        self.bystanders.documents.add(documents.await.unwrap());
        self.bystanders.api.add(api.await.unwrap());
        self.bystanders.robot.add(robot.await.unwrap());
        self.bystanders.reader.add(reader.await.unwrap());
        for person in &mut self.people {
            person.check(last).await;
        }
        for app in &mut self.apps {
            app.check(last).await;
        }
        self.newest.lock().unwrap().clone_from(&self.apps[0].access);
        (watch.outage(), happened)
    }

    /// All that was acknowledged.
    pub(crate) fn tally(&self) -> Tally {
        let people = self.people.iter().map(|person| person.tally);
        people.chain(self.apps.iter().map(|app| app.tally)).fold(Tally::default(), Tally::add)
    }
}
