//! Power loss: the file writes of a real run are recorded, and from them thousands of disks are made as a failing power
//! supply could have left them: cut anywhere, with writes that were not flushed kept, dropped or torn. Each disk is
//! opened by the store, and everything that the run had acknowledged before the cut has to be there, and nothing half
//! done. Design §7.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod check;
mod disk;
mod fact;
mod trace;
mod workload;

use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use crate::check::{Inspector, Wrong};
use crate::disk::{Dice, Disk};
use crate::trace::{Op, Trace};

const IMAGES: usize = 10_000;
const SEED: u64 = 0x6272_616d_6131;

/// The run that all tests look at.
fn recorded() -> &'static Trace {
    static TRACE: OnceLock<Trace> = OnceLock::new();
    TRACE.get_or_init(Trace::record)
}

/// Which flushes the disk obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushes {
    /// All, as they were made.
    All,
    /// Those that `synchronous=NORMAL` would make: of the log only before it is copied, and when it begins anew.
    OfCheckpoints,
    /// None.
    No,
}

/// What came of many disks.
#[derive(Debug, Default)]
struct Outcome {
    whole: usize,
    /// Disks with at least one acknowledged effect before the cut.
    with_effects: usize,
    lost: Vec<String>,
    broken: Vec<String>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.with_effects += other.with_effects;
        self.lost.extend(other.lost);
        self.broken.extend(other.broken);
    }
}

/// Make disks and look into them, on two threads.
fn images(count: usize, flushes: Flushes) -> Outcome {
    let trace = recorded();
    let mut cuts: Vec<(usize, u64)> = (0..count)
        .map(|number| {
            let seed = SEED.wrapping_add(number.try_into().unwrap());
            (Dice::new(seed).pick(trace.ops.len() + 1), seed)
        })
        .collect();
    cuts.sort_unstable();
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let halves = [0..count / 2, count / 2..count];
        let threads = halves.map(|half: Range<usize>| {
            let cuts = &cuts[half];
            scope.spawn(move || some_images(trace, cuts, flushes))
        });
        for thread in threads {
            outcome.add(thread.join().unwrap());
        }
    });
    outcome
}

fn some_images(trace: &Trace, cuts: &[(usize, u64)], flushes: Flushes) -> Outcome {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let mut disk = Disk::default();
    let mut inspector = Inspector::new();
    let mut outcome = Outcome::default();
    let mut done = 0;
    for &(cut, seed) in cuts {
        for op in &trace.ops[done..cut] {
            let obeyed = match (flushes, op) {
                (Flushes::No, Op::Flushed { .. }) => false,
                (Flushes::OfCheckpoints, Op::Flushed { every_commit, .. }) => !every_commit,
                _ => true,
            };
            if obeyed {
                disk.apply(op);
            }
            inspector.note(op);
        }
        done = cut;
        // A folder of its own: the store of the disk before may still be closing its files.
        let image = folder.path().join(seed.to_string());
        std::fs::create_dir(&image).unwrap();
        disk.image(&mut Dice::new(seed ^ 0x9e37_79b9_7f4a_7c15), &image);
        outcome.with_effects += usize::from(inspector.has_effects());
        let place = || format!("image {seed:#x}, after {cut} of {} operations", trace.ops.len());
        match inspector.inspect(&image) {
            Ok(()) => outcome.whole += 1,
            Err(Wrong::Lost(what)) => outcome.lost.push(format!("{}: {what}", place())),
            Err(Wrong::Broken(what)) => outcome.broken.push(format!("{}: {what}", place())),
        }
        // What cannot be removed yet goes with the whole folder.
        let _ = std::fs::remove_dir_all(&image);
    }
    outcome
}

/// A folder whose files are in memory, where there is one.
fn memory() -> &'static Path {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared } else { Path::new("/tmp") }
}

#[test]
fn design7_nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let outcome = images(IMAGES, Flushes::All);
    assert!(outcome.lost.is_empty() && outcome.broken.is_empty(), "{}{outcome:#?}", recorded().keep());
    assert_eq!(outcome.whole, IMAGES);
    assert!(outcome.with_effects > IMAGES * 9 / 10, "{}", outcome.with_effects);
}

/// The test sees what it is meant to see: this is what a commit without a flush would do.
#[test]
fn without_the_flush_of_each_commit_acknowledged_effects_are_lost() {
    let outcome = images(400, Flushes::OfCheckpoints);
    assert!(outcome.lost.len() > 200, "{outcome:?}");
    assert_eq!(outcome.broken, [""; 0], "`NORMAL` loses, but leaves the database whole");
}

/// And this is what a disk would do that says it has written and has not.
#[test]
fn on_a_disk_that_ignores_flushes_databases_break() {
    let outcome = images(400, Flushes::No);
    assert!(outcome.whole < 100 && !outcome.lost.is_empty() && !outcome.broken.is_empty(), "{outcome:?}");
}

/// The run itself; [`Trace::record`] starts it under strace.
#[test]
#[ignore = "the other tests run it"]
fn workload() {
    workload::run();
}
