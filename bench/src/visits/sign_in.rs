//! Signing in with user name and password: one Argon2id hash, a session and a grant.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::load::Visitor;
use crate::site::{BROWSER, PASSWORD, People};
use crate::wire::{Place, Request, Wire};

/// Somebody who signs in again and again, each time with a new browser.
pub(crate) struct SignIn {
    place: Place,
    wire: Option<Wire>,
    request: Vec<u8>,
}

impl SignIn {
    /// A person, each time with a new browser.
    pub(crate) fn new(place: &Place, number: u64) -> Self {
        let json = serde_json::json!({ "username": People::name(number), "password": PASSWORD, "client_id": BROWSER });
        let request = Request::post(place, "/api/auth/login", "application/json", json.to_string());
        Self { place: place.clone(), wire: None, request: request.same_origin(place).bytes() }
    }
}

impl Visitor for SignIn {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.wire = Some(Wire::open(&self.place).await?);
        Ok(())
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        super::open(&mut self.wire)?.expect(&self.request, 200).await.map(drop)
    }
}

/// How a crowd fared.
#[derive(Debug, Default)]
pub(crate) struct Fared {
    /// Signed in.
    pub(crate) signed_in: Cell<u64>,
    /// Told to come back later.
    pub(crate) refused: Cell<u64>,
    /// Longest time to being told so.
    pub(crate) slowest_refusal: Cell<Duration>,
}

/// One of many who want in at the same time. Who is told to come back later does, when told.
pub(crate) struct Crowd {
    one: SignIn,
    fared: Rc<Fared>,
}

impl Crowd {
    /// The visitor of a number.
    pub(crate) fn new(place: &Place, number: u64, fared: &Rc<Fared>) -> Self {
        Self { one: SignIn::new(place, number), fared: Rc::clone(fared) }
    }
}

impl Visitor for Crowd {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.one.connect().await
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let answer = super::open(&mut self.one.wire)?.exchange(&self.one.request).await?;
        match answer.status {
            200 => self.fared.signed_in.set(self.fared.signed_in.get() + 1),
            503 => {
                let Some(seconds) = answer.all("retry-after").next().and_then(|text| text.parse().ok()) else {
                    bail!("503 without Retry-After");
                };
                self.fared.refused.set(self.fared.refused.get() + 1);
                self.fared.slowest_refusal.set(self.fared.slowest_refusal.get().max(began.elapsed()));
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            other => bail!("sign-in: {other}: {}", String::from_utf8_lossy(answer.body)),
        }
        Ok(())
    }
}
