//! Whom the fetcher believes. RG-24.

use std::sync::Arc;

use brama_flows::outgoing::{Outgoing as _, OutgoingError};
use brama_net::{Fetcher, Policy, Settings};

use crate::support::{Authority, Identity, Names, Server, fetcher, here, json};

const URL: &str = "https://shop.example.net/jwks";

async fn fetch(identity: &Identity, believed: &Authority) -> Result<Vec<u8>, OutgoingError> {
    let server = Server::start(Some(identity), json("{}")).await;
    let names = Arc::new(Names::default());
    names.lead("shop.example.net", &[server.address]);
    let fetched = fetcher(&names, here(), Some(believed.file())).get_json(URL, 1000).await;
    // Whoever is not believed is told nothing.
    assert_eq!(server.requests().len(), usize::from(fetched.is_ok()));
    fetched
}

#[tokio::test]
async fn rg24_the_certificate_is_checked_for_the_name_that_was_asked() {
    let authority = Authority::new();
    let good = authority.certifies("good", "DNS:shop.example.net", &[]);
    assert_eq!(fetch(&good, &authority).await.unwrap(), b"{}");
    for (called, names) in [
        ("other", "DNS:evil.example.net"),
        ("parent", "DNS:example.net"),
        ("address", "IP:127.0.0.1"),
        ("child", "DNS:a.shop.example.net"),
        ("star", "DNS:*.shop.example.net"),
    ] {
        let wrong = authority.certifies(called, names, &[]);
        assert!(matches!(fetch(&wrong, &authority).await, Err(OutgoingError::Failed(_))), "{called}");
    }
}

#[tokio::test]
async fn rg24_a_stranger_s_authority_is_not_believed() {
    let (own, stranger) = (Authority::new(), Authority::new());
    let identity = stranger.certifies("good", "DNS:shop.example.net", &[]);
    assert!(matches!(fetch(&identity, &own).await, Err(OutgoingError::Failed(_))));
}

#[tokio::test]
async fn rg24_an_address_on_the_allow_list_is_asked_over_tls_under_its_own_certificate() {
    let authority = Authority::new();
    let identity = authority.certifies("address", "IP:127.0.0.1", &[]);
    let server = Server::start(Some(&identity), json("{}")).await;
    let names = Arc::new(Names::default());
    let fetcher = fetcher(&names, here(), Some(authority.file()));
    let url = format!("https://127.0.0.1:{}/", server.address.port());
    assert_eq!(fetcher.get_json(&url, 1000).await.unwrap(), b"{}");
    assert_eq!(names.asked(), 0);
    let request = server.requests().remove(0).to_ascii_lowercase();
    assert!(request.contains(&format!("\r\nhost: 127.0.0.1:{}\r\n", server.address.port())), "{request}");
}

#[tokio::test]
async fn a_server_without_tls_is_no_answer_to_https() {
    let server = Server::start(None, json("{}")).await;
    let names = Arc::new(Names::default());
    names.lead("shop.example.net", &[server.address]);
    let fetched = fetcher(&names, here(), None).get_json(URL, 1000).await;
    assert!(matches!(fetched, Err(OutgoingError::Failed(_))), "{fetched:?}");
}

#[test]
fn a_file_without_usable_certificates_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let open = || Fetcher::new(Settings { policy: Policy::default(), ca_file: Some(path.clone()) });
    assert!(open().is_err(), "there is no such file");
    for content in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&path, content).unwrap();
        let error = open().expect_err(content).to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
}

/// Proxies of the environment are nobody's business: the fetcher has no code that would read them.
#[tokio::test]
async fn rg24_a_proxy_of_the_environment_is_not_asked() {
    let proxy = Server::start(None, json("{}")).await;
    let program = std::env::current_exe().unwrap();
    let mut command = tokio::process::Command::new(program);
    command.args([
        "--exact",
        "names::rg24_ssrf04_a_name_is_resolved_once_and_the_checked_address_is_the_one_that_is_asked",
    ]);
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, format!("http://{}", proxy.address));
    }
    let ran = command.output().await.unwrap();
    assert!(ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains("1 passed"), "{ran:?}");
    assert_eq!(proxy.connections(), 0);
}
