//! What must hold for every byte that the network sends.
//!
//! One function for each parser of network input: it parses what it is given and asserts what has to be true of the outcome.
//! Nothing panics; what is accepted satisfies its grammar and its limits; what is printed is read back as the same; where
//! another implementation exists, both agree. [`TARGETS`] names them all, and the same functions are called by
//! `tests/short.rs` (on every run, a bounded number of inputs) and by libFuzzer (`fuzz/`, as long as one likes).
//!
//! An input that has several parts, such as a header and a body, separates them by line feeds.

pub mod authorization;
pub mod dpop;
pub mod headers;
pub mod jose;
pub mod names;
pub mod parameters;
pub mod redirect_uri;
pub mod registration;
pub mod requests;
pub mod token;

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, also that of its folder below `fuzz/corpus` and of its libFuzzer program.
    pub name: &'static str,
    /// Gives it an input. Panics where a promise is broken.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident => $run:path),+ $(,)?) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $run }),+];
    };
}

targets! {
    access_token_claims => jose::access_token_claims,
    authorization_header => headers::authorization,
    authorization_request => authorization::request,
    claims_request => authorization::claims_request,
    client_assertion => token::client_assertion,
    cookie_header => requests::cookie_header,
    device_request => token::device_request,
    dpop_claims => dpop::claims,
    dpop_header => dpop::header,
    dpop_nonce => dpop::nonce,
    dpop_proof => dpop::proof,
    forwarded_for => requests::forwarded_for,
    handles => names::handles,
    htu => dpop::htu,
    http_request => requests::http_request,
    jwk => jose::jwk,
    jwk_set => jose::jwk_set,
    jws => jose::jws,
    jws_header => jose::jws_header,
    languages => headers::languages,
    logout_request => authorization::logout_request,
    origin => headers::origin,
    parameters => parameters::parameters,
    pkce => token::pkce,
    redirect_uri => redirect_uri::register_and_match,
    registration => registration::metadata,
    scope => token::scope,
    token_request => token::request,
    user_code => token::user_code,
    usernames_and_passwords => names::usernames_and_passwords,
    www_authenticate => headers::www_authenticate,
}

/// The target of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Run one target, for programs of libFuzzer. A name that is none fails on the first input.
pub fn run(name: &str, data: &[u8]) {
    let target = named(name);
    assert!(target.is_some(), "no target `{name}`");
    if let Some(target) = target {
        (target.run)(data);
    }
}

/// The input as one JSON object; nothing for lists, which serde would take for one.
fn object(data: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice::<serde_json::Value>(data).ok().filter(serde_json::Value::is_object)
}

/// The parts of an input: text, separated by line feeds; nothing if it is no UTF-8.
fn lines(data: &[u8]) -> Option<impl Iterator<Item = &str>> {
    std::str::from_utf8(data).ok().map(|text| text.split('\n'))
}
