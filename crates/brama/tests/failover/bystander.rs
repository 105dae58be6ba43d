//! Those who write nothing: they must not notice that the database is away. Whoever reads from it is told to come back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brama_guard::Guard;
use brama_testkit::RelyingParty;

use crate::outage::Watch;
use crate::support::Wire;
use crate::walk::{ask, token};
use crate::world::for_now;

/// How often they were answered, and the longest time that took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Served {
    pub(crate) answers: u64,
    pub(crate) refused: u64,
    pub(crate) slowest: Duration,
}

impl Served {
    fn note(&mut self, began: Instant) {
        self.answers += 1;
        self.slowest = self.slowest.max(began.elapsed());
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.refused += other.refused;
        self.slowest = self.slowest.max(other.slowest);
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// An API in start-up: keys and metadata.
pub(crate) async fn documents(mut wire: Wire, watch: Arc<Watch>) -> Served {
    let mut served = Served::default();
    while !watch.is_over() {
        for target in ["/oauth2/jwks", "/.well-known/openid-configuration", "/livez"] {
            let began = Instant::now();
            wire.get(target).await.expect(200);
            served.note(began);
        }
        pause().await;
    }
    served
}

/// An API at work: it verifies the newest access tokens.
pub(crate) async fn api(guard: Guard, newest: Arc<Mutex<String>>, watch: Arc<Watch>) -> Served {
    let mut served = Served::default();
    while !watch.is_over() {
        let access = newest.lock().unwrap().clone();
        let began = Instant::now();
        guard.verify(&access).await.unwrap();
        served.note(began);
        pause().await;
    }
    served
}

/// A machine that asks for tokens of its own.
pub(crate) async fn robot(mut wire: Wire, robot: RelyingParty, watch: Arc<Watch>) -> Served {
    let mut served = Served::default();
    while !watch.is_over() {
        let began = Instant::now();
        token(&mut wire, &robot, &[("grant_type", "client_credentials")]).await.unwrap().expect(200);
        served.note(began);
        pause().await;
    }
    served
}

/// An app that shows who is signed in: a read from the database.
pub(crate) async fn reader(mut wire: Wire, access: String, newest: Arc<Mutex<String>>, watch: Arc<Watch>) -> Served {
    let mut served = Served::default();
    newest.lock().unwrap().clone_from(&access);
    while !watch.is_over() {
        for target in ["/userinfo", "/api/auth/me"] {
            let began = Instant::now();
            let answer = ask(&mut wire, target, &access).await.unwrap();
            if for_now(&answer) {
                served.refused += 1;
            } else {
                answer.expect(200);
                served.note(began);
            }
        }
        pause().await;
    }
    served
}
