//! The bare server: what axum and hyper do when there is nothing to do.

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header;

/// Bytes of the answer: about as long as that of a refresh.
const LENGTH: usize = 700;

/// Serve until the process is killed.
pub(crate) async fn serve(port: u16) -> anyhow::Result<()> {
    let body = Bytes::from("x".repeat(LENGTH));
    let hello = get(move || async move { ([(header::CONTENT_TYPE, "application/json")], body) });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, Router::new().route("/", hello)).await?;
    Ok(())
}
