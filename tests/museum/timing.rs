//! Class TIMING. What can be said without a clock: secrets are looked up by id or by a hash that nobody can steer, compared
//! by functions that look at everything, and cannot be compared in another way. The measurement runs on request.

use std::hint::black_box;
use std::time::Instant;

use brama_flows::csrf::{CsrfKey, Form};
use brama_flows::keys::MasterKey;
use brama_jose::SigningKey;
use brama_protocol::handle::{Handle, HandleHash, kind};
use brama_protocol::id::GrantId;
use brama_protocol::parameters::Parameters;
use brama_protocol::password::Password;
use brama_protocol::pkce::{Challenge, Verifier};
use brama_protocol::refresh_token::{RefreshToken, RefreshTokenKey};
use brama_protocol::token::request::{Credentials, Grant};
use brama_testkit::{RelyingParty, Storage, TestServer, rows, seeds};

use super::leak::{Asked, Lacks as _};

/// A secret that has no `==` cannot be compared byte by byte, nor be looked for in a list, a set or a map: with one of these
/// implemented, this does not compile.
#[test]
fn timing_02_secrets_cannot_be_compared_with_each_other() {
    const {
        assert!(Asked::<Handle<kind::ClientSecret>>::NO_EQUALITY && Asked::<Handle<kind::Session>>::NO_EQUALITY);
        assert!(Asked::<Handle<kind::AuthorizationCode>>::NO_EQUALITY && Asked::<Handle<kind::Browser>>::NO_EQUALITY);
        assert!(
            Asked::<Handle<kind::InitialAccessToken>>::NO_EQUALITY && Asked::<Handle<kind::DeviceCode>>::NO_EQUALITY
        );
        assert!(Asked::<Password>::NO_EQUALITY && Asked::<Verifier>::NO_EQUALITY);
        assert!(Asked::<SigningKey>::NO_EQUALITY && Asked::<MasterKey>::NO_EQUALITY);
        assert!(Asked::<RefreshTokenKey>::NO_EQUALITY && Asked::<CsrfKey>::NO_EQUALITY);
        assert!(Asked::<RefreshToken>::NO_EQUALITY && Asked::<Credentials>::NO_EQUALITY);
        assert!(Asked::<Grant>::NO_EQUALITY && Asked::<Parameters>::NO_EQUALITY);
        // Hashes of secrets have one, and it is the one below; there is no order and no hash map of them.
        assert!(!Asked::<HandleHash<kind::ClientSecret>>::NO_EQUALITY);
        assert!(Asked::<HandleHash<kind::ClientSecret>>::NO_ORDER && Asked::<HandleHash<kind::ClientSecret>>::NO_HASH);
    }
}

/// A place where secrets are compared.
struct Compared {
    what: &'static str,
    source: &'static str,
    /// The function that compares.
    function: &'static str,
    /// By what it does.
    by: &'static str,
    /// What else it compares, none of it secret.
    beside: &'static [&'static str],
}

const COMPARED: &[Compared] = &[
    Compared {
        what: "handles: client secrets, codes, sessions, registration tokens",
        source: include_str!("../../crates/protocol/src/handle.rs"),
        function: "eq",
        by: "self.hash.ct_eq(&other.hash).into()",
        beside: &[],
    },
    Compared {
        what: "several client secrets",
        source: include_str!("../../crates/flows/src/client_auth/secret.rs"),
        function: "is_one_of",
        by: ".fold(false, |found, stored| found | (*stored == presented_hash))",
        // Of hashes of handles: the one above.
        beside: &["*stored == presented_hash"],
    },
    Compared {
        what: "PKCE",
        source: include_str!("../../crates/protocol/src/pkce.rs"),
        function: "verify",
        by: "ct_eq(",
        beside: &[],
    },
    Compared {
        what: "refresh tokens",
        source: include_str!("../../crates/protocol/src/refresh_token.rs"),
        function: "open",
        by: "verify_slices_are_equal(",
        beside: &[],
    },
    Compared {
        what: "DPoP nonces",
        source: include_str!("../../crates/protocol/src/dpop/nonce.rs"),
        function: "open",
        by: "verify_slices_are_equal(",
        beside: &[],
    },
    Compared {
        what: "form tokens",
        source: include_str!("../../crates/flows/src/csrf.rs"),
        function: "is_valid",
        by: "hmac::verify(",
        beside: &[],
    },
    Compared {
        what: "passwords",
        source: include_str!("../../crates/flows/src/login/hashing/argon2id.rs"),
        function: "verify",
        by: "verify_slices_are_equal(",
        beside: &[
            "hash.algorithm == Algorithm::Argon2id.ident()",
            "hash.version == Some(Version::V0x13.into())",
            "tag.as_bytes().len() != TAG",
            "cost(&params) != cost(&self.today)",
        ],
    },
];

/// The text of a function, to the brace that ends it.
fn body<'a>(source: &'a str, function: &str) -> &'a str {
    let at = [format!("fn {function}("), format!("fn {function}<")].iter().find_map(|head| source.find(head)).unwrap();
    let line = source[..at].rfind('\n').map_or(0, |end| end + 1);
    let indent = source[line..].len() - source[line..].trim_start().len();
    let end = source[at..].find(&format!("\n{}}}", " ".repeat(indent))).unwrap();
    &source[at..at + end]
}

