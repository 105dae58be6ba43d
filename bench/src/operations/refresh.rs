//! Refreshing: the row of the grant changes, durably, and an access token is signed.

use http::{StatusCode, header};

use super::{code_flow, same_origin, sign_in};
use crate::connection::{Connection, Outgoing};
use crate::load::Visitor;
use crate::site::NATIVE;

/// A browser app: `POST /api/auth/refresh`, the token is a cookie.
pub(super) struct ByCookie {
    connection: Connection,
    request: Outgoing,
    session: String,
    refresh: String,
}

impl Visitor for ByCookie {
    async fn visit(&mut self) -> anyhow::Result<()> {
        let cookies = format!("{}; {}", self.session, self.refresh);
        self.request.headers.insert(header::COOKIE, cookies.parse()?);
        let answer = self.connection.send(&self.request, StatusCode::OK).await?;
        self.refresh = answer.cookie("__Host-brama_rt_")?;
        Ok(())
    }
}

pub(super) async fn by_cookie(port: u16, number: usize) -> anyhow::Result<ByCookie> {
    let signed_in = sign_in::signed_in(port, number).await?;
    let request = same_origin(port, Outgoing::post("/api/auth/refresh", "application/json", ""))?;
    let connection = Connection::open(port).await?;
    Ok(ByCookie { connection, request, session: signed_in.session, refresh: signed_in.refresh })
}

/// A native app: `POST /oauth2/token`, the token is in the body. An ID token comes with every answer.
pub(super) struct ByBody {
    connection: Connection,
    token: String,
}

impl Visitor for ByBody {
    async fn visit(&mut self) -> anyhow::Result<()> {
        let pairs = [("grant_type", "refresh_token"), ("client_id", NATIVE), ("refresh_token", &self.token)];
        let answer = self.connection.send(&Outgoing::form("/oauth2/token", &pairs), StatusCode::OK).await?;
        self.token = answer.text("refresh_token")?;
        Ok(())
    }
}

pub(super) async fn by_body(port: u16, number: usize) -> anyhow::Result<ByBody> {
    let mut flow = code_flow::visitor(port, number).await?;
    let token = flow.once().await?.text("refresh_token")?;
    Ok(ByBody { connection: Connection::open(port).await?, token })
}
