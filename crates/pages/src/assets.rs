//! The style sheet, the scripts and the icon, each under a path that names its content, so that it can be sent
//! as `immutable` (WH-10).

use std::sync::LazyLock;

/// A file the pages refer to.
#[derive(Debug)]
pub struct Asset {
    /// The path to serve it at, such as `/assets/style.<hash>.css`. A new content has a new path.
    pub path: String,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The file.
    pub body: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static STYLE: LazyLock<Asset> = LazyLock::new(|| asset("style", "css", CSS, include_bytes!("../../../web/style.css")));
static ICON: LazyLock<Asset> = LazyLock::new(|| asset("icon", "svg", SVG, include_bytes!("../../../web/icon.svg")));
static SIGN_IN: LazyLock<Asset> =
    LazyLock::new(|| asset("sign-in", "js", SCRIPT, include_bytes!("../../../web/scripts/sign-in.js")));
static CONTINUE: LazyLock<Asset> =
    LazyLock::new(|| asset("continue", "js", SCRIPT, include_bytes!("../../../web/scripts/continue.js")));
static FORM_POST: LazyLock<Asset> =
    LazyLock::new(|| asset("form-post", "js", SCRIPT, include_bytes!("../../../web/scripts/form-post.js")));
static TIMES: LazyLock<Asset> =
    LazyLock::new(|| asset("times", "js", SCRIPT, include_bytes!("../../../web/scripts/times.js")));

/// The style sheet of all pages.
#[must_use]
pub fn style() -> &'static Asset {
    &STYLE
}

/// The icon of all pages.
#[must_use]
pub fn icon() -> &'static Asset {
    &ICON
}

/// The scripts. A page loads at most one, with its nonce.
#[must_use]
pub fn scripts() -> [&'static Asset; 4] {
    [&SIGN_IN, &CONTINUE, &FORM_POST, &TIMES]
}

/// Everything the server has to answer below `/assets/`. Any other path there is not found (WH-10).
pub fn assets() -> impl Iterator<Item = &'static Asset> {
    [style(), icon()].into_iter().chain(scripts())
}

pub(crate) fn sign_in_script() -> &'static str {
    &SIGN_IN.path
}

pub(crate) fn continue_script() -> &'static str {
    &CONTINUE.path
}

pub(crate) fn form_post_script() -> &'static str {
    &FORM_POST.path
}

pub(crate) fn times_script() -> &'static str {
    &TIMES.path
}

fn asset(name: &str, extension: &str, content_type: &'static str, body: &'static [u8]) -> Asset {
    Asset { path: format!("/assets/{name}.{:016x}.{extension}", fingerprint(body)), content_type, body }
}

/// 64-bit FNV-1a. It tells two versions of our own file apart and guards nothing, so it need not be cryptographic;
/// unlike the hasher of the standard library it stays the same over compilers and nodes.
fn fingerprint(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{assets, fingerprint};

    /// Published test vectors of FNV-1a.
    #[test]
    fn fingerprint_is_fnv_1a() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// T6: no asset fetches from elsewhere.
    #[test]
    fn t6_assets_ask_no_other_origin() {
        for asset in assets() {
            let text = String::from_utf8_lossy(asset.body);
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for foreign in ["http:", "https:", "@import", "url(", "fetch(", "import("] {
                assert!(!text.contains(foreign), "{} has {foreign}", asset.path);
            }
        }
    }
}
