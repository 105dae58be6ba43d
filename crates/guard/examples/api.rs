//! An API behind the guard: `cargo run -p brama-guard --example api -- [ISSUER] [AUDIENCE] [LISTEN] [PUBLIC_URL]`.
//!
//! Without arguments it trusts the server of `brama dev`. Then: `curl -H "Authorization: Bearer $TOKEN" localhost:3000/hello`.

use std::time::Duration;

use axum::{Json, Router, routing::get};
use brama_guard::{AccessToken, Dpop, Guard, ResourceMetadata};
use serde_json::{Value, json};

async fn hello(token: AccessToken) -> String {
    format!("hello {}\n", token.subject())
}

async fn whoami(token: AccessToken) -> Json<Value> {
    Json(json!({ "sub": token.subject(), "client_id": token.client_id(), "scope": token.scope() }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().unwrap_or_else(|| "http://localhost:8420".to_owned());
    let audience = arguments.next().unwrap_or_else(|| format!("{issuer}/api"));
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    // Where clients reach it, which a proxy in front may decide.
    let public_url = arguments.next().unwrap_or_else(|| format!("http://{listen}"));

    let guard = Guard::builder(issuer)
        .audience(audience)
        .dpop(Dpop::at(&public_url))
        .resource(ResourceMetadata::new(&public_url).name("Example").scopes("profile"))
        .build()?;
    let mut app = Router::new()
        .route("/hello", get(hello).layer(guard.layer()))
        .route("/whoami", get(whoami).layer(guard.layer().require_scope("profile")))
        .route("/recent", get(hello).layer(guard.layer().require_max_age(Duration::from_secs(300))));
    if let Some(metadata) = guard.metadata() {
        app = app.route_service(metadata.path(), metadata.clone());
    }

    axum::serve(tokio::net::TcpListener::bind(listen).await?, app).await?;
    Ok(())
}
