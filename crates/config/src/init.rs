//! The file that `brama init` writes.

use crate::value::quote;

/// A configuration of at most 12 lines for a server behind a proxy on the same machine.
/// Both values are written as they are given; [`crate::load`] judges them.
#[must_use]
pub fn minimal_file(public_url: &str, data_dir: &str) -> String {
    format!(
        r#"# Everything else has a default: see docs/reference/configuration.md. Test with `brama check`.
public_url = {}  # the address people see; tokens carry it exactly
data_dir = {}  # database and master key: back it up

[server]
listen = "127.0.0.1:8420"  # plain HTTP; a proxy in front of it speaks TLS
trust_proxy = ["127.0.0.1/32", "::1/128"]  # where that proxy is
"#,
        quote(public_url),
        quote(data_dir)
    )
}
