//! Refreshing: the row of the grant changes, durably, and an access token is signed.

use std::collections::HashMap;
use std::rc::Rc;

use crate::load::Visitor;
use crate::site::{App, BROWSER, People};
use crate::skeleton::COOKIE;
use crate::wire::{Place, Request, Wire};

/// A browser app: `POST /api/auth/refresh`, the token is a cookie.
pub(crate) struct ByCookie {
    place: Place,
    wire: Option<Wire>,
    /// The request up to the value of its cookies.
    head: String,
    refresh: String,
    request: Vec<u8>,
}

/// The request up to the value of its cookies.
fn head(place: &Place, path: &str) -> String {
    let request = Request::new("POST", place, path).same_origin(place).header("content-length", "0");
    request.unfinished("cookie")
}

impl Visitor for ByCookie {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.wire = Some(Wire::open(&self.place).await?);
        Ok(())
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        self.request.clear();
        for part in [self.head.as_str(), &self.refresh, "\r\n\r\n"] {
            self.request.extend_from_slice(part.as_bytes());
        }
        let answer = super::open(&mut self.wire)?.expect(&self.request, 200).await?;
        let next = answer.cookie(COOKIE)?;
        self.refresh.clear();
        self.refresh.push_str(next);
        Ok(())
    }
}

impl ByCookie {
    /// One of our people.
    pub(crate) fn of(place: &Place, people: &People, number: u64) -> Self {
        let cookie = people.refresh_cookie(number, 0);
        Self::new(place, "/api/auth/refresh", &People::session_cookie(number), cookie)
    }

    /// The same request at the skeleton.
    pub(crate) fn of_skeleton(place: &Place, number: u64) -> Self {
        let cookie = format!("{COOKIE}{BROWSER}=brt_{}", "0".repeat(75));
        Self::new(place, &format!("/refresh/cookie/{number}"), &People::session_cookie(number), cookie)
    }

    fn new(place: &Place, path: &str, session: &str, refresh: String) -> Self {
        let head = format!("{}{session}; ", head(place, path));
        Self { place: place.clone(), wire: None, head, refresh, request: Vec::new() }
    }
}

/// An app with the token in the body: `POST /oauth2/token`.
pub(crate) struct ByBody {
    place: Place,
    wire: Option<Wire>,
    path: String,
    client: (String, Option<String>),
    token: String,
}

impl Visitor for ByBody {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.wire = Some(Wire::open(&self.place).await?);
        Ok(())
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        let (client, secret) = &self.client;
        let refresh = ("refresh_token", self.token.as_str());
        let request = match secret {
            None => {
                let pairs = [("grant_type", "refresh_token"), ("client_id", client), refresh];
                Request::form(&self.place, &self.path, &pairs)
            }
            Some(secret) => {
                let pairs = [("grant_type", "refresh_token"), refresh];
                Request::form(&self.place, &self.path, &pairs).basic(client, secret)
            }
        };
        let answer = super::open(&mut self.wire)?.expect(&request.bytes(), 200).await?;
        // A server may keep the token of a client that authenticates itself.
        if let Some(next) = member(answer.body, "refresh_token") {
            self.token = next.to_owned();
        }
        Ok(())
    }
}

/// A text of a JSON object, found without reading the whole of it: tokens have nothing that JSON escapes.
fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let (_, rest) = std::str::from_utf8(body).ok()?.split_once(&format!("\"{name}\""))?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    value.split_once('"').map(|(value, _)| value)
}

impl ByBody {
    /// One of our people with a native app.
    pub(crate) fn of(place: &Place, people: &People, app: App, number: u64) -> Self {
        Self::new(place, "/oauth2/token", (app.client().to_owned(), None), people.token(app, number, 0))
    }

    /// The same request at the skeleton.
    pub(crate) fn of_skeleton(place: &Place, number: u64) -> Self {
        let path = format!("/refresh/body/{number}");
        Self::new(place, &path, (App::Native.client().to_owned(), None), format!("brt_{}", "0".repeat(75)))
    }

    /// Any client at any token endpoint; with a secret it authenticates itself.
    pub(crate) fn new(place: &Place, path: &str, client: (String, Option<String>), token: String) -> Self {
        Self { place: place.clone(), wire: None, path: path.to_owned(), client, token }
    }
}

/// Browsers all over the table: every refresh is of a grant chosen at random.
pub(crate) struct Roaming {
    place: Place,
    wire: Option<Wire>,
    people: Rc<People>,
    head: String,
    /// Which of so many visitors this is: no two of them have a grant in common.
    number: u64,
    visitors: u64,
    /// Generations of the grants that were refreshed.
    generations: HashMap<u64, u64>,
    chance: u64,
}

impl Roaming {
    /// The visitor of a number among so many.
    pub(crate) fn new(place: &Place, people: &Rc<People>, number: u64, visitors: u64) -> Self {
        Self {
            place: place.clone(),
            wire: None,
            people: Rc::clone(people),
            head: head(place, "/api/auth/refresh"),
            number,
            visitors,
            generations: HashMap::new(),
            chance: number.wrapping_add(0x9e37_79b9_7f4a_7c15),
        }
    }

    /// One of this visitor's people (xorshift64*: spread evenly is all that is asked of it).
    fn anybody(&mut self) -> u64 {
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        let drawn = self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        let share = (self.people.count() / self.visitors).max(1);
        (drawn % share) * self.visitors + self.number
    }
}

impl Visitor for Roaming {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.wire = Some(Wire::open(&self.place).await?);
        Ok(())
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        let number = self.anybody();
        let generation = self.generations.get(&number).copied().unwrap_or_default();
        let (session, refresh) = (People::session_cookie(number), self.people.refresh_cookie(number, generation));
        let request = format!("{}{session}; {refresh}\r\n\r\n", self.head);
        super::open(&mut self.wire)?.expect(request.as_bytes(), 200).await?;
        self.generations.insert(number, generation + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_or_not() {
        let body = br#"{"access_token":"a.b","refresh_token" : "c-d_e","x":1}"#;
        assert_eq!(member(body, "refresh_token"), Some("c-d_e"));
        assert_eq!(member(body, "access_token"), Some("a.b"));
        for none in ["token", "x", "refresh"] {
            assert_eq!(member(body, none), None, "{none}");
        }
    }
}
