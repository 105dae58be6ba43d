//! What the terminal says when the development server is ready.

use std::time::Duration;

use brama_config::{Config, DatabaseUrl};

use crate::dev::seed::{CLIENT, DemoAccount};

/// Where to sign in, with which account, how to connect an app, and two lines that work when pasted.
pub(crate) fn text(config: &Config, account: &DemoAccount, new: bool, took: Duration) -> String {
    let own = config.public_url.as_str();
    let data = config.data_dir.display();
    let DemoAccount { username, password, .. } = account;
    let backend = match config.database.url {
        DatabaseUrl::Sqlite(_) => "SQLite",
        DatabaseUrl::Postgres(_) => "PostgreSQL",
    };
    let database = format!("{backend}, {}", if new { "created" } else { "as you left it" });
    let version = env!("CARGO_PKG_VERSION");
    let listen = config.server.listen;
    // The only place where a password is ever printed: a demo account of a server that only this machine can reach.
    format!(
        r#"
  Brama {version} · development mode · data: {data} (delete it to start over)

  ✓ database  {database}
  ✓ keys      ES256 and RS256 signing keys, sealed with {key}
  ✓ listen    {own}   ({listen}, this machine only)

  1  Sign in now      {own}/demo
                      user name: {username} · password: {password}
  2  Your account     {own}/account
  3  Connect an app   clientId: {CLIENT} · <script type="module"> import {{ createAuth }} from '{own}/sdk/brama.js'
                      or your own: brama client add my-app --type browser --redirect-uri http://localhost:5173/callback{place}

  Try it from this terminal:
    curl -s -c brama.jar {own}/api/auth/login -H 'Content-Type: application/json' -d '{{"username":"{username}","password":"{password}"}}'
    curl -s {own}/api/protected-resource -H "Authorization: Bearer $(curl -s -b brama.jar {own}/api/auth/refresh | cut -d '"' -f 4)"

  Ready in {took:.1} s. Ctrl+C to stop. Not for production: run `brama init` when you are.

"#,
        key = config.secrets.key_file.display(),
        took = took.as_secs_f64(),
        place = if config.data_dir == std::path::Path::new("./.brama") {
            String::new()
        } else {
            format!(" --data-dir {data}")
        },
    )
}
