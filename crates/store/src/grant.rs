//! Grants: what a user gave a client, one row per sign-in of an app, however often it refreshes. Design §5.

use async_trait::async_trait;
use brama_faults::{Fault, planted};
use brama_protocol::client::ClientId;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::resource::Resources;
use brama_protocol::scope::GrantedScope;
use jiff::{SignedDuration, Timestamp};

use crate::Unavailable;
use crate::session::Authentication;
use crate::user::User;

/// Which refresh token of a grant counts, and which one it replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lineage {
    /// The token that counts.
    pub generation: u64,
    /// The token it replaced; a token may be seen again because its answer was lost.
    pub predecessor: Option<u64>,
    /// When the last replacement happened.
    pub rotated_at: Timestamp,
}

/// Whether the sender of a refresh token is known by something else than the token. Design §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SenderBinding {
    /// Whoever has the token.
    None,
    /// The cookie came with the cookie of the grant's own session, the client authenticated itself, or it proved that it
    /// holds the key the grant is bound to.
    Bound,
}

/// What a presented generation of a grant means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts: its successor takes its place.
    Rotate(Lineage),
    /// It was replaced a moment ago: the same successor again.
    Again,
    /// Its answer was lost long ago and its sender is bound: the successor that nobody used is dropped for a new one.
    Replace(Lineage),
    /// Somebody else has it too: the grant is revoked. TE-27.
    Reuse,
}

/// The rule of rotation, once. Design §5.
///
/// `window`: how long after its replacement a token is answered with the same successor.
#[must_use]
pub fn judge(
    lineage: Lineage,
    presented: u64,
    binding: SenderBinding,
    window: SignedDuration,
    now: Timestamp,
) -> Verdict {
    if presented == lineage.generation {
        return match lineage.generation.checked_add(1) {
            Some(next) => Verdict::Rotate(Lineage { generation: next, predecessor: Some(presented), rotated_at: now }),
            None => Verdict::Reuse,
        };
    }
    if lineage.predecessor == Some(presented) {
        // Either way: clocks of nodes differ a little, and one that was set back must not bring a dead token back to life.
        if now.duration_since(lineage.rotated_at).abs() <= window {
            return Verdict::Again;
        }
        if binding == SenderBinding::Bound
            && let Some(next) = lineage.generation.checked_add(1)
        {
            return Verdict::Replace(Lineage { generation: next, predecessor: Some(presented), rotated_at: now });
        }
    }
    if planted(Fault::Refresh02) && presented < lineage.generation && lineage.rotated_at.as_second() == now.as_second()
    {
        return Verdict::Again;
    }
    Verdict::Reuse
}

/// What the key of a grant says about a sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMatch {
    /// The grant is bound to no key.
    Unbound,
    /// To the one that the sender holds: a bound sender.
    Same,
    /// To another one.
    Other,
}

impl KeyMatch {
    /// Compare.
    #[must_use]
    pub fn of(grant: Option<JwkThumbprint>, sender: Option<JwkThumbprint>) -> Self {
        match grant {
            None => Self::Unbound,
            Some(key) if sender == Some(key) => Self::Same,
            Some(_) => Self::Other,
        }
    }
}

/// What the presentation of one generation of a grant comes to, for every kind of presenter and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// What [`judge`] says.
    Verdict(Verdict),
    /// The key is another one, and the token is not one that tells of theft.
    OtherKey,
}

/// [`judge`] with all that is known of the sender. TE-25, TE-27.
///
/// `of_session`: a cookie came with the cookie of the grant's own session. A sender with another key gets nothing; a
/// token that was replaced long ago tells of theft all the same, for its owner may have been the one without the key.
#[must_use]
pub fn judge_sender(grant: &Grant, presentation: &Presentation<'_>, of_session: bool, now: Timestamp) -> Judgement {
    let key = KeyMatch::of(grant.jkt, presentation.jkt);
    let binding = match (presentation.presenter, key) {
        (_, KeyMatch::Other) => SenderBinding::None,
        (_, KeyMatch::Same) => SenderBinding::Bound,
        (Presenter::Cookie { .. }, KeyMatch::Unbound) if of_session => SenderBinding::Bound,
        // A confidential client keeps its token, so it never waits for a successor whose answer was lost. TE-25.
        (Presenter::Cookie { .. } | Presenter::PublicClient | Presenter::ConfidentialClient, KeyMatch::Unbound) => {
            SenderBinding::None
        }
    };
    let verdict = judge(grant.lineage, presentation.token.generation, binding, presentation.window, now);
    match (presentation.presenter, key, verdict) {
        (_, KeyMatch::Other, Verdict::Rotate(_) | Verdict::Again | Verdict::Replace(_)) => Judgement::OtherKey,
        // A client that authenticates itself keeps its token. TE-25.
        (Presenter::ConfidentialClient, _, Verdict::Rotate(_)) => Judgement::Verdict(Verdict::Again),
        (_, _, verdict) => Judgement::Verdict(verdict),
    }
}

/// The key a grant is bound to after a rotation: a public client that begins to prove a key is bound to it from then on.
/// RFC 9449 §5: the refresh token it gets must be bound.
#[must_use]
pub fn bound_after(grant: &Grant, presentation: &Presentation<'_>) -> Option<JwkThumbprint> {
    match presentation.presenter {
        Presenter::PublicClient | Presenter::Cookie { .. } => grant.jkt.or(presentation.jkt),
        Presenter::ConfidentialClient => grant.jkt,
    }
}

