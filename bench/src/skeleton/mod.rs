//! The skeleton: a bare server of the same stack (hyper, axum, aws-lc-rs, SQLite) that does what an answer cannot do
//! without and nothing else. It checks nothing and is nobody's server; it says what this machine allows.

mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use axum::body::Body;
use axum::extract::{Path as Segment, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use brama_jose::{Algorithm, SigningKey, Typ, VerifyingKey, parse};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;

use self::writer::Writer;

/// Rows of the skeleton's table.
pub(crate) const ROWS: u32 = 10_000;
/// Begins the name of its cookie, as ours does.
pub(crate) const COOKIE: &str = "__Host-brama_rt_";

/// How it is started.
#[derive(Clone, Debug, Args)]
pub(crate) struct Flags {
    /// Serve the bare skeleton on this port instead of measuring
    #[arg(long, value_name = "PORT")]
    pub(crate) skeleton: Option<u16>,
    /// The skeleton commits every update alone
    #[arg(long, requires = "skeleton")]
    no_group: bool,
    /// Where the skeleton keeps its database
    #[arg(long, value_name = "DIR", requires = "skeleton", default_value = ".")]
    folder: PathBuf,
    /// Length of the skeleton's discovery document, bytes
    #[arg(long, value_name = "BYTES", requires = "skeleton", default_value_t = 2048)]
    discovery: usize,
    /// Length of the skeleton's key set, bytes
    #[arg(long, value_name = "BYTES", requires = "skeleton", default_value_t = 1024)]
    jwks: usize,
}

/// What all requests share.
struct Skeleton {
    discovery: Bytes,
    jwks: Bytes,
    key: SigningKey,
    public: VerifyingKey,
    writer: Writer,
    reader: Mutex<Connection>,
}

/// As many claims as a real access token has.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: String,
    scope: String,
    auth_time: i64,
    acr: String,
    amr: Vec<String>,
    sid: String,
}

/// Claims of one person's token.
pub(crate) fn claims() -> Claims {
    Claims {
        iss: "http://localhost:8420".to_owned(),
        sub: "01a20200-0eaa-7f65-be2b-18d9645d692e".to_owned(),
        aud: vec!["http://localhost:8420/api".to_owned(), "http://localhost:8420".to_owned()],
        exp: 1_900_000_900,
        iat: 1_900_000_000,
        jti: "01a20200-0eaa-7f65-be2b-18d9645d692e.AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        client_id: "shop".to_owned(),
        scope: "openid profile email".to_owned(),
        auth_time: 1_900_000_000,
        acr: "urn:brama:password".to_owned(),
        amr: vec!["pwd".to_owned()],
        sid: "01a20200-0eaa-7f65-be2b-18d9645d692e".to_owned(),
    }
}

/// The answer of a token endpoint.
#[derive(Serialize)]
struct Tokens<'a> {
    access_token: String,
    token_type: &'a str,
    expires_in: u32,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// The answer of userinfo.
#[derive(Serialize)]
struct Person {
    sub: String,
    name: String,
    email: String,
    email_verified: bool,
    updated_at: i64,
}

/// The answer of introspection.
#[derive(Serialize)]
struct Active {
    active: bool,
    #[serde(flatten)]
    claims: Claims,
}

/// Something that does not work, which a skeleton need not explain.
struct Broken;

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

type Shared = State<Arc<Skeleton>>;

/// Serve until the process is killed, on as many threads as there are cores.
pub(crate) fn run(flags: &Flags, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(flags, port))
}

async fn serve(flags: &Flags, port: u16) -> anyhow::Result<()> {
    let path = flags.folder.join("skeleton.db");
    make_rows(&path).context("the skeleton's database")?;
    let key = SigningKey::generate(Algorithm::Es256)?;
    let skeleton = Skeleton {
        discovery: Bytes::from("x".repeat(flags.discovery)),
        jwks: Bytes::from("x".repeat(flags.jwks)),
        public: VerifyingKey::new(key.public())?,
        key,
        writer: Writer::start(open(&path)?, !flags.no_group)?,
        reader: Mutex::new(Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?),
    };
    let router = Router::new()
        .route("/discovery", get(|State(skeleton): Shared| async move { document(&skeleton.discovery) }))
        .route("/jwks", get(|State(skeleton): Shared| async move { document(&skeleton.jwks) }))
        .route("/cc", post(client_credentials))
        .route("/refresh/cookie/{row}", post(refresh_cookie))
        .route("/refresh/body/{row}", post(refresh_body))
        .route("/userinfo", get(userinfo))
        .route("/introspect", post(introspect))
        .with_state(Arc::new(skeleton));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = router.clone().map_request(|request: Request<Incoming>| request.map(Body::new));
        tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new());
            // The generator hangs up in the middle; that is nothing to report.
            let _ = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
        });
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -8192)?;
    Ok(connection)
}

