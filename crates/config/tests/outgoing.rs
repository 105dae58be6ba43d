//! `[outgoing]`: RG-24.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;

use brama_config::{Code, Loaded, Problem, Profile, Sources, load};

fn loaded(lines: &str, profile: Profile) -> Result<Loaded, Vec<Problem>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("brama.toml");
    fs::write(&path, format!("public_url = \"https://id.example.ua\"\n[outgoing]\n{lines}\n")).unwrap();
    load(Sources { file: Some(path), env: BTreeMap::new(), flags: Vec::new(), profile })
}

#[test]
fn rg24_this_machine_is_asked_by_the_development_server_only() {
    for net in ["127.0.0.0/8", "127.0.0.1", "127.1.2.0/24", "::1"] {
        let lines = format!("allow_addresses = [\"10.0.0.0/8\", \"{net}\"]");
        let Err(problems) = loaded(&lines, Profile::Production) else { panic!("{net} is accepted") };
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [Code::LoopbackOnly], "{net}");
    }
    assert!(!loaded("", Profile::Production).unwrap().config.outgoing.loopback);
    assert!(loaded("", Profile::Dev).unwrap().config.outgoing.loopback);
    // It is nothing that anybody could set.
    let Err(problems) = loaded("loopback = true", Profile::Production) else { panic!("it can be set") };
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [Code::UnknownKey]);
}

#[test]
fn rg24_the_whole_internet_is_warned_about() {
    for (net, warned) in [("0.0.0.0/0", true), ("::/0", true), ("10.0.0.0/8", false)] {
        let loaded = loaded(&format!("allow_addresses = [\"{net}\"]"), Profile::Production).unwrap();
        let found = loaded.warnings.iter().any(|warning| {
            warning.code == Code::WholeInternet && warning.key.as_deref() == Some("outgoing.allow_addresses")
        });
        assert_eq!(found, warned, "{net}: {:?}", loaded.warnings);
    }
}

#[test]
fn hosts_are_names_and_nothing_else() {
    let allowed =
        loaded("allow_http = [\"Keys.Internal\", \"app\"]", Profile::Production).unwrap().config.outgoing.allow_http;
    assert_eq!(allowed.iter().map(brama_config::HostName::as_str).collect::<Vec<_>>(), ["keys.internal", "app"]);
    for wrong in ["", ".", "a..b", "a/b", "a:80", "*.internal", "https://a", "a b", "ключі.internal"] {
        assert!(loaded(&format!("allow_http = [\"{wrong}\"]"), Profile::Production).is_err(), "{wrong}");
    }
}
