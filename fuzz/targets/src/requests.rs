//! Whole requests through the whole server, and what the server itself reads of their headers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};

use brama_http::{Cookies, TrustedProxies};
use brama_testkit::TestServer;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tokio::runtime::Runtime;

/// A server with a database in memory, which all inputs share: what one leaves behind, the next one finds.
struct Shared {
    runtime: Runtime,
    server: TestServer,
}

fn shared() -> Option<&'static Mutex<Shared>> {
    static SHARED: OnceLock<Option<Mutex<Shared>>> = OnceLock::new();
    let start = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let server = runtime.block_on(TestServer::with(|options| {
            options.unlimited_addresses();
            options.settings.registration.policy.mode = brama_protocol::registration::policy::Mode::Open;
        }));
        Some(Mutex::new(Shared { runtime, server }))
    };
    SHARED.get_or_init(start).as_ref()
}

/// WH-1 to WH-15, G-5, G-6, I13 of every answer: whatever a request is, the answer has its headers, keeps the grammar of its
/// errors and is no 500. Input: a request of HTTP/1.1, byte for byte; `Host` is the server's own if there is none.
pub fn http_request(data: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(length)) = parsed.parse(data) else { return };
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else { return };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    // Only what hyper would hand on.
    if target.parse::<Uri>().is_err() {
        return;
    }
    let Some(shared) = shared() else { return assert!(shared().is_some(), "no server") };
    let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let mut call = shared.server.call(method, target);
    for field in parsed.headers.iter() {
        let (Ok(name), Ok(value)) = (field.name.parse::<HeaderName>(), std::str::from_utf8(field.value)) else {
            return;
        };
        if HeaderValue::from_str(value).is_err() {
            return;
        }
        call = if name == header::HOST { call.host(Some(value)) } else { call.header(name.as_str(), value) };
    }
    let call = call.bare_body(data.get(length..).unwrap_or_default().to_vec());
    let reply = shared.runtime.block_on(call.send());
    shared.server.clock.advance_seconds(1);
    // What was sent is in no header of the answer, but where it belongs.
    assert!(reply.headers.iter().all(|(_, value)| value.to_str().is_ok()), "{reply}");
}

/// BB-5, HTTP-07: a name counts only if it came once, as the bytes say. Input: the values of `Cookie` headers, a line each.
pub fn cookie_header(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for value in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        headers.append(header::COOKIE, value);
    }
    let cookies = Cookies::of(&headers);
    // A plain reading: pairs between semicolons, blanks around them trimmed.
    let mut plain: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for text in headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()) {
        for (name, value) in text.split(';').filter_map(|pair| pair.split_once('=')) {
            if !name.trim().is_empty() {
                plain.entry(name.trim()).or_default().push(value.trim());
            }
        }
    }
    for (name, values) in &plain {
        match (values.as_slice(), cookies.get(name)) {
            ([one], Some(read)) => assert_eq!(*one, read, "{name}"),
            ([_], None) => assert!(name.is_empty(), "{name} is lost"),
            (_, read) => assert_eq!(read, None, "{name} came more than once"),
        }
    }
    for (client, value) in cookies.refresh() {
        let name = format!("__Host-brama_rt_{client}");
        assert_eq!(plain.get(name.as_str()).map(Vec::as_slice), Some([value].as_slice()), "{name}");
    }
}

/// WH-15, TH-10: only proxies of ours are believed, from right to left, up to the first address that is none of theirs. Input:
/// the peer, then values of `X-Forwarded-For`, a line each.
pub fn forwarded_for(data: &[u8]) {
    let Some(mut lines) = crate::lines(data) else { return };
    let Some(Ok(peer)) = lines.next().map(str::parse::<IpAddr>) else { return };
    let mut headers = HeaderMap::new();
    for line in lines {
        let Ok(value) = HeaderValue::from_str(line) else { return };
        headers.append("x-forwarded-for", value);
    }
    let none = TrustedProxies::default();
    assert_eq!(none.client(peer, &headers), peer.to_canonical(), "nobody is trusted");
    let networks = ["10.0.0.0/8", "fd00::/8"].map(str::parse);
    let ours = TrustedProxies { proxies: networks.into_iter().filter_map(Result::ok).collect(), exempt: Vec::new() };
    assert_eq!(ours.proxies.len(), 2);
    let is_ours = |address: IpAddr| ours.proxies.iter().any(|network| network.contains(&address));
    let client = ours.client(peer, &headers);
    assert_eq!(client, client.to_canonical());
    if !is_ours(peer.to_canonical()) {
        return assert_eq!(client, peer.to_canonical(), "a stranger cannot say who it is");
    }
    let named =
        headers.get_all("x-forwarded-for").iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let named = named.filter_map(|hop| std::str::from_utf8(hop).ok()?.trim().parse::<IpAddr>().ok());
    let named: Vec<IpAddr> = named.collect();
    let known = client == peer.to_canonical() || named.iter().any(|address| address.to_canonical() == client);
    assert!(known, "{client} comes from nowhere");
    // A stranger's address ends the walk: to its left stands only what that stranger wrote.
    if is_ours(client) {
        let last = named.last().map(|address| address.to_canonical());
        assert!(last.is_none_or(is_ours) || client == peer.to_canonical(), "a stranger was passed over");
    }
}
