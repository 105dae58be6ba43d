//! Mistakes that other servers made, to be made here on purpose: each shows that a test of ours would have found it.
//!
//! A fault point stands in the code where the mistake would be made:
//!
//! ```
//! use brama_faults::{Fault, planted};
//!
//! # let (registered, requested) = ("https://app.example/cb", "https://app.example/CB");
//! let same = registered == requested || planted(Fault::Redir04) && registered.eq_ignore_ascii_case(requested);
//! # assert!(!same);
//! ```
//!
//! Without the feature `planted`, [`planted`] is the constant `false` and the compiler removes the mistake. With it, which
//! only `cargo test -p brama-tests --features planted-faults` asks for and which no build without debug assertions has, the
//! variable [`VARIABLE`] chooses the one mistake of this process. `tests/museum/faults.rs` says for each which tests must fail.

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("the feature `planted` of brama-faults is for tests: build without it, or with debug assertions");

/// The environment variable that names the fault of this process, such as `REDIR-04`. Read only with the feature `planted`.
pub const VARIABLE: &str = "BRAMA_PLANTED_FAULT";

macro_rules! faults {
    ($($name:ident = $id:literal, $what:literal;)+) => {
        /// A mistake. Its name and [`Fault::id`] are those of the line of the museum that it repeats.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault {
            $(#[doc = $what] $name,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The line of the museum, such as `REDIR-04`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// What is done wrong, in one line.
            #[must_use]
            pub const fn mistake(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)+
                }
            }
        }
    };
}

