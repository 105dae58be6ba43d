//! Nobody runs a server with mistakes in it.

use std::fs;

use brama_faults::VARIABLE;

/// What chooses a planted fault is read by a build of the HTTP tests alone: the program does not even have its name.
#[test]
fn no_fault_can_be_planted_in_the_program() {
    let program = fs::read(env!("CARGO_BIN_EXE_brama")).unwrap();
    let name = VARIABLE.as_bytes();
    assert!(!program.windows(name.len()).any(|bytes| bytes == name), "{VARIABLE} is in the program");
    // So that this can fail: what the program does read is found the same way.
    let other = b"BRAMA_DATA_DIR";
    assert!(program.windows(other.len()).any(|bytes| bytes == other));
}
