//! Advice about recursive reads.

use super::*;

/// The classes of the fixture, as locks that have no recursive read.
struct WithoutRecursiveReads;

impl Classes for WithoutRecursiveReads {
    fn class(&self, id: ClassId) -> Option<LockClass> {
        let class = Fixture.class(id)?;
        let attributes = ClassAttributes { recursive_reads: false, ..class.attributes };
        Some(LockClass { attributes, ..class })
    }
}

#[test]
fn a_recursive_read_is_advised_only_for_locks_that_have_it() {
    let cycle = vec![
        step(lock(0, 1, Mode::Exclusive, 4), lock(2, 3, Mode::Shared, 14), Kind::ExclusiveNonrecursive, 1, 1),
        step(lock(2, 4, Mode::Shared, 14), lock(0, 1, Mode::Exclusive, 11), Kind::SharedNonrecursive, 2, 1),
    ];
    let found = Violation { cycle, ..violation(Code::CircularDependency, Level::Warning) };
    let is_advised = |classes: &dyn Classes| {
        let report = build(&found, classes, &Fixture, Counters::default());
        report.help.iter().any(|help| help.to_string().contains("read_recursive"))
    };
    assert!(is_advised(&Fixture));
    assert!(!is_advised(&WithoutRecursiveReads));
}

#[test]
fn a_recursive_read_is_advised_only_for_locks_that_have_one() {
    let found = simple_rules().into_iter().find(|found| found.code == Code::RecursiveFairRead);
    let mut found = report(&found.expect("one of them"));
    let advice = |report: &Report| help::help(Code::RecursiveFairRead, report, &DetailWords::None);
    let both = [General::PassGuardOn, General::ReadRecursively].map(Advice::from);
    assert_eq!(advice(&found), both);
    found.classes.iter_mut().for_each(|class| class.recursive_reads = false);
    assert_eq!(advice(&found), both[..1], "std has none");
}
