//! What is to be reached, as ratios of figures of one run.

use serde::{Deserialize, Serialize};

use super::Report;
use crate::measured::{Sample, median, middle};
use crate::rows;
use crate::sizes::Size;

/// A target, and what was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    /// What is looked at.
    pub(crate) what: String,
    /// What was found.
    pub(crate) found: f64,
    /// The lowest and the highest of the rounds, where there were several.
    pub(crate) range: Option<(f64, f64)>,
    /// The same by the CPU time of one operation, for rates: on a busy machine it says more.
    pub(crate) by_cpu: Option<f64>,
    /// What was to be reached.
    pub(crate) bound: f64,
    /// Whether `found` must be at least `bound`; otherwise at most.
    pub(crate) at_least: bool,
    /// How the numbers are to be read.
    pub(crate) unit: Unit,
    /// Whether it was reached.
    pub(crate) met: bool,
    /// Whether that can be said: on a busy machine not where the rounds, or rate and CPU time, disagree about it.
    pub(crate) sure: bool,
}

/// How a number is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// A part of a whole.
    Percent,
    /// A factor.
    Times,
    /// MiB.
    Mib,
    /// Milliseconds.
    Millis,
}

impl Target {
    fn is_sure(&self) -> bool {
        let agrees = |found: f64| reached(found, self.bound, self.at_least) == self.met;
        let all = self.range.is_none_or(|(low, high)| agrees(low) && agrees(high));
        all && self.by_cpu.is_none_or(agrees) && self.unit != Unit::Millis
    }
}

fn reached(found: f64, bound: f64, at_least: bool) -> bool {
    if at_least { found >= bound } else { found <= bound }
}

/// Ratios of two figures, round by round: so what else the machine did in a round hits both.
fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).filter(|ratio| ratio.is_finite()).collect()
}

struct Judge<'a> {
    report: &'a Report,
    targets: Vec<Target>,
}

impl Judge<'_> {
    fn add(&mut self, what: impl Into<String>, rounds: &[f64], bound: f64, at_least: bool, unit: Unit) {
        let found = median(rounds.iter().copied());
        if !found.is_finite() {
            return;
        }
        let low = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let high = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.targets.push(Target {
            what: what.into(),
            found,
            by_cpu: None,
            range: (rounds.len() > 1).then_some((low, high)),
            bound,
            at_least,
            unit,
            met: reached(found, bound, at_least),
            sure: true,
        });
    }

    /// Give the last target its ratio by CPU time.
    fn by_cpu(&mut self, ours: &[Sample], theirs: &[Sample]) {
        let of = |samples: &[Sample]| samples.iter().map(|sample| sample.cpu_us).collect::<Vec<_>>();
        let ratio = median(ratios(&of(theirs), &of(ours)));
        if let Some(target) = self.targets.last_mut() {
            target.by_cpu = ratio.is_finite().then_some(ratio);
        }
    }

    fn rates(&self, name: &str) -> Vec<f64> {
        self.report.row(name).map_or_else(Vec::new, |row| row.ours.iter().map(|sample| sample.per_second).collect())
    }

    /// Beside the skeleton.
    fn beside(&mut self, name: &str, what: &str, least: f64) {
        let Some(row) = self.report.row(name) else { return };
        let bare: Vec<f64> = row.bare.iter().map(|sample| sample.per_second).collect();
        let found = ratios(&self.rates(name), &bare);
        if !found.is_empty() {
            self.add(format!("{what}, of the skeleton"), &found, least, true, Unit::Percent);
            self.by_cpu(&row.ours, &row.bare);
        }
    }

    /// Beside another row.
    fn against(&mut self, name: &str, other: &str, what: &str, least: f64, unit: Unit) {
        let (Some(row), Some(other)) = (self.report.row(name), self.report.row(other)) else { return };
        self.add(what, &ratios(&self.rates(name), &self.rates(&other.name)), least, true, unit);
        self.by_cpu(&row.ours, &other.ours);
    }

    fn latencies(&mut self) {
        if let Some(row) = self.report.row(rows::REFRESH_COOKIE) {
            let tails: Vec<f64> = row.ours.iter().map(|sample| sample.p99_us / sample.p50_us).collect();
            let what = format!("refresh at {} connections, p99 in p50", row.at_once);
            self.add(what, &tails, 5.0, false, Unit::Times);
        }
        if let Some(row) = self.report.row(rows::REFRESH_ALONE) {
            let of = |samples: &[Sample]| samples.iter().map(|sample| sample.p50_us).collect::<Vec<_>>();
            let what = "refresh alone, p50 in that of the skeleton alone";
            self.add(what, &ratios(&of(&row.ours), &of(&row.bare)), 2.0, false, Unit::Times);
        }
    }

    fn sizes(&mut self) {
        let report = self.report;
        if let Some(smallest) = report.sizes.first() {
            self.add("memory after the start", &[super::number::mib(smallest.idle.now_kib)], 25.0, false, Unit::Mib);
        }
        let million = report.sizes.iter().rfind(|size| size.grants <= 1_000_000);
        if let Some(size) = million {
            let rows = super::number::rows(size.grants);
            let loaded = super::number::mib(size.loaded.most_kib);
            self.add(format!("most memory refreshing among {rows} grants"), &[loaded], 60.0, false, Unit::Mib);
            let what = format!("start to first token with {rows} accounts");
            self.add(what, &[size.first_token_ms], 100.0, false, Unit::Millis);
        }
        self.add(
            "start to first token on an empty folder",
            &Vec::from_iter(report.first_start_ms),
            300.0,
            false,
            Unit::Millis,
        );
        if let (Some(least), Some(most)) = (report.sizes.first(), report.sizes.last())
            && report.sizes.len() > 1
        {
            let what = format!(
                "CPU time per refresh from {} to {} grants, off the middle",
                super::number::rows(least.grants),
                super::number::rows(most.grants)
            );
            self.add(what, &[spread(&report.sizes)], 0.2, false, Unit::Percent);
        }
    }
}

