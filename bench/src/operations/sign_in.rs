//! Signing in with user name and password: one Argon2id hash, a session and a grant.

use http::StatusCode;

use super::same_origin;
use crate::connection::{Connection, Outgoing};
use crate::load::Visitor;
use crate::site::{BROWSER, PASSWORD, person};

/// Somebody who signs in again and again, each time with a new browser.
pub(super) struct SignIn {
    connection: Connection,
    request: Outgoing,
}

impl Visitor for SignIn {
    async fn visit(&mut self) -> anyhow::Result<()> {
        self.connection.send(&self.request, StatusCode::OK).await.map(drop)
    }
}

/// The visitor of a number; those of one account do not get in each other's way.
pub(super) async fn visitor(port: u16, number: usize) -> anyhow::Result<SignIn> {
    let json = serde_json::json!({ "username": person(number), "password": PASSWORD, "client_id": BROWSER });
    let request = Outgoing::post("/api/auth/login", "application/json", json.to_string());
    Ok(SignIn { connection: Connection::open(port).await?, request: same_origin(port, request)? })
}

/// What a browser has after a sign-in.
pub(super) struct SignedIn {
    pub(super) access_token: String,
    /// `name=value`.
    pub(super) session: String,
    /// `name=value`.
    pub(super) refresh: String,
}

impl SignedIn {
    /// The value of the `Cookie` header.
    pub(super) fn cookies(&self) -> String {
        format!("{}; {}", self.session, self.refresh)
    }
}

/// Sign in once.
pub(super) async fn signed_in(port: u16, number: usize) -> anyhow::Result<SignedIn> {
    let SignIn { mut connection, request } = visitor(port, number).await?;
    let answer = connection.send(&request, StatusCode::OK).await?;
    Ok(SignedIn {
        access_token: answer.text("access_token")?,
        session: answer.cookie("__Host-brama_session=")?,
        refresh: answer.cookie("__Host-brama_rt_")?,
    })
}
