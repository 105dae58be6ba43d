//! The table of routes: for every address and method who may call it, what protects it, how it is cached and who may
//! read the answer from another origin. There is no route outside this table.

use std::pin::Pin;

use axum::response::Response;
use brama_protocol::error::Refusal;
use brama_protocol::limits;

use crate::app::App;
use crate::incoming::Incoming;
use crate::{assets, first_party, health, oauth, oidc, pages};

/// A handler's answer.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response, Refusal>> + Send + 'a>>;

/// How refusals look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// An HTML page.
    Page,
    /// OAuth's JSON error object. OAuth 2.1 §3.2.4.
    OAuth,
    /// OAuth's JSON, and 401 with a `Bearer` challenge. RS-4, BB-13.
    Bearer,
    /// Plain text.
    Plain,
}

/// Who has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A person with a session cookie; others are sent to the sign-in page.
    Session,
    /// A client that authenticates. OAuth 2.1 §2.4.
    Client,
    /// An access token.
    Token,
    /// A refresh cookie, or a password for one.
    RefreshCookie,
}

/// What keeps other sites from making a browser call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Csrf {
    /// It changes nothing.
    Safe,
    /// A page that may issue a code: only by top-level navigation, never by prefetch. WH-12.
    Navigation,
    /// A form of ours: Fetch Metadata or `Origin`, and a token. WH-11.
    Form,
    /// A form of an app, on purpose: no cookie is acted upon, our own page follows. SE-2, AZ-1.
    CrossSiteForm,
    /// The rule of the cookie endpoints. Design §5.
    CookieEndpoint,
    /// No cookie is read. WH-12.
    NoCookies,
}

/// How an answer may be cached. WH-10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Not at all: for whatever carries tokens or depends on who asks. G-5.
    NoStore,
    /// Five minutes, with an `ETag`.
    Minutes,
    /// For ever: its address has its hash.
    Immutable,
}

/// Who may read an answer from another origin. WH-9, BB-12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Nobody. AZ-2.
    None,
    /// Everybody, without credentials.
    Any,
    /// Origins that a client lists, without credentials.
    Listed,
    /// Origins that a client lists, with cookies.
    ListedWithCredentials,
}

/// One row.
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The address; `{name}` is one segment, `{*name}` all that follow.
    pub path: &'static str,
    /// How refusals look.
    pub speech: Speech,
    /// Who has to be there.
    pub access: Access,
    /// What keeps other sites out.
    pub csrf: Csrf,
    /// How the answer may be cached.
    pub cache: Cache,
    /// Who may read it.
    pub cors: Cors,
    /// Largest body, bytes.
    pub body: usize,
    /// What answers.
    pub handler: for<'a> fn(&'a App, &'a Incoming) -> Answer<'a>,
}

macro_rules! table {
    ($($method:ident $path:literal $speech:ident $access:ident $csrf:ident $cache:ident $cors:ident $body:ident $handler:path;)+) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            speech: Speech::$speech,
            access: Access::$access,
            csrf: Csrf::$csrf,
            cache: Cache::$cache,
            cors: Cors::$cors,
            body: $body,
            handler: |app, incoming| Box::pin($handler(app, incoming)),
        }),+]
    };
}

const NONE: usize = 0;
const FORM: usize = limits::FORM_BODY_BYTES;
const JSON: usize = limits::JSON_BODY_BYTES;
const REGISTRATION: usize = limits::REGISTRATION_BODY_BYTES;

