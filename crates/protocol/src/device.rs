//! The device grant's request, its codes and their form. RFC 8628 §3.1, §3.2, §6.1; EP-20, EP-21.

use std::fmt;

use aws_lc_rs::hmac;
use serde::Serialize;

use crate::error::{self, Refusal};
use crate::parameters::Parameters;
use crate::pkce::{BadChallenge, Challenge};
use crate::scope::Scope;
use crate::token::request::duplicate;

/// Life of a device code and of its user code, seconds. EP-20; a user code is short, so it must not live long.
pub const LIFETIME_SECONDS: u32 = 600;
/// Seconds between polls, for a start. RFC 8628 §3.2.
pub const INTERVAL_SECONDS: u32 = 5;
/// What a poll that comes too early adds to the interval, for all polls to come, seconds. RFC 8628 §3.5.
pub const SLOW_DOWN_SECONDS: u32 = 5;

/// The letters of user codes: no vowels, so that no words come out, and nothing that is read as a digit. RFC 8628 §6.1.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters of a user code.
const LETTERS: usize = 8;
/// Longest text that is looked at as a user code, characters.
const TYPED: usize = 64;

/// What a person reads on one device and types on another: one of 20^8. EP-21.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserCode([u8; LETTERS]);

impl UserCode {
    /// From random bytes, each letter as likely as any other. Nothing if too few of the bytes could be used, which for
    /// 32 of them happens once in 10^19 times.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Option<Self> {
        // 240 is the largest multiple of 20: what is beyond it would make some letters likelier.
        let mut letters = bytes.iter().filter(|byte| **byte < 240).map(|byte| ALPHABET.get(usize::from(byte % 20)));
        let mut code = [0; LETTERS];
        for letter in &mut code {
            *letter = *letters.next()??;
        }
        Some(Self(code))
    }

    /// Read what somebody typed: case, spaces and punctuation do not matter, and Cyrillic letters that look like Latin
    /// ones are taken for them. EP-21.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut letters = typed.chars().take(TYPED).filter(|c| c.is_alphanumeric());
        let mut code = [0; LETTERS];
        for letter in &mut code {
            *letter = latin(letters.next()?)?;
        }
        (letters.next().is_none() && typed.chars().nth(TYPED).is_none()).then_some(Self(code))
    }

    /// The form people see: `WDJB-MJHT`.
    #[must_use]
    pub fn shown(&self) -> String {
        let letters = self.0.iter().map(|byte| char::from(*byte));
        let mut shown = String::with_capacity(LETTERS + 1);
        for (index, letter) in letters.enumerate() {
            if index == LETTERS / 2 {
                shown.push('-');
            }
            shown.push(letter);
        }
        shown
    }
}

/// The letter of the alphabet that was meant.
fn latin(typed: char) -> Option<u8> {
    let meant = match typed.to_uppercase().next()? {
        'В' => 'B',
        'К' => 'K',
        'М' => 'M',
        'Н' => 'H',
        'Р' => 'P',
        'С' => 'C',
        'Т' => 'T',
        'Х' => 'X',
        other => other,
    };
    u8::try_from(meant).ok().filter(|letter| ALPHABET.contains(letter))
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

/// What the database knows of a user code: a keyed hash, because so few letters are found again by trying them all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserCodeMac([u8; 32]);

impl UserCodeMac {
    /// The 32 bytes as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From the 32 bytes as they are stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for UserCodeMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCodeMac(…)")
    }
}

/// The key under which user codes are stored, derived from the master key.
pub struct UserCodeKey(hmac::Key);

impl UserCodeKey {
    /// From 32 derived bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// How a user code is stored and found.
    #[must_use]
    pub fn mac(&self, code: UserCode) -> UserCodeMac {
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&self.0, &code.0).as_ref());
        UserCodeMac(mac)
    }
}

/// What a device asks for, beside its client's credentials and `resource`. RFC 8628 §3.1.
#[derive(Debug)]
pub struct DeviceRequest {
    /// `scope`.
    pub scope: Option<Scope>,
    /// A challenge that the device wants its code bound to. RFC 8628 has none; a client that sends one is taken at its
    /// word (DEVICE-03).
    pub challenge: Option<Challenge>,
}

