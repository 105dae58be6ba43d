//! A disk, as the power failure may find it.
//!
//! The model is stricter than ext4 with its journal and than what SQLite asks for (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`):
//!
//! - A flush (`fsync`, `fdatasync`) that has returned has made everything durable that was written to that file before it
//!   was called, its length included. Nothing else makes anything durable.
//! - Any other write may be there, may be missing, or may be there in part: its first sectors, or any of its sectors, of
//!   512 bytes. Each write decides for itself, so a later one may be there without an earlier one. Bytes beside a write
//!   are never touched. Two writes of one place leave either; the older one is never laid over the newer one, because
//!   the page cache has only the newer.
//! - Length is metadata and may come before its data: then there are zeros.
//! - A name that was made or removed is durable once its folder was flushed. Before, each such change may have happened
//!   or not, by itself. (ext4 would keep their order, and would make the name durable with the file.)
//! - `-shm` is written through memory and never flushed. After the failure it is missing, or full of garbage.

use std::collections::BTreeMap;
use std::path::Path;

use crate::trace::{Op, Target};

const SECTOR: usize = 512;

/// Numbers that look random and come again with their seed. SplitMix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `count - 1`.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(count).unwrap()).unwrap()
    }

    fn once_in(&mut self, count: usize) -> bool {
        self.pick(count) == 0
    }
}

/// A change that no flush has covered yet, and when it was made.
struct Pending<'t> {
    at: usize,
    change: &'t Op,
}

/// One file: what is durable, and what may come on top.
#[derive(Default)]
struct File<'t> {
    durable: Vec<u8>,
    pending: Vec<Pending<'t>>,
}

#[derive(Default)]
pub(crate) struct Disk<'t> {
    files: Vec<File<'t>>,
    /// Names that are durable, and the files they stand for.
    names: BTreeMap<&'t str, usize>,
    /// Changes of names that are not.
    renamings: Vec<Pending<'t>>,
}

/// How careless the disk is with what was not flushed.
#[derive(Clone, Copy)]
enum Mood {
    NothingCame,
    EverythingCame,
    /// Everything up to some write, which may be torn.
    InOrder,
    /// Each as it happens.
    Anything,
    /// All but one.
    OneMissing,
}

impl<'t> Disk<'t> {
    pub(crate) fn apply(&mut self, op: &'t Op) {
        match op {
            Op::Write { file, at, .. } | Op::Truncate { file, at, .. } => {
                self.file(*file).pending.push(Pending { at: *at, change: op });
            }
            Op::Made { at, .. } | Op::Removed { at, .. } => self.renamings.push(Pending { at: *at, change: op }),
            Op::Flushed { target: Target::File(file), since, .. } => {
                let File { durable, pending } = self.file(*file);
                pending.retain(|pending| {
                    if pending.at < *since {
                        put(durable, pending.change, |_| true);
                    }
                    pending.at >= *since
                });
            }
            Op::Flushed { target: Target::Folder, since, .. } => {
                let names = &mut self.names;
                self.renamings.retain(|pending| {
                    if pending.at < *since {
                        rename(names, pending.change);
                    }
                    pending.at >= *since
                });
            }
            Op::Said(_) => {}
        }
    }

    fn file(&mut self, number: usize) -> &mut File<'t> {
        if self.files.len() <= number {
            self.files.resize_with(number + 1, File::default);
        }
        &mut self.files[number]
    }

    /// Write into an empty folder what is left after the power failed.
    pub(crate) fn image(&self, dice: &mut Dice, folder: &Path) {
        let mut names = self.names.clone();
        for renaming in &self.renamings {
            if dice.once_in(2) {
                rename(&mut names, renaming.change);
            }
        }
        for (name, file) in names {
            let content = self.files.get(file).map(|file| file.after(dice)).unwrap_or_default();
            std::fs::write(folder.join(name), content).unwrap();
        }
        if dice.once_in(2) {
            let garbage: Vec<u8> = (0..64).flat_map(|_| dice.roll().to_le_bytes()).collect();
            std::fs::write(folder.join("brama.db-shm"), garbage.repeat(64)).unwrap();
        }
    }
}

impl File<'_> {
    fn after(&self, dice: &mut Dice) -> Vec<u8> {
        let mut content = self.durable.clone();
        let count = self.pending.len();
        if count == 0 {
            return content;
        }
        let mood = [Mood::NothingCame, Mood::EverythingCame, Mood::InOrder, Mood::Anything, Mood::OneMissing];
        let mood = mood[dice.pick(mood.len())];
        let one = dice.pick(count);
        let mut longest = content.len();
        for (number, Pending { change, .. }) in self.pending.iter().enumerate() {
            if let Op::Write { offset, data, .. } = change {
                longest = longest.max(offset + data.len());
            }
            let (whole, torn) = match mood {
                Mood::NothingCame => (false, false),
                Mood::EverythingCame => (true, false),
                Mood::InOrder => (number < one, number == one),
                Mood::Anything => (dice.once_in(2), dice.once_in(2)),
                Mood::OneMissing => (number != one, dice.once_in(2)),
            };
            if whole {
                put(&mut content, change, |_| true);
            } else if torn {
                let first = dice.pick(9);
                if dice.once_in(2) {
                    put(&mut content, change, |sector| sector < first);
                } else {
                    put(&mut content, change, |_| dice.once_in(2));
                }
            }
        }
        if content.len() < longest && dice.once_in(4) {
            content.resize(longest, 0);
        }
        content
    }
}

fn rename<'t>(names: &mut BTreeMap<&'t str, usize>, change: &'t Op) {
    match change {
        Op::Made { name, file, .. } => {
            names.insert(name, *file);
        }
        Op::Removed { name, .. } => {
            names.remove(name.as_str());
        }
        _ => {}
    }
}

/// Make a change, in those of its sectors that are wanted. Sectors are counted from the first that the write touches.
fn put(content: &mut Vec<u8>, change: &Op, mut wanted: impl FnMut(usize) -> bool) {
    match change {
        Op::Write { offset, data, .. } => {
            let first = offset / SECTOR;
            let mut from = *offset;
            while from < offset + data.len() {
                let to = ((from / SECTOR + 1) * SECTOR).min(offset + data.len());
                if wanted(from / SECTOR - first) {
                    if content.len() < to {
                        content.resize(to, 0);
                    }
                    content[from..to].copy_from_slice(&data[from - offset..to - offset]);
                }
                from = to;
            }
        }
        // It is one change of metadata: there or not.
        Op::Truncate { length, .. } if wanted(0) => content.resize(*length, 0),
        _ => {}
    }
}
