//! Mistakes of the configuration and of the command line (X4), and the commands that write and check it.

use std::fs;

use crate::support::Scratch;

/// Several mistakes of several kinds.
const WRONG: &str = "\
public_url = \"https://id.example.com/\"
data_dir = \"data\"

[server]
listen = \"127.0.0.1\"
trust_proxi = []

[tokens]
access_token_ttl = \"2h\"

[passwords]
argon2_memory_kib = 1024

[[clients]]
id = \"shop\"
type = \"browser\"
redirect_uris = [\"https://shop.example.com/#x\"]
";

#[test]
fn x4_every_mistake_at_once_with_place_reason_and_fix() {
    let scratch = Scratch::new();
    scratch.write("brama.toml", WRONG);
    for command in [&["serve"][..], &["check"], &["migrate"], &["client", "list"]] {
        let ended = scratch.run(&[command, &["-c", "brama.toml"]].concat());
        let ended = ended.refused(
            2,
            "B1012",
            &[
                // A slash too many.
                "brama.toml:1",
                "`public_url`",
                "https://id.example.com/",
                "public_url = \"https://id.example.com\"",
                // No port.
                "brama.toml:5",
                "`server.listen`",
                // Nearly a key.
                "B1004 ",
                "brama.toml:6",
                "trust_proxi",
                "trust_proxy",
                // Too long.
                "B1013 ",
                "brama.toml:9",
                "2h",
                "cannot be called back",
                // Too weak.
                "B1015 ",
                "brama.toml:12",
                "19456",
                "OWASP",
                "5 problems",
            ],
        );
        assert_eq!(ended.stderr.matches("\n      fix       ").count(), 5, "{ended:#?}");
    }
    assert!(!scratch.path("data").exists(), "nothing was made");
}

#[test]
fn x4_a_declared_app_that_cannot_be_is_told_with_its_line() {
    let scratch = Scratch::new();
    let right = "public_url = \"https://id.example.com\"\ndata_dir = \"data\"\n\n";
    let client = WRONG.split_once("[[clients]]").unwrap().1;
    scratch.write("brama.toml", &format!("{right}[[clients]]{client}"));
    for command in ["check", "serve"] {
        scratch.run(&[command, "-c", "brama.toml"]).refused(
            2,
            "B1012",
            &["brama.toml:7", "redirect_uris", "https://shop.example.com/#x"],
        );
    }
    assert!(!scratch.path("data").exists(), "nothing was made");
}

#[test]
fn x4_a_file_that_is_not_there_or_no_toml() {
    let scratch = Scratch::new();
    scratch.run(&["serve", "-c", "gone.toml"]).refused(2, "B1001", &["gone.toml"]);
    scratch.write("brama.toml", "public_url = \"https://id.example.com\"\n[server\n");
    scratch.run(&["check", "-c", "brama.toml"]).refused(2, "B1002", &["brama.toml:2"]);
    scratch.write("brama.toml", "public_url = \"https://a.example\"\npublic_url = \"https://b.example\"\n");
    scratch.run(&["check", "-c", "brama.toml"]).refused(2, "B1003", &["brama.toml:2"]);
    // Nothing at all.
    scratch.run(&["serve"]).refused(2, "B1010", &["`public_url`", "--public-url"]);
}

#[test]
fn x4_variables_are_checked_like_the_file() {
    let scratch = Scratch::new();
    for (variable, value, code, texts) in [
        ("BRAMA_SERVER__LISTN", "127.0.0.1:1", "B1005", &["BRAMA_SERVER__LISTN", "BRAMA_SERVER__LISTEN"][..]),
        ("BRAMA_TOKENS__ACCESS_TOKEN_TTL", "soon", "B1012", &["BRAMA_TOKENS__ACCESS_TOKEN_TTL", "soon", "15m"]),
        ("BRAMA_DATABASE_URL", "mysql://brama:kalyna@db/brama", "B1012", &["BRAMA_DATABASE_URL", "sqlite:"]),
    ] {
        let mut command = scratch.brama(&["check", "--public-url", "https://id.example.com"]);
        command.env(variable, value);
        scratch.finish(command).refused(2, code, texts).keeps("kalyna");
    }
}

#[test]
fn a_flag_beats_a_variable_beats_the_file() {
    let scratch = Scratch::new();
    scratch.write("brama.toml", "public_url = \"https://file.example.com\"\n");
    let check = |flags: &[&str], variable: Option<&str>| {
        let mut command = scratch.brama(&[&["check"], flags].concat());
        command.envs(variable.map(|value| ("BRAMA_PUBLIC_URL", value)));
        scratch.finish(command).succeeded().stderr
    };
    let file = ["-c", "brama.toml"];
    assert!(check(&file, None).contains("https://file.example.com is right"));
    assert!(check(&file, Some("https://variable.example.com")).contains("https://variable.example.com is right"));
    let flag = [&file[..], &["--public-url", "https://flag.example.com"]].concat();
    assert!(check(&flag, Some("https://variable.example.com")).contains("https://flag.example.com is right"));
}

#[test]
fn what_is_mistyped_is_suggested() {
    let scratch = Scratch::new();
    for (typed, meant) in [
        (&["serv"][..], "'serve'"),
        (&["serve", "--lissen", "127.0.0.1:1"], "'--listen'"),
        (&["user", "ad", "olena"], "'add'"),
        (&["client", "add", "shop", "--type", "brouser"], "'browser'"),
    ] {
        let ended = scratch.run(typed);
        assert_eq!(ended.code, Some(2), "{typed:?}: {ended:#?}");
        ended.says(&[meant]).nothing_inside();
    }
    scratch.run(&["serve", "--set", "server.lissen=127.0.0.1:1"]).refused(
        2,
        "B1006",
        &["server.lissen", "server.listen"],
    );
}

/// PW-4: a secret in the arguments of a program is seen by everybody on the machine.
#[test]
fn a_secret_given_as_a_flag_is_refused_and_not_repeated() {
    let scratch = Scratch::new();
    let secret = "kalyna-viter-7788";
    for arguments in [
        ["user", "add", "olena", "--password", secret],
        ["user", "add", "olena", &format!("--password={secret}"), "--json"],
        ["user", "password", "olena", "--password", secret],
    ] {
        let ended = scratch.run(&arguments);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        ended.says(&["--password-stdin"]).keeps(secret).nothing_inside();
    }
}

#[test]
fn init_writes_a_server_that_starts_and_never_writes_twice() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let init = ["init", "--public-url", "https://id.example.com", "--data-dir", "data"];
    let said = scratch.run(&init).succeeded().says(&["brama.toml", "data/master.key", "brama serve"]);
    let (file, key) = (scratch.read("brama.toml"), scratch.read("data/master.key"));
    said.keeps(key.trim());
    assert!(file.lines().count() <= 12, "X3: {file}");
    let mode = |name: &str| fs::metadata(scratch.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/master.key")), (0o700, 0o600));
    scratch.run(&["check", "-c", "brama.toml"]).succeeded();

    scratch.run(&init).refused(2, "B1210", &["brama.toml exists", "not touched"]);
    assert_eq!((scratch.read("brama.toml"), scratch.read("data/master.key")), (file, key.clone()));
    // Another file for the same data: the key stays.
    scratch.run(&[&init[..], &["-c", "second.toml"]].concat()).succeeded().says(&["kept"]).keeps(key.trim());
    assert_eq!(scratch.read("data/master.key"), key);
}

#[test]
fn init_judges_the_address_before_it_writes() {
    for url in ["http://id.example.com", "https://id.example.com/", "https://id.example.com/auth", "id.example.com"] {
        let scratch = Scratch::new();
        scratch.run(&["init", "--public-url", url, "--data-dir", "data"]).refused(2, "B1012", &["public_url", url]);
        assert_eq!(fs::read_dir(scratch.folder()).unwrap().count(), 0, "nothing was written");
    }
}
