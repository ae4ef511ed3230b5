//! What is proved of an acquisition, and of which nothing is.

use lockdep_report::place::Place;

use lockdep_report::render::{TextOptions, text};

use super::{Reach, lower, reach};
use crate::records::fixture::inversion_report;
use crate::source::Sources;

/// What is known of the acquisition that `^` stands in front of.
fn known(marked: &str, kind: &str) -> Option<Reach> {
    let (before, after) = marked.split_once('^').expect("a mark");
    let thread = std::thread::current();
    let folder = std::env::temp_dir().join(format!("lockdep-owned-{}-{:?}", std::process::id(), thread.id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), format!("{before}{after}")).expect("written");
    let number = |n: usize| u32::try_from(n).expect("short");
    let line = number(before.matches('\n').count() + 1);
    let column = number(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    let place = Place { file: "a.rs".into(), line, column, ..Place::default() };
    let known = reach(&place, kind, &Sources::new(vec![folder.clone()]));
    std::fs::remove_dir_all(folder).expect("ours");
    known
}

const STRUCTS: &str = "use std::sync::{Arc, Mutex, RwLock};\n\
    pub struct Pair<'a> { a: Mutex<u8>, b: std::sync::RwLock<u8>, shared: Arc<Mutex<u8>>, lent: &'a Mutex<u8>, inner: Box<Inner>, \
    other: Elsewhere, boxed: Box<Mutex<u8>> }\n\
    struct Inner { c: Mutex<u8> }\n";

/// The same for a method in an `impl` of `Pair`.
fn in_method(method: &str, kind: &str) -> Option<Reach> {
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
        // The other ones of the method do not matter.
        (
            "fn f(&mut self) { let n = (0..1).map(|n| n + 1); self.a.^lock().map_err(|e| e.into())?; }",
            "Mutex",
            "&mut self",
            "self.a",
        ),
    ] {
        let found = in_method(method, kind);
        let expected = Reach::Owned { method: "Pair::f".into(), receiver, lock: field.into() };
        assert_eq!(found, Some(expected), "{method}");
    }
    let in_drop = format!(
        "{STRUCTS}mod m {{\nimpl Drop for super::Pair<'_> {{\n    fn drop(&mut self) {{ self.a.^lock(); }}\n}}\n}}\n"
    );
    assert!(matches!(known(&in_drop, "Mutex"), Some(Reach::Owned { method, .. }) if method == "Pair::drop"));
}

