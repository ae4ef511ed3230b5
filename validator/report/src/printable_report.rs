//! A report whose texts can be printed: names of threads, types and functions, paths, and the
//! sentences made of them.

use std::fmt::Display;

use crate::printable::printable;

use super::code::ReportCode;
use super::model::{Report, ReportDependency, ReportLock};
use super::place::{Frame, Place};

impl Report {
    /// Returns the report with every text in it passed through [`printable`]. Renderers of text
    /// begin with this; the JSON form keeps the texts as they are, since its strings escape what is
    /// not printable.
    #[must_use]
    pub fn printable(&self) -> Self {
        let mut report = self.clone();
        report.each_text(&mut |text| {
            if let std::borrow::Cow::Owned(changed) = printable(text) {
                *text = changed;
            }
        });
        report
    }

    /// Gives `change` every text in the report.
    pub(crate) fn each_text(&mut self, change: &mut impl FnMut(&mut String)) {
        if let ReportCode::Newer(code) = &mut self.code {
            change(code);
        }
        for text in [&mut self.title, &mut self.fingerprint, &mut self.thread] {
            change(text);
        }
        for class in &mut self.classes {
            for text in [&mut class.name, &mut class.hash, &mut class.type_name, &mut class.kind] {
                change(text);
            }
            place(&mut class.site, change);
        }
        self.cycle.iter_mut().for_each(|step| dependency(step, change));
        let locks = self.held.iter_mut().chain(&mut self.subject).chain(&mut self.conflict);
        locks.for_each(|one| lock(one, change));
        for labelled in &mut self.places {
            change(&mut labelled.label);
            place(&mut labelled.place, change);
        }
        for thread in &mut self.threads {
            [&mut thread.thread, &mut thread.waits_for, &mut thread.wait.end_of, &mut thread.wait.behind]
                .into_iter()
                .for_each(&mut *change);
            place(&mut thread.wait.site, change);
            if let Some(event) = &mut thread.wait.event {
                let (places, names) = event.parts();
                places.into_iter().for_each(|one| place(one, change));
                names.into_iter().for_each(&mut *change);
            }
            thread.wait.lock.iter_mut().chain(&mut thread.holds).for_each(|one| lock(one, change));
        }
        self.evidence.gate.iter_mut().for_each(&mut *change);
        if let Some(writer) = &mut self.evidence.writer {
            change(&mut writer.thread);
            place(&mut writer.place, change);
        }
        self.notes.iter_mut().for_each(|note| sentence(note, change));
        self.help.iter_mut().for_each(|advice| sentence(advice, change));
    }
}

fn dependency(step: &mut ReportDependency, change: &mut impl FnMut(&mut String)) {
    for text in [&mut step.from, &mut step.to, &mut step.thread, &mut step.process] {
        change(text);
    }
    place(&mut step.held_site, change);
    place(&mut step.acquire_site, change);
    for stack in [&mut step.frames_held, &mut step.frames_acquire] {
        frames(&mut stack.frames, change);
        frames(&mut stack.first_seen, change);
    }
    if let Some(shared) = &mut step.shared {
        dependency(shared, change);
    }
}

/// What a sentence is made of may come from anywhere: if its words change, only they are left.
fn sentence<T: Display + From<String>>(data: &mut T, change: &mut impl FnMut(&mut String)) {
    let words = data.to_string();
    let mut changed = words.clone();
    change(&mut changed);
    if changed != words {
        *data = T::from(changed);
    }
}

fn lock(lock: &mut ReportLock, change: &mut impl FnMut(&mut String)) {
    for text in [&mut lock.class, &mut lock.hash] {
        change(text);
    }
    place(&mut lock.site, change);
    frames(&mut lock.frames, change);
    frames(&mut lock.first_seen, change);
}

fn place(place_of: &mut Place, change: &mut impl FnMut(&mut String)) {
    change(&mut place_of.file);
    place_of.function.iter_mut().for_each(&mut *change);
    for other in place_of.caller.iter_mut().chain(&mut place_of.through) {
        place(other, change);
    }
}

fn frames(frames: &mut [Frame], change: &mut impl FnMut(&mut String)) {
    for frame in frames {
        change(&mut frame.function);
        change(&mut frame.file);
    }
}

#[cfg(test)]
mod tests {
    use super::Report;
    use crate::printable::is_printable;
    use crate::render::{NoSource, TextOptions, text};

    const HOSTILE: &str = "\u{1b}[2Jx\n::error ::y\u{202e}##[error]";

    /// A report with hostile text wherever a program, or the writer of a record, can put some.
    fn hostile() -> Report {
        let place = format!(r#"{{"file": {0}, "line": 3, "column": 1, "function": {0}}}"#, quoted());
        let frames = format!(r#"[{{"function": {0}, "file": {0}, "line": 1, "column": 1}}]"#, quoted());
        let lock = format!(
            r#"{{"class": {0}, "hash": {0}, "mode": "shared", "wait": "try", "instance": 1, "site": {place},
                "frames": {frames}}}"#,
            quoted()
        );
        let step = format!(
            r#"{{"from": {0}, "to": {0}, "kind": "EN", "held_site": {place}, "acquire_site": {place},
                "thread": {0}, "count": 1, "process": {0},
                "frames_held": {{"exact": true, "frames": {frames}}},
                "frames_acquire": {{"exact": false, "frames": {frames}}}}}"#,
            quoted()
        );
        let json = format!(
            r#"{{"schema": 1, "code": {0}, "level": "error", "title": {0}, "fingerprint": {0}, "thread": {0},
                "classes": [{{"name": {0}, "site": {place}, "hash": {0}, "type": {0}}}], "cycle": [{step}, {step}],
                "held": [{lock}], "subject": {lock}, "conflict": {lock},
                "threads": [{{"thread": {0}, "waits_for": {0}, "holds": [{lock}],
                    "wait": {{"kind": "lock", "lock": {lock}, "end_of": {0}, "behind": {0}, "site": {place}, "waited_ms": 1}}}}],
                "places": [{{"label": {0}, "place": {place}}}],
                "evidence": {{"same_instances": true, "sibling": false, "gate": {0}, "threads": 1,
                    "ordered": null, "writer_seen": false}},
                "notes": [{0}, "x"], "help": [{0}],
                "reasons": [{{"reason": "verbatim", "sentence": {0}}},
                    {{"reason": "only_readers", "classes": [{0}]}}],
                "counters": {{"classes": 1, "dependencies": 1, "chains": 1, "dropped": 0, "unseen": 0}}}}"#,
            quoted()
        );
        serde_json::from_str(&json).expect("a report")
    }

    fn quoted() -> String {
        serde_json::to_string(HOSTILE).expect("a string")
    }

    #[test]
    fn a_text_report_neither_steers_a_terminal_nor_commands_a_build_service() {
        let text = text(&hostile(), &TextOptions::default(), &NoSource);
        assert!(text.chars().all(|c| c == '\n' || is_printable(c)), "{text:?}");
        assert!(
            !text.lines().any(|line| line.trim_start().starts_with("::") && !line.contains(":::")),
            "{text}"
        );
        assert!(!text.contains("##[") && text.contains(r"\u{1b}[2Jx\n"), "{text}");
    }

    #[test]
    fn a_printable_report_comes_back_as_it_is() {
        let once = hostile().printable();
        assert_eq!(once.printable(), once);
    }
}
