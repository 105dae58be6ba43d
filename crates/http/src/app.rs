//! What every handler is given.

use std::sync::Arc;

use brama_flows::{Clock, Ctx, Deployment};
use brama_pages::Locale;
use brama_protocol::metadata::{Metadata, Offer};
use brama_protocol::registration::policy::Mode;
use bytes::Bytes;

use crate::address::TrustedProxies;
use crate::ready::Documents;
use crate::request_id::RequestIds;

/// How pages look.
#[derive(Clone, Debug)]
pub struct Look {
    /// Name of the site.
    pub site_name: String,
    /// Language when nothing else says.
    pub default_locale: Locale,
    /// Where help is found.
    pub support_url: Option<String>,
    /// Whether this is the development server: errors show details.
    pub dev: bool,
}

/// What stays from request to request.
pub struct App {
    /// Settings, store, keys.
    pub deployment: Arc<Deployment>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How pages look.
    pub look: Look,
    /// Who may speak for others' addresses.
    pub proxies: TrustedProxies,
    /// Both metadata documents, rendered once.
    pub metadata: Bytes,
    /// The host and port people see, in lower case. WH-16.
    pub authority: String,
    /// Whether people see https.
    pub https: bool,
    pub(crate) documents: Documents,
    pub(crate) request_ids: RequestIds,
}

impl App {
    /// Put it together; the metadata document is rendered here.
    ///
    /// # Errors
    /// An issuer that is no URL; no random bytes.
    pub fn new(
        deployment: Arc<Deployment>,
        clock: Arc<dyn Clock>,
        look: Look,
        proxies: TrustedProxies,
    ) -> Result<Self, String> {
        let settings = &deployment.settings;
        let issuer = &settings.issuer;
        let offer = Offer {
            issuer,
            signing_algorithms: &settings.signing_algorithms,
            registration: settings.registration.policy.mode != Mode::Closed,
            require_pushed_authorization_requests: settings.require_pushed_authorization_requests,
        };
        let metadata = serde_json::to_vec(&Metadata::of(&offer)).map_err(|error| error.to_string())?;
        let uri: http::Uri = issuer.parse().map_err(|error| format!("the issuer {issuer} is no URL: {error}"))?;
        let authority = uri.authority().ok_or_else(|| format!("the issuer {issuer} has no host"))?;
        let mut first = [0; 8];
        deployment.entropy.fill(&mut first).map_err(|error| error.to_string())?;
        Ok(Self {
            request_ids: RequestIds::from(u64::from_be_bytes(first)),
            authority: authority.as_str().to_ascii_lowercase(),
            https: uri.scheme_str() == Some("https"),
            metadata: metadata.into(),
            documents: Documents::default(),
            deployment,
            clock,
            look,
            proxies,
        })
    }

    /// A request begins: its instant is read here, once.
    #[must_use]
    pub fn begin(&self) -> Ctx {
        Ctx::new(Arc::clone(&self.deployment), self.clock.now())
    }
}
