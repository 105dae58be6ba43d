//! The rule of rotation, model-checked: every interleaving of two tabs, a thief, lost messages and time, in small
//! bounds. Design §5.
//!
//! The server of the model asks [`judge`] itself. A browser is two tabs with one cookie jar: a tab sends what the jar
//! holds, and what comes back goes into the jar, in whatever order the network likes. A thief has copied the jar once
//! and keeps every token it was ever given. Time is one bit: whether the window of the last rotation has passed.
//!
//! What is checked, and what is not:
//!
//! - Never two live successors ([`ONE_LIVE`]): always, whatever the network and the thief do.
//! - An old token is worth nothing ([`TWO_ARE_ANSWERED`]): always.
//! - Every theft is seen ([`THEFT_IS_SEEN`]): as soon as the parties refresh in turn, each more than a window after the
//!   other. Parties that refresh within one window of each other share a successor and are not told apart before they
//!   part: that is the price of idempotence (TE-26). [`SHARED`] shows that the model knows of it.
//! - No lost message signs a bound client out ([`STAYS_SIGNED_IN`]): as long as the [`Network`] keeps two promises, that
//!   nothing is overtaken and nothing overdue. Without either of them a browser can look like two parties; the last two
//!   tests show how.
#![expect(clippy::expect_used, reason = "tests")]

use jiff::{SignedDuration, Timestamp};
use stateright::{Checker, Model, Property};

use super::{Lineage, SenderBinding, Verdict, judge};

const WINDOW: SignedDuration = SignedDuration::from_secs(60);
const ROTATED_AT: Timestamp = Timestamp::UNIX_EPOCH;
const BINDINGS: [SenderBinding; 2] = [SenderBinding::None, SenderBinding::Bound];

const ONE_LIVE: &str = "at most one token would be rotated, and it is the youngest";
const TWO_ARE_ANSWERED: &str = "every token but the youngest and the one it replaced is refused and revokes";
const THEFT_IS_SEEN: &str = "a theft is seen when the parties have refreshed in turn";
const STAYS_SIGNED_IN: &str = "nobody is signed out";
const SHARED: &str = "thief and browser share a successor";
const REVOKED: &str = "the grant is revoked";
const REPLACED: &str = "a successor was dropped for a new one";

/// The grant's row, and whether the window of its last rotation has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Server {
    lineage: Lineage,
    window_passed: bool,
    revoked: bool,
}

impl Server {
    fn now(self) -> Timestamp {
        let since = if self.window_passed { WINDOW + SignedDuration::from_secs(1) } else { WINDOW };
        ROTATED_AT.checked_add(since).expect("a minute after 1970")
    }

    fn verdict(self, presented: u64, binding: SenderBinding) -> Verdict {
        judge(self.lineage, presented, binding, WINDOW, self.now())
    }

    /// What a backend does with a presented token: the verdict, and the token of the answer.
    fn present(&mut self, presented: u64, binding: SenderBinding) -> Option<u64> {
        if self.revoked {
            return None;
        }
        match self.verdict(presented, binding) {
            Verdict::Rotate(next) | Verdict::Replace(next) => {
                self.lineage = Lineage { rotated_at: ROTATED_AT, ..next };
                self.window_passed = false;
            }
            Verdict::Again => {}
            Verdict::Reuse => self.revoked = true,
        }
        (!self.revoked).then_some(self.lineage.generation)
    }
}

/// Where the exchange of a tab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Exchange {
    None,
    /// On its way to the server, with this token.
    Asked(u64),
    /// On its way back: this token was presented, this one is the answer. Refusals never touch the jar.
    Answered(u64, u64),
}

impl Exchange {
    fn presented(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Asked(presented) | Self::Answered(presented, _) => Some(presented),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    server: Server,
    /// What the browser's next request carries.
    jar: u64,
    tabs: [Exchange; 2],
    /// Tokens the thief has, oldest first; none before the theft.
    loot: Vec<u64>,
    replaced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Ask(usize),
    Arrive(usize),
    Return(usize),
    Lose(usize),
    WindowPasses,
    Steal,
    ThiefPresents(u64),
}

/// What the network may do beyond losing any message and letting the exchanges of two tabs cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    /// A tab may begin an exchange with a younger token while one with an older is under way. The SDK refreshes under a
    /// lock that tabs share, so it does not.
    overtaking: bool,
    /// An exchange may take longer than the window. Servers and browsers give up sooner.
    overdue: bool,
}

