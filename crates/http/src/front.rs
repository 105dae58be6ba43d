//! What answers a request: a kept document, or the routes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode};
use tower::Service as _;

use crate::app::App;
use crate::dispatch;

/// The whole server, without its sockets.
#[derive(Clone)]
pub struct Front {
    app: Option<Arc<App>>,
    router: Router,
}

impl Front {
    /// All routes of the table, and those of the development server `beside` them.
    #[must_use]
    pub fn new(app: Arc<App>, beside: Router) -> Self {
        let ours = Arc::clone(&app);
        // Beside the table too: a page of another name that leads here is nobody's. WH-16.
        let beside = beside.layer(from_fn(move |request: Request<Body>, next: Next| {
            let ours = dispatch::is_for_us(&ours, request.uri(), request.headers());
            async move { if ours { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() } }
        }));
        Self { router: dispatch::router(&app).merge(beside), app: Some(app) }
    }

    /// Routes without a server behind them.
    #[cfg(test)]
    pub(crate) fn bare(router: Router) -> Self {
        Self { app: None, router }
    }

    /// Answer a request of this peer.
    pub async fn answer(&self, peer: SocketAddr, mut request: Request<Body>) -> Response {
        // Documents that are the same for everybody are asked for more often than anything else.
        if let Some(kept) = self.app.as_ref().and_then(|app| app.documents.get(app, &request)) {
            return kept;
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        let answered: Result<Response, Infallible> = self.router.clone().call(request).await;
        match answered {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
