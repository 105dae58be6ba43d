//! Whoever is in the database: ids, secrets and tokens that are computed from a number, so that none of them has to be
//! remembered and nobody has to sign in.

use anyhow::Context as _;
use aws_lc_rs::digest::{SHA256, digest};
use brama_flows::keys::{MasterKey, Purpose, Sealer};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_protocol::refresh_token::RefreshTokenKey;
use brama_protocol::username::{NameKey, Username};
use jiff::Timestamp;

use super::{BROWSER, NATIVE, PASSWORD};
use crate::{machine, pieces};

/// People that have grants of the native app too, evenly among all; also the most visitors of an operation.
pub(crate) const NATIVES: u64 = 1024;
/// An hour, milliseconds.
const HOUR: i64 = 3_600_000;

/// Which app a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    /// The browser app: cookies.
    Browser,
    /// The native app, with an ID token at every refresh.
    Native,
    /// The native app, without `openid`.
    NativePlain,
}

impl App {
    /// Its client id.
    pub(crate) fn client(self) -> &'static str {
        match self {
            Self::Browser => BROWSER,
            Self::Native | Self::NativePlain => NATIVE,
        }
    }

    /// What its grants allow.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Browser | Self::Native => "openid profile email",
            Self::NativePlain => "profile email",
        }
    }
}

/// All of them.
pub(crate) struct People {
    count: u64,
    /// When the database was filled, milliseconds since 1970.
    now: i64,
    keys: Option<Keys>,
}

/// What the server derives from its master key, and what one password comes to.
pub(super) struct Keys {
    tokens: RefreshTokenKey,
    passwords: Sealer,
    /// The hash of everybody's password, as a PHC string.
    phc: String,
}

impl Keys {
    pub(super) fn of(master: &MasterKey) -> anyhow::Result<Self> {
        let derive = |purpose| master.derive(purpose).context("a derived key");
        Ok(Self {
            tokens: RefreshTokenKey::new(&*derive(Purpose::RefreshTokens)?),
            passwords: Sealer::new(&*derive(Purpose::Passwords)?)?,
            phc: pieces::phc(PASSWORD)?,
        })
    }
}

impl People {
    /// Nobody.
    pub(crate) fn none() -> Self {
        Self { count: 0, now: 0, keys: None }
    }

