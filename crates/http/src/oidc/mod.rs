//! OpenID Connect.

pub(crate) mod logout;
pub(crate) mod userinfo;
