//! The server asks nobody on a stranger's behalf who is not a public host. RG-24; museum SSRF-01 to SSRF-03.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brama_flows::backchannel::Round;
use brama_flows::outgoing::Outgoing as _;
use brama_net::{Fetcher, Policy, Resolve, Settings};
use brama_protocol::client::{BackchannelLogout, Client, ClientType};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_store::logout_delivery::DeliveryState;
use brama_testkit::{Browser, Options, RelyingParty, TestServer, Way, html, seeds};
use tokio::net::TcpListener;

/// Somebody inside who counts who comes.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Sink {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self { address: listener.local_addr().unwrap(), connections: Arc::default() };
        let connections = Arc::clone(&sink.connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                connections.fetch_add(1, Ordering::SeqCst);
            }
        });
        sink
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Every name leads to one address.
struct Everywhere(SocketAddr);

#[async_trait::async_trait]
impl Resolve for Everywhere {
    async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![self.0])
    }
}

/// A server as production has it, in a world where every name leads to the sink.
async fn server_and_sink() -> (TestServer, Sink) {
    server_with(|_| {}).await
}

/// The same, different in something.
pub(crate) async fn server_with(change: impl FnOnce(&mut Options)) -> (TestServer, Sink) {
    let sink = Sink::start().await;
    let fetcher = Fetcher::resolving(Settings::default(), Arc::new(Everywhere(sink.address))).unwrap();
    let server = TestServer::with(|options| {
        options.outgoing = Some(Way(Arc::new(fetcher)));
        change(options);
    })
    .await;
    (server, sink)
}

#[tokio::test]
async fn ssrf03_lo12_a_logout_token_is_not_posted_into_the_network_of_the_server() {
    let (server, sink) = server_and_sink().await;
    let port = sink.address.port();
    for (n, uri) in [
        format!("https://shop.example.net:{port}/logout"),
        format!("https://127.0.0.1:{port}/logout"),
        format!("http://127.0.0.1:{port}/logout"),
        format!("https://2130706433:{port}/logout"),
        format!("https://0x7f.1:{port}/logout"),
        format!("https://[::ffff:127.0.0.1]:{port}/logout"),
        format!("https://localhost:{port}/logout"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("app{n}");
        let client = Client {
            redirect_uris: vec![RegisteredRedirectUri::parse("https://app.example.net/cb").unwrap()],
            backchannel_logout: Some(BackchannelLogout { uri: uri.clone(), session_required: false }),
            ..seeds::client(&id, ClientType::Web)
        };
        seeds::put_client(&server, client).await;
        server.keep_up().await;
        let app = RelyingParty {
            client_id: id.clone(),
            secret: Some(seeds::secret(&id)),
            redirect_uri: "https://app.example.net/cb".to_owned(),
            ..RelyingParty::shop()
        };
        let mut browser = Browser::new(&server);
        let code = browser.sign_in_for(&app).await;
        let _ = app.redeem(&server, code.code()).await.expect(200);
        let page = browser.visit("/oauth2/logout").await.page();
        let _ = browser.submit_step(&html::form(page.text(), "/sign-out").unwrap(), &[]).await.expect(303);
        assert_eq!(server.tell_apps().await, Round { again: 1, ..Round::default() }, "{uri}");
        let told = server.store.logouts_to(&id.parse().unwrap(), 1).await.unwrap().remove(0);
        assert!(matches!(told.state, DeliveryState::Waiting { .. }), "{told:?}");
        // The operator can see why.
        assert!(told.answer.as_ref().unwrap().contains("may not be asked"), "{told:?}");
    }
    assert_eq!(sink.connections(), 0);
}

/// A server that may ask this machine: whoever is fetched would be reached, so that no connection means that nothing was
/// tried. (With the policy of production the sink could not tell a server that does not fetch from one that is kept from it.)
#[tokio::test]
async fn ssrf01_a_request_uri_of_a_stranger_is_never_fetched() {
    let sink = Sink::start().await;
    let policy = Policy { loopback: true, ..Policy::default() };
    let settings = Settings { policy, ca_file: None };
    let fetcher = Arc::new(Fetcher::resolving(settings, Arc::new(Everywhere(sink.address))).unwrap());
    // It would be reached; what it says is no answer.
    assert!(fetcher.get_json(&format!("http://{}/request", sink.address), 1000).await.is_err());
    assert_eq!(sink.connections(), 1);
    let server = TestServer::with(|options| options.outgoing = Some(Way(fetcher))).await;
    let shop = RelyingParty::shop();
    for uri in [format!("http://{}/request", sink.address), "https://shop.example.net/request.jwt".to_owned()] {
        let landing = Browser::new(&server).authorize(&shop, &[("request_uri", &uri)]).await;
        assert!(!format!("{landing:?}").contains("code="), "{landing:?}");
        assert_eq!(sink.connections(), 1, "{uri}");
    }
}