/// A secret was compared until the first byte that differs. Most of it the compiler sees: types of secrets have no `==`
/// (TIMING-02). What is left is bytes inside of these functions, each of which compares by what is said here and by nothing
/// else. That the calls themselves take the same time is shown by `timing_01_measured` alone, which runs on request.
#[test]
fn timing_01_every_comparison_looks_at_all_bytes() {
    for place in COMPARED {
        let what = place.what;
        let body = body(place.source.split("#[cfg(test)]").next().unwrap(), place.function);
        assert!(body.contains(place.by), "{what}: {}", place.by);
        let rest = place.beside.iter().fold(body.to_owned(), |rest, known| {
            assert!(body.contains(known), "{what}: {known}");
            rest.replace(known, "")
        });
        for early in
            ["==", "!=", ".eq(", ".ne(", "cmp(", "starts_with(", "ends_with(", "contains(", "position(", "matches!("]
        {
            assert!(!rest.contains(early), "{what} is compared by {early} too: {rest}");
        }
    }
}

/// Comparing took longer the more of the secret was right. The client is found by its id and its secret by SHA-256, which
/// nobody can steer towards a stored one: what is nearly right is as far away as anything else. The line asks for a keyed
/// hash. A key is needed where a secret could be guessed from its hash; ours are 256 random bits of our own making, and for
/// those G-4 asks for SHA-256 "or keyed hash".
#[tokio::test]
async fn timing_03_a_secret_is_found_by_its_clients_id_and_compared_as_a_hash() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let secret = seeds::secret(seeds::SHOP);
    let stored = rows::dump(&server)["client_secret"].join("\n");
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    let hash = Handle::<kind::ClientSecret>::parse(&secret).unwrap().hash();
    assert_eq!(record.secrets, [hash]);
    assert!(stored.contains(&hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    let mut near = 0;
    for place in [0, 10, 20, 30, 40] {
        let mut wrong: Vec<char> = secret.chars().collect();
        wrong[place] = if wrong[place] == 'A' { 'B' } else { 'A' };
        let wrong: String = wrong.into_iter().collect();
        let other = Handle::<kind::ClientSecret>::parse(&wrong).unwrap().hash();
        near += other.as_bytes().iter().zip(hash.as_bytes()).filter(|(one, two)| one == two).count();
        let thief = RelyingParty { secret: Some(wrong), ..RelyingParty::shop() };
        assert_eq!(thief.redeem(&server, "x").await.expect_error(401, "invalid_client").status, 401);
    }
    assert!(near < 10, "of 160 bytes");
    // The right secret beside the wrong id is nothing: no client is looked for by its secret.
    let other = RelyingParty { client_id: seeds::ROBOT.to_owned(), ..RelyingParty::shop() };
    assert_eq!(other.redeem(&server, "x").await.expect_error(401, "invalid_client").status, 401);
}

/// Welch's t over two classes of inputs, the slowest tenth left out as in dudect (Reparaz, Balasch, Verbauwhede 2017).
fn welch(mut run: impl FnMut(usize) -> bool) -> f64 {
    const SAMPLES: usize = 1_000_000;
    let mut times: [Vec<f64>; 2] = [Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES)];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2 * SAMPLES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let class = usize::from(state >> 63 == 1);
        let began = Instant::now();
        assert!(!black_box(run(black_box(class))));
        times[class].push(began.elapsed().as_nanos() as f64);
    }
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let cut = all[all.len() * 9 / 10];
    let moments = times.map(|times| {
        let kept: Vec<f64> = times.into_iter().filter(|time| *time <= cut).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        (mean, kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0) / count)
    });
    let [(first, of_first), (second, of_second)] = moments;
    (first - second).abs() / (of_first + of_second).sqrt()
}

/// A wrong value whose first byte differs against one whose last byte does: t below 4.5 for each comparison.
#[test]
#[ignore = "measures time; run it alone on a quiet machine, with --release"]
fn timing_01_measured() {
    let hash = |byte: usize| {
        let mut bytes = [7; 32];
        bytes[byte] = 8;
        HandleHash::<kind::ClientSecret>::from_bytes(bytes)
    };
    // One that stops at the first difference is seen.
    let naive = [0, 31].map(|place| std::array::from_fn::<u8, 32, _>(|index| if index == place { 8 } else { 7 }));
    let stops_early = welch(|class| naive[class].iter().all(|byte| black_box(*byte) == 7));
    assert!(stops_early > 4.5, "{stops_early}");
    let (stored, near) = (HandleHash::from_bytes([7; 32]), [hash(0), hash(31)]);
    let mut found = vec![("hash of a secret", welch(|class| near[class] == stored))];

    let change = |text: &str, place: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let key = RefreshTokenKey::new(&[1; 32]);
    let token = key.token(GrantId::from_bytes([3; 16]), 5).as_str().to_owned();
    // The MAC begins behind the prefix and 24 bytes.
    let near = [change(&token, 4 + 33), change(&token, token.len() - 3)];
    found.push(("refresh token", welch(|class| key.open(&near[class]).is_some())));

    let csrf = CsrfKey::new(&[2; 32]);
    let cookie = Handle::<kind::Browser>::from_random([4; 32]).hash();
    let token = csrf.token(cookie, Form::SignIn);
    let near = [change(&token, 0), change(&token, token.len() - 2)];
    found.push(("form token", welch(|class| csrf.is_valid(cookie, Form::SignIn, &near[class]))));

    let challenge = Challenge::parse(Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), Some("S256")).unwrap();
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let near = [0, 42].map(|place| Verifier::parse(&change(verifier, place)).unwrap());
    found.push(("code_verifier", welch(|class| challenge.verify(&near[class]).is_some())));
    assert!(found.iter().all(|(_, t)| *t < 4.5), "{found:?}");
}
