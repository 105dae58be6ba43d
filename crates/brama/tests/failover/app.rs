//! An app that signs somebody in by codes, again and again: codes, refresh tokens, replays; and keeps account of what was
//! acknowledged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brama_testkit::RelyingParty;

use crate::outage::{Came, Watch};
use crate::support::{Answer, Browser, PASSWORD, Wire};
use crate::walk::{Landing, authorize, redeem, refresh};
use crate::world::{Dice, Tally, for_now};

enum State {
    /// The person has to sign in.
    Out,
    Ready,
    /// A code came. `again`: it was presented before, and the answer was a refusal for now.
    Code {
        code: String,
        again: bool,
    },
    /// A code that was redeemed is presented once more: what came from it, this refresh token, has to go.
    Replay {
        code: String,
        token: String,
    },
    /// This refresh token is presented until there is an answer.
    Refresh(usize),
}

/// The app with its person, and the ledger.
pub(crate) struct App {
    name: String,
    app: RelyingParty,
    own: String,
    dice: Dice,
    browser: Browser,
    wire: Wire,
    state: State,
    /// Codes that were redeemed, and the newest refresh token of each.
    held: Vec<(String, String)>,
    /// Refresh tokens of grants whose revocation was acknowledged.
    revoked: Vec<String>,
    /// An access token that came last.
    pub(crate) access: String,
    pub(crate) tally: Tally,
}

impl App {
    pub(crate) fn new(name: &str, seed: u64, app: RelyingParty, own: String, browser: Browser, wire: Wire) -> Self {
        let (name, dice, state) = (name.to_owned(), Dice::new(seed), State::Out);
        let (held, revoked, access) = (Vec::new(), Vec::new(), String::new());
        Self { name, app, own, dice, browser, wire, state, held, revoked, access, tally: Tally::default() }
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

    /// One request.
    async fn step(&mut self) -> Came {
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Out => self.sign_in().await,
            State::Ready if self.held.is_empty() || self.dice.roll(3) == 0 => self.authorize().await,
            State::Ready => {
                let place = self.dice.pick(self.held.len());
                self.refresh(place).await
            }
            State::Code { code, again } => self.redeem(code, again).await,
            State::Replay { code, token } => self.replay(code, token).await,
            State::Refresh(place) => self.refresh(place).await,
        }
    }

    async fn sign_in(&mut self) -> Came {
        let answer = self.browser.login(&self.name, PASSWORD).await.expect("an answer");
        let came = self.acknowledged(&answer, 200);
        if came == Came::Refused {
            self.state = State::Out;
        }
        came
    }

    async fn authorize(&mut self) -> Came {
        match authorize(&mut self.browser, &self.own, &self.app).await.expect("an answer") {
            Landing::App(url) => {
                let answer = brama_testkit::Answer::parse(&url);
                if answer.get("code").is_some() {
                    self.state = State::Code { code: answer.code().to_owned(), again: false };
                    return Came::Written;
                }
                assert_eq!(answer.error(), "temporarily_unavailable", "{}: {url}", self.name);
                self.tally.refused += 1;
                Came::Refused
            }
            Landing::Here(answer) => {
                assert!(for_now(&answer), "{}: the session is gone: {answer:?}", self.name);
                self.tally.refused += 1;
                Came::Refused
            }
        }
    }

    async fn redeem(&mut self, code: String, again: bool) -> Came {
        let answer = redeem(&mut self.wire, &self.app, &code).await.expect("an answer");
        if for_now(&answer) {
            self.tally.refused += 1;
            self.state = State::Code { code, again: true };
            return Came::Refused;
        }
        if answer.status == 400 && again {
            // It was spent, the answer was lost, and so was the node's knowledge of it.
            self.tally.codes_lost += 1;
            return Came::Read;
        }
        assert_eq!(answer.status, 200, "{}: a code that was never redeemed: {answer:?}", self.name);
        self.tally.codes += 1;
        self.access = answer.text("access_token");
        let token = answer.text("refresh_token");
        if self.dice.roll(4) == 0 {
            self.state = State::Replay { code, token };
        } else {
            self.held.push((code, token));
        }
        Came::Written
    }

    async fn replay(&mut self, code: String, token: String) -> Came {
        let answer = redeem(&mut self.wire, &self.app, &code).await.expect("an answer");
        assert_ne!(answer.status, 200, "{}: a code was redeemed twice", self.name);
        let came = self.acknowledged(&answer, 400);
        if came == Came::Refused {
            self.state = State::Replay { code, token };
        } else {
            self.tally.replays += 1;
            self.revoked.push(token);
        }
        came
    }

    async fn refresh(&mut self, place: usize) -> Came {
        let answer = refresh(&mut self.wire, &self.app, &self.held[place].1).await.expect("an answer");
        if self.acknowledged(&answer, 200) == Came::Refused {
            self.state = State::Refresh(place);
            return Came::Refused;
        }
        self.tally.refreshes += 1;
        self.access = answer.text("access_token");
        // A client with a secret keeps its token, and that is no write.
        match answer.json()["refresh_token"].as_str() {
            Some(next) if self.held[place].1 != next => next.clone_into(&mut self.held[place].1),
            _ => return Came::Read,
        }
        Came::Written
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
        while !matches!(self.state, State::Ready | State::Out) {
            self.step().await;
        }
        let newest = |length: usize| if all { 0 } else { length.saturating_sub(10) };
        for place in newest(self.held.len())..self.held.len() {
            self.refresh(place).await;
            assert!(matches!(self.state, State::Ready), "{}: refused for now", self.name);
        }
        for token in &self.revoked[newest(self.revoked.len())..] {
            let answer = refresh(&mut self.wire, &self.app, token).await.expect("an answer");
            assert_eq!(answer.status, 400, "{}: what was revoked: {answer:?}", self.name);
            assert_eq!(answer.text("error"), "invalid_grant");
        }
        if all {
            for (code, _) in &self.held {
                let answer = redeem(&mut self.wire, &self.app, code).await.expect("an answer");
                assert_eq!(answer.status, 400, "{}: a code was redeemed twice: {answer:?}", self.name);
            }
        }
    }
}
