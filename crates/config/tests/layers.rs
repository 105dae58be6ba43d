//! Flag > environment > file > default, and every mistake of every layer at once.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use brama_config::{Code, DatabaseUrl, Loaded, Origin, Problem, Profile, Sources, load};

struct Setup {
    dir: tempfile::TempDir,
    sources: Sources,
}

fn setup(profile: Profile) -> Setup {
    let sources = Sources { file: None, env: BTreeMap::new(), flags: Vec::new(), profile };
    Setup { dir: tempfile::tempdir().unwrap(), sources }
}

impl Setup {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(mut self, text: impl AsRef<[u8]>) -> Self {
        let path = self.path("brama.toml");
        fs::write(&path, text).unwrap();
        self.sources.file = Some(path);
        self
    }

    fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.sources.env.insert(name.to_owned(), value.into());
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.to_owned(), value.to_owned()));
        self
    }

    fn good(self) -> Loaded {
        load(self.sources).expect("a good configuration")
    }

    fn bad(self) -> Vec<Problem> {
        load(self.sources).expect_err("a bad configuration")
    }

    /// Code and fix of each problem.
    fn fixes(self) -> Vec<(Code, String)> {
        self.bad().into_iter().map(|problem| (problem.code, problem.fix)).collect()
    }
}

const GOOD: &str = "public_url = \"https://id.example.ua\"\n[server]\ntrust_proxy = [\"10.0.0.1\"]\n";

#[test]
fn nothing_set_in_production_names_the_one_key_that_is_needed() {
    let problems = setup(Profile::Production).bad();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems.first().unwrap().to_string(),
        "B1010 `public_url` is not set and has no default
      expected  an https address without path, query and trailing slash (http only for a loopback host)
      fix       give --public-url (for example \"https://id.example.com\") or a configuration file"
    );
}

#[test]
fn a_problem_is_printed_with_place_reason_and_fix() {
    let setup = setup(Profile::Production).file(format!("{GOOD}[tokens]\naccess_token_ttl = \"2h\"\n"));
    let path = setup.path("brama.toml").display().to_string();
    let problems = setup.bad();
    assert_eq!(
        problems.first().unwrap().to_string().replace(&path, "/etc/brama/brama.toml"),
        "B1013 `tokens.access_token_ttl` is above its limit
      at        /etc/brama/brama.toml:5
      got       \"2h\"
      expected  a length of time such as \"90s\", \"15m\", \"12h\" or \"7d\", from 5s to 1h: an access token cannot be called back
      fix       access_token_ttl = \"1h\""
    );
}