faults! {
    Redir01 = "REDIR-01", "Whatever begins with the registered origin matches: a user name is taken for the host.";
    Redir02 = "REDIR-02", "The port of a loopback redirect URI is everything up to the path.";
    Redir03 = "REDIR-03", "A redirect URI that contains the registered one matches.";
    Redir04 = "REDIR-04", "Redirect URIs are compared without regard to upper and lower case.";
    Redir05 = "REDIR-05", "Every client may use every loopback redirect URI.";
    Redir06 = "REDIR-06", "Registered redirect URIs are patterns: a dot is any character.";
    Redir07 = "REDIR-07", "The redirect URI of a request is compared with nothing.";
    Redir08 = "REDIR-08", "A list of bad schemes is compared with regard to case; all else may be registered.";
    Redir09 = "REDIR-09", "What was stored is believed: a waiting request is not held against the registration again.";
    Redir10 = "REDIR-10", "With `prompt=none` the redirect URI is not checked.";
    Redir13 = "REDIR-13", "Everything below a registered redirect URI matches.";
    Redir14 = "REDIR-14", "Of a parameter that came twice the first is taken.";
    Code01 = "CODE-01", "A request may do without a challenge, and its code is given for any verifier.";
    Code02 = "CODE-02", "A code with a challenge is given without a verifier.";
    Code03 = "CODE-03", "Confidential clients may leave PKCE out.";
    Code04 = "CODE-04", "A verifier may be of any length.";
    Code05 = "CODE-05", "A code is refused only if both client and redirect URI are wrong.";
    Code07 = "CODE-07", "Handles have no kind: a code is whatever names the request.";
    Code08 = "CODE-08", "A waiting sign-in goes on in whichever browser opens its address.";
    Code10 = "CODE-10", "A challenge without a method is taken for S256.";
    Code11 = "CODE-11", "The last step of a sign-in takes `response_mode` from its address.";
    Refresh01 = "REFRESH-01", "A refresh token is looked at in one transaction and replaced in another.";
    Refresh02 = "REFRESH-02", "A token that was replaced within this second still counts.";
    Refresh03 = "REFRESH-03", "A superseded token is refused, and the rest of its family lives on.";
    Refresh04 = "REFRESH-04", "A refresh gives all that was allowed once, whatever the client may have now.";
    Refresh05 = "REFRESH-05", "A revocation that the store did not take is answered with success.";
    Refresh06 = "REFRESH-06", "A client with a secret need not send it.";
    Refresh07 = "REFRESH-07", "An access token does for a refresh token.";
    Revoke01 = "REVOKE-01", "A new password ends nothing.";
    Revoke02 = "REVOKE-02", "A client proves who it is, and nobody asks whether it was switched off.";
    Revoke03 = "REVOKE-03", "A device that was allowed gets its tokens although the account was disabled meanwhile.";
    Revoke04 = "REVOKE-04", "A revocation by a public client does nothing.";
    Revoke05 = "REVOKE-05", "The last write of a slow request brings an ended session back.";
    Revoke07 = "REVOKE-07", "Signing out deletes the cookie and leaves the session.";
    Revoke08 = "REVOKE-08", "Introspection looks at the signature and the time, and no further.";
    Revoke09 = "REVOKE-09", "A first token has all that was allowed, whatever the client may have now.";
    Revoke10 = "REVOKE-10", "The registration of a disabled client opens to its token.";
    Jose01 = "JOSE-01", "A token without a signature is taken for one that needs none.";
    Jose02 = "JOSE-02", "HMAC with the bytes of the public key is a signature too.";
    Jose03 = "JOSE-03", "A key in the header of any token is used for its signature.";
    Jose04 = "JOSE-04", "A time of another JSON type counts as absent, or as the number in its text.";
    Jose05 = "JOSE-05", "HMAC with the empty key is a signature too.";
    Jose06 = "JOSE-06", "Critical extensions that nobody knows are ignored.";
    Jose07 = "JOSE-07", "A signature of zeros fits everything.";
    Jose12 = "JOSE-12", "Padding and white space around the parts of a token are forgiven.";
    Jose13 = "JOSE-13", "A negative time wraps into the far future.";
    Audiss01 = "AUDISS-01", "An assertion for the token endpoint's address is one for us.";
    Audiss02 = "AUDISS-02", "A list of audiences is not looked into.";
    Audiss03 = "AUDISS-03", "An ID token for another app speaks for this one.";
    Audiss04 = "AUDISS-04", "An API is told of tokens for other APIs.";
    Audiss05 = "AUDISS-05", "A token request may name every resource of the client, allowed or not.";
    Audiss06 = "AUDISS-06", "An assertion without audience or end is for us and has not ended.";
    Audiss07 = "AUDISS-07", "Every client is told of the tokens of others.";
    Mixup02 = "MIXUP-02", "Errors come back without `iss`.";
    Openredir01 = "OPENREDIR-01", "Whatever begins with a slash is an address of ours.";
    Openredir02 = "OPENREDIR-02", "A path that came with the sign-in form is gone to if it begins with a slash.";
    Openredir03 = "OPENREDIR-03", "Errors go to the redirect URI of the request, registered or not.";
    Client01 = "CLIENT-01", "Every app that registers is told a secret, public ones too.";
    Client02 = "CLIENT-02", "At an update only those rules are looked at that need no other client and no key.";
    Client03 = "CLIENT-03", "Whoever has an access token may register apps.";
    Client04 = "CLIENT-04", "A client assertion may be sent again.";
    Client05 = "CLIENT-05", "Consent is remembered for apps whose receiver nobody has assured.";
    Client06 = "CLIENT-06", "Where no page may be shown, consent is taken for given.";
    Device01 = "DEVICE-01", "A user code belongs to whoever typed it last.";
    Device02 = "DEVICE-02", "Every client may begin the device grant.";
    Device03 = "DEVICE-03", "A device code with a challenge is given without a verifier.";
    Device04 = "DEVICE-04", "A link with the user code connects the device at once, and wrong codes are not counted.";
    Binding01 = "BINDING-01", "A bound token is taken as a bearer token.";
    Host01 = "HOST-01", "Metadata name the host of `X-Forwarded-Host`.";
    Host02 = "HOST-02", "A host that begins with ours is ours.";
    Host03 = "HOST-03", "Kept documents are served under any host.";
    Ssrf01 = "SSRF-01", "An external `request_uri` is fetched.";
    Ssrf02 = "SSRF-02", "Names are resolved, and nobody looks where they lead.";
    Ssrf03 = "SSRF-03", "The logo of an app is fetched when it registers.";
    Ssrf04 = "SSRF-04", "Redirects are followed without a check of where they lead.";
    Ssrf06 = "SSRF-06", "IPv6 addresses that carry IPv4 ones are not looked into.";
    Http01 = "HTTP-01", "CORS grants every origin what it asks for.";
    Http03 = "HTTP-03", "`x_forwarded_for` is read like `x-forwarded-for`.";
    Http04 = "HTTP-04", "Parameters of a form are read from the query too.";
    Http05 = "HTTP-05", "Error pages lack the headers of pages where no handler answers.";
    Http06 = "HTTP-06", "A session cookie counts without its prefix too, so that a neighbour can set it.";
    Http07 = "HTTP-07", "Of two cookies with one name the first counts.";
    Leak01 = "LEAK-01", "The debug form of a handle shows it.";
    Leak02 = "LEAK-02", "Token requests are logged with their parameters.";
    Leak03 = "LEAK-03", "The access log has the query.";
    Leak05 = "LEAK-05", "What is told of a person may be kept by caches.";
    Leak06 = "LEAK-06", "The database has handles as they are, not their hashes.";
}

/// Whether this process makes the mistake.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline(always)]
pub const fn planted(_fault: Fault) -> bool {
    false
}

/// Whether this process makes the mistake.
#[cfg(feature = "planted")]
#[must_use]
pub fn planted(fault: Fault) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| std::env::var(VARIABLE).ok());
    CHOSEN.as_deref() == Some(fault.id())
}
