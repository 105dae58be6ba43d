//! `[passwords]`

use std::thread;
use std::time::Duration;

use schemars::JsonSchema;

use crate::duration::seconds;
use crate::problem::{Code, Problem};
use crate::reader::{Reader, Section};
use crate::rule::or;

/// What a password must be, and how it is hashed (Argon2id).
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Passwords {
    /// The fewest characters of a new password. Below 15 is for servers where a second factor is
    /// always asked for; it is allowed with a warning.
    pub min_length: u32,
    /// Memory of one hash, in KiB. Together with `argon2_iterations` it must reach one of: 47104
    /// with 1 iteration, 19456 with 2, 12288 with 3 or more.
    pub argon2_memory_kib: u32,
    /// Passes over the memory.
    pub argon2_iterations: u32,
    /// Lanes of one hash.
    pub argon2_parallelism: u32,
    /// How many passwords are hashed at the same time. Memory needed at most: this times
    /// `argon2_memory_kib`. The threads have a lower priority than those that answer requests.
    pub hash_threads: usize,
    /// How many sign-ins may wait for a free thread. When the queue is full, sign-in answers 503
    /// with `Retry-After`; everything else goes on.
    pub hash_queue: usize,
    /// How long one sign-in waits in the queue at most.
    #[schemars(with = "String")]
    pub hash_wait: Duration,
}

impl Passwords {
    pub(crate) fn read(r: &mut Reader) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        r.section("passwords", |s| {
            let threads = or(cores.clamp(1, 256)).described("one per core").between(
                1,
                256,
                "each one keeps the memory of a hash",
            );
            // PW-1, PW-2: at least 8, and 64 characters must always be accepted.
            let min_length = or(15).between(8, 64, "shorter ones are guessed, and longer ones must not be demanded");
            let min_length = s.read("min_length", min_length);
            let memory = or(19_456).at_most(4_194_304, "4 GiB for one hash is enough");
            let argon2_memory_kib = s.read("argon2_memory_kib", memory);
            let iterations = or(2).between(1, 32, "a hash must stay below a second");
            let argon2_iterations = s.read("argon2_iterations", iterations);
            let lanes = or(1).between(1, 16, "more lanes than cores only help who guesses");
            let argon2_parallelism = s.read("argon2_parallelism", lanes);
            let hash_threads = s.read("hash_threads", threads);
            let queue = or(hash_threads.saturating_mul(4)).described("4 times `hash_threads`").between(
                1,
                65_536,
                "who waits behind more than that has gone",
            );
            let passwords = Self {
                min_length,
                argon2_memory_kib,
                argon2_iterations,
                argon2_parallelism,
                hash_threads,
                hash_queue: s.read("hash_queue", queue),
                hash_wait: s.read(
                    "hash_wait",
                    or(seconds(2)).between(
                        Duration::from_millis(100),
                        seconds(30),
                        "people do not wait longer at a form",
                    ),
                ),
            };
            passwords.check_length(s);
            passwords.check_floor(s);
            passwords
        })
    }

    /// PW-1: below 15 needs a second factor, so say it at every start.
    fn check_length(&self, s: &mut Section<'_>) {
        if s.sound(&["min_length"]) && self.min_length < 15 {
            let problem = Problem::new(
                Code::ShortPasswords,
                "`passwords.min_length` is below 15, which is safe with a second factor only",
            )
            .got(self.min_length.to_string())
            .expected("15 or more where a password alone opens a session (NIST SP 800-63B)")
            .fix("min_length = 15");
            s.warn(&["min_length"], problem);
        }
    }

    /// PW-12: weaker than the table is refused.
    fn check_floor(&self, s: &mut Section<'_>) {
        let names = ["argon2_memory_kib", "argon2_iterations"];
        let least = match self.argon2_iterations {
            0 | 1 => 47_104,
            2 => 19_456,
            _ => 12_288,
        };
        if s.sound(&names) && self.argon2_memory_kib < least {
            let problem = Problem::new(
                Code::TooWeak,
                "the Argon2id settings are weaker than the least that is accepted",
            )
            .got(format!(
                "argon2_memory_kib = {}, argon2_iterations = {}",
                self.argon2_memory_kib, self.argon2_iterations
            ))
            .expected("47104 KiB with 1 iteration, 19456 with 2, 12288 with 3 or more (OWASP): a stolen database must stay expensive to guess")
            .fix(format!("argon2_memory_kib = {least}"));
            s.refuse(&names, problem);
        }
    }
}
