//! How another server read assertions, for a test that plants its mistake. In an ordinary build nothing of it is left.

use brama_faults::{Fault, planted};
use brama_jose::Verified;
use brama_protocol::client_assertion::AssertionClaims;
use serde_json::{Map, Value};

use crate::context::Ctx;

/// The claims as a server takes them to which an absent audience is its own and an absent end is not reached yet.
pub(super) fn with_what_is_missing(ctx: &Ctx, verified: &Verified) -> Option<AssertionClaims> {
    if !planted(Fault::Audiss06) {
        return None;
    }
    let mut sent: Map<String, Value> = verified.claims().ok()?;
    sent.entry("aud").or_insert_with(|| ctx.settings.issuer.as_str().into());
    sent.entry("exp").or_insert_with(|| (ctx.now.as_second() + 60).into());
    serde_json::from_value(sent.into()).ok()
}
