//! The guard without a framework: a server of hyper alone, and one function per request.
//! `cargo run -p brama-guard --example plain -- [ISSUER] [AUDIENCE] [LISTEN]`.

use std::convert::Infallible;

use brama_guard::{Dpop, Guard, Requirements};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

async fn answer(guard: &Guard, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let requirements = Requirements::new().scope("profile");
    match guard.check_for(&requirements, request.method(), request.uri(), request.headers()).await {
        Ok(token) => {
            let mut response = Response::new(Full::from(format!("hello {}\n", token.subject())));
            if let Some(nonce) = guard.dpop_nonce().filter(|_| token.is_bound()) {
                response.headers_mut().insert("dpop-nonce", nonce);
            }
            response
        }
        Err(rejection) => {
            let mut response = Response::new(Full::from(rejection.body()));
            *response.status_mut() = rejection.status();
            *response.headers_mut() = rejection.headers();
            response
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().unwrap_or_else(|| "http://localhost:8420".to_owned());
    let audience = arguments.next().unwrap_or_else(|| format!("{issuer}/api"));
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let dpop = Dpop::at(format!("http://{listen}")).require_nonce();
    let guard = Guard::builder(issuer).audience(audience).dpop(dpop).build()?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        let guard = guard.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let guard = guard.clone();
                async move { Ok::<_, Infallible>(answer(&guard, &request).await) }
            });
            // A connection that breaks is the client's business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