    pub(super) fn new(count: u64, keys: Keys) -> Self {
        Self { count, now: machine::now().as_millisecond(), keys: Some(keys) }
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The numbers of those with grants of an app.
    pub(super) fn with(&self, app: App) -> std::iter::StepBy<std::ops::Range<u64>> {
        match app {
            App::Browser => (0..self.count).step_by(1),
            App::Native | App::NativePlain => (0..self.count).step_by(usize::try_from(self.stride()).unwrap_or(1)),
        }
    }

    /// From one person with grants of the native app to the next.
    fn stride(&self) -> u64 {
        (self.count / NATIVES).max(1)
    }

    /// One of those people for each of so many visitors, evenly over the table: neighbours share pages, and updating them
    /// would be too easy.
    pub(crate) fn spread(&self, visitor: u64, visitors: u64) -> u64 {
        visitor * (NATIVES / visitors.max(1)).max(1) * self.stride()
    }

    /// When a person came, milliseconds: one after the other during the hour before the filling.
    #[expect(clippy::cast_possible_wrap, reason = "an hour fits")]
    pub(super) fn came(&self, number: u64) -> i64 {
        self.now - HOUR + (number * (HOUR as u64) / self.count.max(1)) as i64
    }

    /// When sessions and grants end.
    pub(super) fn ends(&self) -> i64 {
        self.now + 7 * 24 * HOUR
    }

    /// When sessions were last seen. In an hour: then no refresh of a run has to say so again (it does once a minute), and
    /// tables of all sizes are treated alike.
    pub(super) fn seen(&self) -> i64 {
        self.now + HOUR
    }

    fn instant(&self, number: u64) -> Timestamp {
        Timestamp::from_millisecond(self.came(number)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) fn user(&self, number: u64) -> UserId {
        UserId::new(self.instant(number), bits("user", number))
    }

    pub(super) fn session(&self, number: u64) -> SessionId {
        SessionId::new(self.instant(number), bits("session", number))
    }

    pub(super) fn grant(&self, app: App, number: u64) -> GrantId {
        let label = match app {
            App::Browser => "browser",
            App::Native => "native",
            App::NativePlain => "plain",
        };
        GrantId::new(self.instant(number), bits(label, number))
    }

    /// What the session cookie carries.
    pub(super) fn secret(number: u64) -> Handle<kind::Session> {
        Handle::from_random(hash("secret", number))
    }

    /// The password hash of a person, sealed for its row.
    pub(super) fn sealed(&self, number: u64) -> anyhow::Result<Vec<u8>> {
        let keys = self.keys.as_ref().context("nobody")?;
        let nonce = hash("nonce", number).first_chunk().copied().unwrap_or_default();
        Ok(keys.passwords.seal(nonce, &format!("password/sealed/{}", self.user(number)), keys.phc.as_bytes())?)
    }

    /// The name to sign in with.
    pub(crate) fn name(number: u64) -> String {
        format!("person-{number}")
    }

    pub(super) fn key(number: u64) -> Option<NameKey> {
        Username::parse(&Self::name(number)).ok().map(|name| name.key())
    }

    /// `name=value` of the session cookie.
    pub(crate) fn session_cookie(number: u64) -> String {
        format!("__Host-brama_session={}", Self::secret(number).to_wire())
    }

    /// The refresh token of a grant.
    pub(crate) fn token(&self, app: App, number: u64, generation: u64) -> String {
        let token = self.keys.as_ref().map(|keys| keys.tokens.token(self.grant(app, number), generation));
        token.map_or_else(String::new, |token| token.as_str().to_owned())
    }

    /// `name=value` of the refresh cookie.
    pub(crate) fn refresh_cookie(&self, number: u64, generation: u64) -> String {
        format!("__Host-brama_rt_{BROWSER}={}", self.token(App::Browser, number, generation))
    }
}

/// 256 bits that belong to a name and a number.
fn hash(label: &str, number: u64) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    bytes.copy_from_slice(digest(&SHA256, format!("{label} {number}").as_bytes()).as_ref());
    bytes
}

fn bits(label: &str, number: u64) -> [u8; 10] {
    hash(label, number).first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn everybody_is_somebody_else_and_tokens_open() {
        let master = MasterKey::new(*b"0123456789abcdefghijklmnopqrstuv").unwrap();
        let derive = |purpose| master.derive(purpose).unwrap();
        let people = People::new(1000, Keys::of(&master).unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..1000 {
            assert!(seen.insert(*people.user(number).as_bytes()));
            assert!(seen.insert(*people.session(number).as_bytes()));
            for app in [App::Browser, App::Native, App::NativePlain] {
                assert!(seen.insert(*people.grant(app, number).as_bytes()));
            }
            assert_eq!(People::key(number).unwrap().as_str(), People::name(number));
        }
        let opened =
            RefreshTokenKey::new(&derive(Purpose::RefreshTokens)).open(&people.token(App::Browser, 7, 3)).unwrap();
        assert_eq!((opened.grant, opened.generation), (people.grant(App::Browser, 7), 3));
        let sealer = Sealer::new(&derive(Purpose::Passwords)).unwrap();
        let row = format!("password/sealed/{}", people.user(7));
        let phc = sealer.open(&row, &people.sealed(7).unwrap()).unwrap();
        assert!(phc.starts_with(b"$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(people.with(App::Browser).count(), 1000);
    }

    #[test]
    fn visitors_are_spread_over_those_who_have_grants_of_every_app() {
        let people = People { count: 10_000, now: 0, keys: None };
        let natives: std::collections::BTreeSet<u64> = people.with(App::Native).collect();
        for visitors in [1, 64, 1000, NATIVES] {
            let numbers: Vec<u64> = (0..visitors).map(|visitor| people.spread(visitor, visitors)).collect();
            assert!(numbers.iter().all(|number| natives.contains(number)));
            assert!(numbers.is_sorted() && numbers.windows(2).all(|two| two.first() != two.last()));
            let last = numbers.last().copied().unwrap();
            assert!(visitors == 1 || last > 8_000 && last < 10_000 - 2, "{visitors}: {last}");
        }
    }
}