/// `Location` counts a tab as four columns, and debug information as one byte.
#[test]
fn a_line_that_is_indented_by_tabs_is_found() {
    let source = format!("{STRUCTS}impl Pair<'_> {{\n\tfn f(&mut self) {{\n\t\tself.a.lock();\n\t}}\n}}\n");
    let folder = std::env::temp_dir().join(format!("lockdep-tabs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), &source).expect("written");
    let line = source.lines().position(|line| line.starts_with("\t\tself")).expect("there") + 1;
    let line = u32::try_from(line).expect("short");
    for (column, is_found) in [(16, true), (10, true), (11, false), (15, false)] {
        let place = Place { file: "a.rs".into(), line, column, ..Place::default() };
        let known = reach(&place, "Mutex", &Sources::only(vec![folder.clone()]));
        assert_eq!(known.is_some(), is_found, "{column}");
    }
    std::fs::remove_dir_all(folder).expect("ours");
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
        // A closure may run on another thread, and so may the code that borrows the object.
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
        // The validator says that it is a lock of another kind: the type of the field is not what
        // it seems.
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
        assert_eq!(report.level, lockdep_validator::Level::Error);
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

#[test]
fn a_lock_that_both_the_run_and_the_source_show_as_just_made_is_a_note() {
    // The first order is taken in lines 10 and 11, both in column 20.
    let head = "struct Bank { a: Mutex<u32>, b: Mutex<u32> }\n\n\n\n\n\n\nimpl Bank {\n";
    let body = "    let a = self.a.lock();\n    let b = copy.b.lock();\n    Safe { copy } }\n}\n";
    let folder = std::env::temp_dir().join(format!("lockdep-fresh-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("src")).expect("a temporary folder");
    let source = format!("{head}    fn image(&self) -> Safe {{ let copy = Bank::new(self.size);\n{body}");
    std::fs::write(folder.join("src/bank.rs"), source).expect("written");
    let lowered = |unpublished: bool| {
        let mut report = inversion_report();
        report.evidence.unpublished = unpublished;
        lower(&mut report, &Sources::new(vec![folder.clone()]));
        assert!(report.evidence.fresh, "{report:?}");
        report.level
    };
    assert_eq!(lowered(true), lockdep_validator::Level::Note);
    assert_eq!(lowered(false), lockdep_validator::Level::Warning, "the run does not say so");
    std::fs::remove_dir_all(folder).expect("ours");
}

#[test]
fn an_order_on_a_lock_that_two_threads_have_counts_fully() {
    // The first order is taken in lines 10 and 11, both in column 20.
    let head = "struct Bank { a: Mutex<u32>, b: Mutex<u32> }\n\n\n\n\n\n\nimpl Bank {\n";
    let body = "    let a = self.a.lock();\n    let b = copy.b.lock();\n    Safe { copy } }\n";
    let owner = "fn f(&mut self) { let a = self.a.lock();\n    let b = self.b.lock(); }\n}\n";
    let folder = std::env::temp_dir().join(format!("lockdep-shared-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("src")).expect("a temporary folder");
    let source =
        format!("{head}    fn image(&self) -> Safe {{ let copy = Bank::new(self.size);\n{body}{owner}");
    std::fs::write(folder.join("src/bank.rs"), source).expect("written");
    let lowered = |lines: Option<(u32, u32)>| {
        let mut report = inversion_report();
        let of_maker = report.cycle.iter().position(|step| step.acquire_site.line == 11).expect("one");
        let first = report.cycle[of_maker].clone();
        report.cycle[of_maker].shared = lines.map(|(held, acquired)| {
            let mut seen = Box::new(first.clone());
            (seen.held_site.line, seen.acquire_site.line) = (held, acquired);
            seen
        });
        lower(&mut report, &Sources::new(vec![folder.clone()]));
        (report.level, report.evidence.fresh, report.cycle[of_maker].acquire_site.line)
    };
    assert_eq!(lowered(None), (lockdep_validator::Level::Warning, true, 11));
    assert_eq!(lowered(Some((1, 2))), (lockdep_validator::Level::Error, false, 2));
    assert_eq!(
        lowered(Some((10, 11))),
        (lockdep_validator::Level::Error, false, 11),
        "the source is mistaken"
    );
    std::fs::remove_dir_all(folder).expect("ours");
}

const MADE: &str = "use std::sync::{Arc, Mutex, RwLock};\n\
    pub struct Store(Arc<Inner>);\n\
    struct Inner { rows: Arc<RwLock<u8>>, shared: Shared, log: Mutex<u8> }\n\
    struct Shared(Arc<Deep>);\n\
    struct Deep { pages: Mutex<u8> }\n";

/// Whether the lock is known to be fresh in an `impl` of `Store`, and what it is called then.
fn in_constructor(function: &str) -> Option<String> {
    let source = format!("{MADE}impl Store {{\n{function}\n}}\n");
    assert!(syn::parse_file(&source.replace('^', "")).is_ok(), "{source}");
    match known(&source, "Mutex") {
        Some(Reach::Fresh { function, lock }) => Some(format!("{function} {lock}")),
        Some(reach) => panic!("{reach:?}"),
        None => None,
    }
}

#[test]
fn a_function_that_makes_an_object_has_its_locks_until_it_gives_them_away() {
    for (function, lock) in [
        // As `Database::recover` of fjall: through locals, handles and newtypes.
        (
            "fn f(path: &Path) -> Result<Self> {
                let rows = Arc::new(RwLock::default());
                let meta = Meta::new(path, rows.clone()).restart_interval(16);
                let shared = Shared::new(Deep { pages: Mutex::new(path.len()) });
                let inner = Inner { rows, shared, log: Mutex::default() };
                let it = Self(Arc::new(inner));
                it.fill(&meta)?;
                { let rows = it.rows.^read().unwrap(); it.log.lock(); }
                pool.start(&it); Ok(it) }",
            "it.rows",
        ),
        (
            "fn f() -> Self { let it = Store(Arc::new(Inner { shared: Shared(Arc::new(Deep { pages: Mutex::new(0) })) })); \
             it.shared.pages.^lock(); it }",
            "it.shared.pages",
        ),
        (
            "fn f() -> Arc<Self> { let it = Store(Arc::new(Inner { log: Mutex::new(g()) })); it.0.log.^lock(); it }",
            "it.0.log",
        ),
        // A lock that is to lie in the object, and one under a second name.
        ("fn f() -> Option<Store> { let log = std::sync::Mutex::new(0); log.^lock(); make(log) }", "log"),
        (
            "fn f() -> Self { let a = Arc::new(Mutex::new(0)); let a = Arc::clone(&a); a.^lock(); make(a) }",
            "a",
        ),
        // A method that makes another object of its type.
        (
            "fn f(&self) -> Self { let it = Store(Arc::new(Inner { log: Mutex::new(0) })); \
             let log = self.log.lock(); it.0.log.^lock(); it }",
            "it.0.log",
        ),
        // A method that makes another object of its type from its own settings, and puts it into a
        // handle, as the image of a file system in memory is made.
        (
            "fn f(&self) -> Handle { let it = Inner::new(self.size); let log = self.log.lock(); { it.log.^lock(); } \
             Handle { state: Arc::new(it) } }",
            "it.log",
        ),
        ("fn f(&self) -> Self { let it = Inner::with_size(3); it.log.^lock(); make(it) }", "it.log"),
        // The trait that it is returned as hides its type.
        (
            "fn f() -> Arc<dyn Sink> { let it = Arc::new(Inner { log: Mutex::new(0) }); it.log.^lock(); it }",
            "it.log",
        ),
        // It is put into what others have, but only later.
        (
            "fn f(&self) -> Self { let it = Arc::new(Mutex::new(0)); it.^lock(); self.all.push(it.clone()); make(it) }",
            "it",
        ),
        // Others' variables do not matter.
        (
            "fn f() -> Self { let it = Mutex::new(0); for x in 0..1 { it.^lock(); } run(|y| y.lock()); make(it) }",
            "it",
        ),
    ] {
        assert_eq!(in_constructor(function), Some(format!("Store::f {lock}")), "{function}");
    }
    let alone = format!(
        "{MADE}pub fn open() -> Result<Store> {{\nlet log = Mutex::new(0); log.^lock(); Ok(Store(make(log))) }}"
    );
    let expected = Reach::Fresh { function: "open".into(), lock: "log".into() };
    assert_eq!(known(&alone, "Mutex"), Some(expected));
}

#[test]
fn a_lock_is_not_fresh_where_others_may_have_it() {
    for function in [
        // No object of its own is returned, or one was taken.
        "fn f() { let it = Mutex::new(0); it.^lock(); }",
        "fn f() -> u8 { let it = Mutex::new(0); it.^lock(); 0 }",
        // The object that a method has is not one that it has made.
        "fn f(&self) -> Self { self.log.^lock(); make() }",
        "fn f(&self) -> Self { let it = self; it.log.^lock(); make() }",
        // Given to a thread before it is taken, or in the round before.
        "fn f() -> Self { let it = Arc::new(Mutex::new(0)); spawn(it.clone()); it.^lock(); make(it) }",
        "fn f() -> Self { let it = Arc::new(Mutex::new(0)); loop { it.^lock();\n pool.start(&it); } make(it) }",
        "fn f() -> Self { let it = Arc::new(Mutex::new(0)); pool.spawn_blocking(g(&it)); it.^lock(); make(it) }",
        "fn f() -> Self { let it = Arc::new(Mutex::new(0)); thread::Scope::run(g(&it)); it.^lock(); make(it) }",
        // Made elsewhere.
        "fn f(it: Arc<Mutex<u8>>) -> Self { it.^lock(); make(it) }",
        "fn f(it: Arc<Mutex<u8>>) -> Self { let it = it.clone(); it.^lock(); make(it) }",
        "fn f(rows: Arc<RwLock<u8>>) -> Self { let it = Inner { rows }; it.rows.^read(); make(it) }",
        "fn f(rows: Arc<RwLock<u8>>) -> Self { let it = Inner::new(rows); it.rows.^read(); make(it) }",
        "fn f(old: Inner) -> Self { let it = Inner { log: Mutex::new(0), ..old }; it.rows.^read(); make(it) }",
        "fn f() -> Self { let it = Inner { rows: ROWS.clone() }; it.rows.^read(); make(it) }",
        "fn f() -> Self { let it = registry(); it.rows.^read(); make(it) }",
        "fn f() -> Self { let it = Inner::of(3); it.rows.^read(); make(it) }",
        "fn f() -> Self { LOG.^lock(); make(LOG) }",
        // A function that may return an object which other code has, and a handle that this
        // function did not make.
        "fn f() -> Self { let it = Inner::shared(3); it.log.^lock(); make(it) }",
        "fn f() -> Self { let it = Store::new(3); it.log.^lock(); make(it) }",
        "fn f(&self) -> Handle { let it = Inner::new(3); it.log.^lock(); self.handle() }",
        // Put into what others have, straight or under a guard, before it is taken.
        "fn f(&self) -> Self { let it = Arc::new(Mutex::new(0)); self.all.push(it.clone()); it.^lock(); make(it) }",
        "fn f(&self) -> Self { let it = Arc::new(Mutex::new(0)); self.all.lock().unwrap().push(Arc::clone(&it)); \
         it.^lock(); make(it) }",
        "fn f() -> Self { let it = Arc::new(Mutex::new(0)); ALL.lock().push(it.clone()); it.^lock(); make(it) }",
        // What is returned is behind a trait, and it is another object.
        "fn f() -> Box<dyn Sink> { let it = Inner { log: Mutex::new(0) }; it.log.^lock(); sink(it) }",
        // The name may mean something else by then.
        "fn f(b: Arc<Mutex<u8>>) -> Self { let mut it = Arc::new(Mutex::new(0)); it = b; it.^lock(); make(it) }",
        "fn f(b: Inner) -> Self { let mut it = Inner { log: Mutex::new(0) }; it.log = b.log; it.log.^lock(); make(it) }",
        "fn f(b: B) -> Self { let it = Mutex::new(0); for it in b { it.^lock(); } make(it) }",
        "fn f(b: B) -> Self { { let it = Mutex::new(0); } let it = b.lock; it.^lock(); make(it) }",
        "fn f() -> Self { { let it = Mutex::new(0); } it.^lock(); make(it) }",
        // A closure may run on another thread.
        "fn f() -> Self { let it = Mutex::new(0); run(|| it.^lock()); make(it) }",
    ] {
        assert_eq!(in_constructor(function), None, "{function}");
    }
    // A test shows an order; it makes nothing for others.
    let alone = format!("{MADE}fn order() -> Result<()> {{\nlet log = Mutex::new(0); log.^lock(); Ok(()) }}");
    assert_eq!(known(&alone, "Mutex"), None);
}

/// A function that returns the object itself gives it to its caller alone, whatever it is called.
#[test]
fn what_a_function_hands_out_is_fresh_under_any_name() {
    let is_known = |maker: &str, call: &str| {
        let inner = format!("impl Inner {{ {maker} {{ make() }} }}\n");
        let store = format!("fn f() -> Self {{ let it = {call}; it.log.^lock(); make(it) }}");
        known(&format!("{MADE}{inner}impl Store {{ {store} }}\n"), "Mutex").is_some()
    };
    for (maker, call) in [
        ("fn empty() -> Self", "Inner::empty()"),
        ("fn from_parts(rows: Rows) -> Inner", "Inner::from_parts(rows())"),
        ("fn open(path: &Path) -> io::Result<Self>", "Inner::open(path)?"),
        ("fn create() -> Option<Box<Inner>>", "Inner::create()?"),
        ("fn load() -> Result<Inner, Error>", "Inner::load().unwrap()"),
    ] {
        assert!(is_known(maker, call), "{maker}");
    }
    for (maker, call) in [
        ("fn shared() -> Arc<Self>", "Inner::shared()"),
        ("fn get() -> &'static Self", "Inner::get()"),
        ("fn find(&self) -> Self", "Inner::find(all)"),
        ("fn other() -> Other", "Inner::other()"),
        ("fn pool() -> Result<Arc<Self>>", "Inner::pool()?"),
        ("fn none()", "Inner::none()"),
    ] {
        assert!(!is_known(maker, call), "{maker}");
    }
}

/// Generated code may be an expression of tens of thousands of operands, which the compiler takes.
#[test]
fn a_file_is_read_as_far_as_a_stack_goes() {
    let is_read = |more: &str| {
        let method = "impl Pair<'_> { fn f(&mut self) { self.a.^lock(); } }";
        known(&format!("{STRUCTS}{more}\n{method}\n"), "Mutex").is_some()
    };
    let sum = |n| format!("const N: u64 = 0{};", " + 1".repeat(n));
    let calls = |n| format!("const N: u64 = a{};", ".f()".repeat(n));
    let branches = |n| format!("fn g() {{ if a {{}}{} }}", " else if a {}".repeat(n));
    let types = |n| format!("type T = {}u8{};", "Box<".repeat(n), ">".repeat(n));
    let deep: [(&dyn Fn(usize) -> String, usize); 4] =
        [(&sum, 990), (&calls, 660), (&branches, 490), (&types, 660)];
    for (deep, most) in deep {
        assert_eq!(
            [most, most + 20, 100_000].map(|n| is_read(&deep(n))),
            [true, false, false],
            "{}",
            deep(1)
        );
    }
    for (open, close) in [("(", ")"), ("{", "}"), ("[", "]"), ("f(&", ")")] {
        let nested = |n| format!("const N: T = {}0{};", open.repeat(n), close.repeat(n));
        assert_eq!([190, 100_000].map(|n| is_read(&nested(n))), [true, false], "{open}{close}");
    }
    // Much that is not deep.
    let table = format!("const N: &[u64] = &[{}];", "1, ".repeat(20_000));
    assert!(is_read(&table) && is_read(&"fn g() {} struct S; ".repeat(2_000)));
}
