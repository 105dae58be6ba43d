//! Databases that cannot be opened, and the words for it.

use std::time::{Duration, Instant};

use brama_postgres_cluster::{Cluster, Options};
use brama_store::SigningKeys as _;
use brama_store_postgres::{OpenError, PostgresStore, Settings};
use jiff::Timestamp;

use crate::world::{database, settings};

const PASSWORD: &str = "pa55-w0rd-of-nobody";

async fn refused(settings: &Settings) -> OpenError {
    match PostgresStore::open(settings).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => {
            for text in [error.to_string(), format!("{error:?}"), format!("{settings:?}")] {
                assert!(!text.contains(PASSWORD), "{text}");
            }
            error
        }
    }
}

/// The same database for another role.
fn as_role(url: &str, role: &str) -> String {
    url.replace("postgres:", "postgresql:").replace("postgres@", &format!("{role}:{PASSWORD}@"))
}

#[tokio::test]
async fn nobody_is_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refused(&settings(&format!("postgres://u:{PASSWORD}@127.0.0.1:{free}/d"))).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{free}/d")), "{error}");
    let error = refused(&settings(&format!("postgres://u:{PASSWORD}@nowhere.invalid/d"))).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    // Somebody is there and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut impatient = settings(&format!("postgres://u:{PASSWORD}@{}/d", mute.local_addr().unwrap()));
    impatient.connect_timeout = Duration::from_millis(100);
    let error = refused(&impatient).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
}

/// It takes the connection and says nothing, as a server does whose disk hangs; the next one is the primary.
#[tokio::test]
async fn a_host_that_hangs_keeps_nobody_from_the_next() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = database().await;
    for url in [
        url.replacen('@', &format!("@{},", mute.local_addr().unwrap()), 1),
        // The primary is the first of three.
        url.replacen("/test", &format!(",{0},{0}/test", mute.local_addr().unwrap()), 1),
    ] {
        let began = Instant::now();
        let store = PostgresStore::open(&settings(&url)).await.unwrap();
        assert_eq!(store.signing_keys().await.unwrap().len(), 0);
        assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_url_that_is_none() {
    for url in
        ["", "mysql://h/d", "postgres://u:{P}@h:port/d", "postgres://u:{P}@h/d?nonsense=1", "host=h password={P} x"]
    {
        let error = refused(&settings(&url.replace("{P}", PASSWORD))).await;
        assert!(matches!(error, OpenError::Failed { .. } | OpenError::Refused { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_role_a_password_or_a_database_that_is_wrong() {
    let cluster = Cluster::start(Options::default()).unwrap();
    let url = cluster.create_database();
    cluster.sql(&url, "SET password_encryption = 'scram-sha-256'; CREATE ROLE guard LOGIN PASSWORD 'right'");
    let hba = cluster.folder().join("data/pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("host all guard,nobody 127.0.0.1/32 scram-sha-256\n{rules}")).unwrap();
    cluster.set("log_connections", "off");

    let wrong_password = refused(&settings(&as_role(&url, "guard"))).await;
    assert!(matches!(wrong_password, OpenError::Refused { .. }), "{wrong_password}");
    let no_role = refused(&settings(&as_role(&url, "nobody"))).await;
    assert!(matches!(no_role, OpenError::Refused { .. }), "{no_role}");
    let none_given = url.replace("postgres:", "postgresql:").replace("postgres@", "guard@");
    let none_given = refused(&settings(&none_given)).await;
    assert!(matches!(none_given, OpenError::Refused { .. }), "{none_given}");
    let missing = refused(&settings(&cluster.url("missing"))).await;
    assert!(matches!(missing, OpenError::Refused { .. }), "{missing}");
    assert!(missing.to_string().contains("missing"), "{missing}");
    let right = as_role(&url, "guard").replace(PASSWORD, "right");
    assert!(PostgresStore::migration_status(&settings(&right)).await.is_ok());
}

#[tokio::test]
async fn a_server_that_takes_no_writes() {
    let cluster = Cluster::start(Options::default()).unwrap();
    let url = cluster.create_database();
    PostgresStore::migrate(&settings(&url), Timestamp::UNIX_EPOCH).await.unwrap();
    cluster.sql("postgres", "ALTER DATABASE postgres SET default_transaction_read_only = off");
    cluster.set("default_transaction_read_only", "on");
    let seen = |mode: &str| while cluster.sql(&url, "SHOW transaction_read_only") != mode {};
    seen("on");
    let error = refused(&settings(&url)).await;
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    // Beside a primary it is passed over.
    let both = database().await;
    let primary = both.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    let both = both.replace(&primary, &format!("127.0.0.1:{},{primary}", cluster.port()));
    assert!(PostgresStore::open(&settings(&both)).await.is_ok());
    cluster.sql("postgres", "ALTER SYSTEM RESET default_transaction_read_only");
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    seen("off");
    assert!(PostgresStore::open(&settings(&url)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_migrate_at_once_and_again() {
    let url = Cluster::shared().create_database();
    let error = refused(&settings(&url)).await;
    assert!(matches!(error, OpenError::Behind { found: 0, .. }), "{error}");
    let status = PostgresStore::migration_status(&settings(&url)).await.unwrap();
    assert_eq!((status.found, status.pending.as_slice()), (0, PostgresStore::all_migrations()));

    let nodes: Vec<_> = (0..8)
        .map(|_| {
            let settings = settings(&url);
            tokio::spawn(async move { PostgresStore::migrate(&settings, Timestamp::UNIX_EPOCH).await.unwrap().len() })
        })
        .collect();
    let mut applied = 0;
    for node in nodes {
        applied += node.await.unwrap();
    }
    assert_eq!(applied, PostgresStore::all_migrations().len(), "each once");
    assert!(PostgresStore::migrate(&settings(&url), Timestamp::UNIX_EPOCH).await.unwrap().is_empty());
    let status = PostgresStore::migration_status(&settings(&url)).await.unwrap();
    assert_eq!((status.found, status.pending.len()), (status.needed, 0));
    assert!(PostgresStore::open(&settings(&url)).await.is_ok());
}

#[tokio::test]
async fn a_schema_of_the_future() {
    let url = database().await;
    Cluster::shared().sql(&url, "INSERT INTO schema_migration VALUES (1000, 'future', 0)");
    let error = refused(&settings(&url)).await;
    assert!(matches!(error, OpenError::TooNew { found: 1000, .. }), "{error}");
    let migrating = PostgresStore::migrate(&settings(&url), Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert!(matches!(migrating, OpenError::TooNew { found: 1000, .. }), "{migrating}");
}

/// Rotations rewrite rows within their page: no index is on a column that they change.
#[tokio::test]
async fn rotations_touch_no_index() {
    let url = database().await;
    let indexed =
        "SELECT string_agg(DISTINCT c.relname || '.' || a.attname, ' ' ORDER BY c.relname || '.' || a.attname)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE a.attnum = ANY (i.indkey) AND c.relname IN ('app_grant', 'session')";
    assert_eq!(
        Cluster::shared().sql(&url, indexed),
        "app_grant.client_id app_grant.expires_at app_grant.id app_grant.session_id app_grant.user_id \
         session.ended_at session.expires_at session.id session.secret session.user_id"
    );
}
