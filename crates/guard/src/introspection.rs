//! Asking the issuer whether a token is good (RFC 7662; EP-30 to EP-32): for tokens that are no JWTs, and for APIs that must see a
//! revocation within seconds.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brama_jose::{SigningKey, Typ};
use bytes::Bytes;
use form_urlencoded::{Serializer, byte_serialize};
use http::{HeaderValue, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Semaphore};
use zeroize::Zeroizing;

use crate::claims::Claims;
use crate::clock::{Clock, Instant};
use crate::fetch::{FetchError, HttpClient, TIME_LIMIT};
use crate::issuer::Issuer;
use crate::random;
use crate::rejection::{InvalidToken, Reason};

/// How long an answer counts unless set.
const DEFAULT_REMEMBER: Duration = Duration::from_secs(10);
/// Questions on their way at a time; further requests are answered with 503 at once.
const PLACES: usize = 64;
/// How long the address of the endpoint counts as known.
const ENDPOINT_FRESH: Duration = Duration::from_secs(60 * 60);
/// Pause after a failure to find the endpoint, and what clients are told to wait.
const PAUSE: Duration = Duration::from_secs(1);
/// Lifetime of a client assertion. It is made for one question.
const ASSERTION_SECONDS: u64 = 60;

/// How this API proves to the issuer who it is, and how long an answer counts. For
/// [`GuardBuilder::introspection`](crate::GuardBuilder::introspection).
///
/// ```
/// use brama_guard::{Guard, Introspection};
///
/// # fn main() -> Result<(), brama_guard::BuildError> {
/// # let secret = "secret";
/// let guard = Guard::builder("https://id.example.com")
///     .audience("https://api.example.com")
///     .introspection(Introspection::client_secret_basic("orders-api", secret))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Introspection {
    credentials: Credentials,
    remember: Duration,
}

enum Credentials {
    Secret { client_id: String, secret: Zeroizing<String> },
    Key { client_id: String, key: Box<SigningKey> },
}

impl Introspection {
    /// With a client id and a secret in the `Authorization` header (RFC 6749 §2.3.1).
    pub fn client_secret_basic(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        let secret = Zeroizing::new(secret.into());
        Self::new(Credentials::Secret { client_id: client_id.into(), secret })
    }

    /// With an assertion signed by a key whose public half the issuer knows (RFC 7523). Read it from PKCS#8 with
    /// [`SigningKey::from_pkcs8`].
    pub fn private_key_jwt(client_id: impl Into<String>, key: SigningKey) -> Self {
        Self::new(Credentials::Key { client_id: client_id.into(), key: Box::new(key) })
    }

    fn new(credentials: Credentials) -> Self {
        Self { credentials, remember: DEFAULT_REMEMBER }
    }

    /// How long the answer about a good token counts, and so how late a revocation may be seen; never longer than the token.
    /// Default 10 seconds; zero asks every time. That a token is not good is never remembered.
    pub fn remember(mut self, time: Duration) -> Self {
        self.remember = time;
        self
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("client_id", &self.credentials.client_id()).finish_non_exhaustive()
    }
}

impl Credentials {
    fn client_id(&self) -> &str {
        match self {
            Self::Secret { client_id, .. } | Self::Key { client_id, .. } => client_id,
        }
    }
}

pub(crate) struct Introspector {
    settings: Introspection,
    issuer: Issuer,
    client: HttpClient,
    clock: Clock,
    places: Semaphore,
    endpoint: Mutex<Endpoint>,
}

/// Where to ask, found once in a while.
#[derive(Default)]
struct Endpoint {
    uri: Option<Uri>,
    found: Instant,
    failed: Option<Instant>,
}

#[derive(Deserialize)]
struct Response {
    active: bool,
    token_type: Option<String>,
}

impl Introspector {
    pub(crate) fn new(settings: Introspection, issuer: Issuer, client: HttpClient, clock: Clock) -> Self {
        let (places, endpoint) = (Semaphore::new(PLACES), Mutex::default());
        Self { settings, issuer, client, clock, places, endpoint }
    }

    pub(crate) const fn remember(&self) -> Duration {
        self.settings.remember
    }

    /// Find the endpoint and say what went wrong.
    pub(crate) async fn warm(&self) -> Result<(), FetchError> {
        let mut endpoint = self.endpoint.lock().await;
        endpoint.uri = Some(self.issuer.introspection_endpoint().await?);
        endpoint.found = self.clock.now();
        Ok(())
    }

