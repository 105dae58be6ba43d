//! What this machine could do if the server cost nothing: the parts that no implementation can do without.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use argon2::{Algorithm as Variant, Argon2, Block, Params, Version};
use brama_jose::{Algorithm, SigningKey, Typ, VerifyingKey, parse};
use rusqlite::Connection as Database;
use serde::{Deserialize, Serialize};

use crate::connection::{Connection, Outgoing};
use crate::load::{self, Plan, Visitor};
use crate::measured::Measured;
use crate::process::{Server, free_port};

/// Names of ceilings, as operations refer to them.
pub(crate) const HELLO: &str = "hello";
pub(crate) const HELLO_ALONE: &str = "hello-alone";
pub(crate) const SIGN: &str = "es256-sign";
pub(crate) const VERIFY: &str = "es256-verify";
pub(crate) const HASH: &str = "argon2id";
pub(crate) const COMMIT: &str = "sqlite-commit";
pub(crate) const GROUP: &str = "sqlite-group";
pub(crate) const SYNC: &str = "write-fdatasync";

/// Rows changed in one commit of [`GROUP`].
const GROUP_SIZE: u32 = 64;

/// Measure all of them.
pub(crate) async fn measure(plan: Plan) -> anyhow::Result<Vec<Measured>> {
    let folder = tempfile::tempdir()?;
    let cores = std::thread::available_parallelism()?.get();
    let mut all = hello(plan, folder.path()).await?;
    eprintln!("measuring signatures, hashes and commits");
    let key = SigningKey::generate(Algorithm::Es256)?;
    all.push(load::compute(SIGN, 1, plan, 1, || {
        Ok(|| key.sign(Typ::AccessToken, &claims()).map(drop).map_err(Into::into))
    })?);
    let public = VerifyingKey::new(key.public())?;
    let token = key.sign(Typ::AccessToken, &claims())?;
    let verify = || -> anyhow::Result<()> {
        parse(&token)?.verify(&public, Typ::AccessToken)?.claims::<Claims>()?;
        Ok(())
    };
    all.push(load::compute(VERIFY, 1, plan, 1, || Ok(verify))?);
    all.push(load::compute(HASH, cores, plan, 1, hash)?);
    all.push(load::compute(COMMIT, 1, plan, 1, || commit(&folder.path().join("one.db"), 1))?);
    let group = load::compute(GROUP, 1, plan, 1, || commit(&folder.path().join("group.db"), GROUP_SIZE))?;
    all.push(group.of_rows(GROUP_SIZE));
    all.push(load::compute(SYNC, 1, plan, 1, || sync(&folder.path().join("log")))?);
    Ok(all)
}

/// Somebody who says hello.
struct Caller {
    connection: Connection,
    request: Outgoing,
}

impl Visitor for Caller {
    async fn visit(&mut self) -> anyhow::Result<()> {
        self.connection.send(&self.request, http::StatusCode::OK).await.map(drop)
    }
}

async fn hello(plan: Plan, folder: &Path) -> anyhow::Result<Vec<Measured>> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--hello", &port.to_string()]);
    let server = Server::start(command, port, "/", &folder.join("hello.log"))?;
    let mut figures = Vec::new();
    for (name, connections) in [(HELLO_ALONE, 1), (HELLO, plan.connections)] {
        eprintln!("measuring {name}");
        let mut callers = Vec::new();
        for _ in 0..connections {
            callers.push(Caller { connection: Connection::open(port).await?, request: Outgoing::get("/") });
        }
        figures.push(load::run(name, callers, plan, &server).await?);
    }
    Ok(figures)
}

/// As many claims as a real access token has.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: String,
    scope: String,
    auth_time: i64,
    acr: String,
    sid: String,
}

fn claims() -> Claims {
    Claims {
        iss: "http://localhost:8420".to_owned(),
        sub: "01a20200-0eaa-7f65-be2b-18d9645d692e".to_owned(),
        aud: "http://localhost:8420/api".to_owned(),
        exp: 1_800_000_900,
        iat: 1_800_000_000,
        jti: "01a20200-0eaa-7f65-be2b-18d9645d692e.AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        client_id: "shop".to_owned(),
        scope: "openid profile email".to_owned(),
        auth_time: 1_800_000_000,
        acr: "aal1".to_owned(),
        sid: "01a20200-0eaa-7f65-be2b-18d9645d692e".to_owned(),
    }
}

/// A hash with the server's default parameters; the memory is there already.
fn hash() -> anyhow::Result<impl FnMut() -> anyhow::Result<()>> {
    let wrong = |error| anyhow::anyhow!("argon2: {error}");
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(wrong)?;
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Variant::Argon2id, Version::V0x13, params);
    Ok(move || {
        let mut out = [0u8; 32];
        argon2.hash_password_into_with_memory(b"lypa-mist-bereza-4821", &[7; 16], &mut out, &mut memory).map_err(wrong)
    })
}

/// Change rows and wait until they are on the disk, with the server's own settings.
fn commit(path: &Path, rows: u32) -> anyhow::Result<impl FnMut() -> anyhow::Result<()> + use<>> {
    let database = Database::open(path)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch("CREATE TABLE grants (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL) STRICT")?;
    for id in 0..rows {
        database.execute("INSERT INTO grants VALUES (?1, 0)", [id])?;
    }
    Ok(move || {
        let run = |sql: &str| database.prepare_cached(sql)?.execute(()).map(drop);
        run("BEGIN IMMEDIATE")?;
        let mut update = database.prepare_cached("UPDATE grants SET generation = generation + 1 WHERE id = ?1")?;
        for id in 0..rows {
            update.execute([id])?;
        }
        run("COMMIT")?;
        Ok(())
    })
}

/// Append a page to a file and wait until it is on the disk.
fn sync(path: &Path) -> anyhow::Result<impl FnMut() -> anyhow::Result<()> + use<>> {
    let mut file = File::create(path).context("the temporary folder")?;
    Ok(move || {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        Ok(())
    })
}
