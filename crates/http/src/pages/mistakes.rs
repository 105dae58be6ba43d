//! Where other servers went after a sign-in, for tests that plant their mistakes. In an ordinary build nothing of it is left.

use brama_faults::{Fault, planted};
use brama_protocol::parameters::Parameters;

/// The address that came with the form, if it looks like one of ours.
pub(super) fn kept_target(form: &Parameters) -> Option<String> {
    let kept = form.one("tx").ok().flatten().filter(|path| path.starts_with('/'));
    kept.filter(|_| planted(Fault::Openredir02)).map(ToOwned::to_owned)
}
