//! The short run: the whole corpus through every target, then a bounded number of changed inputs, the same on every machine. It
//! is counted, not timed. The long run is libFuzzer's: see CONTRIBUTING.md.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod mutate;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use brama_fuzz_targets::{TARGETS, Target, named};
use mutate::{Random, mutate};

/// Changed inputs for each target.
const INPUTS: usize = 20_000;
/// Changed inputs for targets that check signatures.
const SLOW_INPUTS: usize = 4_000;
const SLOW: &[&str] = &["dpop_proof", "jws", "jwk", "jwk_set"];

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz_folder().join("corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// Run one input. One that breaks a promise is shown in hex and kept in a file, for `fuzz/corpus` once it is understood.
fn feed(target: &Target, origin: &str, input: &[u8]) {
    if catch_unwind(|| (target.run)(input)).is_err() {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-failing-input", target.name));
        fs::write(&file, input).unwrap();
        panic!(
            "{}: {origin} breaks a promise\n{hex}\n{:?}\nkept in {}",
            target.name,
            String::from_utf8_lossy(input),
            file.display()
        );
    }
}

fn short_run(name: &str) {
    let target = named(name).unwrap();
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    for (file, input) in &corpus {
        feed(target, file, input);
    }
    let mut random = Random::new(0x0b7a_3a00);
    let inputs = if SLOW.contains(&name) { SLOW_INPUTS } else { INPUTS };
    for number in 0..inputs {
        let (file, input) = &corpus[random.below(corpus.len())];
        let (_, other) = &corpus[random.below(corpus.len())];
        let changed = mutate(input, other, &mut random);
        feed(target, &format!("change {number} of {file}"), &changed);
    }
}

macro_rules! short_runs {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { short_run(stringify!($name)); })+

        #[test]
        fn every_target_has_a_run_a_corpus_a_program_and_a_line_in_the_table() {
            let runs = BTreeSet::from([$(stringify!($name)),+]);
            let targets: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(targets.len(), TARGETS.len());
            assert_eq!(runs, targets);
            let folders = names(fs::read_dir(fuzz_folder().join("corpus")).unwrap());
            assert_eq!(folders.iter().map(String::as_str).collect::<BTreeSet<_>>(), targets);
            let programs = names(fs::read_dir(fuzz_folder().join("fuzz_targets")).unwrap());
            let programs: BTreeSet<&str> = programs.iter().filter_map(|name| name.strip_suffix(".rs")).collect();
            assert_eq!(programs, targets);
            let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
            let table = fs::read_to_string(fuzz_folder().join("README.md")).unwrap();
            let rows: BTreeSet<&str> =
                table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
            assert_eq!(rows, targets);
            for name in targets {
                assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")), "{name}");
            }
        }
    };
}

fn names(folder: fs::ReadDir) -> Vec<String> {
    folder.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

short_runs! {
    access_token_claims,
    authorization_header,
    authorization_request,
    claims_request,
    client_assertion,
    cookie_header,
    device_request,
    dpop_claims,
    dpop_header,
    dpop_nonce,
    dpop_proof,
    forwarded_for,
    handles,
    htu,
    http_request,
    jwk,
    jwk_set,
    jws,
    jws_header,
    languages,
    logout_request,
    origin,
    parameters,
    pkce,
    redirect_uri,
    registration,
    scope,
    token_request,
    user_code,
    usernames_and_passwords,
    www_authenticate,
}

#[test]
fn the_corpus_is_small() {
    let bytes: usize = TARGETS.iter().flat_map(corpus).map(|(_, input)| input.len()).sum();
    assert!(bytes < 300 * 1024, "{bytes} bytes: keep what is meaningful (`cargo fuzz cmin`)");
}

/// A run that finds nothing is worth something only if it could have found something.
#[test]
fn a_broken_promise_is_found_and_reported() {
    let target = Target { name: "self_test", run: |data| assert!(!data.contains(&b'%'), "a promise") };
    let caught = catch_unwind(|| feed(&target, "a test", b"a%b")).unwrap_err();
    let message = caught.downcast_ref::<String>().unwrap();
    assert!(message.contains("self_test: a test breaks a promise\n612562\n"), "{message}");
    let mut random = Random::new(1);
    let found = (0..1_000).any(|_| catch_unwind(|| ()).is_ok() && mutate(b"abc", b"xyz", &mut random).contains(&b'%'));
    assert!(found, "a thousand changes without a percent sign");
}