/// One row per sign-in, with the columns that a rotation changes and an index like the real table's.
fn make_rows(path: &Path) -> anyhow::Result<()> {
    let mut connection = open(path)?;
    connection.execute_batch(
        "CREATE TABLE app_grant (id BLOB NOT NULL PRIMARY KEY, user_id BLOB NOT NULL, scope TEXT NOT NULL,
             generation INTEGER NOT NULL, predecessor INTEGER, rotated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         CREATE INDEX app_grant_user ON app_grant (user_id);",
    )?;
    let transaction = connection.transaction()?;
    for row in 0..ROWS {
        let id = id(row);
        transaction
            .prepare_cached("INSERT INTO app_grant VALUES (?1, ?1, 'openid profile email', 0, NULL, 0)")?
            .execute([&id])?;
    }
    transaction.commit()?;
    Ok(())
}

fn id(row: u32) -> [u8; 16] {
    (u128::from(row) << 64).to_be_bytes()
}

fn document(body: &Bytes) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], body.clone())
}

fn tokens(skeleton: &Skeleton, refresh_token: Option<String>) -> Result<Json<Tokens<'static>>, Broken> {
    let access_token = skeleton.key.sign(Typ::AccessToken, &claims()).map_err(|_| Broken)?;
    Ok(Json(Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: 900,
        scope: "openid profile email",
        refresh_token,
    }))
}

/// One signature.
async fn client_credentials(State(skeleton): Shared) -> Result<impl IntoResponse, Broken> {
    tokens(&skeleton, None)
}

/// One durable row and one signature; the token goes into a cookie.
async fn refresh_cookie(State(skeleton): Shared, Segment(row): Segment<u32>) -> Result<impl IntoResponse, Broken> {
    let token = rotate(&skeleton, row).await?;
    let cookie = format!("{COOKIE}shop={token}; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=604800");
    Ok(([(header::SET_COOKIE, cookie)], tokens(&skeleton, None)?))
}

/// One durable row and one signature; the token goes into the body.
async fn refresh_body(State(skeleton): Shared, Segment(row): Segment<u32>) -> Result<impl IntoResponse, Broken> {
    let token = rotate(&skeleton, row).await?;
    tokens(&skeleton, Some(token))
}

/// The next token of a row, as long as a real one.
async fn rotate(skeleton: &Skeleton, row: u32) -> Result<String, Broken> {
    let generation = skeleton.writer.rotate(id(row)).await.ok_or(Broken)?;
    Ok(format!("brt_{generation:0>75}"))
}

/// One verification.
fn verified(skeleton: &Skeleton, token: &str) -> Result<Claims, Broken> {
    let verified = parse(token).and_then(|token| token.verify(&skeleton.public, Typ::AccessToken));
    verified.and_then(|verified| verified.claims()).map_err(|_| Broken)
}

/// One row.
fn read_row(skeleton: &Skeleton) -> Result<String, Broken> {
    let reader = skeleton.reader.lock().map_err(|_| Broken)?;
    let mut statement = reader.prepare_cached("SELECT scope FROM app_grant WHERE id = ?1").map_err(|_| Broken)?;
    statement.query_row([id(7)], |row| row.get(0)).map_err(|_| Broken)
}

/// One verification and one row.
async fn userinfo(State(skeleton): Shared, headers: HeaderMap) -> Result<impl IntoResponse, Broken> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let claims = verified(&skeleton, token.ok_or(Broken)?)?;
    let name = read_row(&skeleton)?;
    let email = "person@example.com".to_owned();
    Ok(Json(Person { sub: claims.sub, name, email, email_verified: true, updated_at: claims.iat }))
}

/// One verification and one row. The secret of the API costs a hash, which is nothing beside them.
async fn introspect(State(skeleton): Shared, form: Bytes) -> Result<impl IntoResponse, Broken> {
    let token = form_urlencoded::parse(&form).find_map(|(name, value)| (name == "token").then_some(value));
    let token = token.ok_or(Broken)?;
    let claims = verified(&skeleton, &token)?;
    read_row(&skeleton)?;
    Ok(Json(Active { active: true, claims }))
}
