//! Keys: the master key, what is derived from it, and the keys that sign tokens.

mod keyring;
mod master;
pub mod rotation;
mod seal;

pub use keyring::{Keyring, KeyringError, OwnToken};
pub use master::{MasterKey, Purpose};
pub use rotation::KeySettings;
pub use seal::{Sealer, Unsealable};