#[test]
fn all_mistakes_of_all_layers_come_at_once_and_in_order() {
    let text = "\
public_url = https://id.example.ua
listen = \"127.0.0.1:1\"
[server]
trust_proxies = []
public_url = \"x\"
shutdown_grace = \"30s\"
shutdown_grace = \"31s\"
[tokens]
access_token_ttl = 900
[quux]
a = 1
[loging]
b = 1
[[clients]]
id = \"a\"
type = \"web\"
secret = \"geheim\"
[[clients]]
id = \"a\"
typ = \"web\"
[[clients]]
id = \"a\"
type = \"web\"
";
    let problems = setup(Profile::Production)
        .file(text)
        .env("BRAMA_PASSWORDS__MIN_LENGTH", "five")
        .env("BRAMA_LISTNE", "x")
        .flag("data_dir", "")
        .flag("server.lissen", "x")
        .bad();
    let text: Vec<String> = problems.iter().map(|p| format!("{:?} {p}", p.line())).collect();
    let text = text.join("\n");
    assert!(!text.contains("geheim"), "{text}");
    let by_line = |line: u32| problems.iter().find(|problem| problem.line() == Some(line)).unwrap();
    for (line, code, fix) in [
        (1, Code::Syntax, "put the value between double quotes"),
        (2, Code::UnknownKey, "did you mean `listen`? It belongs below [server]"),
        (4, Code::UnknownKey, "did you mean `server.trust_proxy`?"),
        (5, Code::UnknownKey, "did you mean `public_url`? It belongs above the first [section]"),
        (7, Code::DuplicateKey, "keep one `shutdown_grace`"),
        (9, Code::WrongType, "access_token_ttl = \"900s\""),
        (10, Code::UnknownKey, "remove it"),
        (12, Code::UnknownKey, "did you mean `log`?"),
        (17, Code::UnknownKey, "did you mean `clients[0].secret_file`?"),
        (20, Code::UnknownKey, "did you mean `clients[1].type`?"),
    ] {
        let problem = by_line(line);
        assert_eq!(problem.code, code, "{problem}");
        assert!(problem.fix.starts_with(fix), "{problem}");
    }
    assert!(text.contains("two clients have the id `a`"), "{text}");
    assert!(text.contains("BRAMA_PASSWORDS__MIN_LENGTH=15"), "{text}");
    assert!(text.contains("did you mean BRAMA_LISTEN?"), "{text}");
    assert!(text.contains("--data-dir /var/lib/brama"), "{text}");
    assert!(text.contains("did you mean `server.listen`?"), "{text}");
    let lines: Vec<u32> = problems.iter().filter_map(Problem::line).collect();
    assert!(lines.is_sorted(), "{text}");
    assert_eq!(problems.len(), 16, "{text}");
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    let cases = [
        ("issuer = 1", "did you mean `public_url`?"),
        ("database_url = 1", "did you mean `url`? It belongs below [database]"),
        ("\"server.listen\" = 1", "did you mean `listen`? It belongs below [server]"),
        ("id = 1", "did you mean `id`? It belongs below [[clients]]"),
        ("[client]", "did you mean `clients`?"),
        ("[logging]", "did you mean `log`?"),
        ("[server.tls]", "remove it"),
        ("[server]\nport = 1", "did you mean `server.listen`?"),
        ("[tokens]\naccess_token = 1", "did you mean `tokens.access_token_ttl`?"),
        ("[tokens]\nissuer = 1", "did you mean `public_url`? It belongs above the first [section]"),
        ("\"\\u001b[31m\" = 1", "remove it"),
    ];
    for (text, fix) in cases {
        let good = "public_url = \"https://id.example.ua\"\n";
        let problems = setup(Profile::Production).file(format!("{good}{text}\n")).bad();
        assert_eq!(problems.len(), 1, "{text}");
        let problem = problems.first().unwrap();
        assert_eq!(problem.code, Code::UnknownKey);
        assert!(problem.fix.starts_with(fix), "{problem}");
        assert!(!problem.to_string().contains('\u{1b}'), "{problem:?}");
    }
}

#[test]
fn unknown_variables_are_errors_with_a_suggestion() {
    let cases = [
        ("BRAMA_SERVER_LISTEN", "did you mean BRAMA_SERVER__LISTEN?"),
        ("BRAMA__SERVER__LISTEN", "did you mean BRAMA_SERVER__LISTEN?"),
        ("BRAMA_PORT", "did you mean BRAMA_LISTEN?"),
        ("BRAMA_ISSUER", "did you mean BRAMA_PUBLIC_URL?"),
        ("BRAMA_PUBLIC_URI", "did you mean BRAMA_PUBLIC_URL?"),
        ("BRAMA_CONFIGG", "did you mean BRAMA_CONFIG?"),
        ("BRAMA_CLIENTS__ID", "declare clients in the file"),
        ("BRAMA_QUUX", "unset BRAMA_QUUX"),
    ];
    for (name, fix) in cases {
        let problems = setup(Profile::Production).file(GOOD).env(name, "geheim").bad();
        assert_eq!(problems.len(), 1, "{name}");
        let problem = problems.first().unwrap();
        assert_eq!(problem.code, Code::UnknownVariable);
        assert!(problem.fix.starts_with(fix), "{problem}");
        assert!(!problem.to_string().contains("geheim"), "{problem}");
    }
    let reserved = setup(Profile::Production)
        .file(GOOD)
        .env("BRAMA_CONFIG", "x")
        .env("BRAMA_LOG", "x")
        .env("BRAMA_VECTORS", "x")
        .env("BRAMA_PORT", "tcp://10.0.0.1:80")
        .env("PATH", "x");
    reserved.good();
}

