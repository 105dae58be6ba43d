//! DPoP at this server: proofs at the token endpoint, at pushed authorization requests and at our own protected resources.
//! RFC 9449; standards §4.2; RS-10 to RS-15.
//!
//! What a proof must be is said in `brama_protocol::dpop`; here it meets the request, the keys of nonces and the memory of
//! used proofs that all nodes share.

use std::fmt;
use std::sync::Arc;

use brama_jose::{Algorithm, SelfSigned, verify_with_embedded_key};
use brama_protocol::dpop::{
    BoundToken, Expected, JwkThumbprint, Nonce, NonceKey, NoncePurpose, NonceRule, Proof, ProofError, Signed,
    TargetUri, VerifiedProof, proof_header,
};
use brama_protocol::error::{
    DPOP_MISSING, DPOP_NONCE, DPOP_PROOF, INTERNAL, RESOURCE_NONCE, RESOURCE_PROOF, Refusal, Row, TOKEN_BINDING,
};
use jiff::{SignedDuration, Timestamp};

use crate::context::Ctx;
use crate::login::flood;

/// So much may the clocks of nodes differ: a used proof is remembered that much longer than it could be used.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_mins(1);
/// Proofs of one address at the token endpoint and those like it. TH-13.
const PROOFS_PER_MINUTE: u32 = 600;

/// Makes and knows nonces: one kind for this server's own endpoints, one for its protected resources. RS-12.
pub struct Nonces {
    server: NonceKey,
    resource: NonceKey,
}

impl Nonces {
    /// From 32 derived bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self {
            server: NonceKey::new(bytes, NoncePurpose::AuthorizationServer),
            resource: NonceKey::new(bytes, NoncePurpose::ProtectedResource),
        }
    }

    /// The newest nonce of one kind.
    #[must_use]
    pub fn issue(&self, purpose: NoncePurpose, now: Timestamp) -> Nonce {
        self.key(purpose).issue(now)
    }

    fn key(&self, purpose: NoncePurpose) -> &NonceKey {
        match purpose {
            NoncePurpose::AuthorizationServer => &self.server,
            NoncePurpose::ProtectedResource => &self.resource,
        }
    }
}

/// The `DPoP` headers of a request, and what a proof has to be about.
#[derive(Clone)]
pub struct Proofs<'a> {
    /// All values of the header.
    pub headers: Vec<&'a [u8]>,
    /// The method.
    pub method: &'a str,
    /// The path, as it is in our public URL. RS-15: nothing else of the request says where it went.
    pub path: &'a str,
}

/// How many proofs there are, and not what they say.
impl fmt::Debug for Proofs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Proofs");
        shown.field("headers", &self.headers.len()).field("method", &self.method).field("path", &self.path).finish()
    }
}

/// How one failure is answered at one kind of endpoint.
struct Rows {
    proof: &'static Row,
    missing: &'static Row,
    nonce: &'static Row,
    binding: &'static Row,
}

const SERVER: Rows = Rows { proof: &DPOP_PROOF, missing: &DPOP_MISSING, nonce: &DPOP_NONCE, binding: &DPOP_PROOF };
const RESOURCE: Rows =
    Rows { proof: &RESOURCE_PROOF, missing: &RESOURCE_PROOF, nonce: &RESOURCE_NONCE, binding: &TOKEN_BINDING };

impl Rows {
    fn of(purpose: NoncePurpose) -> Self {
        match purpose {
            NoncePurpose::AuthorizationServer => SERVER,
            NoncePurpose::ProtectedResource => RESOURCE,
        }
    }

    fn refusal(&self, error: ProofError) -> Refusal {
        let row = match error {
            ProofError::Missing => self.missing,
            ProofError::BadNonce => self.nonce,
            ProofError::WrongKey => self.binding,
            _ => self.proof,
        };
        Refusal::from(row).with_detail(error.as_str())
    }
}

