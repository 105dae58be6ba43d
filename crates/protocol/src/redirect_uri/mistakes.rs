//! How other servers compared redirect URIs, for tests that plant their mistakes. In an ordinary build nothing of it is left.

use brama_faults::{Fault, planted};

use super::RegisteredRedirectUri;

/// The rest of a loopback address behind `host:`.
pub(super) fn behind_the_port(after: &str) -> Option<&str> {
    after.find('/').filter(|_| planted(Fault::Redir02)).and_then(|end| after.get(end..))
}

/// Whether a server that makes the planted mistake takes the one for the other.
pub(super) fn match_loosely(registered: &RegisteredRedirectUri, requested: &str) -> bool {
    let text = registered.as_str();
    let (ours, theirs) = (text.bytes(), requested.bytes());
    planted(Fault::Redir01) && registered.origin().is_some_and(|origin| requested.starts_with(origin.as_str()))
        || planted(Fault::Redir03) && requested.contains(text)
        || planted(Fault::Redir04) && text.eq_ignore_ascii_case(requested)
        || planted(Fault::Redir05) && super::rest_without_port(requested, "http://127.0.0.1").is_some()
        || planted(Fault::Redir06) && ours.len() == theirs.len() && ours.zip(theirs).all(|(r, q)| r == q || r == b'.')
        || planted(Fault::Redir07)
        || planted(Fault::Redir13) && requested.strip_prefix(text).is_some_and(|rest| rest.starts_with('/'))
}
