//! Authorization requests, from `requested` (challenge stored) through `approved` (code issued) to `redeemed`.

use async_trait::async_trait;
use brama_faults::{Fault, planted};
use brama_protocol::acr::AcrRequest;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::response::Return;
use brama_protocol::client::ClientId;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::error::{self, Row};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{AuthorizationId, SessionId, UserId};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::pkce;
use brama_protocol::resource::Resources;
use brama_protocol::scope::{GrantedScope, Scope};
use jiff::Timestamp;

use crate::Unavailable;
use crate::consent::Consent;
use crate::grant::{Grant, NewGrant};
use crate::session::Authentication;

/// What a client asked, as it is kept. OAuth 2.1 §4.1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who asked.
    pub client: ClientId,
    /// Where the answer goes, how, and the client's `state`.
    pub back: Return,
    /// What may be given; what the person leaves of it is in [`Consented`] and [`Code::granted`].
    pub scope: GrantedScope,
    /// For the ID token.
    pub nonce: Option<String>,
    /// What the verifier has to fit. Stored before the browser sees the sign-in page. Nothing only for a client that may
    /// leave PKCE out. AZ-23.
    pub challenge: Option<pkce::Challenge>,
    /// The key that has to redeem the code. RFC 9449 §10.
    pub dpop_jkt: Option<JwkThumbprint>,
    /// Which pages the client insists on.
    pub prompt: Prompt,
    /// Oldest acceptable authentication, seconds.
    pub max_age: Option<u32>,
    /// Name for the sign-in page.
    pub login_hint: Option<String>,
    /// Languages, BCP 47.
    pub ui_locales: Option<String>,
    /// The user that a valid `id_token_hint` or a `sub` of `claims` named.
    pub expected_user: Option<UserId>,
    /// How strong the sign-in has to be.
    pub acr: AcrRequest,
    /// Claims asked for by name.
    pub claims: NamedClaims,
    /// The resources that tokens are for.
    pub resources: Resources,
    /// The pushed request it came from: answered once at most. EP-5.
    pub pushed: Option<HandleHash<kind::PushedRequest>>,
}

impl Asked {
    /// A request that asks for this and nothing else.
    #[must_use]
    pub fn new(client: ClientId, back: Return, scope: GrantedScope, challenge: Option<pkce::Challenge>) -> Self {
        Self {
            client,
            back,
            scope,
            nonce: None,
            challenge,
            dpop_jkt: None,
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            ui_locales: None,
            expected_user: None,
            acr: AcrRequest::default(),
            claims: NamedClaims::default(),
            resources: Resources::default(),
            pushed: None,
        }
    }

    /// What consent is about: the scope, and the scopes of claims that were asked for by name. OpenID Core §5.5.
    #[must_use]
    pub fn disclosed(&self) -> Scope {
        self.scope.scope().union(&self.claims.scopes())
    }
}

/// A stored request and its state.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Its id: in page addresses; opens nothing without the browser's cookie.
    pub id: AuthorizationId,
    /// The browser it belongs to. SE-5, SE-6.
    pub browser: HandleHash<kind::Browser>,
    /// What was asked.
    pub asked: Asked,
    /// When it came.
    pub requested_at: Timestamp,
    /// Until when a person may sign in for it.
    pub expires_at: Timestamp,
    /// How far it got.
    pub state: AuthorizationState,
}

/// How far an authorization got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationState {
    /// It waits for the person.
    Requested {
        /// The consent for this very request, if somebody gave it.
        consented: Option<Consented>,
        /// The user who chose their account for this very request, if one did.
        chosen: Option<UserId>,
    },
    /// The person said no.
    Denied,
    /// A code was issued, and perhaps redeemed.
    Answered,
}

/// What a person allowed for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consented {
    /// Who.
    pub user: UserId,
    /// What, of [`Asked::disclosed`].
    pub scope: Scope,
}

/// A code that is to be issued. Everything it is bound to is stored beside it. AZ-27.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// SHA-256 of the code.
    pub code: HandleHash<kind::AuthorizationCode>,
    /// Who approved.
    pub user: UserId,
    /// The account's epoch.
    pub epoch: u32,
    /// In which session.
    pub session: SessionId,
    /// How that session was begun.
    pub authentication: Authentication,
    /// What was allowed, of [`Asked::disclosed`].
    pub granted: Scope,
    /// What was allowed before, where nothing else allows it: if that is not exactly so any more, there is no code. TE-30.
    pub remembered: Option<Consent>,
    /// End of the code's life. AZ-28.
    pub expires_at: Timestamp,
}

/// What approving did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approve {
    /// The code is stored; it may be sent.
    Issued,
    /// The request was answered, denied or ran out before; nothing changed.
    NotWaiting,
    /// The pushed request it came from was answered before, in another tab or browser; nothing changed. EP-5.
    PushedRequestSpent,
}

