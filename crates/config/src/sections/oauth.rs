//! `[oauth]`

use schemars::JsonSchema;

use crate::reader::Reader;
use crate::rule::or;

/// What every app has to do at the OAuth endpoints. A single app can be held to more in its own settings.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OAuth {
    /// Apps have to push their authorization requests to `/oauth2/par` (RFC 9126); a request whose
    /// parameters came through the browser is refused. Apps that cannot do that cannot sign anybody in.
    pub require_pushed_authorization_requests: bool,
}

impl OAuth {
    pub(crate) fn read(r: &mut Reader) -> Self {
        r.section("oauth", |s| Self {
            require_pushed_authorization_requests: s.read("require_pushed_authorization_requests", or(false)),
        })
    }
}
