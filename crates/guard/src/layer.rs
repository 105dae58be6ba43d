//! The tower layer: no request reaches the service inside without a good token and enough scope.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::response::{IntoResponse, Response};
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::guard::Guard;

/// Protects the routes it is laid over. From [`Guard::layer`].
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
    required: Arc<[String]>,
}

impl GuardLayer {
    pub(crate) fn new(guard: Guard) -> Self {
        Self { guard, required: Arc::from([]) }
    }

    /// Demand a scope as well, or several separated by spaces; repeated calls add up. Without all of them: 403 that names all (RS-4).
    #[must_use]
    pub fn require_scope(self, scope: &str) -> Self {
        let mut required = self.required.to_vec();
        for name in scope.split_ascii_whitespace() {
            if !required.iter().any(|known| known == name) {
                required.push(name.to_owned());
            }
        }
        Self { required: required.into(), ..self }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, layer: self.clone() }
    }
}

/// A service behind a [`GuardLayer`]. A request that is let through carries its [`AccessToken`](crate::AccessToken) as an extension.
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    inner: S,
    layer: GuardLayer,
}

impl<S, B> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The instance that was polled ready is the one to call; its fresh clone stays behind.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            match layer.guard.authorize(request.headers(), &layer.required).await {
                Ok(token) => {
                    request.extensions_mut().insert(token);
                    inner.call(request).await.map(IntoResponse::into_response)
                }
                Err(rejection) => {
                    tracing::debug!(reason = %rejection, "request refused");
                    Ok(rejection.into_response())
                }
            }
        })
    }
}
