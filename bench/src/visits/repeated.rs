//! The same request again and again.

use anyhow::Context as _;

use crate::load::Visitor;
use crate::site::People;
use crate::wire::{Place, Request, Wire};

/// Somebody who repeats a request.
pub(crate) struct Repeated {
    place: Place,
    wire: Option<Wire>,
    request: Vec<u8>,
}

impl Visitor for Repeated {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.wire = Some(Wire::open(&self.place).await?);
        Ok(())
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        super::open(&mut self.wire)?.expect(&self.request, 200).await.map(drop)
    }
}

impl Repeated {
    /// Of any request.
    pub(crate) fn new(place: &Place, request: Vec<u8>) -> Self {
        Self { place: place.clone(), wire: None, request }
    }

    /// A public document.
    pub(crate) fn get(place: &Place, path: &str) -> Self {
        Self::new(place, Request::get(place, path).bytes())
    }

    /// Who is this token of?
    pub(crate) fn userinfo(place: &Place, path: &str, token: &str) -> Self {
        Self::new(place, Request::get(place, path).header("authorization", &format!("Bearer {token}")).bytes())
    }
}

/// The length of a document.
pub(crate) async fn length(place: &Place, path: &str) -> anyhow::Result<usize> {
    let mut wire = Wire::open(place).await?;
    Ok(wire.expect_soon(&Request::get(place, path).bytes(), 200).await?.body.len())
}

/// An access token of a person, by the cookie that is there already.
pub(crate) async fn access_token(place: &Place, people: &People, number: u64) -> anyhow::Result<String> {
    let cookies = format!("{}; {}", People::session_cookie(number), people.refresh_cookie(number, 0));
    let request = Request::get(place, "/api/auth/refresh").same_origin(place).header("cookie", &cookies);
    let mut wire = Wire::open(place).await?;
    let answer = wire.expect_soon(&request.bytes(), 200).await?;
    answer.text("access_token")
}

/// An access token of the skeleton.
pub(crate) async fn skeleton_token(place: &Place) -> anyhow::Result<String> {
    let mut wire = Wire::open(place).await?;
    let answer = wire.expect_soon(&Request::form(place, "/cc", &[]).bytes(), 200).await?;
    answer.text("access_token").context("the skeleton gives no token")
}
