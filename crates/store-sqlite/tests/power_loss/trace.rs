//! The record of a run: what it asked of the operating system, as strace saw it, in order.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fact::{Fact, Moment};
use crate::workload;

/// What a flush was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    File(usize),
    /// The folder of the database: names.
    Folder,
}

/// One thing that happened. Files are numbered as they are made; `at` and `since` count the lines of the record.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Write {
        file: usize,
        at: usize,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate {
        file: usize,
        at: usize,
        length: usize,
    },
    Made {
        name: String,
        file: usize,
        at: usize,
    },
    Removed {
        name: String,
        at: usize,
    },
    /// A flush has returned. It covers what had been written when it was called.
    Flushed {
        target: Target,
        since: usize,
        /// Of the log at a commit, and not because the log was to be copied or began anew.
        every_commit: bool,
    },
    Said((Moment, Fact)),
}

/// The whole run.
pub(crate) struct Trace {
    pub(crate) ops: Vec<Op>,
    folder: tempfile::TempDir,
}

/// Calls that change a file, a name or a position. Whatever else could is listed too, so that it is noticed.
const CALLS: &str = "openat,open,creat,close,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,\
    fsync,fdatasync,sync_file_range,unlink,unlinkat,rename,renameat,renameat2,link,linkat,dup,dup2,dup3,copy_file_range";

impl Trace {
    /// Record a run that did what it is to be held to. How often the log is copied meanwhile is a matter of luck, so a run in
    /// which that hardly happened is not looked at, and made again.
    pub(crate) fn record() -> Self {
        let mut short = String::new();
        for _ in 0..5 {
            let trace = Self::record_once();
            match trace.is_enough() {
                Ok(()) => return trace,
                Err(why) => short = why,
            }
        }
        panic!("no run of five did enough: {short}")
    }

    /// Run the workload under strace.
    fn record_once() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (record, place) = (folder.path().join("record"), folder.path().join("data"));
        std::fs::create_dir(&place).unwrap();
        let run = Command::new("strace")
            .args(["-f", "--seccomp-bpf", "-qq", "-xx", "-s", "1048576", "-e", "signal=none", "-e"])
            .arg(format!("trace={CALLS}"))
            .arg("-o")
            .arg(&record)
            .arg(std::env::current_exe().unwrap())
            .args(["workload", "--exact", "--ignored", "--test-threads", "1"])
            .env(workload::FOLDER, &place)
            .output()
            .expect("strace has to be installed (Debian: apt-get install strace)");
        assert!(
            run.status.success(),
            "{}{}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        );
        let text = String::from_utf8(std::fs::read(&record).unwrap()).unwrap();
        let mut reader = Reader { place, ..Reader::default() };
        for line in text.lines() {
            reader.line(line);
        }
        Self { ops: reader.ops, folder }
    }

    /// The test means something only if the run did what it is to be held to.
    fn is_enough(&self) -> Result<(), String> {
        let count = |wanted: &dyn Fn(&Op) -> bool| self.ops.iter().filter(|op| wanted(op)).count();
        let facts = count(&|op| matches!(op, Op::Said((Moment::Acknowledged, _))));
        let commits = count(&|op| matches!(op, Op::Flushed { every_commit: true, .. }));
        let copies = count(&|op| matches!(op, Op::Flushed { target: Target::File(0), .. }));
        let writes = count(&|op| matches!(op, Op::Write { .. }));
        let groups = commits > 50 && commits < facts * 3 / 4;
        if facts > 600 && writes > 3000 && copies > 10 && groups {
            return Ok(());
        }
        Err(format!("{facts} facts in {commits} commits, {writes} writes, {copies} copies"))
    }

    /// For whoever has to find out what went wrong: the record stays.
    pub(crate) fn keep(&self) -> String {
        let copy = std::env::temp_dir().join(format!("power-loss-{}", std::process::id()));
        let kept = std::fs::copy(self.folder.path().join("record"), &copy);
        kept.map_or_else(
            |error| format!("the record is lost: {error}\n"),
            |_| format!("the record: {}\n", copy.display()),
        )
    }
}

/// What an open descriptor stands for.
#[derive(Clone, Copy)]
enum Open {
    File(usize),
    Folder,
    /// Where the run says what it does.
    Said,
}