    /// What the issuer says about a token. Whether that will do here is for the caller to check.
    pub(crate) async fn ask(&self, token: &str, issuer: &str) -> Result<(Claims, Bytes), Reason> {
        let unavailable = || Reason::Unavailable { retry_after: PAUSE };
        let _place = self.places.try_acquire().map_err(|_| unavailable())?;
        let body = self.question(token).await.ok_or_else(unavailable)?;
        read(&body, issuer).map(|claims| (claims, body))
    }

    /// `None` without an answer: then nobody knows (fail closed).
    async fn question(&self, token: &str) -> Option<Bytes> {
        let uri = self.endpoint().await?;
        let sent = async {
            let (authorization, form) = self.form(token)?;
            self.client.post_form(&uri, authorization, form).await
        };
        match tokio::time::timeout(TIME_LIMIT, sent).await.unwrap_or(Err(FetchError::TimedOut)) {
            Ok(answer) => Some(answer.body),
            Err(FetchError::Status { status, .. }) if status == StatusCode::UNAUTHORIZED => {
                tracing::error!(
                    client_id = self.settings.credentials.client_id(),
                    "the issuer refuses the credentials of this API"
                );
                None
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(issuer = self.issuer.name(), %error, source, "a token cannot be introspected");
                None
            }
        }
    }

    /// One looks for the address, the others wait for it. A known one serves while the metadata are away.
    async fn endpoint(&self) -> Option<Uri> {
        let mut endpoint = self.endpoint.lock().await;
        let now = self.clock.now();
        let since = |then: Instant| now.checked_sub(then);
        let fresh = endpoint.uri.is_some() && since(endpoint.found).is_some_and(|age| age < ENDPOINT_FRESH);
        let paused = endpoint.failed.and_then(since).is_some_and(|age| age < PAUSE);
        if !fresh && !paused {
            match self.issuer.introspection_endpoint().await {
                Ok(uri) => *endpoint = Endpoint { uri: Some(uri), found: now, failed: None },
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(issuer = self.issuer.name(), %error, source, "the introspection endpoint cannot be found");
                    endpoint.failed = Some(self.clock.now());
                }
            }
        }
        endpoint.uri.clone()
    }

    /// RFC 7662 §2.1, RFC 6749 §2.3.1, RFC 7523 §2.2.
    fn form(&self, token: &str) -> Result<(Option<HeaderValue>, String), FetchError> {
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token).append_pair("token_type_hint", "access_token");
        let authorization = match &self.settings.credentials {
            Credentials::Secret { client_id, secret } => {
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = Zeroizing::new(format!("{}:{}", encode(client_id), encode(secret)));
                let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                let mut value = HeaderValue::from_str(&value).map_err(|_| FetchError::Assertion)?;
                value.set_sensitive(true);
                Some(value)
            }
            Credentials::Key { client_id, key } => {
                form.append_pair("client_id", client_id)
                    .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                    .append_pair("client_assertion", &self.assertion(client_id, key)?);
                None
            }
        };
        Ok((authorization, form.finish()))
    }

    /// For this issuer and this minute only (RFC 7523 §3).
    fn assertion(&self, client_id: &str, key: &SigningKey) -> Result<String, FetchError> {
        let now = self.clock.now().as_secs();
        let jti: [u8; 16] = random::bytes().map_err(|_| FetchError::Assertion)?;
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": self.issuer.name(), "jti": URL_SAFE_NO_PAD.encode(jti),
            "iat": now, "exp": now + ASSERTION_SECONDS,
        });
        key.sign(Typ::ClientAuthentication, &claims).map_err(|_| FetchError::Assertion)
    }
}

/// RFC 7662 §2.2. Members that it leaves open and a JWT must have are demanded here too, as far as something depends on them: `aud`,
/// `exp`, `sub`, `client_id`, and `token_type`, which a refresh token does not have.
fn read(body: &[u8], issuer: &str) -> Result<Claims, Reason> {
    let Ok(response) = serde_json::from_slice::<Response>(body) else {
        tracing::warn!("the introspection endpoint answers with something else than RFC 7662 says");
        return Err(Reason::Unavailable { retry_after: PAUSE });
    };
    if !response.active {
        return Err(InvalidToken::Inactive.into());
    }
    let token_type = response.token_type.as_deref().unwrap_or_default();
    if !["Bearer", "DPoP"].iter().any(|known| token_type.eq_ignore_ascii_case(known)) {
        return Err(InvalidToken::BadClaims.into());
    }
    let mut members: Map<String, Value> = serde_json::from_slice(body).map_err(|_| InvalidToken::BadClaims)?;
    // We asked the issuer itself; the other two are for people.
    for (name, value) in [("iss", json!(issuer)), ("iat", json!(0)), ("jti", json!(""))] {
        members.entry(name).or_insert(value);
    }
    serde_json::from_value(Value::Object(members)).map_err(|_| InvalidToken::BadClaims.into())
}
