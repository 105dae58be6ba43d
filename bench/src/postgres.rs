//! Refreshing on PostgreSQL, beside `pgbench` running the bare statement on the same durable cluster, in turns. Both have the
//! whole machine: three programs cannot have a core each on two.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use brama_postgres_cluster::{Cluster, Options};
use serde::{Deserialize, Serialize};

use crate::load::{self, Plan};
use crate::measured::Sample;
use crate::site::{Database, Psql, Site};
use crate::visits::Roaming;

/// The two, round by round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Postgres {
    /// What PostgreSQL calls itself.
    pub(crate) version: String,
    /// Connections of the generator and of `pgbench`.
    pub(crate) at_once: usize,
    /// Grants in the table.
    pub(crate) grants: u64,
    /// The server: refresh by cookie.
    pub(crate) ours: Vec<Sample>,
    /// The bare statement.
    pub(crate) pgbench: Vec<Sample>,
}

/// A table with as many rows and as many indexes as that of grants, and the statement that a rotation cannot do without.
const TABLE: &str = "
CREATE TABLE bare_grant (id bytea PRIMARY KEY, user_id bytea NOT NULL, session_id bytea NOT NULL, client_id text NOT NULL,
    scope text NOT NULL, expires_at bigint NOT NULL, generation bigint NOT NULL, predecessor bigint, rotated_at bigint NOT NULL,
    revoked_at bigint) WITH (fillfactor = 75);
INSERT INTO bare_grant SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(md5(n::text), 'hex'), decode(md5('s' || n), 'hex'),
    'shop', 'openid profile email', 2000000000000 + n, 0, NULL, 0, NULL FROM generate_series(1, :rows) n;
CREATE INDEX ON bare_grant (user_id);
CREATE INDEX ON bare_grant (session_id);
CREATE INDEX ON bare_grant (client_id);
CREATE INDEX ON bare_grant (expires_at);
VACUUM ANALYZE bare_grant;
CHECKPOINT;
";
const STATEMENT: &str = "\\set n random(1, :rows)
UPDATE bare_grant SET predecessor = generation, generation = generation + 1, rotated_at = rotated_at + 1 \
WHERE id = decode(lpad(to_hex(:n::bigint), 32, '0'), 'hex') AND revoked_at IS NULL;
";

/// Measure it.
pub(crate) async fn measure(binary: &Path, grants: u64, plan: &Plan, rounds: u32) -> anyhow::Result<Postgres> {
    eprintln!("a PostgreSQL cluster with {grants} accounts, sessions and grants");
    let plan = Plan { placement: plan.placement.whole_machine(), ..plan.clone() };
    let cluster = Cluster::start(Options { durable: true })?;
    let programs = cluster.binaries().to_owned();
    let psql = |url: String| Psql { programs: &programs, url };
    let bare = psql(cluster.create_database());
    bare.run(&TABLE.replace(":rows", &grants.to_string()))?;
    let database = Database::Postgres(psql(cluster.create_database()));
    let site = Site::make(binary, grants, &database, &plan.placement)?;
    let server = site.start(&plan.placement)?;
    let visitors = plan.connections as u64;
    let mut roaming: Vec<_> =
        (0..visitors).map(|number| Roaming::new(&site.place, &site.people, number, visitors)).collect();
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("rotate.sql");
    std::fs::write(&script, STATEMENT)?;
    let mut found = Postgres {
        version: version(&programs.join("postgres"))?,
        at_once: plan.connections,
        grants,
        ..Postgres::default()
    };
    for round in 1..=rounds {
        eprintln!("  refresh on PostgreSQL beside pgbench, round {round} of {rounds}");
        found.pgbench.push(pgbench(&programs, &bare.url, &script, grants, &plan)?);
        found.ours.push(load::run(&mut roaming, &plan, Some(&server)).await?);
    }
    Ok(found)
}

fn version(postgres: &Path) -> anyhow::Result<String> {
    let output = Command::new(postgres).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `pgbench` for the planned time, with as many connections as the generator has.
fn pgbench(programs: &Path, url: &str, script: &Path, rows: u64, plan: &Plan) -> anyhow::Result<Sample> {
    let program: PathBuf = programs.join("pgbench");
    let seconds = plan.time.as_secs().max(1).to_string();
    let output = Command::new(&program)
        .args(["--no-vacuum", "--protocol=prepared", "--report-per-command", "--jobs=2"])
        .arg(format!("--client={}", plan.connections))
        .arg(format!("--time={seconds}"))
        .arg(format!("--define=rows={rows}"))
        .arg("--file")
        .arg(script)
        .arg(url)
        .output()
        .with_context(|| format!("{} does not start; install postgresql-contrib", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    read(&text).with_context(|| format!("pgbench said:\n{text}"))
}

/// The figures in what pgbench prints. It tells the mean latency only, which stands for the median.
fn read(text: &str) -> Option<Sample> {
    let field = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_matches([' ', '=']).split(' ').next()?.parse().ok()
    };
    Some(Sample { per_second: field("tps")?, p50_us: field("latency average")? * 1000.0, ..Sample::default() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_pgbench_prints_is_read() {
        let text = "number of failed transactions: 0 (0.000%)\nlatency average = 8.250 ms\n\
                    tps = 7757.5 (without initial connection time)\n";
        let sample = read(text).unwrap();
        assert!((sample.per_second - 7757.5).abs() < 1e-6 && (sample.p50_us - 8250.0).abs() < 1e-6);
        for wrong in ["", "tps = many", "tps = 5.0 (x)"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