/// A stored code, found by its hash. Before it can be spent, [`Code::check`] has to pass.
#[derive(Clone, Debug)]
pub struct Code {
    /// Its hash.
    pub hash: HandleHash<kind::AuthorizationCode>,
    /// The request it answers.
    pub authorization: AuthorizationId,
    /// What was asked.
    pub asked: Asked,
    /// Who approved.
    pub user: UserId,
    /// The account's epoch then.
    pub epoch: u32,
    /// In which session.
    pub session: SessionId,
    /// How that session was begun.
    pub authentication: Authentication,
    /// What was allowed, of [`Asked::disclosed`].
    pub granted: Scope,
    /// End of its life.
    pub expires_at: Timestamp,
}

/// A code whose client, redirect URI and verifier were right. Only [`Code::check`] makes it.
#[derive(Clone, Debug)]
pub struct CheckedCode(Code);

impl Code {
    /// The scope of the grant: what was asked for, as far as it was allowed.
    #[must_use]
    pub fn scope(&self) -> GrantedScope {
        self.asked.scope.limited_to(&self.granted)
    }

    /// The claims by name of the grant: what was asked for, as far as it was allowed.
    #[must_use]
    pub fn claims(&self) -> NamedClaims {
        self.asked.claims.within(&self.granted)
    }

    /// Client, redirect URI and verifier match (OAuth 2.1 §4.1.3; TE-20, TE-21). Until then a replay may not be acted
    /// upon either (§7.5.2): a failed attempt neither consumes the code nor revokes anything. AZ-30.
    ///
    /// # Errors
    /// The row to answer.
    pub fn check(
        self,
        client: &ClientId,
        redirect_uri: Option<&str>,
        verifier: Option<&pkce::Verifier>,
    ) -> Result<CheckedCode, &'static Row> {
        let fits = redirect_uri.is_none_or(|uri| uri == self.asked.back.redirect_uri.as_str());
        if self.asked.client != *client && !(planted(Fault::Code05) && fits) {
            return Err(&error::CODE_UNKNOWN);
        }
        if !fits {
            return Err(&error::CODE_REDIRECT_URI);
        }
        match (&self.asked.challenge, verifier) {
            (Some(challenge), Some(verifier)) => match challenge.verify(verifier) {
                Some(pkce::Verified { .. }) => Ok(CheckedCode(self)),
                None => Err(&error::VERIFIER_MISMATCH),
            },
            // No downgrade: a verifier belongs to a challenge and a challenge to a verifier. RFC 9700 §4.8.2; TE-20.
            (Some(_), None) if planted(Fault::Code02) => Ok(CheckedCode(self)),
            (None, Some(_)) if planted(Fault::Code01) => Ok(CheckedCode(self)),
            (Some(_), None) => Err(&error::VERIFIER_MISSING),
            (None, Some(_)) => Err(&error::VERIFIER_WITHOUT_CHALLENGE),
            (None, None) => Ok(CheckedCode(self)),
        }
    }
}

impl CheckedCode {
    /// The code.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.0
    }
}

/// What spending a code did.
#[derive(Clone, Debug)]
pub enum Spend {
    /// This call spent it, and the grant is stored.
    Now(Box<Grant>),
    /// It was spent before, and this presentation is fully valid: everything that came from it is revoked. AZ-30.
    Already,
    /// It ran out.
    Expired,
    /// Its user, epoch or session ended meanwhile. TE-23.
    Ended,
}

/// Authorizations in the database.
#[async_trait]
pub trait Authorizations: Send + Sync {
    /// Store a request. B2: this is committed before the browser sees any page.
    async fn request_authorization(&self, new: Authorization) -> Result<(), Unavailable>;
    /// The request with this id, whatever its state; expired ones too, as long as the row is kept.
    async fn find_authorization(&self, id: AuthorizationId) -> Result<Option<Authorization>, Unavailable>;
    /// Note what a user allowed for this request, and remember it for later ones, with the resources of the request, if
    /// `remember` says so. `false`: the request waits no longer.
    async fn consent_authorization(
        &self,
        id: AuthorizationId,
        consented: Consented,
        remember: bool,
        now: Timestamp,
    ) -> Result<bool, Unavailable>;
    /// Note that a user chose their account for this request. `false`: the request waits no longer.
    async fn choose_account(&self, id: AuthorizationId, user: UserId, now: Timestamp) -> Result<bool, Unavailable>;
    /// The person said no; a pushed request is answered by that too. `false`: the request waits no longer.
    async fn deny_authorization(&self, id: AuthorizationId, now: Timestamp) -> Result<bool, Unavailable>;
    /// Issue a code, if the request still waits and the pushed request it came from, if any, was not answered before. One
    /// conditional statement.
    async fn approve_authorization(
        &self,
        id: AuthorizationId,
        code: NewCode,
        now: Timestamp,
    ) -> Result<Approve, Unavailable>;
    /// The code with this hash, spent or not.
    async fn find_code(&self, hash: HandleHash<kind::AuthorizationCode>) -> Result<Option<Code>, Unavailable>;
    /// Spend a code and store the grant. One conditional statement decides: of two racing calls one gets `Now`; `Already`
    /// has revoked the grant in the same transaction. AZ-29, AZ-30.
    async fn spend_code(&self, code: CheckedCode, grant: NewGrant, now: Timestamp) -> Result<Spend, Unavailable>;
}
