//! The shared backend: PostgreSQL. Design §7.