#[test]
fn two_variables_for_one_key_must_agree() {
    let both = |second| setup(Profile::Dev).env("BRAMA_SERVER__LISTEN", "127.0.0.1:1234").env("BRAMA_LISTEN", second);
    assert_eq!(both("127.0.0.1:9").fixes(), [(Code::GivenTwice, "unset BRAMA_LISTEN".to_owned())]);
    both("127.0.0.1:1234").good();
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let text = format!("{GOOD}listen = \"127.0.0.1:1\"\n");
    let listen = |setup: Setup| {
        let loaded = setup.good();
        let origin = loaded.origins.get("server.listen").unwrap().origin.clone();
        (loaded.config.server.listen.port(), origin)
    };
    let file = || setup(Profile::Production).file(&text);
    assert_eq!(listen(setup(Profile::Production).file(GOOD)), (8420, Origin::Default));
    let (port, origin) = listen(file());
    assert!(matches!((port, origin), (1, Origin::File { line: 4, .. })));
    let variable = |name: &str| Origin::Environment { variable: name.to_owned() };
    let with_env = || file().env("BRAMA_LISTEN", "127.0.0.1:2");
    assert_eq!(listen(with_env()), (2, variable("BRAMA_LISTEN")));
    let with_flag = with_env().flag("server.listen", "127.0.0.1:3");
    assert_eq!(listen(with_flag), (3, Origin::Flag { name: "--listen".to_owned() }));
}

#[test]
fn a_secret_file_is_read_and_never_shown() {
    let good = setup(Profile::Production).file(GOOD);
    let secret = good.path("url");
    fs::write(&secret, "sqlite:/srv/geheim.db\r\n").unwrap();
    let loaded = good.env("BRAMA_DATABASE_URL_FILE", secret.display().to_string()).good();
    assert_eq!(loaded.config.database.url, DatabaseUrl::Sqlite("/srv/geheim.db".into()));
    assert_eq!(loaded.origins.get("database.url").unwrap().value, "\"***\"");

    let bad = setup(Profile::Production).file(GOOD);
    let secret = bad.path("url");
    fs::write(&secret, "sqlite://geheim.db").unwrap();
    let problems = bad.env("BRAMA_DATABASE__URL_FILE", secret.display().to_string()).bad();
    let text = problems.first().unwrap().to_string();
    assert!(text.contains("the content of") && !text.contains("geheim"), "{text}");

    let missing = setup(Profile::Production).file(GOOD).env("BRAMA_DATABASE_URL_FILE", "/nowhere");
    assert_eq!(missing.fixes().first().unwrap().0, Code::SecretFileUnreadable);
}

#[test]
fn a_key_that_ends_in_file_is_no_secret_file() {
    let loaded = setup(Profile::Production).file(GOOD).env("BRAMA_SECRETS__KEY_FILE", "/etc/brama/key").good();
    assert_eq!(loaded.config.secrets.key_file, Path::new("/etc/brama/key"));
}

#[test]
fn an_unreadable_file_is_one_problem() {
    let mut missing = setup(Profile::Production);
    missing.sources.file = Some(missing.path("nowhere.toml"));
    let mut directory = setup(Profile::Production);
    directory.sources.file = Some(directory.dir.path().to_owned());
    for setup in [missing, directory] {
        let codes: Vec<Code> = setup.bad().iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [Code::FileUnreadable]);
    }
    let latin = setup(Profile::Production).file(b"a = 1\nb = \"\xe9\"\n").bad();
    assert_eq!((latin.first().unwrap().code, latin.first().unwrap().line()), (Code::Syntax, Some(2)));
}

#[test]
fn a_section_that_is_a_value_and_a_value_that_is_a_section_are_wrong_types() {
    let text = "server = 5\nclients = {}\n[public_url]\nx = 1\n";
    let problems = setup(Profile::Production).file(text).bad();
    let found: Vec<(Option<u32>, Code)> = problems.iter().map(|p| (p.line(), p.code)).collect();
    let wrong = |line| (Some(line), Code::WrongType);
    assert_eq!(found, [wrong(1), wrong(2), wrong(3)]);
}

#[test]
fn development_mode_needs_nothing() {
    let config = setup(Profile::Dev).good().config;
    assert_eq!(config.public_url.as_str(), "http://localhost:8420");
    assert_eq!(config.data_dir, Path::new("./.brama"));
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8420");
    assert_eq!(config.database.url, DatabaseUrl::Sqlite("./.brama/brama.db".into()));
    assert_eq!(config.secrets.key_file, Path::new("./.brama/master.key"));
    assert_eq!(config.tokens.default_audience, "http://localhost:8420/api");
    assert!(config.throttle.exempt_addresses.iter().all(|net| net.addr().is_loopback()));
    assert_eq!(config.throttle.exempt_addresses.len(), 2);
    let other = setup(Profile::Dev).flag("server.listen", "127.0.0.1:9000").good().config;
    assert_eq!(other.public_url.as_str(), "http://localhost:9000");
}

