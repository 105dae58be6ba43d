//! Sealing: AES-256-GCM with a random nonce; the row a value belongs to is authenticated with it. SK-3.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// First byte of what is sealed: the format.
const VERSION: u8 = 1;

/// Seals values of one purpose.
pub struct Sealer(LessSafeKey);

/// The value was not sealed with this key for this row, or was changed. There is no fallback. SK-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open: another master key, or the row was changed")]
pub struct Unsealable;

impl Sealer {
    /// From 32 derived bytes.
    ///
    /// # Errors
    /// [`Unsealable`] if the library refuses the key.
    pub fn new(key: &[u8; 32]) -> Result<Self, Unsealable> {
        UnboundKey::new(&AES_256_GCM, key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| Unsealable)
    }

    /// Seal a value for a row. `nonce`: 12 fresh random bytes. `row`: table, column and id.
    ///
    /// # Errors
    /// [`Unsealable`] for more than 64 GiB.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], row: &str, plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        let mut text = plain.to_vec();
        let aad = Aad::from(row.as_bytes());
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text).map_err(|_| Unsealable)?;
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Open what was sealed for the same row.
    ///
    /// # Errors
    /// [`Unsealable`].
    pub fn open(&self, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (&version, rest) = sealed.split_first().ok_or(Unsealable)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        if version != VERSION {
            return Err(Unsealable);
        }
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::from(row.as_bytes()), &mut text).map_err(|_| Unsealable)?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn sk3_a_value_opens_only_for_its_row_with_its_key() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let sealed = sealer.seal([7; 12], "password/sealed/1", b"$argon2id$").unwrap();
        assert_eq!(sealer.open("password/sealed/1", &sealed).unwrap().as_slice(), b"$argon2id$");
        assert_eq!(sealer.open("password/sealed/2", &sealed), Err(Unsealable));
        assert_eq!(Sealer::new(&[2; 32]).unwrap().open("password/sealed/1", &sealed), Err(Unsealable));
        for cut in 0..sealed.len() {
            assert_eq!(sealer.open("password/sealed/1", sealed.get(..cut).unwrap()), Err(Unsealable));
        }
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(sealer.open("password/sealed/1", &changed), Err(Unsealable));
    }
}
