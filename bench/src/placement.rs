//! Who runs on which core. A server that shares its core with the load generator is measured together with it; so the
//! server has one core and the generator another, the same two for every server.

use std::process::Command;

use anyhow::Context as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores, or none: then everything runs everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    /// Cores of this process when it began.
    all: Vec<usize>,
    pinned: bool,
}

impl Placement {
    /// The first core for the generator and the last for the server; `pinned: false`, and a machine with one core, leave
    /// everything to the scheduler.
    pub(crate) fn new(pinned: bool) -> anyhow::Result<Self> {
        let set = sched_getaffinity(None).context("the cores of this process")?;
        let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
        Ok(Self { pinned: pinned && all.len() > 1, all })
    }

    /// The same machine with nobody tied to a core.
    pub(crate) fn whole_machine(&self) -> Self {
        Self { pinned: false, all: self.all.clone() }
    }

    /// How many cores there are.
    pub(crate) fn cores(&self) -> usize {
        self.all.len()
    }

    /// How many of them a server has.
    pub(crate) fn server_cores(&self) -> usize {
        if self.pinned { 1 } else { self.cores() }
    }

    /// Whether server and generator have a core each.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// A command on the server's core. It sees one core only, and chooses its threads by that.
    pub(crate) fn server(&self, program: &std::path::Path) -> Command {
        let cores: Vec<String> = match self.all.last() {
            Some(last) if self.pinned => vec![last.to_string()],
            _ => self.all.iter().map(ToString::to_string).collect(),
        };
        let mut command = Command::new("taskset");
        command.arg("--cpu-list").arg(cores.join(",")).arg(program);
        command
    }

    /// Put the calling thread on the generator's core.
    pub(crate) fn generate_here(&self) -> anyhow::Result<()> {
        self.run_on(self.all.first())
    }

    /// Put the calling thread on the server's core: for bare computations.
    pub(crate) fn compute_here(&self) -> anyhow::Result<()> {
        self.run_on(self.all.last())
    }

    fn run_on(&self, one: Option<&usize>) -> anyhow::Result<()> {
        let mut set = CpuSet::new();
        match one {
            Some(core) if self.pinned => set.set(*core),
            _ => self.all.iter().for_each(|core| set.set(*core)),
        }
        sched_setaffinity(None, &set).context("a thread cannot be tied to its core")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn one_core_is_not_divided() {
        let one = Placement { all: vec![3], pinned: false };
        assert_eq!((one.cores(), one.server_cores(), one.is_pinned()), (1, 1, false));
        let four = Placement { all: vec![0, 1, 2, 3], pinned: true };
        assert_eq!((four.cores(), four.server_cores()), (4, 1));
        assert_eq!(four.whole_machine().server_cores(), 4);
    }

    #[test]
    fn server_and_generator_have_different_cores() {
        let list = |placement: &Placement| {
            let command = placement.server(std::path::Path::new("brama"));
            command.get_args().nth(1).unwrap().to_string_lossy().into_owned()
        };
        let pinned = Placement { all: vec![0, 1, 2, 3], pinned: true };
        assert_eq!(list(&pinned), "3");
        assert_eq!(pinned.all.first(), Some(&0));
        assert_eq!(list(&pinned.whole_machine()), "0,1,2,3");
    }
}