#[test]
fn development_mode_refuses_a_non_loopback_address() {
    let codes = |listen: &str| -> Vec<Code> {
        setup(Profile::Dev).flag("server.listen", listen).fixes().iter().map(|(code, _)| *code).collect()
    };
    assert_eq!(codes("0.0.0.0:8420"), [Code::LoopbackOnly]);
    assert_eq!(codes("[::]:8420"), [Code::LoopbackOnly]);
    assert_eq!(codes("127.0.0.1:0"), [Code::Contradiction]);
    setup(Profile::Dev).flag("server.listen", "127.0.0.1:0").flag("public_url", "http://localhost:8420").good();
}

#[test]
fn defaults_are_those_of_the_rules() {
    let loaded = setup(Profile::Production).file(GOOD).good();
    let config = loaded.config;
    let minutes = |n: u64| Duration::from_secs(n * 60);
    assert_eq!(config.data_dir, Path::new("/var/lib/brama"));
    assert_eq!(config.tokens.access_token_ttl, minutes(15));
    assert_eq!(config.tokens.refresh_token_ttl, minutes(7 * 24 * 60));
    assert_eq!(config.tokens.authorization_code_ttl, minutes(1));
    assert_eq!(config.sessions.idle, minutes(12 * 60));
    assert_eq!(config.sessions.remember_absolute, minutes(30 * 24 * 60));
    assert_eq!(config.passwords.hash_queue, 4 * config.passwords.hash_threads);
    assert!((2..=4).contains(&config.database.readers));
    assert_eq!(config.throttle.exempt_addresses, []);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_shorter_session_shortens_the_idle_default() {
    let loaded = setup(Profile::Production).file(format!("{GOOD}[sessions]\nabsolute = \"6h\"\n")).good();
    assert_eq!(loaded.config.sessions.idle, Duration::from_secs(6 * 3600));
}

#[test]
fn pw_12_accepts_exactly_the_table() {
    let accepted = |memory: u32, iterations: u32| {
        let text = format!("{GOOD}[passwords]\nargon2_memory_kib = {memory}\nargon2_iterations = {iterations}\n");
        let setup = setup(Profile::Production).file(text);
        load(setup.sources.clone()).is_ok()
    };
    for (least, iterations) in [(47_104, 1), (19_456, 2), (12_288, 3), (12_288, 4)] {
        assert!(!accepted(least - 1, iterations), "{least} {iterations}");
        assert!(accepted(least, iterations), "{least} {iterations}");
    }
}

#[test]
fn what_is_allowed_but_unwise_is_a_warning_with_its_place() {
    let text = "public_url = \"https://id.example.ua\"\n[passwords]\nmin_length = 14\n[throttle]\nexempt_addresses = [\"0.0.0.0/0\"]\n";
    let warnings = setup(Profile::Production).file(text).good().warnings;
    let found: Vec<(Code, Option<u32>)> = warnings.iter().map(|w| (w.code, w.line())).collect();
    let expected = [(Code::ShortPasswords, Some(3)), (Code::ProxyNotTrusted, Some(1)), (Code::WholeInternet, Some(5))];
    assert_eq!(found, expected);
    assert!(warnings.iter().all(|warning| warning.code.is_warning()));
}

#[test]
fn other_crates_place_their_problems_where_the_value_was_set() {
    let loaded = setup(Profile::Production).file(GOOD).good();
    let problem = loaded.problem(Code::NotUnderstood, "public_url", "does not answer", "start it");
    assert_eq!(problem.line(), Some(1));
}

#[test]
fn every_effective_value_has_an_origin() {
    let loaded = setup(Profile::Production).file(GOOD).good();
    let set: Vec<&str> = loaded
        .origins
        .iter()
        .filter(|effective| effective.origin != Origin::Default)
        .map(|effective| effective.key.as_str())
        .collect();
    assert_eq!(set, ["server.trust_proxy", "public_url"]);
    assert_eq!(loaded.origins.get("tokens.refresh_window").unwrap().value, "\"1m\"");
}

#[test]
fn a_client_without_id_or_type_is_found_by_its_line() {
    let text = format!("{GOOD}[[clients]]\nid = \"a\"\n[[clients]]\ntype = \"web\"\n");
    let problems = setup(Profile::Production).file(text).bad();
    let found: Vec<(Code, Option<u32>, &str)> =
        problems.iter().map(|problem| (problem.code, problem.line(), problem.fix.as_str())).collect();
    let expected = [
        (Code::Missing, Some(4), "add type = \"browser\" to this client"),
        (Code::Missing, Some(6), "add id = \"shop-web\" to this client"),
    ];
    assert_eq!(found, expected);
}