/// What a user gave a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who gave it.
    pub user: UserId,
    /// The account's epoch then. SE-14.
    pub epoch: u32,
    /// To whom.
    pub client: ClientId,
    /// In which session.
    pub session: SessionId,
    /// What it allows.
    pub scope: GrantedScope,
    /// The resources that its access tokens may be for; none: the default.
    pub resources: Resources,
    /// Claims that were asked for by name, and allowed.
    pub claims: NamedClaims,
    /// How the person had proved who they are. TK-5.
    pub authentication: Authentication,
    /// Whether it outlives the session: `offline_access`. TE-30.
    pub offline: bool,
    /// The key that its refresh tokens are bound to. TE-25.
    pub jkt: Option<JwkThumbprint>,
    /// Whether its session's cookie outlives the browser, which its refresh cookie then does too. SE-9.
    pub lasting: bool,
    /// When it was given.
    pub created_at: Timestamp,
    /// Its end; refreshing does not move it. TE-30.
    pub expires_at: Timestamp,
    /// Which refresh token counts.
    pub lineage: Lineage,
}

/// A grant that is to be stored beside the deed that gives it.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Its id.
    pub id: GrantId,
    /// Who gives it.
    pub user: UserId,
    /// The account's epoch.
    pub epoch: u32,
    /// To whom.
    pub client: ClientId,
    /// In which session.
    pub session: SessionId,
    /// What it allows.
    pub scope: GrantedScope,
    /// The resources that its access tokens may be for.
    pub resources: Resources,
    /// Claims that were asked for by name, and allowed.
    pub claims: NamedClaims,
    /// How the person proved who they are.
    pub authentication: Authentication,
    /// Whether it outlives the session.
    pub offline: bool,
    /// The key that its refresh tokens are bound to: that of a public client with a DPoP proof. RFC 9449 §5; TE-25.
    pub jkt: Option<JwkThumbprint>,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Who presents a refresh token.
#[derive(Clone, Copy, Debug)]
pub enum Presenter {
    /// A cookie, with the session cookie that came beside it. It is bound if that session is the grant's.
    Cookie {
        /// Hash of the session cookie, if one came.
        session: Option<HandleHash<kind::Session>>,
    },
    /// The body of a token request by a public client.
    PublicClient,
    /// The body of a token request by a client that authenticated itself. Its token is not rotated. TE-25.
    ConfidentialClient,
}

/// A refresh token in the hands of somebody.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'a> {
    /// Which token.
    pub token: PresentedRefreshToken,
    /// The client it was presented for. TE-24.
    pub client: &'a ClientId,
    /// By whom.
    pub presenter: Presenter,
    /// The key that the sender has proved to hold. RFC 9449 §4.3.
    pub jkt: Option<JwkThumbprint>,
    /// How long a replaced token is answered with the same successor.
    pub window: SignedDuration,
}

/// What presenting a refresh token came to.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// The grant stands; `grant.lineage.generation` is the token that counts now.
    Stands {
        /// The grant after it.
        grant: Box<Grant>,
        /// Its user.
        user: Box<User>,
    },
    /// A superseded token: the grant is revoked, in the same transaction. TE-27.
    Reused,
    /// The grant is bound to a key that the sender did not prove to hold. Nothing changed. TE-25.
    OtherKey,
    /// It ran out.
    Expired,
    /// It was revoked, or its user or session ended.
    Revoked,
    /// There is none for this client.
    Unknown,
}

/// What giving a grant back came to. RFC 7009 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveBack {
    /// It is revoked now.
    Revoked,
    /// It was revoked before, or there is none.
    Nothing,
    /// It is another client's, and stays as it is.
    Foreign,
}

/// Grants in the database.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Store a grant that no code came before: first-party sign-in. It is generation 0.
    /// Nothing: the user, epoch or session ended meanwhile.
    async fn give_grant(&self, new: NewGrant, now: Timestamp) -> Result<Option<Grant>, Unavailable>;
    /// Refresh: [`judge`] decides and the row changes, in one transaction. Client, user, epoch and session are checked in
    /// it again (TE-23). A cookie's refresh counts as use of its session.
    async fn rotate(&self, presentation: Presentation<'_>, now: Timestamp) -> Result<Refreshed, Unavailable>;
    /// The same judgement without any change: `GET /api/auth/refresh`. A superseded token is `Revoked`, nothing more.
    async fn look(&self, presentation: Presentation<'_>, now: Timestamp) -> Result<Refreshed, Unavailable>;
    /// Whether a grant still stands, with its user: for access tokens presented to this server. EP-42.
    async fn find_grant(&self, id: GrantId, now: Timestamp) -> Result<Option<(Grant, User)>, Unavailable>;
    /// Revoke a grant of this client and nothing else, as the client asked, and note it in the log: its session and other
    /// grants stay. EP-34, EP-35.
    async fn revoke_grant(&self, id: GrantId, client: &ClientId, now: Timestamp) -> Result<GaveBack, Unavailable>;
    /// End the session a grant hangs on and the grant itself; other offline grants stay. `false`: it was over.
    async fn sign_out_grant(&self, id: GrantId, now: Timestamp) -> Result<bool, Unavailable>;
}

#[cfg(test)]
mod model;
