//! What an API says about itself (RFC 9728; RS-20, RS-21, RS-22).

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Uri};
use serde::Serialize;
use tower_service::Service;

use crate::builder::BuildError;
use crate::issuer::parse_issuer;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of this API. For [`GuardBuilder::resource`](crate::GuardBuilder::resource).
///
/// ```
/// use axum::Router;
/// use brama_guard::{Guard, ResourceMetadata};
///
/// # fn main() -> Result<(), brama_guard::BuildError> {
/// let orders = ResourceMetadata::new("https://api.example.com/orders").name("Orders").scopes("orders:read orders:write");
/// let guard = Guard::builder("https://id.example.com").resource(orders).build()?;
/// let mut app: Router = Router::new();
/// if let Some(metadata) = guard.metadata() {
///     assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/orders");
///     app = app.route_service(metadata.path(), metadata.clone());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ResourceMetadata {
    resource: String,
    name: Option<String>,
    scopes: Vec<String>,
    authorization_details_types: Vec<String>,
    documentation: Option<String>,
    policy: Option<String>,
    terms: Option<String>,
    jwks_uri: Option<String>,
}

impl ResourceMetadata {
    /// The resource identifier: an `https` URL without query and fragment, under which clients know this API. It is an audience of the
    /// guard too, because tokens that were asked for with `resource` (RFC 8707) have it in `aud`.
    pub fn new(resource: impl Into<String>) -> Self {
        Self { resource: resource.into(), ..Self::default() }
    }

    /// A name for people (`resource_name`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Scopes that make sense here, separated by spaces; repeated calls add up (`scopes_supported`).
    pub fn scopes(mut self, scopes: &str) -> Self {
        self.scopes.extend(scopes.split_ascii_whitespace().map(str::to_owned));
        self
    }

    /// A type of `authorization_details` that this API understands (RFC 9396); may be called several times.
    pub fn authorization_details_type(mut self, name: impl Into<String>) -> Self {
        self.authorization_details_types.push(name.into());
        self
    }

    /// A page for developers (`resource_documentation`).
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// How clients may use the data (`resource_policy_uri`).
    pub fn policy(mut self, url: impl Into<String>) -> Self {
        self.policy = Some(url.into());
        self
    }

    /// Terms of service (`resource_tos_uri`).
    pub fn terms_of_service(mut self, url: impl Into<String>) -> Self {
        self.terms = Some(url.into());
        self
    }

    /// Keys that this API signs its own answers with (`jwks_uri`).
    pub fn jwks_uri(mut self, url: impl Into<String>) -> Self {
        self.jwks_uri = Some(url.into());
        self
    }

    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }

    /// `dpop`: the algorithms of proofs, and whether bound tokens are required.
    pub(crate) fn build(&self, issuer: &str, dpop: Option<(Vec<&str>, bool)>) -> Result<MetadataRoute, BuildError> {
        let (uri, _) = parse_issuer(&self.resource).map_err(|_| BuildError::Resource)?;
        if self.scopes.iter().any(|scope| scope == "offline_access") {
            return Err(BuildError::OfflineAccess);
        }
        let links = [&self.documentation, &self.policy, &self.terms, &self.jwks_uri];
        if links.into_iter().flatten().any(|link| !is_absolute(link)) {
            return Err(BuildError::ResourceMetadata);
        }
        // Only the slash that follows the host is dropped (RFC 9728 §3.1).
        let path = format!("{WELL_KNOWN}{}", if uri.path() == "/" { "" } else { uri.path() });
        let mut parts = uri.into_parts();
        parts.path_and_query = Some(path.parse().map_err(|_| BuildError::Resource)?);
        let url = Uri::from_parts(parts).map_err(|_| BuildError::Resource)?.to_string();
        let (dpop_algorithms, dpop_required) = dpop.unwrap_or_default();
        let document = Document {
            resource: &self.resource,
            authorization_servers: [issuer],
            scopes_supported: &self.scopes,
            bearer_methods_supported: ["header"],
            resource_name: self.name.as_deref(),
            resource_documentation: self.documentation.as_deref(),
            resource_policy_uri: self.policy.as_deref(),
            resource_tos_uri: self.terms.as_deref(),
            jwks_uri: self.jwks_uri.as_deref(),
            authorization_details_types_supported: &self.authorization_details_types,
            dpop_signing_alg_values_supported: dpop_algorithms,
            dpop_bound_access_tokens_required: dpop_required,
        };
        let json = serde_json::to_string(&document).map_err(|_| BuildError::ResourceMetadata)?;
        Ok(MetadataRoute(Arc::new(Published { path, url, json })))
    }
}

/// RFC 9728 §2. What is empty or false is left out (§3.2).
#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    authorization_servers: [&'a str; 1],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_policy_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_tos_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authorization_details_types_supported: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound_access_tokens_required: bool,
}

pub(crate) fn is_absolute(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https")))
}

/// The published metadata: a tower service that answers GET, with the path it belongs to. From [`Guard::metadata`](crate::Guard::metadata).
#[derive(Clone)]
pub struct MetadataRoute(Arc<Published>);

struct Published {
    path: String,
    url: String,
    json: String,
}

impl MetadataRoute {
    /// `/.well-known/oauth-protected-resource` and the path of the resource: from the root of the host, whatever the API lies under.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The whole address, as challenges name it (RS-5).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0.json
    }

    fn answer(&self, method: &Method) -> Response {
        if method != Method::GET && method != Method::HEAD {
            return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
        }
        // Public, and read by browsers of any origin.
        let headers = [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "public, max-age=3600"),
            (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        (headers, self.json().to_owned()).into_response()
    }
}

impl fmt::Debug for MetadataRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetadataRoute").field(&self.0.url).finish()
    }
}

impl<B> Service<Request<B>> for MetadataRoute {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}
