//! File descriptors: every connection takes one, and so do the database and the log.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors that are not for connections: database files or database connections, log, timers.
const KEPT: u64 = 128;

/// How many connections there is room for, at most `wanted`. The soft limit is raised to the hard one first: it is low
/// for programs that use `select`, which this one does not.
pub(super) fn room_for(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    let Some(most) = limit.current else { return wanted };
    let room = connections_of(most);
    if room < wanted {
        tracing::warn!(
            "this process may open {most} files, which is enough for {room} connections, not for {wanted}; raise \
             LimitNOFILE of its service, or lower server.max_connections"
        );
    }
    wanted.min(room)
}

/// Connections that so many descriptors are enough for. Never none: even a server in distress is asked for its health.
fn connections_of(descriptors: u64) -> usize {
    let room = descriptors.saturating_sub(KEPT).max(descriptors / 4).max(1);
    usize::try_from(room).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_left_for_the_database() {
        assert_eq!([0, 1, 64, 256, 1024, 1 << 20].map(connections_of), [1, 1, 16, 128, 896, (1 << 20) - 128]);
    }
}
