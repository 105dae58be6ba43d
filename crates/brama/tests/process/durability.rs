//! An acknowledged write survives `kill -9` (design §7): the server is killed again and again while people sign in,
//! refresh and sign out, and every answer that was given is held against the next server on the same data.
//!
//! What power loss would do is the business of `synchronous=FULL`; here the operating system stays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::support::{Browser, Lost, PASSWORD, Scratch};

const ROUNDS: u64 = 50;
const PEOPLE: usize = 8;
/// Most sessions that one person keeps.
const SESSIONS: usize = 4;

type Jar = BTreeMap<String, String>;

/// A number that looks random and is the same in every run.
struct Dice(u64);

impl Dice {
    /// 0 to `sides - 1`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn pick(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length.try_into().unwrap())).unwrap()
    }
}

/// What was acknowledged so far.
#[derive(Clone, Copy, Debug, Default)]
struct Acknowledged {
    logins: u32,
    rotations: u32,
    logouts: u32,
    /// Requests that were in flight when the server was killed.
    lost: u32,
}

/// Somebody with several browsers, and what the server has told each of them.
struct Person {
    name: String,
    dice: Dice,
    /// Signed in; the newest cookies that an answer brought.
    live: Vec<Jar>,
    /// A sign-out was sent and not answered: it may have happened.
    leaving: Vec<Jar>,
    /// Signed out: the cookies from before.
    gone: Vec<Jar>,
    acknowledged: Acknowledged,
}

impl Person {
    /// Do things until the server is killed.
    async fn work(mut self, mut browser: Browser, killed: Arc<AtomicBool>) -> Self {
        loop {
            let sign_in = self.live.is_empty() || (self.live.len() < SESSIONS && self.dice.roll(10) == 0);
            let done = if sign_in {
                self.sign_in(&mut browser).await
            } else if self.dice.roll(15) == 0 {
                self.sign_out(&mut browser).await
            } else {
                self.refresh(&mut browser).await
            };
            if done.is_err() {
                assert!(killed.load(Ordering::SeqCst), "a living server gave no answer");
                self.acknowledged.lost += 1;
                return self;
            }
        }
    }

    async fn sign_in(&mut self, browser: &mut Browser) -> Result<(), Lost> {
        browser.jar.clear();
        let answer = browser.login(&self.name, PASSWORD).await?;
        match answer.status {
            200 => {
                self.live.push(browser.jar.clone());
                self.acknowledged.logins += 1;
            }
            // Attempts that a kill cut off count as failures until a sign-in succeeds: the account may have to wait.
            429 => {}
            _ => panic!("{answer:?}"),
        }
        Ok(())
    }

    async fn refresh(&mut self, browser: &mut Browser) -> Result<(), Lost> {
        let at = self.dice.pick(self.live.len());
        browser.jar = self.live[at].clone();
        let answer = browser.rotate().await?.expect(200);
        assert!(answer.json()["access_token"].is_string());
        assert_ne!(self.live[at], browser.jar, "the cookie was not replaced");
        self.live[at] = browser.jar.clone();
        self.acknowledged.rotations += 1;
        Ok(())
    }

    async fn sign_out(&mut self, browser: &mut Browser) -> Result<(), Lost> {
        let at = self.dice.pick(self.live.len());
        browser.jar = self.live[at].clone();
        let jar = self.live.swap_remove(at);
        let Ok(answer) = browser.logout().await else {
            self.leaving.push(jar);
            return Err(Lost);
        };
        answer.expect(204);
        self.gone.push(jar);
        self.acknowledged.logouts += 1;
        Ok(())
    }

    /// Hold a new server on the old data to everything that was acknowledged.
    async fn check(&mut self, browser: &mut Browser, all_that_left: bool) {
        for jar in &mut self.live {
            browser.jar = jar.clone();
            browser.look().await.expect("an answer").expect(200);
            assert_eq!(browser.jar, *jar, "GET changes nothing");
            browser.rotate().await.expect("an answer").expect(200);
            *jar = browser.jar.clone();
        }
        for jar in std::mem::take(&mut self.leaving) {
            browser.jar = jar.clone();
            let answer = browser.look().await.expect("an answer");
            assert!(matches!(answer.status, 200 | 401), "{answer:?}");
            browser.logout().await.expect("an answer").expect(204);
            self.gone.push(jar);
        }
        let first = if all_that_left { 0 } else { self.gone.len().saturating_sub(4) };
        for jar in &self.gone[first..] {
            browser.jar = jar.clone();
            let answer = browser.look().await.expect("an answer").expect(401);
            assert_eq!(answer.text("error"), "login_required", "{answer:?}");
        }
    }
}

#[tokio::test]
async fn design7_what_was_acknowledged_survives_kill_9() {
    let scratch = Scratch::new().site("");
    scratch.add_shop();
    let mut people = Vec::new();
    for seed in 1..=PEOPLE {
        let name = format!("person-{seed}");
        scratch.add_user(&name);
        people.push(Person {
            name,
            dice: Dice(0x9e37_79b9_7f4a_7c15 ^ u64::try_from(seed).unwrap()),
            live: Vec::new(),
            leaving: Vec::new(),
            gone: Vec::new(),
            acknowledged: Acknowledged::default(),
        });
    }
    let mut dice = Dice(8420);
    for round in 0..=ROUNDS {
        let server = scratch.serve();
        let last = round == ROUNDS;
        let mut checks = Vec::new();
        for mut person in people.drain(..) {
            let mut browser = Browser::new(&scratch);
            checks.push(tokio::spawn(async move {
                person.check(&mut browser, last).await;
                person
            }));
        }
        let killed = Arc::new(AtomicBool::new(false));
        let mut work = Vec::new();
        for check in checks {
            let person = check.await.unwrap();
            if last {
                people.push(person);
            } else {
                work.push(tokio::spawn(person.work(Browser::new(&scratch), Arc::clone(&killed))));
            }
        }
        if last {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100 + dice.roll(400))).await;
        killed.store(true, Ordering::SeqCst);
        server.kill();
        for person in work {
            people.push(person.await.unwrap());
        }
    }

    let told = people.iter().fold(Acknowledged::default(), |sum, Person { acknowledged: told, .. }| Acknowledged {
        logins: sum.logins + told.logins,
        rotations: sum.rotations + told.rotations,
        logouts: sum.logouts + told.logouts,
        lost: sum.lost + told.lost,
    });
    // The test means something only if a lot was going on.
    assert!(told.logins >= 30 && told.rotations >= 300 && told.logouts >= 20 && told.lost >= 100, "{told:?}");
    let database = Connection::open(scratch.path("data/brama.db")).unwrap();
    let sound: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}
