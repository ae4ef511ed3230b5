//! What is proved of an acquisition, and of which nothing is.

use lockdep_validator::report::model::Place;

use lockdep_validator::report::render::{TextOptions, text};

use super::lower;
use super::site::{Owned, owned};
use crate::records::fixture::inversion_report;
use crate::source::Sources;

/// What is known of the acquisition that `^` stands in front of.
fn known(marked: &str, kind: &str) -> Option<Owned> {
    let (before, after) = marked.split_once('^').expect("a mark");
    let thread = std::thread::current();
    let folder = std::env::temp_dir().join(format!("lockdep-owned-{}-{:?}", std::process::id(), thread.id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), format!("{before}{after}")).expect("written");
    let number = |n: usize| u32::try_from(n).expect("short");
    let line = number(before.matches('\n').count() + 1);
    let column = number(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    let place = Place { file: "a.rs".into(), line, column, ..Place::default() };
    let known = owned(&place, kind, &Sources::new(vec![folder.clone()]));
    std::fs::remove_dir_all(folder).expect("ours");
    known
}

const STRUCTS: &str = "use std::sync::{Arc, Mutex, RwLock};\n\
    pub struct Pair<'a> { a: Mutex<u8>, b: std::sync::RwLock<u8>, shared: Arc<Mutex<u8>>, lent: &'a Mutex<u8>, inner: Box<Inner>, \
    other: Elsewhere, boxed: Box<Mutex<u8>> }\n\
    struct Inner { c: Mutex<u8> }\n";

/// The same for a method in an `impl` of `Pair`.
fn in_method(method: &str, kind: &str) -> Option<Owned> {
    known(&format!("{STRUCTS}impl Pair<'_> {{\n{method}\n}}\n"), kind)
}

#[test]
fn a_method_that_takes_its_object_has_the_locks_in_it_to_itself() {
    for (method, kind, receiver, field) in [
        ("fn f(&mut self) { *self.a.^lock().unwrap() += 1; }", "Mutex", "&mut self", "self.a"),
        ("fn f(self) -> u8 { *self.a.^lock().unwrap() }", "Mutex", "self", "self.a"),
        (
            "fn f(mut self) { let b = self\n        .b\n        .^write().unwrap(); }",
            "RwLock",
            "self",
            "self.b",
        ),
        (
            "fn f(&mut self) { if true { let c = self.inner.c.^lock(); } }",
            "Mutex",
            "&mut self",
            "self.inner.c",
        ),
        ("fn f(&mut self) { let c = self.boxed.^lock(); }", "Mutex", "&mut self", "self.boxed"),
        // The other ones of the method are nobody's business.
        (
            "fn f(&mut self) { let n = (0..1).map(|n| n + 1); self.a.^lock().map_err(|e| e.into())?; }",
            "Mutex",
            "&mut self",
            "self.a",
        ),
    ] {
        let found = in_method(method, kind);
        let expected = Owned { method: "Pair::f".into(), receiver, field: field.into() };
        assert_eq!(found, Some(expected), "{method}");
    }
    let in_drop = format!(
        "{STRUCTS}mod m {{\nimpl Drop for super::Pair<'_> {{\n    fn drop(&mut self) {{ self.a.^lock(); }}\n}}\n}}\n"
    );
    assert_eq!(known(&in_drop, "Mutex").map(|owned| owned.method).as_deref(), Some("Pair::drop"));
}

#[test]
fn nothing_is_proved_where_others_may_reach_the_lock() {
    for (method, kind) in [
        ("fn f(&self) { self.a.^lock(); }", "Mutex"),
        ("fn f(self: Arc<Self>) { self.a.^lock(); }", "Mutex"),
        ("fn f(&'static mut self) { self.a.^lock(); }", "Mutex"),
        // The lock lies elsewhere, and others have a way to it.
        ("fn f(&mut self) { self.shared.^lock(); }", "Mutex"),
        ("fn f(&mut self) { self.lent.^lock(); }", "Mutex"),
        ("fn f(&mut self) { self.other.c.^lock(); }", "Mutex"),
        // Whoever runs a closure may be another thread, and so may whoever the object is lent to.
        ("fn f(&mut self) { run(|| self.a.^lock()); }", "Mutex"),
        ("fn f(&mut self) { let f = async { self.a.^lock() }; }", "Mutex"),
        ("fn f(&mut self) { std::thread::scope(|s| self.g(s)); self.a.^lock(); }", "Mutex"),
        ("fn f(&mut self, s: &Scope) { let me = &*self; s.spawn(|| me.g()); self.a.^lock(); }", "Mutex"),
        // Not the field of that name, or not of the object.
        ("fn f(&mut self) { self.a().^lock(); }", "Mutex"),
        ("fn f(&mut self, other: &Self) { other.a.^lock(); }", "Mutex"),
        ("fn f(&mut self) { self.none.^lock(); }", "Mutex"),
        ("fn f(&mut self) { fn g(x: &Pair) { x.a.^lock(); } }", "Mutex"),
        ("fn f(&mut self) { may!(self.a.^lock()); }", "Mutex"),
        // The validator says that it is a lock of another kind: the type of the field is not what it seems.
        ("fn f(&mut self) { self.a.^lock(); }", "RwLock"),
        ("fn f(&mut self) { self.a.^get_or_init(g); }", "OnceLock"),
    ] {
        assert_eq!(in_method(method, kind), None, "{method}");
    }
    let method = "fn f(&mut self) { self.a.^lock(); } }";
    for head in [
        // A `self` that is a reference.
        "impl Trait for &Pair<'_> { fn f(self) { self.a.^lock(); } }".to_owned(),
        "trait Trait { fn f(&mut self) { self.a.^lock(); } }".to_owned(),
        // Types that are not what they are called.
        format!("type Mutex<T> = Arc<std::sync::Mutex<T>>; impl Pair<'_> {{ {method}"),
        format!("use shared::Lock as Mutex; impl Pair<'_> {{ {method}"),
        format!("mod m {{ struct Pair {{ a: Arc<Mutex<u8>> }} }} impl Pair<'_> {{ {method}"),
        format!("impl Elsewhere {{ {method}"),
        // What cannot be read.
        format!("impl Pair<'_> {{ {method} }}"),
    ] {
        assert_eq!(known(&format!("{STRUCTS}{head}\n"), "Mutex"), None, "{head}");
    }
}

#[test]
fn the_report_says_why_it_is_a_warning_and_does_not_claim_that_it_hangs() {
    // The first order is taken in lines 10 and 11, both in column 20.
    let head = "struct Bank { a: Mutex<u32>, b: Mutex<u32> }\n\n\n\n\n\n\nimpl Bank {\n";
    let body = "    let a = self.a.lock();\n    let b = self.b.lock();\n    }\n}\n";
    let bank = |receiver: &str| format!("{head}    fn transfer({receiver}) {{\n{body}");
    let folder = std::env::temp_dir().join(format!("lockdep-lower-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("src")).expect("a temporary folder");
    let lowered = |source: &str| {
        std::fs::write(folder.join("src/bank.rs"), source).expect("written");
        let mut report = inversion_report();
        assert_eq!(report.level, "error");
        let sources = Sources::new(vec![folder.clone()]);
        lower(&mut report, &sources);
        let shown = text(&report, &TextOptions::default(), &sources);
        (report, shown)
    };
    let (_, shown) = lowered(&bank("&self"));
    assert!(shown.starts_with("error[LD0003]") && shown.contains("how it hangs: "), "{shown}");
    let (mut report, shown) = lowered(&bank("&mut self"));
    insta::assert_snapshot!(shown);
    let once = report.clone();
    lower(&mut report, &Sources::new(vec![folder.clone()]));
    assert_eq!(report, once, "what is known is not said again");
    std::fs::remove_dir_all(folder).expect("ours");
}
