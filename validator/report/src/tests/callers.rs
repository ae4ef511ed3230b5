//! What a report says of who called an acquisition, and of what it does not know.

use super::*;

#[test]
fn a_caller_of_one_of_two_labels_says_whose_it_is_and_a_lost_path_is_lost() {
    let rule = simple_rules().into_iter().find(|found| found.code == Code::Recursion);
    let mut found = report(&rule.expect("one of them"));
    let caller =
        |line| Some(Box::new(Place { file: "src/main.rs".into(), line, column: 5, ..Place::default() }));
    let (held, wanted) = (&mut found.conflict, &mut found.subject);
    let sites = [held, wanted].map(|lock| &mut lock.as_mut().expect("a recursion").site);
    let [held, wanted] = sites;
    (held.caller, wanted.caller) = (None, caller(7));
    let shown =
        |found: &Report| text(found, &TextOptions { n_frames: 0, ..TextOptions::default() }, &Fixture);
    assert!(shown(&found).contains("| wanted: called from src/main.rs:7:5"), "{}", shown(&found));
    let both = [&mut found.conflict, &mut found.subject];
    both.into_iter().flatten().for_each(|lock| lock.site.caller = caller(7));
    assert!(shown(&found).contains("| called from src/main.rs:7:5"), "{}", shown(&found));

    let mut lost = report(&inversion());
    let held = &mut lost.cycle[0].frames_held;
    (held.exact, held.frames) = (false, held.frames[..1].to_vec());
    let notes = crate::notes::notes(Code::CircularDependency, &lost, &DetailWords::None);
    let class = lost.cycle[0].from.clone();
    assert!(notes.contains(&Note::PathNotRecorded { class }), "{notes:?}");
}
