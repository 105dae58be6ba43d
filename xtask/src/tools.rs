//! What the checks need from the machine. On a bare Debian as root it is installed, with a word about what and why;
//! elsewhere the run fails with the command to type.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::run::Step;
use crate::tree::root;

/// The oldest Node.js whose test runner and Web Crypto serve.
const NODE: u32 = 20;

/// Something the checks cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// `cargo fmt`.
    Rustfmt,
    /// `cargo clippy`.
    Clippy,
    /// Node.js and npm: the SDK's tests, and what drives the browser.
    Node,
    /// The second database: its programs, for private clusters.
    Postgres,
    /// What records the file writes that power losses are made from.
    Strace,
    /// A proxy to stand in front of the server.
    Nginx,
    /// A browser and letters to draw with.
    Chromium,
    /// Python with its virtual environments, for a client library.
    Python,
    /// A web server with a client in it, and what makes a certificate for the server that it trusts.
    Apache,
    /// A client for command lines; `jq`, which guides use, comes along.
    OidcAgent,
}

impl Need {
    fn why(self) -> &'static str {
        match self {
            Self::Rustfmt => "to check the format",
            Self::Clippy => "to run the lints",
            Self::Node => "for the tests of the SDK and of the browser",
            Self::Postgres => "to run every test on the second database too",
            Self::Strace => "to record what reaches the disk, for the test of power losses",
            Self::Nginx => "to see that the proxy of the guides and the server agree where a request ends",
            Self::Chromium => "to try the pages and the SDK in a real browser",
            Self::Python => "to sign in with a client library of Python",
            Self::Apache => "to sign in with mod_auth_openidc",
            Self::OidcAgent => "to sign in with oidc-agent",
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Rustfmt => answers("cargo", &["fmt", "--version"]),
            Self::Clippy => answers("cargo", &["clippy", "--version"]),
            Self::Node => node_major().is_some_and(|major| major >= NODE) && answers("npm", &["--version"]),
            Self::Postgres => postgres_programs().is_some(),
            Self::Strace => answers("strace", &["--version"]),
            Self::Nginx => answers("nginx", &["-v"]) || answers("/usr/sbin/nginx", &["-v"]),
            Self::Chromium => chromium().is_some(),
            Self::Python => answers("python3", &["-c", "import ensurepip, venv"]),
            Self::Apache => {
                Path::new("/usr/lib/apache2/modules/mod_auth_openidc.so").is_file()
                    && answers("/usr/sbin/apache2", &["-v"])
                    && answers("openssl", &["version"])
            }
            Self::OidcAgent => answers("oidc-agent", &["--version"]) && answers("jq", &["--version"]),
        }
    }

    /// The commands that bring it, in order.
    fn install(self) -> Vec<Step> {
        let rustup = |component| vec![Step::new("rustup", "rustup", &["component", "add", component])];
        match self {
            Self::Rustfmt => rustup("rustfmt"),
            Self::Clippy => rustup("clippy"),
            Self::Node => packages(&["nodejs", "npm", "ca-certificates"]),
            Self::Postgres => packages(&["postgresql"]),
            Self::Strace => packages(&["strace"]),
            Self::Nginx => packages(&["nginx-light"]),
            Self::Chromium => packages(&["chromium", "fonts-dejavu-core"]),
            Self::Python => packages(&["python3", "python3-venv"]),
            Self::Apache => packages(&["apache2", "libapache2-mod-auth-openidc", "openssl"]),
            Self::OidcAgent => packages(&["oidc-agent-cli", "jq"]),
        }
    }
}

/// Make sure that all of it is there.
pub(crate) fn provide(needs: &[Need]) -> Result<(), String> {
    prefer_newer_node()?;
    for &need in needs {
        if need.is_there() {
            continue;
        }
        if let (Need::Chromium, Some(path)) = (need, env::var_os("BRAMA_CHROMIUM")) {
            return Err(format!("BRAMA_CHROMIUM is {}, which is no program; correct or unset it", path.display()));
        }
        println!("{need:?} is missing; it is needed {}", need.why());
        for step in need.install() {
            step.run().map_err(|problem| format!("{need:?} is needed {}.\n{problem}", need.why()))?;
        }
        if need == Need::Node {
            prefer_newer_node()?;
        }
        if !need.is_there() {
            return Err(format!("{need:?} was installed but does not answer"));
        }
    }
    Ok(())
}

fn packages(names: &[&str]) -> Vec<Step> {
    let install = [&["install", "--yes", "--no-install-recommends"][..], names].concat();
    let fix = "as root: apt-get update && apt-get install apache2 chromium fonts-dejavu-core jq libapache2-mod-auth-openidc nodejs npm \
        oidc-agent-cli openssl postgresql python3 python3-venv strace; clients of Debian are tried on Debian only; on other systems \
        install Chromium (BRAMA_CHROMIUM names its program), Node.js 20 or newer with npm, PostgreSQL 14 or newer \
        (BRAMA_POSTGRES_BIN names the folder of initdb) and strace";
    [&["update"][..], &install]
        .map(|arguments| Step::new("apt", "apt-get", arguments).env("DEBIAN_FRONTEND", "noninteractive").fix(fix))
        .into()
}

/// Debian 12 has Node.js 18. The npm package `node` brings a newer one, into `target/tools`, for our own use only.
fn prefer_newer_node() -> Result<(), String> {
    let Some(major) = node_major().filter(|&major| major < NODE) else { return Ok(()) };
    let tools = root().join("target/tools");
    let programs = tools.join("node_modules/node/bin");
    if !programs.join("node").is_file() {
        println!("Node.js {major} is too old, {NODE} is needed: a newer one goes to target/tools");
        let prefix = tools.to_string_lossy().into_owned();
        Step::new("node", "npm", &["install", "--no-audit", "--no-fund", "--no-save", "--prefix", &prefix, "node@22"])
            .fix("install Node.js 20 or newer")
            .run()?;
    }
    let before = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([programs].into_iter().chain(env::split_paths(&before)))
        .map_err(|error| format!("PATH cannot be extended: {error}"))?;
    PATH.get_or_init(|| path);
    Ok(())
}

/// The `PATH` of the commands, where it is not our own.
static PATH: OnceLock<OsString> = OnceLock::new();

/// A command that finds what was installed.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    if let Some(path) = PATH.get() {
        command.env("PATH", path);
    }
    command
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    command(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn node_major() -> Option<u32> {
    let output = command("node").arg("--version").output().ok()?;
    String::from_utf8(output.stdout).ok()?.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The browser's program: `BRAMA_CHROMIUM`, or where Debian puts it.
pub(crate) fn chromium() -> Option<PathBuf> {
    let set = env::var_os("BRAMA_CHROMIUM").map(PathBuf::from);
    set.or_else(|| Some(Path::new("/usr/bin/chromium").to_path_buf())).filter(|path| path.is_file())
}

/// The folder of PostgreSQL's programs, as `crates/postgres-cluster` finds it.
fn postgres_programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let set = env::var_os("BRAMA_POSTGRES_BIN").map(PathBuf::from);
    let mut folders = set.into_iter().chain(debian.map(|entry| entry.path().join("bin")));
    folders
        .find(|folder| folder.join("initdb").is_file())
        .or_else(|| answers("initdb", &["--version"]).then(PathBuf::new))
}