/// How far the cost of a refresh is off its middle at the sizes that are furthest from it.
fn spread(sizes: &[Size]) -> f64 {
    let costs: Vec<f64> = sizes.iter().map(|size| middle(&size.refresh).cpu_us).collect();
    let low = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = costs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (high - low) / (high + low)
}

/// Compare the figures of a run with what is to be reached. What was not measured is not judged.
pub(crate) fn judge(report: &Report) -> Vec<Target> {
    let mut judge = Judge { report, targets: Vec::new() };
    judge.beside(rows::DISCOVERY, "discovery", 0.9);
    judge.beside(rows::JWKS, "key set", 0.9);
    judge.against(rows::GUARD, rows::VERIFY, "guard, of a bare signature check", 0.9, Unit::Percent);
    judge.against(rows::GUARD_AGAIN, rows::VERIFY, "guard, a token again, in bare signature checks", 20.0, Unit::Times);
    judge.beside(rows::REFRESH_COOKIE, "refresh by cookie, durable", 0.7);
    judge.beside(rows::REFRESH_BODY, "refresh by body, durable", 0.7);
    judge.latencies();
    judge.beside(rows::CLIENT_CREDENTIALS, "client credentials", 0.7);
    judge.beside(rows::USERINFO, "userinfo", 8.0 / 14.0);
    judge.beside(rows::INTROSPECTION, "introspection", 8.0 / 14.0);
    let flow = "code flow in a session, of refresh by cookie";
    judge.against(rows::CODE_FLOW, rows::REFRESH_COOKIE, flow, 0.15, Unit::Percent);
    judge.against(rows::SIGN_IN, rows::ARGON2ID, "sign-in, of bare Argon2id", 0.95, Unit::Percent);
    if let Some(postgres) = &report.postgres {
        let of = |samples: &[Sample]| samples.iter().map(|sample| sample.per_second).collect::<Vec<_>>();
        let found = ratios(&of(&postgres.ours), &of(&postgres.pgbench));
        judge.add("refresh on PostgreSQL, of pgbench's bare statement", &found, 0.7, true, Unit::Percent);
    }
    judge.sizes();
    if !report.is_quiet() {
        judge.targets.iter_mut().for_each(|target| target.sure = target.is_sure());
    }
    judge.targets
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::process::Memory;
    use crate::rows::Row;

    fn samples(rates: &[f64]) -> Vec<Sample> {
        let of =
            |rate: &f64| Sample { per_second: *rate, p50_us: 100.0, p99_us: 400.0, cpu_us: 10.0, ..Sample::default() };
        rates.iter().map(of).collect()
    }

    fn row(name: &str, ours: &[f64], bare: &[f64]) -> Row {
        Row { name: name.to_owned(), at_once: 64, ours: samples(ours), bare: samples(bare) }
    }

    fn found<'a>(targets: &'a [Target], what: &str) -> &'a Target {
        targets.iter().find(|target| target.what.starts_with(what)).unwrap()
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        assert!(judge(&Report::default()).is_empty());
        let report = Report { rows: vec![row(rows::DISCOVERY, &[1.0], &[])], ..Report::default() };
        assert!(judge(&report).is_empty());
    }

    #[test]
    fn ratios_are_of_the_same_round_and_their_median_counts() {
        // In the second round the machine was busy for both.
        let rows = vec![
            row(rows::DISCOVERY, &[95.0, 40.0, 93.0], &[100.0, 50.0, 100.0]),
            row(rows::REFRESH_COOKIE, &[69.0], &[100.0]),
            row(rows::CODE_FLOW, &[6.9], &[]),
        ];
        let targets = judge(&Report { rows, ..Report::default() });
        let discovery = found(&targets, "discovery");
        assert!((discovery.found - 0.93).abs() < 1e-9 && discovery.met);
        assert_eq!(discovery.range, Some((0.8, 0.95)));
        let refresh = found(&targets, "refresh by cookie");
        assert!((refresh.found - 0.69).abs() < 1e-9 && !refresh.met && refresh.range.is_none());
        assert_eq!(refresh.by_cpu, Some(1.0));
        let tail = found(&targets, "refresh at 64 connections");
        assert!((tail.found - 4.0).abs() < 1e-9 && tail.met && !tail.at_least);
        let flow = found(&targets, "code flow");
        assert!((flow.found - 0.1).abs() < 1e-9 && !flow.met);
    }

    #[test]
    fn a_busy_machine_makes_only_those_sure_whose_figures_agree() {
        let mut rows = vec![
            row(rows::DISCOVERY, &[95.0, 80.0, 93.0], &[100.0; 3]),
            row(rows::JWKS, &[95.0, 96.0, 93.0], &[100.0; 3]),
            row(rows::REFRESH_COOKIE, &[99.0; 3], &[100.0; 3]),
        ];
        // By CPU time it is far from the skeleton.
        rows.iter_mut().filter(|row| row.name == rows::REFRESH_COOKIE).flat_map(|row| &mut row.ours).for_each(
            |sample| {
                sample.cpu_us = 30.0;
            },
        );
        let mut report = Report { rows, ..Report::default() };
        assert!(judge(&report).iter().all(|target| target.sure));
        report.settings = crate::report::Settings { pinned: true, connections: 64, ..Default::default() };
        let targets = judge(&report);
        let sure = |what| found(&targets, what).sure;
        assert_eq!([sure("discovery"), sure("key set"), sure("refresh by cookie")], [false, true, false]);
    }

    #[test]
    fn memory_start_and_flatness() {
        let size = |grants, cost| Size {
            grants,
            first_token_ms: 101.0,
            idle: Memory { now_kib: 25 * 1024, most_kib: 0 },
            loaded: Memory { now_kib: 0, most_kib: 61 * 1024 },
            refresh: vec![Sample { cpu_us: cost, ..Sample::default() }],
            ..Size::default()
        };
        let sizes = vec![size(1000, 80.0), size(1_000_000, 120.0), size(10_000_000, 110.0)];
        let targets = judge(&Report { sizes, first_start_ms: Some(299.0), ..Report::default() });
        assert!(found(&targets, "memory after the start").met);
        assert!(!found(&targets, "most memory refreshing among 1 million grants").met);
        assert!(!found(&targets, "start to first token with 1 million").met);
        assert!(found(&targets, "start to first token on an empty folder").met);
        let flat = found(&targets, "CPU time per refresh from 1 thousand to 10 million");
        assert!((flat.found - 0.2).abs() < 1e-9 && flat.met);
    }
}
