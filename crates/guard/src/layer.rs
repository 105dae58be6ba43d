//! The tower layer: no request reaches the service inside without a good token and enough scope.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::guard::{Admitted, Guard, Incoming};
use crate::rejection::DPOP_NONCE;
use crate::requirements::Requirements;
use crate::token::AccessToken;

/// Protects the routes it is laid over. From [`Guard::layer`].
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
    requirements: Requirements,
    nested_at: String,
}

impl GuardLayer {
    pub(crate) fn new(guard: Guard) -> Self {
        Self { guard, requirements: Requirements::new(), nested_at: String::new() }
    }

    /// All that these [`Requirements`] ask, instead of what was asked before.
    #[must_use]
    pub fn require(self, requirements: Requirements) -> Self {
        Self { requirements, ..self }
    }

    /// Demand a scope as well: [`Requirements::scope`].
    #[must_use]
    pub fn require_scope(self, scope: &str) -> Self {
        Self { requirements: self.requirements.scope(scope), ..self }
    }

    /// Demand an authentication context class as well: [`Requirements::acr`].
    #[must_use]
    pub fn require_acr(self, acr: &str) -> Self {
        Self { requirements: self.requirements.acr(acr), ..self }
    }

    /// Demand a recent sign-in as well: [`Requirements::max_age`].
    #[must_use]
    pub fn require_max_age(self, max_age: Duration) -> Self {
        Self { requirements: self.requirements.max_age(max_age), ..self }
    }

    /// Demand a token that is bound to a key as well: [`Requirements::dpop`].
    #[must_use]
    pub fn require_dpop(self) -> Self {
        Self { requirements: self.requirements.dpop(), ..self }
    }

    /// Say which part of the path was taken away before the request gets here, as `axum::Router::nest("/v1", …)` does for layers
    /// inside it. Only DPoP proofs need to know: they name the whole address.
    #[must_use]
    pub fn nested_at(self, path: &str) -> Self {
        Self { nested_at: path.trim_end_matches('/').to_owned(), ..self }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, layer: self.clone() }
    }
}

/// A service behind a [`GuardLayer`]. A request that is let through carries its [`AccessToken`] as an extension.
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    inner: S,
    layer: GuardLayer,
}

/// Left in a request by the layer outside for one further inside, which then asks for no second proof: a proof serves once.
#[derive(Clone)]
struct Passed {
    guard: Guard,
    authorization: Option<HeaderValue>,
    token: AccessToken,
}

impl Passed {
    fn of<B>(guard: &Guard, request: &Request<B>) -> Option<AccessToken> {
        let passed = request.extensions().get::<Self>()?;
        let same = passed.guard.is(guard) && passed.authorization.as_ref() == request.headers().get(AUTHORIZATION);
        same.then(|| passed.token.clone())
    }
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
        let GuardLayer { guard, requirements, nested_at } = self.layer.clone();
        Box::pin(async move {
            let admitted = match Passed::of(&guard, &request) {
                Some(token) => guard.demand(&token, &requirements).map(|()| Admitted { token, next_nonce: None }),
                None => {
                    let incoming = Incoming {
                        method: request.method(),
                        nested_at: &nested_at,
                        path: request.uri().path(),
                        headers: request.headers(),
                    };
                    guard.admit(&incoming, &requirements).await
                }
            };
            match admitted {
                Ok(Admitted { token, next_nonce }) => {
                    let authorization = request.headers().get(AUTHORIZATION).cloned();
                    request.extensions_mut().insert(Passed { guard, authorization, token: token.clone() });
                    request.extensions_mut().insert(token);
                    let mut response = inner.call(request).await?.into_response();
                    if let Some(nonce) = next_nonce.and_then(|nonce| HeaderValue::from_str(nonce.as_str()).ok()) {
                        response.headers_mut().insert(&DPOP_NONCE, nonce);
                    }
                    Ok(response)
                }
                Err(rejection) => {
                    tracing::debug!(reason = %rejection, "request refused");
                    Ok(rejection.into_response())
                }
            }
        })
    }
}
