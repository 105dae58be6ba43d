//! Names, passwords, and the texts that open or name something.

use brama_protocol::acr::Level;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_protocol::limits;
use brama_protocol::par;
use brama_protocol::parameters::Parameters;
use brama_protocol::password::Password;
use brama_protocol::refresh_token::RefreshTokenKey;
use brama_protocol::username::{Email, NameKey, Username};

use crate::token::is_client_id;

/// PW-2 to PW-4, the names of accounts: within their limits; a name leads to the account it was given to.
pub fn usernames_and_passwords(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = Username::parse(text) {
        assert!((1..=limits::USERNAME_CODE_POINTS).contains(&name.as_str().chars().count()));
        assert!(!name.as_str().chars().any(char::is_control) && name.as_str().trim() == name.as_str());
        assert_eq!(Username::parse(name.as_str()).as_ref().map(Username::as_str), Ok(name.as_str()), "not read back");
        assert!(NameKey::of(text) == name.key(), "typed as it was given, and not found");
        assert!(NameKey::of(&format!(" {text} ")) == name.key(), "spaces of a phone");
    }
    if let Ok(address) = Email::parse(text) {
        assert!(address.as_str().len() <= limits::EMAIL_BYTES && address.as_str().matches('@').count() == 1);
        assert_eq!(Email::parse(address.as_str()).as_ref().map(Email::as_str), Ok(address.as_str()), "not read back");
        assert!(NameKey::of(text) == address.key());
    }
    match Password::parse(text) {
        Ok(password) => {
            assert!(text.len() <= limits::PASSWORD_BYTES && text.chars().count() <= limits::PASSWORD_CODE_POINTS);
            assert_eq!(format!("{password:?}"), "Password(…)");
            if text.is_ascii() {
                assert_eq!(password.as_bytes(), text.as_bytes());
            }
            assert_eq!(password.is_empty(), text.is_empty());
            let _ = password.check_new(15);
        }
        Err(_) => assert!(text.len() > limits::PASSWORD_BYTES || text.chars().count() > limits::PASSWORD_CODE_POINTS),
    }
}

/// G-4, SK-6: one thing has one spelling, and only what was made here opens anything.
pub fn handles(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(handle) = Handle::<kind::AuthorizationCode>::parse(text) {
        assert_eq!(handle.to_wire(), text, "a handle has two spellings");
        assert_eq!(format!("{handle:?}"), "Handle(…)");
    }
    let key = RefreshTokenKey::new(&[3; 32]);
    if let Some(opened) = key.open(text) {
        assert_eq!(key.token(opened.grant, opened.generation).as_str(), text, "a forged refresh token");
    }
    assert!(text.parse::<UserId>().is_ok_and(|id| id.to_string() == text) || text.parse::<UserId>().is_err());
    assert_eq!(text.parse::<GrantId>().is_ok(), text.parse::<SessionId>().is_ok());
    if let Ok(client) = text.parse::<ClientId>() {
        assert!(client.as_str() == text && is_client_id(text));
        assert!(text.parse::<UserId>().is_err(), "a client that could be a user");
    }
    if let Some(level) = Level::parse(text) {
        assert_eq!(level.as_str(), text);
    }
    let parameters = Parameters::default().with("request_uri", text);
    match par::named(&parameters) {
        Some(par::Named::Pushed(Some(handle))) => assert_eq!(par::request_uri(&handle), text),
        Some(par::Named::Pushed(None)) => assert!(text.starts_with("urn:")),
        Some(par::Named::External) => assert!(!text.is_empty()),
        None => assert!(text.is_empty()),
    }
}
