//! What people, apps and APIs do, again and again: of our server, of the skeleton, or of somebody else's.

mod code_flow;
mod refresh;
mod repeated;
mod sign_in;

pub(crate) use self::code_flow::{CHALLENGE, CodeFlow, VERIFIER};
pub(crate) use self::refresh::{ByBody, ByCookie, Roaming};
pub(crate) use self::repeated::{Repeated, access_token, length, skeleton_token};
pub(crate) use self::sign_in::{Crowd, Fared, SignIn};

use anyhow::Context as _;

use crate::wire::Wire;

/// A connection that was opened.
fn open(wire: &mut Option<Wire>) -> anyhow::Result<&mut Wire> {
    wire.as_mut().context("a visitor was not connected")
}
