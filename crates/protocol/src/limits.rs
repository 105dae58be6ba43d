//! Every limit on what the network may send, in one table.

/// Longest request target (path and query), bytes. G-9, WH-13.
pub const REQUEST_TARGET_BYTES: usize = 16 * 1024;
/// Largest sum of request headers, bytes. WH-13.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Most request header fields. WH-13.
pub const HEADER_FIELDS: usize = 64;
/// Largest form body, bytes. G-9, WH-13.
pub const FORM_BODY_BYTES: usize = 64 * 1024;
/// Most parameters of a form or a query. WH-13.
pub const PARAMETERS: usize = 100;
/// Largest JSON body of the cookie endpoints, bytes: a user name, a password and a client id fit many times.
pub const JSON_BODY_BYTES: usize = 16 * 1024;
/// Longest `state`, bytes. AZ-15.
pub const STATE_BYTES: usize = 4 * 1024;
/// Longest `nonce`, bytes. Standards §1.4.
pub const NONCE_BYTES: usize = 1024;
/// Longest `claims` parameter, bytes.
pub const CLAIMS_BYTES: usize = 4 * 1024;
/// Longest `acr_values` parameter, bytes.
pub const ACR_VALUES_BYTES: usize = 512;
/// Longest `login_hint`, bytes.
pub const LOGIN_HINT_BYTES: usize = 256;
/// Longest `scope` parameter, bytes.
pub const SCOPE_BYTES: usize = 2 * 1024;
/// Most scope tokens in one request.
pub const SCOPE_TOKENS: usize = 64;
/// Most `resource` values in one request. G-9.
pub const RESOURCES: usize = 20;
/// Longest redirect URI, bytes.
pub const REDIRECT_URI_BYTES: usize = 2 * 1024;
/// Longest client id, bytes. It is part of a cookie name.
pub const CLIENT_ID_BYTES: usize = 64;
/// Longest user name, code points.
pub const USERNAME_CODE_POINTS: usize = 128;
/// Longest e-mail address, bytes. RFC 5321 §4.5.3.1.
pub const EMAIL_BYTES: usize = 254;
/// Longest password, code points. PW-2.
pub const PASSWORD_CODE_POINTS: usize = 256;
/// Longest password, bytes of UTF-8. PW-2.
pub const PASSWORD_BYTES: usize = 1024;
/// Largest compact JWT we read, bytes. G-9.
pub const JWT_BYTES: usize = 16 * 1024;
/// Time a client has to send the head of a request, seconds. WH-13.
pub const HEADER_READ_SECONDS: u64 = 10;
/// Time a client has to send the body of a request, seconds. WH-13.
pub const BODY_READ_SECONDS: u64 = 15;
/// Time a request may take altogether, seconds. WH-13.
pub const REQUEST_SECONDS: u64 = 30;
/// Time a client may take nothing of an answer that is on its way, seconds. WH-13.
pub const WRITE_STALL_SECONDS: u64 = 15;
/// Time an idle connection is kept, seconds. WH-13.
pub const KEEP_ALIVE_SECONDS: u64 = 60;
/// Most open connections of one server, and most HTTP/2 requests in flight.
pub const CONNECTIONS: usize = 4096;
/// Most open connections of one address that is not a trusted proxy and not exempt, and most of its requests in flight
/// that came by HTTP/2 or a proxy. WH-13.
pub const CONNECTIONS_PER_ADDRESS: usize = 100;
/// Most concurrent HTTP/2 streams of one connection. WH-13.
pub const HTTP2_STREAMS: u32 = 100;
/// Most HTTP/2 streams that are reset before they are looked at, or because of an error; beyond it the connection ends.
/// CVE-2023-44487.
pub const HTTP2_RESETS: usize = 20;
/// Largest HTTP/2 frame, bytes. RFC 9113 §4.2.
pub const HTTP2_FRAME_BYTES: u32 = 16 * 1024;
/// What may be sent on one HTTP/2 stream before it is read, bytes: the largest body.
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What may be sent on one HTTP/2 connection before it is read, bytes.
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// Largest JSON body of the registration endpoint, bytes: inline keys fit.
pub const REGISTRATION_BODY_BYTES: usize = 64 * 1024;
/// Largest inline JWK set of a client, bytes. RG-25.
pub const CLIENT_JWKS_BYTES: usize = 64 * 1024;
/// Most keys in the inline JWK set of a client.
pub const CLIENT_KEYS: usize = 20;
/// Most redirect URIs, and most addresses after signing out, of an app that registers itself. RG-25.
pub const REGISTERED_REDIRECT_URIS: usize = 20;
