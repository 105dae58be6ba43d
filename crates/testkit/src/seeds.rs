//! The users and clients of every test server.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use brama_flows::login::hashing::{Cost, HashPool, PoolSettings};
use brama_flows::login::password;
use brama_protocol::client::{Client, ClientType};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::UserId;
use brama_protocol::origin::Origin;
use brama_protocol::password::Password;
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::scope::Scope;
use brama_protocol::username::{Email, NameKey, Username};
use brama_store::client::{AddClient, ClientRecord};
use brama_store::user::{AddUser, NewUser, SealedPasswordHash, User, UserStatus};

use crate::server::TestServer;

/// A user with everything: name, address, language.
pub const OLENA: &str = "olena";
/// Another user.
pub const TARAS: &str = "taras";
/// A user whose account is disabled.
pub const DISABLED: &str = "vasyl";
/// A user without a password.
pub const PASSWORDLESS: &str = "nadiia";
/// The password of all of them.
pub const PASSWORD: &str = "kalyna-u-luzi-chervona";

/// The third-party web app.
pub const SHOP: &str = "shop";
/// Where [`SHOP`] wants its answers.
pub const SHOP_REDIRECT: &str = "https://shop.example.net/cb";
/// Where [`SHOP`] wants people after signing out.
pub const SHOP_SIGNED_OUT: &str = "https://shop.example.net/bye";
/// The first-party single-page app, on the same site.
pub const DEMO: &str = "demo-spa";
/// The origin of [`DEMO`]'s pages.
pub const APP_ORIGIN: &str = "https://app.example.com";
/// Where [`DEMO`] wants its answers.
pub const DEMO_REDIRECT: &str = "https://app.example.com/callback";
/// A second first-party single-page app on the same site, at an origin of its own.
pub const ADMIN: &str = "admin-spa";
/// The origin of [`ADMIN`]'s pages.
pub const ADMIN_ORIGIN: &str = "https://admin.example.com";
/// An origin that both [`DEMO`] and [`ADMIN`] list.
pub const SHARED_ORIGIN: &str = "https://portal.example.com";
/// The third-party single-page app on another site.
pub const FOREIGN: &str = "foreign-spa";
/// The origin of [`FOREIGN`]'s pages.
pub const FOREIGN_ORIGIN: &str = "https://spa.example.org";
/// Where [`FOREIGN`] wants its answers.
pub const FOREIGN_REDIRECT: &str = "https://spa.example.org/cb";
/// A third-party single-page app on the same site.
pub const PARTNER: &str = "partner-spa";
/// The origin of [`PARTNER`]'s pages.
pub const PARTNER_ORIGIN: &str = "https://partner.example.com";
/// The command-line app.
pub const CLI: &str = "cli";
/// The machine.
pub const ROBOT: &str = "robot";

/// The secret of a confidential client.
#[must_use]
pub fn secret(client: &str) -> String {
    secret_handle(client).to_wire()
}

fn secret_handle(client: &str) -> Handle<kind::ClientSecret> {
    Handle::from_random(digest(&SHA256, client.as_bytes()).as_ref().try_into().unwrap())
}

/// A client with nothing but an id and a type, for tests that need one of their own.
#[must_use]
pub fn client(id: &str, client_type: ClientType) -> Client {
    Client {
        name: format!("The {id}"),
        scope: Scope::parse("openid profile email offline_access").unwrap(),
        ..Client::new(id.parse().unwrap(), client_type)
    }
}

fn uris(texts: &[&str]) -> Vec<RegisteredRedirectUri> {
    texts.iter().map(|text| RegisteredRedirectUri::parse(text).unwrap()).collect()
}

fn origins(texts: &[&str]) -> Vec<Origin> {
    texts.iter().map(|text| Origin::parse(text).unwrap()).collect()
}

/// Register a client, with [`secret`] if its type keeps one. One that exists is changed.
pub async fn put_client(server: &TestServer, client: Client) {
    let secrets = if client.auth_method.has_secret() { vec![secret_handle(client.id.as_str()).hash()] } else { vec![] };
    let now = server.ctx().now;
    let record = ClientRecord { client, secrets, created_at: now, updated_at: now };
    if server.store.add_client(record.clone()).await.unwrap() == AddClient::IdTaken {
        server.store.declare_client(record).await.unwrap();
    }
}

