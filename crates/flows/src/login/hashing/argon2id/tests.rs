#![expect(clippy::unwrap_used, reason = "tests")]
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

fn bench(memory_kib: u32, iterations: u32, parallelism: u32) -> Bench {
    Bench::new(params(Cost { memory_kib, iterations, parallelism }).unwrap())
}

/// What the reference implementation in C says: `argon2 SALT -id -e`, and its own test suite.
const BY_THE_REFERENCE: [(&str, &str); 7] = [
    (
        "correct horse battery staple",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$ISO7kkvFzh19GM8qB7patN3C3Y9HHsjlVTfEZ9T600Y",
    ),
    (
        "correct horse battery staple",
        "$argon2id$v=19$m=12288,t=3,p=2$c29tZXNhbHRzb21lc2FsdA$aHm9Xq6+yIUo/N8p2mBNA68mZyjQTilyQPjXkozm124",
    ),
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("password", "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg"),
    ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
    ("password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"),
    ("differentpassword", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"),
];

#[test]
fn pw12_other_peoples_hashes_are_refused() {
    let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for phc in [
        String::new(),
        "password".to_owned(),
        format!("$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ${tag}"),
        format!("$argon2d$v=19$m=64,t=2,p=1$c29tZXNhbHQ${tag}"),
        format!("$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHQ${tag}"),
        format!("$argon2id$m=64,t=2,p=1$c29tZXNhbHQ${tag}"),
        format!("$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ${tag}"),
        format!("$argon2id$v=19$m=7,t=2,p=1$c29tZXNhbHQ${tag}"),
        format!("$argon2id$v=19$m=64,t=2,p=0$c29tZXNhbHQ${tag}"),
        // A salt of five bytes, a tag of 16, no tag.
        format!("$argon2id$v=19$m=64,t=2,p=1$c2hvcnQ${tag}"),
        "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ".to_owned(),
    ] {
        assert!(bench(64, 2, 1).verify(b"password", &phc).is_err(), "{phc}");
    }
}

#[test]
fn pw12_one_wrong_bit_of_a_tag_is_a_wrong_password() {
    let mut bench = bench(64, 1, 1);
    let right = bench.phc(b"password", b"somesalt").unwrap();
    assert!(bench.verify(b"password", &right).unwrap().fits);
    let hash = PasswordHash::new(&right).unwrap();
    let tag = hash.hash.unwrap();
    for bit in 0..TAG * 8 {
        let mut wrong: [u8; TAG] = tag.as_bytes().try_into().unwrap();
        *wrong.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        let wrong = PasswordHash { hash: Some(Output::new(&wrong).unwrap()), ..hash.clone() };
        assert!(!bench.verify(b"password", &wrong.to_string()).unwrap().fits, "bit {bit}");
    }
}

#[test]
fn a_cpu_that_computes_wrong_tags_is_found_out() {
    let today = params(Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 }).unwrap();
    let (password, salt) = (b"nobody's password", b"sixteen of bytes");
    check(&today, password, salt).unwrap();
    let mut bench = Bench::new(today.clone());
    let wrong = check_against(&today, password, salt, |params| {
        let mut tag = bench.argon2id(params, password, salt)?;
        *tag.last_mut().unwrap() ^= 1;
        Ok(tag)
    });
    assert!(wrong.unwrap_err().contains("wrong tags"));
    let failed = check_against(&today, password, salt, |_| Err("out of memory".to_owned()));
    assert_eq!(failed.unwrap_err(), "out of memory");
}

/// RFC 9106 §5.3.
#[test]
fn pw12_the_vector_of_the_specification() {
    let costs = fast::Params::builder()
        .memory(fast::params::Memory::kib(32))
        .passes(3)
        .lanes(4)
        .threads(1)
        .tag_len(fast::params::TagLen::bytes(32))
        .build()
        .unwrap();
    let mut tag = [0; 32];
    fast::Argon2::new(fast::Algorithm::Argon2id, fast::Version::V0x13, costs)
        .hasher()
        .hash_into_with_ad(&[1; 32], &[2; 16], &[3; 8], &[4; 12], &mut tag)
        .unwrap();
    let expected = [
        0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0, 0x1e,
        0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
    ];
    assert_eq!(tag, expected);
}

#[test]
fn pw12_hashes_of_the_reference_implementation_verify() {
    // One bench for all: its memory grows, shrinks and is used again.
    let mut bench = bench(19_456, 2, 1);
    for (password, phc) in BY_THE_REFERENCE {
        let found = bench.verify(password.as_bytes(), phc).unwrap();
        assert_eq!(found, Verification { fits: true, outdated: !phc.contains("m=19456,t=2,p=1") }, "{phc}");
        assert!(!bench.verify(b"Password", phc).unwrap().fits, "{phc}");
    }
    let (password, phc) = BY_THE_REFERENCE.first().unwrap();
    assert_eq!(bench.phc(password.as_bytes(), b"somesaltsomesalt").unwrap(), *phc);
}

/// Both ways, random passwords, salts and costs: strings made by the one implementation are those of the other.
#[test]
fn pw12_both_implementations_agree() {
    let mut random = ChaCha8Rng::seed_from_u64(9106);
    let mut bytes = |length: u32| {
        let mut bytes = vec![0; length as usize];
        random.fill_bytes(&mut bytes);
        bytes
    };
    let mut number = |below: u32| u32::from_le_bytes(bytes(4).try_into().unwrap()) % below;
    let mut cases = Vec::new();
    for _ in 0..200 {
        let parallelism = 1 + number(4);
        let memory_kib = 8 * parallelism + number(600);
        cases.push((Cost { memory_kib, iterations: 1 + number(4), parallelism }, number(300), 8 + number(40)));
    }
    for (cost, password, salt) in cases {
        let (password, salt) = (bytes(password), bytes(salt));
        let today = params(cost).unwrap();
        let mut expected = Tag::default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, today.clone())
            .hash_password_into(&password, &salt, expected.as_mut())
            .unwrap();
        let mut bench = Bench::new(today.clone());
        assert_eq!(bench.argon2id(&today, &password, &salt).unwrap(), expected, "{cost:?}");
        let phc = bench.phc(&password, &salt).unwrap();
        assert_eq!(bench.verify(&password, &phc).unwrap(), Verification { fits: true, outdated: false });
    }
}

#[test]
fn pw19_memory_is_kept_for_the_next_hash_and_no_more() {
    let benches = Benches::new(params(Cost { memory_kib: 128, iterations: 1, parallelism: 1 }).unwrap());
    let mut bench = benches.take();
    bench.phc(b"password", b"somesalt").unwrap();
    benches.put_back(bench);
    assert_eq!(benches.kept_blocks(), 128);
    // The same one is taken again.
    let bench = benches.take();
    assert_eq!((bench.hasher.reserved_blocks(), benches.kept_blocks()), (128, 0));
    benches.put_back(bench);
    // A stored hash of a higher cost makes it grow: then it is not kept.
    let mut bench = benches.take();
    let costly = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    assert!(bench.verify(b"password", costly).unwrap().fits);
    benches.put_back(bench);
    assert_eq!(benches.kept_blocks(), 0);
    let mut bench = benches.take();
    bench.phc(b"password", b"somesalt").unwrap();
    benches.put_back(bench);
    benches.clear();
    assert_eq!(benches.kept_blocks(), 0);
}
