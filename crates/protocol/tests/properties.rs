//! Promises for all inputs of a kind. What holds for all bytes whatever is asserted by the targets of `fuzz/`.
#![expect(clippy::unwrap_used, reason = "tests")]

use brama_protocol::client::ClientType;
use brama_protocol::parameters::Parameters;
use brama_protocol::redirect_uri::{MatchedRedirectUri, RegisteredRedirectUri};
use brama_protocol::scope::{GrantedScope, Scope};
use proptest::collection::vec;
use proptest::prelude::*;

fn matches(registered: &str, requested: &str, client_type: ClientType) -> bool {
    let registered = [RegisteredRedirectUri::parse(registered).unwrap()];
    MatchedRedirectUri::find(Some(requested), &registered, client_type, false).is_ok()
}

const TYPES: [ClientType; 5] =
    [ClientType::Browser, ClientType::Web, ClientType::Native, ClientType::Service, ClientType::Device];

/// A path and maybe a query.
const REST: &str = "(/[a-zA-Z0-9._~%-]{0,8}){0,3}(\\?[a-z=&]{0,8})?";

proptest! {
    #[test]
    fn az5_redir_11_any_port_of_this_machine(one: u16, two: u16, rest in REST) {
        for host in ["127.0.0.1", "[::1]"] {
            let (registered, requested) = (format!("http://{host}:{one}{rest}"), format!("http://{host}:{two}{rest}"));
            let without = format!("http://{host}{rest}");
            for client_type in TYPES {
                prop_assert!(matches(&registered, &requested, client_type));
                prop_assert!(matches(&without, &requested, client_type));
            }
        }
        let (registered, requested) = (format!("http://localhost:{one}{rest}"), format!("http://localhost:{two}{rest}"));
        for client_type in TYPES {
            prop_assert_eq!(matches(&registered, &requested, client_type), one == two || client_type == ClientType::Native);
        }
    }

    #[test]
    fn az4_redir_11_everywhere_else_the_text_alone(host in "[a-z]{1,8}\\.example", port: u16, rest in REST, more in "[ -~]{1,4}") {
        let registered = format!("https://{host}{rest}");
        let others = [format!("{registered}{more}"), format!("https://{host}:{port}{rest}"), format!("http://{host}{rest}")];
        let behind_loopback = format!("http://127.0.0.1{more}{host}/cb");
        for client_type in TYPES {
            prop_assert!(matches(&registered, &registered, client_type));
            for other in &others {
                prop_assert!(!matches(&registered, other, client_type), "{}", other);
            }
            prop_assert!(!matches("http://127.0.0.1/cb", &behind_loopback, client_type));
        }
    }

    #[test]
    fn te28_a_refresh_never_widens(had in vec("[a-e]", 0..5), asked in vec("[a-g]", 0..5)) {
        let (had, asked) = (Scope::parse(&had.join(" ")).unwrap(), Scope::parse(&asked.join(" ")).unwrap());
        let grant = GrantedScope::from_stored(had.clone());
        let all = grant.narrow(None).unwrap();
        prop_assert_eq!(all.scope(), &had);
        match grant.narrow(Some(&asked)) {
            Some(narrow) => {
                prop_assert_eq!(narrow.scope(), &asked);
                prop_assert!(asked.is_within(&had) && !asked.is_empty());
                // Once narrow, it does not come back.
                prop_assert_eq!(narrow.narrow(Some(&had)).is_some(), had.is_within(&asked));
            }
            None => prop_assert!(asked.is_empty() || asked.iter().any(|token| !had.contains(token))),
        }
    }

    #[test]
    fn g2_a_form_is_read_as_it_was_written(pairs in vec(("[^\\x00]{1,12}", "[^\\x00]{0,24}"), 0..20)) {
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let read = Parameters::parse(written.as_bytes()).unwrap();
        prop_assert_eq!(read.to_encoded(), written);
    }
}
