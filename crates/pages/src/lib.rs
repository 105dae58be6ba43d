//! The pages people see: one struct per page, its template and its samples.
//!
//! This crate decides nothing. A struct holds what its template needs, `render` answers HTML. Who is signed in,
//! which address is safe to go back to and which status goes with a page are decided by the caller.
//! What a designer edits lives in `web/`: templates, the style sheet, scripts and translations.
//!
//! Every page works without scripts (F1), asks no other origin for anything (T6), and runs under
//! `default-src 'none'; script-src 'nonce-R'; style-src 'self'; img-src 'self' data:; form-action 'self';
//! require-trusted-types-for 'script'` (WH-1): no inline style or handler, every script with the nonce.
//! Whatever a person or an app wrote is escaped by the templates and isolated in `<bdi>` (WH-18, AZ-12).

mod account;
mod apps;
mod assets;
mod chrome;
mod consent;
mod continuation;
mod device;
mod error_page;
mod hand_over;
mod href;
mod locale;
mod moment;
pub mod samples;
mod select_account;
mod sign_in;
mod sign_out;
mod text;

pub use account::{Account, AccountNotice, SessionCard};
pub use apps::{AccountApps, AppCard};
pub use assets::{Asset, assets, icon, scripts, style};
pub use chrome::{App, Chrome};
pub use consent::Consent;
pub use continuation::Continue;
pub use device::{DeviceCode, DeviceConfirm, DeviceDone, DeviceProblem};
pub use error_page::{ErrorKind, ErrorPage};
pub use hand_over::{FormPost, Leave, Way};
pub use locale::Locale;
pub use select_account::SelectAccount;
pub use sign_in::{SignIn, SignInProblem};
pub use sign_out::{SignOut, SignedOut};
pub use text::MessageError;

/// Why a page could not be made. All of these are mistakes of the program, never of the person.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The template failed; most often a [`MessageError`].
    #[error("the page template failed")]
    Template(#[from] askama::Error),
    /// [`Continue::target`] is no address a browser may be sent to (WH-2, WH-18).
    #[error("the address to continue to is refused")]
    Target,
}
