//! The figures in `docs/explanation/performance.md`: between marks, written from the JSON, so that nobody types a number.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::number::{count, mib, percent, rows, time};
use super::{Report, charts};
use crate::measured::{Sample, middle};
use crate::rows as names;

/// The page.
const PAGE: &str = "performance.md";
/// The figures that the page and its charts are made of, beside it.
pub(crate) const FIGURES: &str = "performance.json";
/// Grants that refresh in the life of an access token of the default configuration, seconds.
const LIFE: f64 = 900.0;

/// A part of the page, by the name in its marks.
type Part = fn(&Report, &mut String) -> std::fmt::Result;

/// All of them.
const PARTS: [(&str, Part); 6] = [
    ("machine", machine),
    ("targets", targets),
    ("operations", operations),
    ("ceiling", ceiling),
    ("isolation", isolation),
    ("sizing", sizing),
];

/// Write figures, charts and page into the folder.
pub(crate) fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    std::fs::write(&path, filled(report, &page)?)?;
    report.write(&folder.join(FIGURES))?;
    charts::draw(report, folder).map(drop)
}

/// The page with all its parts made anew.
fn filled(report: &Report, page: &str) -> anyhow::Result<String> {
    let mut page = page.to_owned();
    for (name, part) in PARTS {
        let (begin, end) = (format!("<!-- bench:{name} -->\n"), format!("<!-- /bench:{name} -->"));
        let (before, rest) = page.split_once(&begin).with_context(|| format!("{PAGE} has no {}", begin.trim()))?;
        let (_, after) = rest.split_once(&end).with_context(|| format!("{PAGE} has no {end}"))?;
        let mut text = String::new();
        part(report, &mut text)?;
        page = format!("{before}{begin}{text}{end}{after}");
    }
    Ok(page)
}

fn machine(report: &Report, out: &mut String) -> std::fmt::Result {
    let (machine, settings) = (&report.machine, &report.settings);
    let placed = if settings.pinned {
        "server and load generator on a core each"
    } else {
        "server and load generator on all cores"
    };
    writeln!(
        out,
        "{}: {} × {}, {} MiB of memory, Linux {}, {} durable writes (`fdatasync`) per second; Brama {}, {placed}, {} connections, \
         the middle of {} rounds of {} seconds. Load before the run: {:.2}.",
        report.date,
        machine.cores,
        machine.processor,
        machine.memory_mib,
        machine.kernel,
        count(machine.fdatasync_per_second),
        report.version,
        settings.connections,
        settings.rounds,
        settings.seconds,
        machine.load
    )?;
    if let Some(server) = report.server_core() {
        let generator = report.rows.iter().flat_map(|row| [&row.ours, &row.bare]).map(|all| middle(all).generator_busy);
        let generator = generator.filter(|busy| busy.is_finite()).fold(0.0, f64::max);
        let [server, generator] = [server, generator].map(percent);
        writeln!(
            out,
            "\nUnder load the server had {server} of its core; the generator's was {generator} busy at most."
        )?;
    }
    if !report.is_quiet() {
        writeln!(
            out,
            "Something else ran there: rates are too low, ratios by CPU time say more, and where rounds, or rate and CPU time, \
             disagree about a target, it is unsure."
        )?;
    }
    Ok(())
}

fn targets(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "| What | target | found | by CPU time | rounds | |\n| --- | --: | --: | --: | --: | --- |")?;
    for target in &report.targets {
        let met = if target.sure && !target.met { "**not met**" } else { target.verdict() };
        let (bound, found, cpu) = (target.bound(), target.unit.show(target.found), target.by_cpu());
        writeln!(out, "| {} | {bound} | {found} | {cpu} | {} | {met} |", target.what, target.range())?;
    }
    Ok(())
}

/// One line of a table of operations.
fn line(out: &mut String, name: &str, at_once: usize, sample: &Sample) -> std::fmt::Result {
    let [p50, p99, cpu] = [sample.p50_us, sample.p99_us, sample.cpu_us].map(time);
    writeln!(out, "| {name} | {at_once} | {} | {p50} | {p99} | {cpu} |", count(sample.per_second))
}

