//! Class SSRF: addresses that others chose. How the one way out is built is tested in `crates/net/tests`.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brama_flows::outgoing::{Outgoing as _, OutgoingError};
use brama_net::{Fetcher, Policy, Resolve, Settings};
use brama_protocol::client::{Client, ClientKeys, ClientLinks, ClientType};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::registration::policy::Mode;
use brama_testkit::{Browser, RelyingParty, TestServer, html, seeds};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::oauth2::par::push;
use crate::oauth2::register;
use crate::oauth2::signer::{self, Signer};
use crate::ssrf::server_with;

/// The server fetched a `request_uri`. By either endpoint, whatever else is in the request: nobody is asked.
#[tokio::test]
async fn ssrf_01_no_request_uri_is_fetched() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let object = "https://shop.example.net/request.jwt";
    server.world.put(object, "eyJhbGciOiJub25lIn0.e30.");
    for uri in [object, "http://127.0.0.1/", "https://169.254.169.254/latest/meta-data", "file:///etc/passwd", "urn:x"]
    {
        for more in [&[][..], &[("request", "a.b.c")], &[("prompt", "none")]] {
            let changes = [&[("request_uri", uri)], more].concat();
            let landing = Browser::new(&server).authorize(&shop, &changes).await;
            assert!(!format!("{landing:?}").contains("code="), "{landing:?}");
            let _ = push(&server, &shop, &changes).await.expect(400);
        }
    }
    assert_eq!(server.world.fetched(), [""; 0]);
}

/// Hosts inside: a name that leads there, and addresses in several spellings.
const INSIDE: &[&str] = &[
    "inside.example.net",
    "127.0.0.1",
    "localhost",
    "app.localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "[::1]",
    "[::]",
    "[fd00::1]",
    "[fe80::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
];

/// A registered `jwks_uri` reached hosts inside. The clock of keys is not what this is about: each client asks once.
#[tokio::test]
async fn ssrf_02_keys_are_not_fetched_from_inside() {
    let (server, sink) = server_with(|_| {}).await;
    let port = sink.address.port();
    let signer = Signer::registered(&server).await;
    for (number, host) in INSIDE.iter().enumerate() {
        for scheme in ["https", "http"] {
            let id = format!("keys-{number}-{scheme}");
            let keys = ClientKeys::JwksUri(format!("{scheme}://{host}:{port}/jwks"));
            seeds::put_client(&server, Client { id: id.parse().unwrap(), ..signer::client(keys) }).await;
            let assertion = signer.assertion(&server, json!({ "iss": id, "sub": id }));
            // It is the client's failure, whose address it is.
            let call = server.post("/oauth2/token").form(&signer::with(&assertion, &[signer::MACHINE]));
            let reply = call.peer(&format!("2001:db8:{number:x}::1")).send().await;
            assert_eq!(reply.expect_error(503, "temporarily_unavailable").status, 503, "{scheme}://{host}");
        }
    }
    assert_eq!(sink.connections(), 0);
}

/// A logo was fetched for whoever gave its address. That registration fetches none: `tests/oauth2/register.rs`; pages show
/// none, so nothing is proxied.
#[tokio::test]
async fn ssrf_03_no_page_shows_or_fetches_what_an_app_says_of_itself() {
    let server = TestServer::start().await;
    let redirect = "https://app.example.net/cb";
    let at = |path: &str| Some(format!("https://inside.example.net/{path}"));
    let links = ClientLinks {
        logo_uri: at("logo.png"),
        client_uri: at(""),
        policy_uri: at("policy"),
        tos_uri: at("tos"),
        ..ClientLinks::default()
    };
    let client = Client {
        redirect_uris: vec![RegisteredRedirectUri::parse(redirect).unwrap()],
        links,
        ..seeds::client("linked", ClientType::Web)
    };
    seeds::put_client(&server, client).await;
    let app = RelyingParty {
        client_id: "linked".to_owned(),
        secret: Some(seeds::secret("linked")),
        redirect_uri: redirect.to_owned(),
        ..RelyingParty::shop()
    };
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&app, &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
    let consent = browser.submit(&form, &filled).await.page();
    assert!(html::form(consent.text(), "/consent").is_some(), "{consent}");
    for page in [page, consent] {
        assert!(page.header("content-security-policy").unwrap().contains("img-src 'self' data:;"), "{page}");
        for tag in ["img", "link", "script", "iframe", "source", "object", "embed"] {
            for found in html::tags(page.text(), tag) {
                assert!(!found.contains("inside.example.net"), "{found}");
            }
        }
    }
    assert_eq!((server.world.fetched().len(), server.world.posted().len()), (0, 0));
}

/// The one address of a stranger's metadata that is fetched at once, the list of all redirect URIs, leads nowhere inside.
#[tokio::test]
async fn ssrf_03_no_sector_document_is_fetched_from_inside() {
    let (server, sink) = server_with(|options| options.settings.registration.policy.mode = Mode::Token).await;
    let token = register::initial(&server, 100).await;
    for host in INSIDE {
        for scheme in ["https", "http"] {
            let uri = format!("{scheme}://{host}:{}/sector.json", sink.address.port());
            let metadata = register::with("sector_identifier_uri", json!(uri));
            let reply = register::post(&server, &metadata).bearer(&token).send().await;
            assert_eq!(reply.expect_error(400, "invalid_client_metadata").status, 400, "{uri}");
        }
    }
    assert_eq!(sink.connections(), 0);
}

