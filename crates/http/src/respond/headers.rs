//! Response headers by class of route. WH-1 to WH-10.

use brama_faults::{Fault, planted};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::app::App;
use crate::routes::{Cache, Cors, Route, Speech};

/// What no page needs. WH-6.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), \
     publickey-credentials-get=(self), publickey-credentials-create=(self)";

/// Policy of everything that is no page.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

/// The request's name in logs and on error pages.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

fn set_if_absent(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

/// On every response.
pub(crate) fn everywhere(app: &App, request_id: &HeaderValue, headers: &mut HeaderMap) {
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set_if_absent(headers, header::CONTENT_SECURITY_POLICY, NO_PAGE);
    // Not no-referrer: browsers would send `Origin: null` with our own forms. WH-7.
    set_if_absent(headers, header::REFERRER_POLICY, "same-origin");
    set_if_absent(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set_if_absent(headers, header::CACHE_CONTROL, "no-store");
    if app.https {
        set(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
    headers.insert(REQUEST_ID, request_id.clone());
}

/// What the row says.
pub(crate) fn of_route(row: &Route, headers: &mut HeaderMap) {
    match row.cache {
        // A refusal has said no-store already.
        Cache::NoStore if planted(Fault::Leak05) && row.path == "/api/auth/me" => {
            set_if_absent(headers, header::CACHE_CONTROL, "public, max-age=300");
        }
        Cache::NoStore => set(headers, header::CACHE_CONTROL, "no-store"),
        Cache::Minutes => set_if_absent(headers, header::CACHE_CONTROL, "public, max-age=300"),
        Cache::Immutable => set_if_absent(headers, header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    }
    if row.cors == Cors::Any {
        set(headers, HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    }
    if row.cors == Cors::ListedWithCredentials {
        // Same-site apps read these.
        set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-site");
    }
    if row.speech == Speech::Page {
        of_page(headers);
    }
}

/// On every page, those about addresses that do not exist too. WH-6, WH-8; AZ-17, AZ-19.
pub(crate) fn of_page(headers: &mut HeaderMap) {
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("permissions-policy"), PERMISSIONS);
    set(headers, HeaderName::from_static("x-robots-tag"), "noindex");
}

/// The policy of an HTML page: scripts by nonce, forms only to us, framed by nobody. WH-1.
pub(crate) fn page_policy(nonce: &str, headers: &mut HeaderMap) {
    set_policy(nonce, "'self'", headers);
}

fn set_policy(nonce: &str, form_action: &str, headers: &mut HeaderMap) {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action {form_action}; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
}

/// The policy of a page that posts a form to an app. Browsers apply `form-action` to the redirects after a form too, and where
/// the app sends people from there is its own affair: so schemes are named, not its origin. The page has no other form that
/// leads away. AZ-18, AZ-32.
pub(crate) fn form_page_policy(nonce: &str, action: &str, headers: &mut HeaderMap) {
    // Apps on this very machine are reached by http.
    let schemes = if action.starts_with("https:") { "https:" } else { "https: http:" };
    set_policy(nonce, &format!("'self' {schemes}"), headers);
}

/// The methods of an address. RFC 9110 §15.5.6.
pub(crate) fn allow(rows: &[&'static Route], headers: &mut HeaderMap) {
    let methods: Vec<&str> = rows.iter().map(|row| row.method).collect();
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        headers.insert(header::ALLOW, value);
    }
}