/// The key that the sender of a request to the token or PAR endpoint proves to hold; nothing without a proof. RFC 9449 §5.
///
/// # Errors
/// `invalid_dpop_proof`, `use_dpop_nonce`; an unavailable store: whether a proof is used again cannot be told then (RS-13).
pub async fn at_server(ctx: &Ctx, proofs: &Proofs<'_>) -> Result<Option<JwkThumbprint>, Refusal> {
    let proof = verified(ctx, proofs, NoncePurpose::AuthorizationServer, None).await?;
    Ok(proof.map(|proof| proof.thumbprint()))
}

/// The sender of a request with a bound access token holds its key. RFC 9449 §7.1; RS-10.
///
/// # Errors
/// `invalid_dpop_proof`, `use_dpop_nonce`, `invalid_token` for another key; an unavailable store.
pub(crate) async fn at_resource(ctx: &Ctx, proofs: &Proofs<'_>, token: BoundToken<'_>) -> Result<(), Refusal> {
    let purpose = NoncePurpose::ProtectedResource;
    match verified(ctx, proofs, purpose, Some(token)).await? {
        Some(_) => Ok(()),
        None => Err(Rows::of(purpose).refusal(ProofError::Missing)),
    }
}

/// Every check of RFC 9449 §4.3, in the order of `brama_protocol::dpop`; nothing without a proof.
async fn verified(
    ctx: &Ctx,
    proofs: &Proofs<'_>,
    purpose: NoncePurpose,
    access_token: Option<BoundToken<'_>>,
) -> Result<Option<VerifiedProof>, Refusal> {
    let rows = Rows::of(purpose);
    let refused = |error| rows.refusal(error);
    let Some(jws) = proof_header(proofs.headers.iter().copied()).map_err(refused)? else { return Ok(None) };
    let proof = Proof::read(jws, signed).map_err(refused)?;
    let url = TargetUri::below(&ctx.settings.issuer, proofs.path)
        .ok_or_else(|| Refusal::from(&INTERNAL).with_detail("no address of ours"))?;
    let key = ctx.nonces.key(purpose);
    let required = purpose == NoncePurpose::AuthorizationServer && ctx.settings.dpop_nonce_required;
    let checked = proof
        .check(&Expected {
            method: proofs.method,
            url: &url,
            now: ctx.now,
            access_token,
            nonce: if required { NonceRule::Required(key) } else { NonceRule::Accepted(key) },
        })
        .map_err(refused)?;
    let until = checked.replay_until().saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    let first = match purpose {
        // Anybody can make a key and a proof; whoever has an access token that is bound to it was let in before.
        NoncePurpose::AuthorizationServer => {
            if let Some(source) = ctx.source.filter(|source| !source.exempt) {
                ctx.flood.admit_address(flood::Asked::Proof, source.address, PROOFS_PER_MINUTE, ctx.now)?;
            }
            let (store, key, now) = (Arc::clone(&ctx.store), checked.replay_key(), ctx.now);
            ctx.flood.write(async move { store.first_seen(key, until, now).await }).await?
        }
        NoncePurpose::ProtectedResource => ctx.store.first_seen(checked.replay_key(), until, ctx.now).await?,
    };
    checked.first_use(first).map(Some).map_err(refused)
}

fn signed(jws: &str) -> Result<Signed, ProofError> {
    let proof: SelfSigned = verify_with_embedded_key(jws, &Algorithm::ALL).map_err(|_| ProofError::BadSignature)?;
    let key = JwkThumbprint::parse(proof.thumbprint()).ok_or(ProofError::BadSignature)?;
    let claims = proof.claims().map_err(|_| ProofError::BadClaims)?;
    Ok(Signed { key, claims })
}

#[cfg(test)]
mod tests {
    use brama_protocol::metadata::DPOP_ALGORITHMS;

    use super::*;

    #[test]
    fn rs14_metadata_lists_what_proofs_may_be_signed_with() {
        assert_eq!(Algorithm::ALL.map(Algorithm::as_str), DPOP_ALGORITHMS);
    }
}