fn operations(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "| Operation | at once | per second | p50 | p99 | CPU each |\n| --- | --: | --: | --: | --: | --: |"
    )?;
    for row in report.rows.iter().filter(|row| !is_ceiling(&row.name)) {
        line(out, title(&row.name), row.at_once, &middle(&row.ours))?;
        if !row.bare.is_empty() {
            line(out, "↳ the skeleton", row.at_once, &middle(&row.bare))?;
        }
    }
    if let Some(postgres) = &report.postgres {
        line(out, "refresh on PostgreSQL, by cookie", postgres.at_once, &middle(&postgres.ours))?;
        line(out, "↳ pgbench, the bare statement (p50: its mean)", postgres.at_once, &middle(&postgres.pgbench))?;
    }
    Ok(())
}

fn is_ceiling(name: &str) -> bool {
    [names::SIGN, names::VERIFY, names::ARGON2ID, names::ARGON2ID_RUSTCRYPTO, names::NO_GROUP].contains(&name)
}

/// A row in words.
fn title(name: &str) -> &str {
    match name {
        names::DISCOVERY => "discovery document",
        names::JWKS => "key set",
        names::CLIENT_CREDENTIALS => "client credentials",
        names::REFRESH_COOKIE => "refresh by cookie, durable",
        names::REFRESH_ALONE => "the same, one connection alone",
        names::REFRESH_BODY => "refresh by body, durable",
        names::REFRESH_ID_TOKEN => "refresh by body with an ID token: two signatures",
        names::USERINFO => "userinfo",
        names::INTROSPECTION => "introspection of an access token",
        names::CODE_FLOW => "code flow in a session: authorize, code, tokens",
        names::SIGN_IN => "sign-in with a password",
        names::GUARD => "guard: a token seen for the first time",
        names::GUARD_AGAIN => "guard: a token seen before",
        names::SIGN => "ES256 signature",
        names::VERIFY => "bare ES256 signature check",
        names::ARGON2ID => "Argon2id, 19 MiB, 2 passes",
        names::ARGON2ID_RUSTCRYPTO => "the same by the library of RustCrypto",
        names::NO_GROUP => "the skeleton's refresh with a flush to the disk for each",
        other => other,
    }
}

fn ceiling(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "| What the machine does without us | per second | CPU each |\n| --- | --: | --: |")?;
    writeln!(out, "| write a page and `fdatasync` | {} | |", count(report.machine.fdatasync_per_second))?;
    let bare = report.rows.iter().filter(|row| !row.bare.is_empty());
    for row in bare
        .filter(|row| [names::DISCOVERY, names::CLIENT_CREDENTIALS, names::REFRESH_COOKIE].contains(&row.name.as_str()))
    {
        let sample = middle(&row.bare);
        writeln!(
            out,
            "| the skeleton: {} | {} | {} |",
            title(&row.name),
            count(sample.per_second),
            time(sample.cpu_us)
        )?;
    }
    for row in report.rows.iter().filter(|row| is_ceiling(&row.name)) {
        let sample = middle(&row.ours);
        writeln!(out, "| {} | {} | {} |", title(&row.name), count(sample.per_second), time(sample.cpu_us))?;
    }
    Ok(())
}

fn isolation(report: &Report, out: &mut String) -> std::fmt::Result {
    let Some(found) = &report.isolation else { return Ok(()) };
    writeln!(out, "| p99 | nobody signs in | {} sign in at once | factor |\n| --- | --: | --: | --: |", found.crowd)?;
    for (name, idle, busy) in
        [("refresh", found.refresh_idle, found.refresh_busy), ("key set", found.jwks_idle, found.jwks_busy)]
    {
        let factor = busy.p99_us / idle.p99_us;
        writeln!(out, "| {name} | {} | {} | {factor:.1} |", time(idle.p99_us), time(busy.p99_us))?;
    }
    let rate = count(found.signed_in_per_second);
    let slowest = time(found.slowest_refusal_ms * 1000.0);
    let [idle, most] = [found.idle_kib, found.most_kib].map(mib);
    writeln!(
        out,
        "\nMeanwhile {rate} of them were signed in per second; the others were asked to come back, {} times, within {slowest} each. \
         Memory rose from {idle:.0} to {most:.0} MiB.",
        count(as_float(found.refused))
    )
}