/// Make an account; `password`: nothing for one that cannot sign in with one.
pub async fn put_user(server: &TestServer, username: &str, password: Option<&str>) -> UserId {
    let ctx = server.ctx();
    let id = UserId::new(ctx.now, ctx.random().unwrap());
    let sealed = match password {
        Some(text) => Some(password::hash(&ctx, id, Arc::new(Password::parse(text).unwrap())).await.unwrap()),
        None => None,
    };
    let user = NewUser {
        id,
        username: Username::parse(username).unwrap(),
        email: Some(Email::parse(&format!("{username}@example.com")).unwrap()),
        name: Some("Олена Коваль".to_owned()),
        locale: Some("uk".to_owned()),
        password: sealed,
    };
    assert_eq!(ctx.store.add_user(user, ctx.now).await.unwrap(), AddUser::Added);
    id
}

/// The account of a name.
pub async fn user(server: &TestServer, username: &str) -> User {
    server.store.find_sign_in(&NameKey::of(username)).await.unwrap().expect("a seeded user").0
}

/// Disable an account, or enable it again.
pub async fn set_status(server: &TestServer, username: &str, status: UserStatus) {
    let user = user(server, username).await;
    assert!(server.store.set_user_status(user.id, status, server.ctx().now).await.unwrap());
}

pub(crate) async fn plant(server: &TestServer, cost: Cost) {
    let issuer = server.issuer().to_owned();
    let phc = hash_here(server, cost).await;
    for name in [OLENA, TARAS, DISABLED] {
        let id = put_user(server, name, None).await;
        let sealed = seal(server, id, &phc);
        assert!(server.store.set_password(id, sealed, server.ctx().now).await.unwrap());
        if name == DISABLED {
            assert!(server.store.set_user_status(id, UserStatus::Disabled, server.ctx().now).await.unwrap());
        }
    }
    put_user(server, PASSWORDLESS, None).await;
    let web = Client {
        name: "Крамниця".to_owned(),
        redirect_uris: uris(&[SHOP_REDIRECT]),
        post_logout_redirect_uris: uris(&[SHOP_SIGNED_OUT]),
        ..client(SHOP, ClientType::Web)
    };
    let spa = |id, redirect: &str, origin: &[&str]| Client {
        redirect_uris: uris(&[redirect]),
        origins: origins(origin),
        ..client(id, ClientType::Browser)
    };
    let demo = spa(DEMO, DEMO_REDIRECT, &[APP_ORIGIN, &issuer, SHARED_ORIGIN]);
    let demo = Client { first_party: true, post_logout_redirect_uris: uris(&["https://app.example.com/"]), ..demo };
    let admin = spa(ADMIN, "https://admin.example.com/cb", &[ADMIN_ORIGIN, SHARED_ORIGIN]);
    let cli = Client {
        redirect_uris: uris(&["http://127.0.0.1/cb", "com.example.cli:/cb"]),
        ..client(CLI, ClientType::Native)
    };
    let robot = Client { scope: Scope::parse("read write openid").unwrap(), ..client(ROBOT, ClientType::Service) };
    let partner = spa(PARTNER, "https://partner.example.com/cb", &[PARTNER_ORIGIN]);
    let foreign = spa(FOREIGN, FOREIGN_REDIRECT, &[FOREIGN_ORIGIN]);
    for client in [web, demo, Client { first_party: true, ..admin }, cli, robot, partner, foreign] {
        put_client(server, client).await;
    }
}

/// Hash with a pool of its own, so that servers whose pool refuses everything have users too.
async fn hash_here(server: &TestServer, cost: Cost) -> String {
    let settings = PoolSettings { cost, threads: 1, queue: 1, wait: Duration::from_secs(60) };
    let pool = HashPool::start(settings, [9; 48]).unwrap();
    let password = Arc::new(Password::parse(PASSWORD).unwrap());
    pool.hash(password, server.ctx().random().unwrap()).await.unwrap().to_string()
}

fn seal(server: &TestServer, user: UserId, phc: &str) -> SealedPasswordHash {
    let ctx = server.ctx();
    let row = format!("password/sealed/{user}");
    SealedPasswordHash(ctx.password_sealer.seal(ctx.random().unwrap(), &row, phc.as_bytes()).unwrap())
}
