//! Operations that are the same request again and again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};

use super::{same_origin, sign_in};
use crate::connection::{Connection, Outgoing};
use crate::load::Visitor;

/// Somebody who repeats a request.
pub(super) struct Repeated {
    connection: Connection,
    request: Outgoing,
}

impl Visitor for Repeated {
    async fn visit(&mut self) -> anyhow::Result<()> {
        self.connection.send(&self.request, StatusCode::OK).await.map(drop)
    }
}

async fn repeat(port: u16, request: Outgoing) -> anyhow::Result<Repeated> {
    Ok(Repeated { connection: Connection::open(port).await?, request })
}

/// A public document.
pub(super) async fn get(port: u16, path: &str) -> anyhow::Result<Repeated> {
    repeat(port, Outgoing::get(path)).await
}

/// `GET /api/auth/refresh`: a new access token, and nothing changes.
pub(super) async fn look(port: u16, number: usize) -> anyhow::Result<Repeated> {
    let cookies = sign_in::signed_in(port, number).await?.cookies();
    let request = same_origin(port, Outgoing::get("/api/auth/refresh"))?;
    repeat(port, request.header(header::COOKIE, &cookies)?).await
}

/// Who is this token of? Signature, grant, user and session are looked up.
pub(super) async fn userinfo(port: u16, number: usize) -> anyhow::Result<Repeated> {
    let token = sign_in::signed_in(port, number).await?.access_token;
    repeat(port, Outgoing::get("/userinfo").header(header::AUTHORIZATION, &format!("Bearer {token}"))?).await
}

/// A machine that asks for a token of its own.
pub(super) async fn machine(port: u16, client: &str, secret: &str) -> anyhow::Result<Repeated> {
    let credentials = STANDARD.encode(format!("{client}:{secret}"));
    let request = Outgoing::form("/oauth2/token", &[("grant_type", "client_credentials")]);
    repeat(port, request.header(header::AUTHORIZATION, &format!("Basic {credentials}"))?).await
}
