//! Somebody with an app of the same site: signs in, refreshes by cookie, signs out; and keeps account of what was
//! acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outage::{Came, Watch};
use crate::support::{Answer, Browser, PASSWORD};
use crate::world::{Dice, Tally, for_now};

type Jar = BTreeMap<String, String>;

enum State {
    Out,
    In,
    /// A sign-out was sent and may have happened.
    Leaving,
}

/// The person, and the ledger.
pub(crate) struct Person {
    name: String,
    dice: Dice,
    browser: Browser,
    state: State,
    /// Cookies of sessions whose end was acknowledged.
    gone: Vec<Jar>,
    pub(crate) tally: Tally,
}

impl Person {
    pub(crate) fn new(name: &str, seed: u64, browser: Browser) -> Self {
        let (name, dice) = (name.to_owned(), Dice::new(seed));
        Self { name, dice, browser, state: State::Out, gone: Vec::new(), tally: Tally::default() }
    }

    /// Do things until it is over.
    pub(crate) async fn work(mut self, watch: Arc<Watch>) -> Self {
        // Whatever it was that was left open.
        let mut before = Came::Refused;
        while !watch.is_over() {
            let asked = Instant::now();
            let now = self.step().await;
            watch.note(&self.name, asked, before, now);
            before = now;
            let pause = if now == Came::Refused { 20 } else { self.dice.roll(10) };
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        self
    }

    /// One request that writes.
    async fn step(&mut self) -> Came {
        match self.state {
            State::Out => {
                let answer = self.browser.login(&self.name, PASSWORD).await.expect("an answer");
                let came = self.acknowledged(&answer, 200);
                if came == Came::Written {
                    self.tally.sign_ins += 1;
                    self.state = State::In;
                }
                came
            }
            State::In if self.dice.roll(20) == 0 => {
                self.state = State::Leaving;
                self.leave().await
            }
            State::In => self.refresh().await,
            State::Leaving => self.leave().await,
        }
    }

    async fn refresh(&mut self) -> Came {
        let before = self.browser.jar.clone();
        let answer = self.browser.rotate().await.expect("an answer");
        let came = self.acknowledged(&answer, 200);
        let done = came == Came::Written;
        assert_eq!(done, self.browser.jar != before, "the cookie is replaced with success, and only then: {answer:?}");
        self.tally.refreshes += u64::from(done);
        came
    }

    async fn leave(&mut self) -> Came {
        let jar = self.browser.jar.clone();
        let answer = self.browser.logout().await.expect("an answer");
        let came = self.acknowledged(&answer, 204);
        if came == Came::Written {
            self.tally.sign_outs += 1;
            self.gone.push(jar);
            self.browser.jar.clear();
            self.state = State::Out;
        }
        came
    }

    /// It has this status, or it is a refusal for now.
    fn acknowledged(&mut self, answer: &Answer, status: u16) -> Came {
        if for_now(answer) {
            self.tally.refused += 1;
            return Came::Refused;
        }
        assert_eq!(answer.status, status, "{}: {answer:?}", self.name);
        Came::Written
    }

    /// Hold the database against the ledger. `all`: against all of it.
    pub(crate) async fn check(&mut self, all: bool) {
        match self.state {
            State::Out => {}
            State::In => {
                let before = self.browser.jar.clone();
                let looked = self.browser.look().await.expect("an answer");
                assert_eq!(looked.status, 200, "{}: the newest cookie: {looked:?}", self.name);
                assert_eq!(self.browser.jar, before);
                assert_eq!(self.refresh().await, Came::Written, "{}", self.name);
            }
            State::Leaving => assert_eq!(self.leave().await, Came::Written, "{}", self.name),
        }
        let live = self.browser.jar.clone();
        let first = if all { 0 } else { self.gone.len().saturating_sub(3) };
        for jar in &self.gone[first..] {
            self.browser.jar.clone_from(jar);
            let looked = self.browser.look().await.expect("an answer");
            assert_eq!(looked.status, 401, "{}: a session that was ended: {looked:?}", self.name);
            let refreshed = self.browser.rotate().await.expect("an answer");
            assert_eq!(refreshed.status, 401, "{}: a session that was ended: {refreshed:?}", self.name);
        }
        self.browser.jar = live;
    }
}
