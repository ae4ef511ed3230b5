//! Crates that are compiled from a patched copy of their sources: tokio.

use lockdep_tests::overlay_matrix::{self, PROGRAMS};

use crate::harness::{assert_ended, command, finish, fixture};

#[test]
fn async_programs_are_watched_without_a_word_about_it() {
    for (name, wanted) in PROGRAMS {
        let ran = overlay_matrix::run(&fixture("tokio_programs"), name).expect("cargo can be run");
        assert!(ran.is(wanted), "{name}: {:?} in place of {wanted:?}\n{}", ran.reports, ran.said);
        if !wanted.is_empty() {
            assert!(ran.said.contains("are watched\n"), "{name}: {}", ran.said);
        }
    }
}

#[test]
fn an_overlay_can_be_turned_off() {
    let args = ["run", "-q", "--", "in_turn_on_one_thread"];
    let ended = finish(command(&fixture("tokio_programs"), &args).env("CARGO_LOCKDEP_OVERLAYS", "0"));
    assert_ended(&ended, "exit 0");
    assert!(ended.stderr.contains("tokio::sync (async)"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("are watched"), "{}", ended.stderr);
}
