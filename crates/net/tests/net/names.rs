//! Where names lead. RG-24; museum SSRF-02 to SSRF-04, SSRF-06.

use std::sync::Arc;

use brama_flows::outgoing::{Outgoing as _, OutgoingError};
use brama_net::Policy;

use crate::support::{Names, Server, answer, fetcher, here, json};

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: &Result<T, OutgoingError>, what: &str) {
    assert!(matches!(answer, Err(OutgoingError::Refused(_))), "{what}: {answer:?}");
}

#[tokio::test]
async fn rg24_ssrf02_a_name_that_leads_inside_is_refused_and_nobody_is_connected_to() {
    let server = Server::start(None, json("{}")).await;
    let names = Arc::new(Names::default());
    let fetcher = fetcher(&names, Policy::default(), None);
    names.lead("here.example.net", &[server.address]);
    assert_refused(&fetcher.get_json("https://here.example.net/jwks", 1000).await, "the server itself");
    for (n, inside) in [
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "fd00::1",
        "fe80::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
    ]
    .into_iter()
    .enumerate()
    {
        for (kind, list) in
            [("alone", &[inside][..]), ("behind", &["93.184.215.14", inside]), ("before", &[inside, "93.184.215.14"])]
        {
            let name = format!("{kind}{n}.example.net");
            names.lead_to(&name, list);
            assert_refused(&fetcher.get_json(&format!("https://{name}/jwks"), 1000).await, &format!("{kind} {inside}"));
            assert_refused(&fetcher.post_form(&format!("https://{name}/logout"), "a=b").await, inside);
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn rg24_addresses_as_hosts_and_their_other_spellings_are_refused_without_asking_anybody() {
    let server = Server::start(None, json("{}")).await;
    let names = Arc::new(Names::default());
    let fetcher = fetcher(&names, Policy::default(), None);
    let port = server.address.port();
    for host in
        ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0"]
    {
        for scheme in ["http", "https"] {
            assert_refused(&fetcher.get_json(&format!("{scheme}://{host}:{port}/"), 1000).await, host);
        }
    }
    assert_eq!((server.connections(), names.asked()), (0, 0));
}

#[tokio::test]
async fn rg24_ssrf04_a_name_is_resolved_once_and_the_checked_address_is_the_one_that_is_asked() {
    let (checked, other) = (Server::start(None, json("{\"a\":1}")).await, Server::start(None, json("{\"b\":2}")).await);
    let names = Arc::new(Names::default());
    names.lead("app.localhost", &[checked.address]);
    names.lead("app.localhost", &[other.address]);
    let fetcher = fetcher(&names, here(), None);
    assert_eq!(fetcher.get_json("http://app.localhost/x", 1000).await.unwrap(), b"{\"a\":1}");
    assert_eq!((names.asked(), checked.connections(), other.connections()), (1, 1, 0));
    // The next request asks again, and checks again: a name that leads elsewhere now leads nowhere.
    names.lead_to("turned.localhost", &["10.0.0.1"]);
    assert_refused(&fetcher.get_json("http://turned.localhost/x", 1000).await, "turned");
    names.lead("rebound.localhost", &[checked.address]);
    names.lead_to("rebound.localhost", &["169.254.169.254"]);
    assert!(fetcher.get_json("http://rebound.localhost/x", 1000).await.is_ok());
    assert_refused(&fetcher.get_json("http://rebound.localhost/x", 1000).await, "rebound");
}

#[tokio::test]
async fn rg24_ssrf04_redirects_are_not_followed() {
    let inside = Server::start(None, json("{}")).await;
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let location = format!("http://app.localhost:{}/latest/meta-data", inside.address.port());
        let redirect = format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start(None, crate::support::Says::Bytes(redirect.into())).await;
        let names = Arc::new(Names::default());
        names.lead("app.localhost", &[server.address]);
        let fetcher = fetcher(&names, here(), None);
        assert!(matches!(fetcher.get_json("http://app.localhost/", 1000).await, Err(OutgoingError::Failed(_))));
        let posted = fetcher.post_form("http://app.localhost/", "a=b").await.unwrap();
        assert_eq!(posted.to_string(), status[..3]);
        assert_eq!(names.asked(), 2);
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn rg24_an_allow_list_of_private_networks_opens_them_and_not_this_machine() {
    let server = Server::start(None, json("{}")).await;
    let names = Arc::new(Names::default());
    let policy = Policy {
        allow_addresses: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        allow_http: vec!["Keys.Internal".to_owned()],
        loopback: false,
    };
    let fetcher = fetcher(&names, policy, None);
    names.lead("keys.internal", &[server.address]);
    assert_refused(&fetcher.get_json("http://keys.internal/", 1000).await, "loopback");
    names.lead("other.internal", &[server.address]);
    assert_refused(&fetcher.get_json("http://other.internal/", 1000).await, "http");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_no_answer() {
    let names = Arc::new(Names::default());
    let fetcher = fetcher(&names, Policy::default(), None);
    let asked = fetcher.get_json("https://nobody.example.net/", 1000).await;
    assert!(matches!(&asked, Err(OutgoingError::Failed(why)) if why.contains("nobody.example.net")), "{asked:?}");
    names.lead("empty.example.net", &[]);
    assert!(matches!(fetcher.get_json("https://empty.example.net/", 1000).await, Err(OutgoingError::Failed(_))));
}

/// A dead address does not stand in the way of a living one.
#[tokio::test]
async fn the_next_address_is_tried() {
    let server = Server::start(None, answer("200 OK", "application/jwk-set+json", "[]")).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let names = Arc::new(Names::default());
    names.lead("app.localhost", &[dead, server.address]);
    let fetcher = fetcher(&names, here(), None);
    assert_eq!(fetcher.get_json("http://app.localhost/", 1000).await.unwrap(), b"[]");
}
