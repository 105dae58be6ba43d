//! Form tokens: HMAC(key, cookie hash ‖ form). WH-11 (c), AZ-20.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_protocol::handle::HandleHash;

/// The key that makes and knows form tokens.
pub struct CsrfKey(hmac::Key);

/// Forms that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/sign-in`, bound to the transaction cookie: nobody can be signed in by another site's form.
    SignIn,
    /// `/consent`, bound to the session cookie.
    Consent,
    /// `/select-account`, bound to the session cookie.
    SelectAccount,
    /// `/sign-out`, bound to the session cookie.
    SignOut,
    /// The forms of `/account`, bound to the session cookie.
    Account,
    /// The forms of `/device`, bound to the session cookie.
    Device,
    /// No form: what an app's own form said, carried on to the page after it; bound to what it said.
    CarriedHint,
}

impl Form {
    fn label(self) -> &'static [u8] {
        match self {
            Self::SignIn => b"sign-in",
            Self::Consent => b"consent",
            Self::SelectAccount => b"select-account",
            Self::SignOut => b"sign-out",
            Self::Account => b"account",
            Self::Device => b"device",
            Self::CarriedHint => b"carried-hint",
        }
    }
}

impl CsrfKey {
    /// From 32 derived bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    fn input<K>(cookie: HandleHash<K>, form: Form) -> Vec<u8> {
        let mut input = cookie.as_bytes().to_vec();
        input.extend_from_slice(form.label());
        input
    }

    /// The token for a form of the browser that has this cookie.
    #[must_use]
    pub fn token<K>(&self, cookie: HandleHash<K>, form: Form) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &Self::input(cookie, form)))
    }

    /// Whether a form came from a page of ours in this browser. Constant time.
    #[must_use]
    pub fn is_valid<K>(&self, cookie: HandleHash<K>, form: Form, token: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(token) else { return false };
        hmac::verify(&self.0, &Self::input(cookie, form), &tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use brama_protocol::handle::{Handle, kind};

    use super::*;

    #[test]
    fn wh11_a_token_fits_one_form_of_one_browser() {
        let key = CsrfKey::new(&[1; 32]);
        let mine = Handle::<kind::Browser>::from_random([1; 32]).hash();
        let other = Handle::<kind::Browser>::from_random([2; 32]).hash();
        let token = key.token(mine, Form::SignIn);
        assert!(key.is_valid(mine, Form::SignIn, &token));
        assert!(!key.is_valid(other, Form::SignIn, &token));
        assert!(!key.is_valid(mine, Form::Consent, &token));
        assert!(!CsrfKey::new(&[2; 32]).is_valid(mine, Form::SignIn, &token));
        for wrong in ["", "x", "AAAA"] {
            assert!(!key.is_valid(mine, Form::SignIn, wrong));
        }
    }
}
