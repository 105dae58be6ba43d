//! `/api/auth/*`: scheme A.

mod login;
mod logout;
mod lost_responses;
mod matrix;
mod me;
mod refresh;
mod several_apps;
