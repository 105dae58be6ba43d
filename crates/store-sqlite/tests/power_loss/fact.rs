//! What the run says about its operations: that it begins one, and that the store has acknowledged it. Written as lines
//! into a file, so that they stand in the record among the writes of the database.

use std::fmt;

/// Sixteen bytes of an id, or thirty-two of a hash.
pub(crate) type Name = Vec<u8>;

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    User(Name),
    /// The account's epoch is at least this.
    Epoch(Name, u32),
    Session(Name),
    /// The session has ended, and what hangs on it.
    Ended(Name),
    Grant(Name),
    /// The generation is at least this.
    Rotated(Name, u64),
    Revoked(Name),
    /// A code was issued.
    Code(Name),
    /// It was spent for a grant.
    Spent(Name, Name),
}

/// Before or after the store has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Begun,
    Acknowledged,
}

fn hex(name: &[u8]) -> String {
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Name {
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {}", hex(name)),
            Self::Epoch(name, epoch) => write!(f, "epoch {} {epoch}", hex(name)),
            Self::Session(name) => write!(f, "session {}", hex(name)),
            Self::Ended(name) => write!(f, "ended {}", hex(name)),
            Self::Grant(name) => write!(f, "grant {}", hex(name)),
            Self::Rotated(name, generation) => write!(f, "rotated {} {generation}", hex(name)),
            Self::Revoked(name) => write!(f, "revoked {}", hex(name)),
            Self::Code(name) => write!(f, "code {}", hex(name)),
            Self::Spent(code, grant) => write!(f, "spent {} {}", hex(code), hex(grant)),
        }
    }
}

impl Fact {
    /// The line of a fact.
    pub(crate) fn line(&self, moment: Moment) -> String {
        let word = if moment == Moment::Begun { "begun" } else { "acknowledged" };
        format!("{word} {self}\n")
    }

    /// From its line.
    pub(crate) fn read(line: &str) -> (Moment, Self) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let moment = if words[0] == "begun" { Moment::Begun } else { Moment::Acknowledged };
        let name = unhex(words[2]);
        let fact = match words[1] {
            "user" => Self::User(name),
            "epoch" => Self::Epoch(name, words[3].parse().unwrap()),
            "session" => Self::Session(name),
            "ended" => Self::Ended(name),
            "grant" => Self::Grant(name),
            "rotated" => Self::Rotated(name, words[3].parse().unwrap()),
            "revoked" => Self::Revoked(name),
            "code" => Self::Code(name),
            "spent" => Self::Spent(name, unhex(words[3])),
            other => panic!("{other}"),
        };
        (moment, fact)
    }
}
