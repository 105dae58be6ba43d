//! The interactive authorization flow. OAuth 2.1 §4.1.
//!
//! | step | room | leaves behind |
//! | --- | --- | --- |
//! | request checked and stored (B2) | [`begin`] | a row in state `requested` |
//! | what next: sign-in, consent, code, refusal | [`interact`] | nothing: it decides from stored state |
//! | code made and stored (B4) | [`issue_code`] | the row in state `approved` |
//!
//! Sign-in and consent never call each other: each returns to `interact`.

pub mod begin;
pub mod interact;
pub mod issue_code;