impl Network {
    const ORDERLY: Self = Self { overtaking: false, overdue: false };
    const ANY: Self = Self { overtaking: true, overdue: true };
}

#[derive(Clone, Copy, Debug)]
struct Refreshing {
    browser: SenderBinding,
    thief: Option<SenderBinding>,
    network: Network,
    generations: u64,
}

/// One of the two who hold tokens after a theft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Browser,
    Thief,
}

impl Refreshing {
    /// From a quiet state whose window has passed, let `first`, the other and `first` again refresh, each answer arriving
    /// and each a window after the other, the thief choosing any of its tokens when it is its turn (but coming again
    /// with its youngest, if it was first: with an older one it begins a new turn). Whether the grant is revoked in the
    /// end, and no later than at the other's turn if that one is not bound.
    fn is_seen(&self, state: &State, thief: SenderBinding, first: Party) -> bool {
        let newest = |loot: &[u64]| loot.last().copied().unwrap_or_default();
        state.loot.iter().all(|&chosen| {
            let (mut server, mut jar, mut loot) = (state.server, state.jar, state.loot.clone());
            let mut turn = |party: Party, again: bool| {
                let answer = match party {
                    Party::Browser => server.present(jar, self.browser),
                    Party::Thief => server.present(if again { newest(&loot) } else { chosen }, thief),
                };
                match (party, answer) {
                    (_, None) => {}
                    (Party::Browser, Some(token)) => jar = token,
                    (Party::Thief, Some(token)) => loot.push(token),
                }
                server.window_passed = true;
                server.revoked
            };
            let (second, binding) = match first {
                Party::Browser => (Party::Thief, thief),
                Party::Thief => (Party::Browser, self.browser),
            };
            let seen_first = turn(first, false);
            let seen_second = turn(second, false);
            let seen_third = turn(first, true);
            seen_first || seen_second || (binding == SenderBinding::Bound && seen_third)
        })
    }

    fn may_ask(&self, state: &State) -> bool {
        let older = state.tabs.iter().filter_map(|tab| tab.presented()).any(|presented| presented != state.jar);
        self.network.overtaking || !older
    }
}

impl Model for Refreshing {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let lineage = Lineage { generation: 0, predecessor: None, rotated_at: ROTATED_AT };
        let server = Server { lineage, window_passed: false, revoked: false };
        vec![State { server, jar: 0, tabs: [Exchange::None; 2], loot: Vec::new(), replaced: false }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.server.revoked {
            // Everybody is refused from here on.
            return;
        }
        for (tab, exchange) in state.tabs.iter().enumerate() {
            match exchange {
                Exchange::None if self.may_ask(state) => actions.push(Action::Ask(tab)),
                Exchange::None => {}
                Exchange::Asked(_) => actions.extend([Action::Arrive(tab), Action::Lose(tab)]),
                Exchange::Answered(..) => actions.extend([Action::Return(tab), Action::Lose(tab)]),
            }
        }
        let quiet = state.tabs == [Exchange::None; 2];
        if !state.server.window_passed && (quiet || self.network.overdue) {
            actions.push(Action::WindowPasses);
        }
        if self.thief.is_some() {
            if state.loot.is_empty() {
                actions.push(Action::Steal);
            }
            // The thief loses no messages, and a delayed one is one that was sent later.
            actions.extend(state.loot.iter().map(|token| Action::ThiefPresents(*token)));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Ask(tab) => *state.tabs.get_mut(tab)? = Exchange::Asked(last.jar),
            Action::Lose(tab) => *state.tabs.get_mut(tab)? = Exchange::None,
            Action::Arrive(tab) => {
                let tab = state.tabs.get_mut(tab)?;
                let Exchange::Asked(presented) = *tab else { return None };
                state.replaced |= matches!(last.server.verdict(presented, self.browser), Verdict::Replace(_));
                *tab = match state.server.present(presented, self.browser) {
                    Some(token) => Exchange::Answered(presented, token),
                    None => Exchange::None,
                };
            }
            Action::Return(tab) => {
                let tab = state.tabs.get_mut(tab)?;
                let Exchange::Answered(_, token) = *tab else { return None };
                (state.jar, *tab) = (token, Exchange::None);
            }
            Action::WindowPasses => state.server.window_passed = true,
            Action::Steal => state.loot.push(last.jar),
            Action::ThiefPresents(token) => {
                let answer = state.server.present(token, self.thief?);
                state.loot.extend(answer.filter(|answer| !last.loot.contains(answer)));
            }
        }
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.server.lineage.generation <= self.generations
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(ONE_LIVE, |model: &Self, state: &State| {
                let rotated = |token: &u64| {
                    BINDINGS.iter().any(|binding| matches!(state.server.verdict(*token, *binding), Verdict::Rotate(_)))
                };
                let live: Vec<u64> = (0..=model.generations + 1).filter(rotated).collect();
                live == [state.server.lineage.generation]
            }),
            Property::always(TWO_ARE_ANSWERED, |model: &Self, state: &State| {
                let Lineage { generation, predecessor, .. } = state.server.lineage;
                (0..=model.generations + 1)
                    .filter(|token| *token != generation && Some(*token) != predecessor)
                    .all(|token| BINDINGS.iter().all(|binding| state.server.verdict(token, *binding) == Verdict::Reuse))
            }),
        ];
        if self.browser == SenderBinding::Bound {
            properties.push(Property::sometimes(REPLACED, |_, state: &State| state.replaced));
        }
        match self.thief {
            None => properties.push(Property::always(STAYS_SIGNED_IN, |_, state: &State| !state.server.revoked)),
            Some(_) => properties.extend([
                Property::always(THEFT_IS_SEEN, |model: &Self, state: &State| {
                    let Some(thief) = model.thief else { return true };
                    let quiet = state.tabs == [Exchange::None; 2] && state.server.window_passed;
                    !quiet || [Party::Browser, Party::Thief].iter().all(|first| model.is_seen(state, thief, *first))
                }),
                Property::sometimes(SHARED, |_, state: &State| {
                    !state.server.revoked
                        && state.jar == state.server.lineage.generation
                        && state.jar > 0
                        && state.loot.first().is_some_and(|stolen| *stolen < state.jar)
                        && state.loot.contains(&state.jar)
                }),
                Property::sometimes(REVOKED, |_, state: &State| state.server.revoked),
            ]),
        }
        properties
    }
}

