//! TLS to the database: name and chain are checked, always.

use std::path::{Path, PathBuf};
use std::process::Command;

use brama_postgres_cluster::{Cluster, Options};
use brama_store_postgres::{OpenError, PostgresStore, Settings};
use jiff::Timestamp;

use crate::world::settings;

/// A certificate authority.
fn authority(folder: &Path, called: &str) -> PathBuf {
    make(folder, called, &["-subj", "/CN=authority"])
}

/// A certificate for the given names, vouched for by the authority.
fn certificate(folder: &Path, called: &str, names: &str, authority: &Path) -> PathBuf {
    let (by, key) = (authority.display().to_string(), authority.with_extension("key").display().to_string());
    let names = format!("subjectAltName={names}");
    let extensions = ["-addext", names.as_str(), "-addext", "basicConstraints=critical,CA:FALSE"];
    make(
        folder,
        called,
        &[&["-subj", "/CN=database", "-CA", by.as_str(), "-CAkey", key.as_str()], &extensions[..]].concat(),
    )
}

fn make(folder: &Path, called: &str, more: &[&str]) -> PathBuf {
    let certificate = folder.join(format!("{called}.crt"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(more)
        .arg("-keyout")
        .arg(certificate.with_extension("key"))
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    certificate
}

/// A cluster that shows the certificate `called` of its folder.
fn show(cluster: &Cluster, certificate: &Path) {
    let data = cluster.folder().join("data");
    let owner = std::fs::metadata(&data).unwrap();
    for (from, to) in [(certificate.with_extension("key"), "server.key"), (certificate.to_owned(), "server.crt")] {
        let to = data.join(to);
        std::fs::copy(from, &to).unwrap();
        let (user, group) = (std::os::unix::fs::MetadataExt::uid(&owner), std::os::unix::fs::MetadataExt::gid(&owner));
        std::os::unix::fs::chown(&to, Some(user), Some(group)).unwrap();
        std::fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    cluster.set("ssl", "on");
    while cluster.sql("postgres", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") != "t" {}
}

fn with(cluster: &Cluster, host: &str, mode: &str, ca_file: Option<&Path>) -> Settings {
    let url = cluster.url("postgres").replace("127.0.0.1", host);
    Settings { ca_file: ca_file.map(Path::to_owned), ..settings(&format!("{url}?sslmode={mode}")) }
}

async fn refused(settings: &Settings) -> String {
    match PostgresStore::migration_status(settings).await {
        Err(error @ OpenError::Tls { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_without_tls_is_taken_only_if_that_is_fine() {
    let cluster = Cluster::start(Options::default()).unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        refused(&with(&cluster, "127.0.0.1", mode, None)).await;
    }
    for mode in ["disable", "prefer"] {
        assert!(PostgresStore::migration_status(&with(&cluster, "127.0.0.1", mode, None)).await.is_ok(), "{mode}");
    }
    // Over the socket in its folder there is nothing to encrypt.
    let url = format!("host={} port={} user=postgres dbname=postgres", cluster.folder().display(), cluster.port());
    assert!(PostgresStore::migration_status(&settings(&url)).await.is_ok());
}

#[tokio::test]
async fn the_certificate_has_to_be_trusted_and_of_that_name() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Options::default()).unwrap();
    let (right, other) = (authority(folder.path(), "right"), authority(folder.path(), "other"));
    let certified = certificate(folder.path(), "certified", "DNS:localhost,IP:127.0.0.1", &right);
    show(&cluster, &certified);

    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        let fine = with(&cluster, "localhost", mode, Some(&right));
        assert!(PostgresStore::migration_status(&fine).await.is_ok(), "{mode}");
        refused(&with(&cluster, "localhost", mode, Some(&other))).await;
        refused(&with(&cluster, "localhost", mode, None)).await;
    }
    assert!(PostgresStore::migration_status(&with(&cluster, "localhost", "disable", None)).await.is_ok());
    let no_file = refused(&with(&cluster, "localhost", "require", Some(Path::new("/nowhere/ca.pem")))).await;
    assert!(no_file.contains("/nowhere/ca.pem"), "{no_file}");
    let no_certificate = refused(&with(&cluster, "localhost", "require", Some(&right.with_extension("key")))).await;
    assert!(no_certificate.contains("no certificate"), "{no_certificate}");

    // The right authority, another name.
    show(&cluster, &certificate(folder.path(), "elsewhere", "DNS:elsewhere.example", &right));
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    let fine = with(&cluster, "localhost", "require", Some(&right));
    // Until the server shows the new one.
    while PostgresStore::migration_status(&fine).await.is_ok() {}
    let wrong_name = refused(&fine).await;
    assert!(wrong_name.contains("name"), "{wrong_name}");

    // The pool and the listener go the same way.
    show(&cluster, &certified);
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    let fine = with(&cluster, "localhost", "verify-full", Some(&right));
    while PostgresStore::migrate(&fine, Timestamp::UNIX_EPOCH).await.is_err() {}
    let store = PostgresStore::open(&fine).await.unwrap();
    assert!(brama_store::catalog::Catalog::catalog_version(&store).await.unwrap() > 0);
    let encrypted =
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'brama'";
    assert_eq!(cluster.sql("postgres", encrypted), "t");
}