/// Whoever connects is counted and gets this answer.
async fn answering(answer: String) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

/// A host outside answered with a redirect to one inside. For development this machine may be asked, so that there is
/// somebody to answer; names that lead elsewhere the second time: `crates/net/tests/net/names.rs`.
#[tokio::test]
async fn ssrf_04_a_redirect_leads_nowhere() {
    let policy = Policy { loopback: true, ..Policy::default() };
    let fetcher = Fetcher::new(Settings { policy, ca_file: None }).unwrap();
    let body = "{\"keys\":[]}";
    let length = body.len();
    let (inside, reached) = answering(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
    .await;
    assert_eq!(fetcher.get_json(&format!("http://{inside}/"), 1000).await.unwrap(), body.as_bytes(), "it would answer");
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let (outside, asked) = answering(format!(
            "HTTP/1.1 {status}\r\nlocation: http://{inside}/jwks\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await;
        let answer = fetcher.get_json(&format!("http://{outside}/jwks"), 1000).await;
        assert!(matches!(answer, Err(OutgoingError::Failed(_))), "{status}: {answer:?}");
        let posted = fetcher.post_form(&format!("http://{outside}/logout"), "a=b").await.unwrap();
        assert_eq!((posted.to_string().as_str(), asked.load(Ordering::SeqCst)), (&status[..3], 2));
    }
    assert_eq!(reached.load(Ordering::SeqCst), 1, "only by its own address");
}

/// Every name leads to these addresses.
struct Leading(Vec<SocketAddr>);

#[async_trait::async_trait]
impl Resolve for Leading {
    async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.clone())
    }
}

/// An IPv4 address in the spellings that some resolver, library or browser reads.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let whole = address.to_bits();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let dotted = |text: fn(u8) -> String| [a, b, c, d].map(text).join(".");
    let wide: String = address
        .to_string()
        .chars()
        .map(|digit| digit.to_digit(10).map_or('。', |digit| char::from_u32('０' as u32 + digit).unwrap()))
        .collect();
    vec![
        address.to_string(),
        format!("{address}."),
        format!("{whole}"),
        format!("0{whole:o}"),
        format!("0x{whole:x}"),
        format!("0X{whole:X}"),
        dotted(|byte| format!("0{byte:o}")),
        dotted(|byte| format!("0000{byte:o}")),
        dotted(|byte| format!("0x{byte:x}")),
        dotted(|byte| format!("0x000000{byte:x}")),
        dotted(|byte| format!("{byte:03}")),
        format!("{a}.{}", whole & 0xff_ffff),
        format!("{a}.{b}.{low}"),
        format!("0x{a:x}.{b}.0{low:o}"),
        address.to_string().replace('.', "%2e"),
        address.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
        wide,
        format!("[::ffff:{address}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::{address}]"),
        format!("[::{high:x}:{low:x}]"),
        format!("[64:ff9b::{address}]"),
        format!("[64:ff9b:1::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::]"),
        format!("[2001:0:{high:x}:{low:x}::]"),
        format!("[::ffff:0:{address}]"),
        format!("user@{address}"),
        format!("example.com@{address}"),
        format!("{address}#@example.com"),
        format!("{address}\\@example.com"),
    ]
}

/// A list of forbidden addresses had other spellings of them. Hundreds, as hosts, and as what names lead to.
#[tokio::test]
async fn ssrf_06_no_spelling_of_an_inner_address_is_asked() {
    let inner = [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "198.18.0.1",
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let outside: SocketAddr = "93.184.215.14:443".parse().unwrap();
    let refused = async |fetcher: &Fetcher, url: &str| {
        let answer = fetcher.get_json(url, 1000).await;
        assert!(matches!(answer, Err(OutgoingError::Refused(_))), "{url}: {answer:?}");
    };
    // Hosts that are no name are never resolved: whoever asks is told an address outside.
    let fetcher = Fetcher::resolving(Settings::default(), Arc::new(Leading(vec![outside]))).unwrap();
    let urls: BTreeSet<String> = inner
        .iter()
        .flat_map(|address| spellings(address.parse().unwrap()))
        .map(|host| format!("https://{host}:{port}/jwks"))
        .collect();
    assert!(urls.len() >= 200, "{}", urls.len());
    for url in &urls {
        refused(&fetcher, url).await;
    }
    // The records of a name: A, AAAA, and both beside one that is fine.
    for address in inner {
        let address: Ipv4Addr = address.parse().unwrap();
        let hosts = spellings(address);
        let records = hosts.iter().filter_map(|host| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok());
        let records: BTreeSet<_> = records.map(|ip| SocketAddr::new(ip, port)).collect();
        assert!(records.len() >= 6, "{records:?}");
        for record in records {
            for list in [vec![record], vec![outside, record], vec![record, outside]] {
                let fetcher = Fetcher::resolving(Settings::default(), Arc::new(Leading(list))).unwrap();
                refused(&fetcher, &format!("https://shop.example.net:{port}/jwks")).await;
            }
        }
    }
    // Nobody has come.
    let waiting = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(waiting.is_err());
}