/// All routes.
#[rustfmt::skip]
pub const ROUTES: &[Route] = table! {
//  method path                                      speech access        csrf           cache     cors                  body  handler
    GET  "/"                                         Page   Public        Safe           NoStore   None                  NONE  pages::account::front;
    GET  "/.well-known/openid-configuration"         OAuth  Public        Safe           Minutes   Any                   NONE  oauth::metadata::document;
    GET  "/.well-known/oauth-authorization-server"   OAuth  Public        Safe           Minutes   Any                   NONE  oauth::metadata::document;
    GET  "/oauth2/jwks"                              OAuth  Public        Safe           Minutes   Any                   NONE  oauth::metadata::jwks;
    GET  "/oauth2/authorize"                         Page   Public        Navigation     NoStore   None                  NONE  oauth::authorize::get;
    POST "/oauth2/authorize"                         Page   Public        CrossSiteForm  NoStore   None                  FORM  oauth::authorize::post;
    POST "/oauth2/par"                               OAuth  Client        NoCookies      NoStore   Listed                FORM  oauth::par::post;
    POST "/oauth2/token"                             OAuth  Client        NoCookies      NoStore   ListedWithCredentials FORM  oauth::token::post;
    POST "/oauth2/register"                          Bearer Public        NoCookies      NoStore   None                  REGISTRATION oauth::register::post;
    GET  "/oauth2/register/{client_id}"              Bearer Token         NoCookies      NoStore   None                  NONE  oauth::register::get;
    PUT  "/oauth2/register/{client_id}"              Bearer Token         NoCookies      NoStore   None                  REGISTRATION oauth::register::put;
    DELETE "/oauth2/register/{client_id}"            Bearer Token         NoCookies      NoStore   None                  NONE  oauth::register::delete;
    POST "/oauth2/device_authorization"              OAuth  Client        NoCookies      NoStore   None                  FORM  oauth::device::post;
    POST "/oauth2/introspect"                        OAuth  Client        NoCookies      NoStore   None                  FORM  oauth::introspect::post;
    POST "/oauth2/revoke"                            OAuth  Client        NoCookies      NoStore   Listed                FORM  oauth::revoke::post;
    GET  "/userinfo"                                 Bearer Token         NoCookies      NoStore   Listed                NONE  oidc::userinfo::get;
    POST "/userinfo"                                 Bearer Token         NoCookies      NoStore   Listed                FORM  oidc::userinfo::post;
    GET  "/oauth2/logout"                            Page   Public        Navigation     NoStore   None                  NONE  oidc::logout::get;
    POST "/oauth2/logout"                            Page   Public        CrossSiteForm  NoStore   None                  FORM  oidc::logout::post;
    POST "/api/auth/login"                           Bearer RefreshCookie CookieEndpoint NoStore   ListedWithCredentials JSON  first_party::login;
    POST "/api/auth/refresh"                         Bearer RefreshCookie CookieEndpoint NoStore   ListedWithCredentials JSON  first_party::rotate;
    GET  "/api/auth/refresh"                         Bearer RefreshCookie CookieEndpoint NoStore   ListedWithCredentials NONE  first_party::look;
    POST "/api/auth/logout"                          Bearer RefreshCookie CookieEndpoint NoStore   ListedWithCredentials JSON  first_party::logout;
    GET  "/api/auth/me"                              Bearer Token         NoCookies      NoStore   Listed                NONE  oidc::userinfo::me;
    GET  "/sign-in"                                  Page   Public        Safe           NoStore   None                  NONE  pages::sign_in::get;
    POST "/sign-in"                                  Page   Public        Form           NoStore   None                  FORM  pages::sign_in::post;
    GET  "/continue"                                 Page   Public        Navigation     NoStore   None                  NONE  pages::continuation::get;
    GET  "/consent"                                  Page   Session       Safe           NoStore   None                  NONE  pages::consent::get;
    POST "/consent"                                  Page   Session       Form           NoStore   None                  FORM  pages::consent::post;
    GET  "/device"                                   Page   Session       Safe           NoStore   None                  NONE  pages::device::get;
    POST "/device"                                   Page   Session       Form           NoStore   None                  FORM  pages::device::post;
    GET  "/device/confirm"                           Page   Session       Safe           NoStore   None                  NONE  pages::device::ask;
    POST "/device/confirm"                           Page   Session       Form           NoStore   None                  FORM  pages::device::decide;
    GET  "/select-account"                           Page   Session       Safe           NoStore   None                  NONE  pages::select_account::get;
    POST "/select-account"                           Page   Session       Form           NoStore   None                  FORM  pages::select_account::post;
    POST "/sign-out"                                 Page   Session       Form           NoStore   None                  FORM  oidc::logout::confirmed;
    GET  "/signed-out"                               Page   Public        Safe           NoStore   None                  NONE  pages::signed_out::get;
    GET  "/account"                                  Page   Session       Safe           NoStore   None                  NONE  pages::account::get;
    POST "/account/sessions/end"                     Page   Session       Form           NoStore   None                  FORM  pages::account::end_sessions;
    GET  "/account/apps"                             Page   Session       Safe           NoStore   None                  NONE  pages::apps::get;
    POST "/account/apps/withdraw"                    Page   Session       Form           NoStore   None                  FORM  pages::apps::withdraw;
    POST "/account/sign-out"                         Page   Session       Form           NoStore   None                  FORM  pages::account::sign_out;
    GET  "/error/{code}"                             Page   Public        Safe           NoStore   None                  NONE  pages::error::get;
    GET  "/assets/{*file}"                           Plain  Public        Safe           Immutable None                  NONE  assets::page_asset;
    GET  "/favicon.ico"                              Plain  Public        Safe           Minutes   None                  NONE  assets::icon;
    GET  "/sdk/{*file}"                              Plain  Public        Safe           Minutes   Any                   NONE  assets::sdk;
    GET  "/livez"                                    Plain  Public        Safe           NoStore   None                  NONE  health::live;
    GET  "/readyz"                                   Plain  Public        Safe           NoStore   None                  NONE  health::ready;
};

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_row_says_nothing_that_contradicts_itself() {
        let mut seen = BTreeSet::new();
        for route in ROUTES {
            let name = format!("{} {}", route.method, route.path);
            assert!(seen.insert(name.clone()), "{name} twice");
            let sends_nothing = matches!(route.method, "GET" | "DELETE");
            assert_eq!(sends_nothing, route.body == 0, "{name}: a body on GET, or none on POST");
            // WH-11: what changes something on behalf of a cookie is protected.
            if route.method != "GET" {
                assert_ne!(route.csrf, Csrf::Safe, "{name}");
                assert_ne!(route.csrf, Csrf::Navigation, "{name}");
            }
            if route.access == Access::Session && route.method == "POST" {
                assert_eq!(route.csrf, Csrf::Form, "{name}");
            }
            if route.access == Access::RefreshCookie {
                assert_eq!(route.csrf, Csrf::CookieEndpoint, "{name}");
            }
            // WH-9, AZ-2: no page is readable from another origin, and only public documents are for everybody.
            if route.speech == Speech::Page {
                assert_eq!((route.cors, route.cache), (Cors::None, Cache::NoStore), "{name}");
            }
            if route.cors == Cors::Any {
                assert_eq!((route.access, route.csrf), (Access::Public, Csrf::Safe), "{name}");
            }
            // WH-10: what depends on who asks is not cached.
            if route.access != Access::Public {
                assert_eq!(route.cache, Cache::NoStore, "{name}");
            }
        }
    }

    #[test]
    fn there_is_no_route_outside_the_table() {
        let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
        let mut folders: Vec<_> = sources.map(|entry| entry.unwrap().path()).collect();
        while let Some(path) = folders.pop() {
            if path.is_dir() {
                folders.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if !path.ends_with("dispatch.rs") && !path.ends_with("routes.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains(".route("), "{} adds a route of its own", path.display());
            }
        }
    }
}
