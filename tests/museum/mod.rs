//! Public mistakes of other servers, one file per class: a test named `redir_04_…` fails if Brama makes the mistake of line
//! REDIR-04. Tests elsewhere that hold a line have its id in the comment above them; `docs/reference/mistakes-of-others.md`
//! lists all of them, and `faults` proves that they can fail.

mod audiss;
mod binding;
mod client;
mod code;
mod device;
mod faults;
mod host;
mod http;
mod jose;
mod leak;
mod mixup;
mod openredir;
mod redir;
mod refresh;
mod revoke;
mod ssrf;
mod timing;
