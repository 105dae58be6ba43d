//! Redirect URIs: REDIR-11.

use brama_protocol::client::ClientType;
use brama_protocol::limits;
use brama_protocol::parameters::Parameters;
use brama_protocol::redirect_uri::{MatchedRedirectUri, RegisteredRedirectUri, difference};
use url::{Host, Url};

/// AZ-4 to AZ-8, AZ-33, REDIR-11: what may be registered has its grammar; whatever matches leads to the same place, but for the
/// port on this machine; a response is appended to the query and changes nothing else. Input: the registered one and the
/// requested one, a line each.
pub fn register_and_match(data: &[u8]) {
    let Some(mut lines) = crate::lines(data) else { return };
    let (first, requested) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(registered) = RegisteredRedirectUri::parse(first) else { return };
    check_registered(first, &registered);
    let registered = [registered];
    for client_type in
        [ClientType::Browser, ClientType::Web, ClientType::Native, ClientType::Service, ClientType::Device]
    {
        match MatchedRedirectUri::find(Some(requested), &registered, client_type, false) {
            Ok(matched) => {
                assert_eq!(matched.as_str(), requested);
                check_match(first, requested, client_type);
                check_response(&matched);
            }
            Err(_) => {
                assert_ne!(first, requested, "the very text does not match");
                let told = difference(requested, &registered).to_string();
                assert!(!told.chars().any(char::is_control), "a log line with control characters: {told:?}");
            }
        }
    }
}

fn check_registered(text: &str, registered: &RegisteredRedirectUri) {
    assert_eq!(registered.as_str(), text);
    assert!(text.len() <= limits::REDIRECT_URI_BYTES);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['\\', '*', '#']));
    let url = Url::parse(text);
    assert!(url.is_ok());
    let Ok(url) = url else { return };
    assert!(url.fragment().is_none());
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => assert!(url.username().is_empty() && url.password().is_none()),
        "http" => assert!(here && url.username().is_empty() && url.password().is_none()),
        scheme => assert!(scheme.contains('.'), "neither the web nor a private-use scheme"),
    }
    let json = serde_json::to_vec(registered).ok();
    let again = json.and_then(|json| serde_json::from_slice::<RegisteredRedirectUri>(&json).ok());
    assert_eq!(again.as_ref(), Some(registered), "not read back");
}

/// Both texts as a browser reads them.
fn check_match(registered: &str, requested: &str, client_type: ClientType) {
    if registered == requested {
        return;
    }
    let (Ok(mut ours), Ok(mut theirs)) = (Url::parse(registered), Url::parse(requested)) else {
        assert_eq!(registered, requested, "matches and is no URL");
        return;
    };
    assert_eq!((ours.scheme(), theirs.scheme()), ("http", "http"), "only http to this machine has a free port");
    let host = theirs.host_str().unwrap_or_default();
    let native = client_type == ClientType::Native && host == "localhost";
    assert!(matches!(host, "127.0.0.1" | "[::1]") || native, "another host than this machine: {host}");
    assert!(theirs.username().is_empty() && theirs.password().is_none() && theirs.fragment().is_none());
    assert!(ours.set_port(None).is_ok() && theirs.set_port(None).is_ok());
    assert_eq!(ours, theirs, "they differ by more than the port");
}

fn check_response(matched: &MatchedRedirectUri) {
    let sent = [("code", "a b&c=d#e?f%41"), ("state", "\u{2028}\"<>'\r\n"), ("iss", "https://id.example.com")];
    let answer = matched.with_parameters(&sent);
    assert!(answer.starts_with(matched.as_str()), "the registered part is changed");
    assert!(answer.bytes().all(|byte| byte.is_ascii_graphic()), "a Location with other bytes");
    let (before, after) = (Url::parse(matched.as_str()), Url::parse(&answer));
    let (Ok(before), Ok(after)) = (before, after) else {
        assert!(answer.is_empty(), "a redirect that is no URL");
        return;
    };
    assert_eq!(before.origin().ascii_serialization(), after.origin().ascii_serialization());
    assert_eq!((before.scheme(), before.host_str(), before.path()), (after.scheme(), after.host_str(), after.path()));
    assert!(after.fragment().is_none());
    let query = after.query().unwrap_or_default();
    // What was registered may be no form; what we append to it is.
    let ours = query.get(query.len().saturating_sub(answer.len() - matched.as_str().len())..).unwrap_or_default();
    let read = Parameters::parse(ours.trim_start_matches(['?', '&']).as_bytes());
    for (name, value) in sent {
        assert_eq!(read.as_ref().ok().and_then(|read| read.one(name).ok().flatten()), Some(value));
    }
}
