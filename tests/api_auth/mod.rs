//! `/api/auth/*`: scheme A.

mod matrix;