#[expect(clippy::cast_precision_loss, reason = "a count for people")]
fn as_float(number: u64) -> f64 {
    number as f64
}

/// How large a machine has to be, computed from what this one did.
fn sizing(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "| Question | Answer on this machine |\n| --- | --- |")?;
    if let Some(row) = report.row(names::REFRESH_COOKIE) {
        let rate = middle(&row.ours).per_second;
        // To the thousand: it is an estimate.
        let people = (rate * LIFE / 2.0 / 1000.0).round() * 1000.0;
        let what = "People signed in at once, per core, at half load (each refreshes every 15 minutes)";
        writeln!(out, "| {what} | {} |", count(people))?;
    }
    if let Some(row) = report.row(names::SIGN_IN) {
        let rate = middle(&row.ours).per_second;
        writeln!(out, "| Sign-ins with a password per second and core | {} |", count(rate))?;
    }
    if let Some(row) = report.row(names::CODE_FLOW) {
        writeln!(out, "| Sign-ins to a further app per second and core | {} |", count(middle(&row.ours).per_second))?;
    }
    if let Some(size) = report.sizes.last() {
        let (idle, loaded) = (mib(size.idle.now_kib), mib(size.loaded.most_kib));
        let stored = rows(size.grants);
        writeln!(
            out,
            "| Memory with {stored} accounts, sessions and grants: idle, refreshing | {idle:.0} MiB, {loaded:.0} MiB |"
        )?;
        let disk = size.disk;
        for (what, bytes) in [("accounts", disk.account), ("sessions", disk.session), ("grants", disk.grant)] {
            // Bytes per row are megabytes per million rows.
            writeln!(out, "| Disk per million {what}, indexes included | {} MB |", count(bytes))?;
        }
        writeln!(out, "| First token after a start with {stored} accounts | {:.0} ms |", size.first_token_ms)?;
    }
    writeln!(out, "| Memory for each hash at a time (`passwords.hash_threads`, one per core) | 19 MiB |")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/explanation")
    }

    #[test]
    fn a_page_without_a_mark_is_refused() {
        assert!(filled(&Report::default(), "# Performance\n").is_err());
        assert!(filled(&Report::default(), "<!-- bench:machine -->\nx\n").is_err());
    }

    #[test]
    fn what_was_between_the_marks_goes_and_the_rest_stays() {
        let mut page = String::from("first\n");
        for (name, _) in PARTS {
            write!(page, "<!-- bench:{name} -->\nold\n<!-- /bench:{name} -->\nkept\n").unwrap();
        }
        let once = filled(&Report::default(), &page).unwrap();
        assert!(!once.contains("old") && once.starts_with("first\n") && once.matches("kept").count() == PARTS.len());
        assert_eq!(filled(&Report::default(), &once).unwrap(), once);
    }

    #[test]
    fn the_page_says_what_the_figures_say() {
        let report = Report::read(&folder().join(FIGURES)).unwrap();
        let page = std::fs::read_to_string(folder().join(PAGE)).unwrap();
        assert_eq!(filled(&report, &page).unwrap(), page, "run `cargo xtask bench --write-docs`");
        let drawn = tempfile::tempdir().unwrap();
        for name in charts::draw(&report, drawn.path()).unwrap() {
            let [now, there] =
                [drawn.path(), &folder()].map(|folder| std::fs::read_to_string(folder.join(name)).unwrap());
            assert_eq!(now, there, "{name}: run `cargo xtask bench --write-docs`");
        }
    }
}