#[derive(Default)]
struct Reader {
    place: PathBuf,
    ops: Vec<Op>,
    lines: usize,
    /// Files that have a name now.
    names: BTreeMap<String, usize>,
    made: usize,
    open: HashMap<i64, Open>,
    positions: HashMap<i64, usize>,
    /// Calls that have begun and not returned, by thread: their text and their line.
    unfinished: HashMap<String, (String, usize)>,
    /// Whose line it is.
    thread: String,
    /// The writes and flushes of each thread.
    of_thread: HashMap<String, Vec<usize>>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        self.lines += 1;
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        thread.clone_into(&mut self.thread);
        if rest.starts_with("+++") || rest.starts_with("---") {
            return;
        }
        let mut begun = self.lines;
        let mut call = rest.to_owned();
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            self.unfinished.insert(thread.to_owned(), (start.to_owned(), begun));
            return;
        }
        if rest.starts_with("<... ") {
            let (_, end) = rest.split_once(" resumed>").unwrap();
            let (start, line) = self.unfinished.remove(thread).unwrap();
            begun = line;
            call = start + end;
        }
        let (name, rest) = call.split_once('(').unwrap();
        let (arguments, result) = rest.rsplit_once(") = ").or_else(|| rest.rsplit_once(')')).unwrap();
        let result = result.trim_start_matches([' ', '=']).split(' ').next().unwrap();
        // A call that failed changed nothing; one that never returned belongs to the end of the run.
        let Ok(result) = result.parse::<i64>() else { return };
        if result >= 0 {
            self.call(name, &arguments.split(", ").collect::<Vec<_>>(), result, begun);
        }
    }

    fn call(&mut self, name: &str, arguments: &[&str], result: i64, begun: usize) {
        let descriptor = arguments[0].parse::<i64>().ok();
        let known = descriptor.and_then(|descriptor| self.open.get(&descriptor).copied());
        match (name, known) {
            ("openat", _) => self.opened(arguments, result),
            ("close", _) => {
                self.open.remove(&descriptor.unwrap());
            }
            ("unlink", _) => self.removed(arguments[0]),
            ("unlinkat", _) => self.removed(arguments[1]),
            ("lseek", Some(_)) => {
                self.positions.insert(descriptor.unwrap(), result.try_into().unwrap());
            }
            ("write", Some(Open::Said)) => {
                let text = String::from_utf8(bytes(arguments[1])).unwrap();
                self.ops.extend(text.lines().map(|line| Op::Said(Fact::read(line))));
            }
            ("write", Some(Open::File(file))) => {
                let position = self.positions.entry(descriptor.unwrap()).or_default();
                let offset = *position;
                *position += usize::try_from(result).unwrap();
                self.write(file, begun, offset, arguments[1], result);
            }
            ("pwrite64", Some(Open::File(file))) => {
                self.write(file, begun, arguments[3].parse().unwrap(), arguments[1], result);
            }
            ("ftruncate", Some(Open::File(file))) => {
                self.ops.push(Op::Truncate { file, at: begun, length: arguments[1].parse().unwrap() });
            }
            ("fsync" | "fdatasync", Some(Open::File(file))) => {
                let every_commit = self.is_log(file);
                self.push(Op::Flushed { target: Target::File(file), since: begun, every_commit });
            }
            ("fsync" | "fdatasync", Some(Open::Folder)) => {
                self.ops.push(Op::Flushed { target: Target::Folder, since: begun, every_commit: false });
            }
            (_, Some(_)) => panic!("the model does not know {name}({arguments:?})"),
            ("rename" | "renameat" | "renameat2" | "link" | "linkat" | "truncate", None) => {
                panic!("the model does not know {name}({arguments:?})")
            }
            (_, None) => {}
        }
    }

    /// The name of a file in the folder of the database; the folder itself is the empty one.
    fn name_of(&self, argument: &str) -> Option<String> {
        let path = PathBuf::from(String::from_utf8(bytes(argument)).unwrap());
        Some(path.strip_prefix(&self.place).ok()?.to_str().unwrap().to_owned())
    }

    fn opened(&mut self, arguments: &[&str], descriptor: i64) {
        let Some(name) = self.name_of(arguments[1]) else { return };
        let flags = arguments[2];
        let open = match name.as_str() {
            "" => Open::Folder,
            "said" => Open::Said,
            // Written through memory: nobody sees when. It is not needed after the failure.
            _ if name.ends_with("-shm") => return,
            _ => {
                assert!(!flags.contains("O_TRUNC") && !flags.contains("O_SYNC"), "the model does not know {flags}");
                let known = self.names.get(&name).copied();
                Open::File(known.unwrap_or_else(|| {
                    assert!(flags.contains("O_CREAT"), "{name} was not made");
                    let file = self.made;
                    self.made += 1;
                    self.names.insert(name.clone(), file);
                    self.ops.push(Op::Made { name, file, at: self.lines });
                    file
                }))
            }
        };
        self.positions.insert(descriptor, 0);
        self.open.insert(descriptor, open);
    }

    fn removed(&mut self, argument: &str) {
        let Some(name) = self.name_of(argument) else { return };
        if self.names.remove(&name).is_some() {
            self.ops.push(Op::Removed { name, at: self.lines });
        }
    }

    fn write(&mut self, file: usize, at: usize, offset: usize, argument: &str, result: i64) {
        let mut data = bytes(argument);
        data.truncate(result.try_into().unwrap());
        let is_log = self.is_log(file);
        if self.names.get("brama.db") == Some(&file) || (is_log && offset > 0) {
            self.look_back(is_log);
        }
        self.push(Op::Write { file, at, offset, data });
    }

    fn is_log(&self, file: usize) -> bool {
        self.names.iter().any(|(name, known)| name.ends_with("-wal") && *known == file)
    }

    fn push(&mut self, op: Op) {
        self.of_thread.entry(self.thread.clone()).or_default().push(self.ops.len());
        self.ops.push(op);
    }

    /// The last flush of this thread was not that of a commit, if it now writes into the database file, or if it goes on
    /// in the log after that flush has covered the log's new header.
    fn look_back(&mut self, goes_on_in_the_log: bool) {
        let mut of_thread = self.of_thread.get(&self.thread).into_iter().flatten().rev();
        let Some(last) = of_thread.next() else { return };
        let header = of_thread.next().is_some_and(|before| matches!(self.ops[*before], Op::Write { offset: 0, .. }));
        if let Op::Flushed { every_commit, .. } = &mut self.ops[*last]
            && (header || !goes_on_in_the_log)
        {
            *every_commit = false;
        }
    }
}

/// A string argument, printed as `"\x00\x01…"`.
fn bytes(argument: &str) -> Vec<u8> {
    let text = argument.trim_matches('"').as_bytes();
    let digit = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
    text.chunks_exact(4).map(|byte| digit(byte[2]) << 4 | digit(byte[3])).collect()
}

/// The folder of a run, if it is one.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(workload::FOLDER).map(|folder| Path::new(&folder).to_owned())
}
