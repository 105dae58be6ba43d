//! Changes to inputs: the same ones on every run.

/// Texts that parsers of this house care about.
const WORDS: &[&str] = &[
    "&",
    "=",
    "%",
    "%00",
    "%2e",
    "%2F",
    "%ff",
    "%c3%a9",
    "+",
    "\0",
    "\n",
    "\r\n",
    " ",
    "\t",
    "\"",
    "\\",
    "'",
    ";",
    ",",
    ".",
    "..",
    "/",
    "//",
    "?",
    "#",
    "@",
    ":",
    "*",
    "[",
    "]",
    "{",
    "}",
    "[]",
    "{}",
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "-0.0",
    "9007199254740993",
    "18446744073709551616",
    "-9223372036854775808",
    "none",
    "ES256",
    "HS256",
    "\u{feff}",
    "\u{202e}",
    "é",
    "е",
    "\u{0}",
    "\u{fffd}",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "127.0.0.1.evil.example",
    "xn--pp-7ka",
    "https://",
    "http://",
    "javascript:",
    "Bearer ",
    "DPoP ",
    "Basic ",
    "openid",
    "client_id",
    "redirect_uri=",
    "state=",
    "S256",
    "A",
    "=",
    "==",
];

/// SplitMix64: good enough to choose places, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 for 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % (end as u64).max(1)) as usize
    }
}

/// One to four changes of an input. `other` is another input of the same target, to take pieces from.
pub(crate) fn mutate(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below((bytes.len() - at + 1).min(24));
        match random.below(10) {
            0 | 1 => {
                let word = WORDS[random.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            2 => {
                let word = WORDS[random.below(WORDS.len())];
                bytes.splice(at..end, word.bytes());
            }
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            5 => {
                let from = random.below(other.len() + 1);
                let to = from + random.below(other.len() - from + 1);
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            6 => bytes.truncate(at),
            7 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            8 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            9 if at < end && random.below(40) == 0 => {
                // What is long: once in a while, because it is slow.
                let piece = bytes[at..end].repeat(1 + random.below(2048));
                bytes.splice(at..end, piece);
            }
            _ => {
                // Case matters in most grammars.
                for byte in &mut bytes[at..end] {
                    *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 };
                }
            }
        }
    }
    bytes
}