impl DeviceRequest {
    /// Read a device authorization request.
    ///
    /// # Errors
    /// `invalid_request` for repeated parameters and a challenge that is not S256, `invalid_scope`.
    pub fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        let one = |name| parameters.one(name).map_err(duplicate);
        let scope = match one("scope")? {
            None => None,
            Some(text) => Some(Scope::parse(text).map_err(|_| Refusal::from(&error::AUTHORIZE_SCOPE))?),
        };
        let challenge = match (one("code_challenge")?, one("code_challenge_method")?) {
            (None, None) => None,
            (challenge, method) => Some(Challenge::parse(challenge, method).map_err(|bad| match bad {
                BadChallenge::Missing => &error::CHALLENGE_MISSING,
                BadChallenge::Method => &error::CHALLENGE_METHOD,
                BadChallenge::Syntax => &error::CHALLENGE_SYNTAX,
            })?),
        };
        Ok(Self { scope, challenge })
    }
}

/// The device authorization response. RFC 8628 §3.2.
#[derive(Serialize)]
pub struct DeviceResponse<'a> {
    /// What the device polls with.
    pub device_code: &'a str,
    /// What the person types.
    pub user_code: &'a str,
    /// Where.
    pub verification_uri: &'a str,
    /// The same with the code in it, for a QR code. It is compared and confirmed all the same. EP-23.
    pub verification_uri_complete: &'a str,
    /// Life of both codes, seconds.
    pub expires_in: u32,
    /// Seconds between polls.
    pub interval: u32,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn ep21_case_and_punctuation_do_not_matter_letters_do() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        assert_eq!(code.shown(), "WDJB-MJHT");
        // The last one is typed in Ukrainian where the letters look alike.
        for same in ["wdjbmjht", " w-d j.b_M/J-h-T ", "WDJB–MJHT", "wdjb\u{a0}mjht", "WDJВ-MJНТ", "wdjв-mjнт"] {
            assert!(UserCode::parse(same) == Some(code), "{same}");
        }
        let long = format!("WDJB-MJHT{}", "-".repeat(60));
        for wrong in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJA-MJHT", "WDJ8-MJHT", "WDJЖ-MJHT", "ＷDJB-MJHT", &long] {
            assert!(UserCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn ep21_every_letter_is_as_likely_as_any_other() {
        let mut seen = std::collections::BTreeMap::<char, u32>::new();
        for byte in 0..=u8::MAX {
            let mut bytes = [255; 32];
            for place in bytes.iter_mut().take(8) {
                *place = byte;
            }
            match UserCode::from_random(bytes) {
                Some(code) => *seen.entry(code.shown().chars().next().unwrap()).or_default() += 1,
                None => assert!(byte >= 240),
            }
        }
        assert_eq!(seen.keys().collect::<String>().as_bytes(), ALPHABET);
        assert!(seen.values().all(|count| *count == 12), "{seen:?}");
    }

    #[test]
    fn a_user_code_is_stored_under_a_key_and_does_not_print() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        let key = UserCodeKey::new(&[1; 32]);
        assert!(key.mac(code) == key.mac(code));
        assert!(key.mac(code) != UserCodeKey::new(&[2; 32]).mac(code));
        assert!(key.mac(code) != key.mac(UserCode::parse("WDJB-MJHX").unwrap()));
        assert_eq!(format!("{code:?} {:?}", key.mac(code)), "UserCode(…) UserCodeMac(…)");
    }

    #[test]
    fn ep20_device03_a_challenge_is_s256_or_absent() {
        let parse = |text: &str| DeviceRequest::parse(&Parameters::parse(text.as_bytes()).unwrap());
        let refused = |text: &str| parse(text).unwrap_err().row.id;
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(refused(&format!("code_challenge={challenge}")), "B2115");
        assert_eq!(refused(&format!("code_challenge={challenge}&code_challenge_method=plain")), "B2115");
        assert_eq!(refused("code_challenge_method=S256"), "B2114");
        assert_eq!(refused("code_challenge=short&code_challenge_method=S256"), "B2116");
        assert_eq!(refused("scope=%22"), "B2118");
        assert_eq!(refused("scope=a&scope=b"), "B3102");
        assert!(parse("").unwrap().challenge.is_none());
        let asked = parse(&format!("code_challenge={challenge}&code_challenge_method=S256")).unwrap();
        assert!(asked.challenge.is_some());
    }
}
