//! Several servers of one deployment: one database, one master key, one public address, and a port for each.

use std::time::{Duration, Instant};

use brama_testkit::RelyingParty;

use crate::support::{Browser, Ended, PASSWORD, Scratch, Server, Wire};

/// Where the apps want their answers. The first is this server's own origin.
const BACK: &str = "https://back.example.com/cb";
const CLI: &str = "https://cli.example.com/cb";

/// What the operator set up.
pub(crate) struct Site {
    scratch: Scratch,
    database: String,
    /// Where its nodes listen; the public address names the first one.
    pub(crate) ports: Vec<u16>,
}

impl Site {
    /// A folder with a configuration and a master key; the database is as it is. `more`: further lines.
    pub(crate) fn new(database: &str, nodes: usize, more: &str) -> Self {
        let scratch = Scratch::new();
        let others = (1..nodes).map(|_| Scratch::new().port);
        let ports: Vec<u16> = std::iter::once(scratch.port).chain(others).collect();
        let url = scratch.url();
        scratch.run(&["init", "--public-url", &url, "--data-dir", "data", "-c", "first.toml"]).succeeded();
        let text = format!(
            "public_url = \"{url}\"\ndata_dir = \"data\"\n\n[throttle]\nexempt_addresses = [\"127.0.0.0/8\"]\n{more}"
        );
        scratch.write("brama.toml", &text);
        Self { scratch, database: database.to_owned(), ports }
    }

    /// With a current database, olena, and the apps.
    pub(crate) fn with_apps(self) -> Self {
        self.run(&["migrate"]).succeeded();
        self.add_user("olena");
        let callback = format!("{}/callback", self.url());
        self.add_client(&["shop", "--type", "browser", "--first-party", "--redirect-uri", &callback]);
        self
    }

    /// The address people see.
    pub(crate) fn url(&self) -> String {
        self.scratch.url()
    }

    /// Write a file of the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.scratch.write(name, text);
    }

    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["-c", "brama.toml", "--database-url", &self.database]].concat()
    }

    /// Run a command of administration on the database.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.scratch.run(&self.arguments(arguments))
    }

    /// Make an account with [`PASSWORD`].
    pub(crate) fn add_user(&self, name: &str) {
        self.scratch.pipe(PASSWORD, &self.arguments(&["user", "add", name, "--password-stdin"])).succeeded();
    }

    /// Register an app; its secret, if it has one.
    pub(crate) fn add_client(&self, arguments: &[&str]) -> Option<String> {
        let added = self.run(&[&["client", "add"], arguments, &["--json"]].concat()).succeeded().json();
        added["client_secret"].as_str().map(ToOwned::to_owned)
    }

    /// Register a first-party web app with a secret.
    pub(crate) fn add_back(&self) -> RelyingParty {
        let secret = self.add_client(&["back", "--type", "web", "--first-party", "--redirect-uri", BACK]);
        RelyingParty { secret, ..app("back", BACK, "openid profile") }
    }

    /// Register a first-party app on people's own machines.
    pub(crate) fn add_cli(&self) -> RelyingParty {
        let scopes = ["--scope", "openid", "--scope", "offline_access"];
        self.add_client(&[&["cli", "--type", "native", "--first-party", "--redirect-uri", CLI], &scopes[..]].concat());
        app("cli", CLI, "openid offline_access")
    }

    /// Start one node and wait until it is ready.
    pub(crate) fn start(&self, node: usize) -> Server {
        self.start_with(node, &[])
    }

    /// The same with further arguments, the last of which win.
    pub(crate) fn start_with(&self, node: usize, more: &[&str]) -> Server {
        let port = self.ports[node];
        let listen = format!("127.0.0.1:{port}");
        let arguments = [&self.arguments(&["serve", "--listen", &listen])[..], more].concat();
        self.scratch.start_at(port, &[], &arguments)
    }

    /// Start a node with a configuration of its own.
    pub(crate) fn start_declaring(&self, node: usize, file: &str) -> Server {
        let port = self.ports[node];
        let listen = format!("127.0.0.1:{port}");
        let arguments = ["serve", "--listen", &listen, "-c", file, "--database-url", &self.database];
        self.scratch.start_at(port, &[], &arguments)
    }

    /// Start all nodes at once.
    pub(crate) fn start_all(&self) -> Vec<Server> {
        std::thread::scope(|scope| {
            let starting: Vec<_> = (0..self.ports.len()).map(|node| scope.spawn(move || self.start(node))).collect();
            starting.into_iter().map(|node| node.join().unwrap()).collect()
        })
    }

    /// Every request goes to another node.
    pub(crate) fn wire(&self) -> Wire {
        Wire::among(&self.ports, self.ports[0])
    }

    /// Connections to one node only.
    pub(crate) fn wire_to(&self, node: usize) -> Wire {
        Wire::among(&[self.ports[node]], self.ports[0])
    }

    /// A browser whose every request goes to another node.
    pub(crate) fn browser(&self) -> Browser {
        Browser::over(self.wire(), self.url())
    }

    /// A browser at one node.
    pub(crate) fn browser_at(&self, node: usize) -> Browser {
        Browser::over(self.wire_to(node), self.url())
    }
}

fn app(id: &str, redirect_uri: &str, scope: &str) -> RelyingParty {
    RelyingParty {
        client_id: id.to_owned(),
        secret: None,
        redirect_uri: redirect_uri.to_owned(),
        scope: scope.to_owned(),
        state: "af0ifjsldkj".to_owned(),
        nonce: "n-0S6_WzA2Mj".to_owned(),
        verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
    }
}

/// Wait until it is so; how long that took. It has this long.
pub(crate) async fn eventually<F: Future<Output = bool>>(within: Duration, mut look: impl FnMut() -> F) -> Duration {
    let began = Instant::now();
    loop {
        if look().await {
            return began.elapsed();
        }
        assert!(began.elapsed() < within, "it is not so after {within:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