const BROWSER: Refreshing =
    Refreshing { browser: SenderBinding::Bound, thief: None, network: Network::ORDERLY, generations: 4 };

fn check(model: Refreshing) -> impl Checker<Refreshing> {
    model.checker().spawn_bfs().join()
}

#[test]
fn design5_no_lost_message_signs_a_bound_browser_out() {
    check(BROWSER).assert_properties();
}

#[test]
fn te27_a_thief_without_the_session_cookie_is_seen() {
    let thief = Some(SenderBinding::None);
    check(Refreshing { thief, network: Network::ANY, ..BROWSER }).assert_properties();
}

#[test]
fn te27_a_thief_of_the_whole_cookie_jar_is_seen() {
    let thief = Some(SenderBinding::Bound);
    check(Refreshing { thief, network: Network::ANY, ..BROWSER }).assert_properties();
}

#[test]
fn te27_a_thief_of_a_bearer_token_is_seen() {
    let (browser, thief) = (SenderBinding::None, Some(SenderBinding::None));
    check(Refreshing { browser, thief, network: Network::ANY, ..BROWSER }).assert_properties();
}

/// A limit, not a wish: two rotations while an older request is on its way, and that request looks like theft.
#[test]
fn a_limit_an_exchange_that_is_overtaken_twice_looks_like_theft() {
    let checker = check(Refreshing { network: Network { overtaking: true, overdue: false }, ..BROWSER });
    checker.assert_no_discovery(ONE_LIVE);
    let twice = [Action::Ask(1), Action::Arrive(1), Action::Return(1), Action::Ask(1), Action::Arrive(1)];
    checker.assert_discovery(STAYS_SIGNED_IN, [&[Action::Ask(0)], &twice[..], &[Action::Arrive(0)]].concat());
}

/// A limit, not a wish: an answer that comes after its window brings back a successor that was dropped meanwhile.
#[test]
fn a_limit_an_answer_that_is_overdue_looks_like_theft() {
    let checker = check(Refreshing { network: Network { overtaking: false, overdue: true }, ..BROWSER });
    checker.assert_no_discovery(ONE_LIVE);
    let late = [Action::Ask(0), Action::Arrive(0), Action::WindowPasses];
    let meanwhile = [Action::Ask(1), Action::Arrive(1), Action::Return(1)];
    let then = [Action::Return(0), Action::Ask(0), Action::Arrive(0)];
    checker.assert_discovery(STAYS_SIGNED_IN, [late, meanwhile, then].concat());
}
