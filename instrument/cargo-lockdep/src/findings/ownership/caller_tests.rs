//! Locks that a method acquires, of an object which a function outside made.

use lockdep_report::place::Place;

use super::caller::maker;
use crate::source::Sources;

/// The maker of the lock that is acquired at `^0`, in a call at `^1`, in a call at `^2`, and so on.
fn made(files: &[&str]) -> Option<String> {
    let mut calls = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let name = format!("{number}.rs");
        let mut text = String::new();
        for (n, piece) in file.split('^').enumerate() {
            let (level, rest) = if n == 0 { (None, piece) } else { (piece.get(..1), &piece[1..]) };
            if let Some(level) = level {
                let number = |n: usize| u32::try_from(n).expect("short");
                let line = number(text.matches('\n').count() + 1);
                let column = number(text.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
                let place = Place { file: name.clone(), line, column, ..Place::default() };
                calls.push((level.parse::<usize>().expect("a digit"), calls_file(file), place));
            }
            text.push_str(rest);
        }
        assert!(syn::parse_file(&text).is_ok(), "{text}");
    }
    calls.sort_by_key(|call| call.0);
    let calls: Vec<_> = calls.iter().map(|(_, lines, place)| (lines.as_slice(), place.clone())).collect();
    maker("RwLock", &calls, &Sources::default()).map(|(function, lock)| format!("{function} {lock}"))
}

/// The lines without their marks.
fn calls_file(file: &str) -> Vec<String> {
    let without = ["^0", "^1", "^2", "^3"].iter().fold(file.to_owned(), |text, mark| text.replace(mark, ""));
    without.lines().map(str::to_owned).collect()
}

const LOG: &str = "pub struct Log { io: RwLock<u8>, shared: Arc<RwLock<u8>> }
    impl Keeps for Log { fn set(&self, io: u8) { *self.io.^0write() = io; } }";
const PAGER: &str = "pub struct Pager { log: Option<Arc<dyn Keeps>>, size: u8 }
    impl Pager {
        fn new(size: u8, log: Option<Arc<dyn Keeps>>) -> Result<Self> { Ok(Self { log, size }) }
        fn reset(&self) { let Some(log) = self.log.as_ref() else { return }; log.^1set(3) }
    }";

#[test]
fn an_object_is_its_makers_while_methods_of_it_run() {
    let direct = |function: &str| made(&[LOG, &format!("impl Store {{ {function} }}")]);
    for function in [
        "fn f(&self) -> Log { let held = self.all.read(); let it = Log::new(); it.^1set(1); it }",
        "fn f() -> Result<Arc<Log>> { let it = Arc::new(Log::new(f)?); it.set(1); it.^1set(2); Ok(it) }",
        "fn f() -> Self { let it = Log { io: RwLock::new(1) }; if true { it.^1set(1); } Self { it } }",
    ] {
        assert_eq!(direct(function).as_deref(), Some("Store::f it.io"), "{function}");
    }
    let through = "impl Store { fn f(&self) -> Result<Pager> { let all = self.all.read();
        let log: Option<Arc<dyn Keeps>> = if all.on { Some(Arc::new(Log::new(self.all.clone()))) } else { None };
        let pager = Pager::new(3, log)?; pager.size(); pager.^2reset(); Ok(pager) } }";
    assert_eq!(made(&[LOG, PAGER, through]).as_deref(), Some("Store::f pager.log.io"));
    let with_if = PAGER.replace(
        "let Some(log) = self.log.as_ref() else { return }; log.^1set(3)",
        "if let Some(log) = &self.log { log.^1set(3) }",
    );
    assert!(made(&[LOG, &with_if, through]).is_some());
    let twice = PAGER.replace("fn reset(", "fn reset(&self) { self.^2again() } fn again(");
    assert!(made(&[LOG, &twice, &through.replace("^2", "^3")]).is_some());
}

#[test]
fn an_object_that_others_may_have_is_not_its_makers() {
    let direct = |function: &str| made(&[LOG, &format!("impl Store {{ {function} }}")]);
    for function in [
        "fn f(it: Log) -> Log { it.^1set(1); it }",
        "fn f(&self) -> Log { let it = self.log.clone(); it.^1set(1); it }",
        "fn f() -> Log { let it = Log::shared(); it.^1set(1); it }",
        "fn f() -> Log { let it = Other::new(); it.^1set(1); it }",
        "fn f() { let it = Log::new(); it.^1set(1); }",
        "fn f() -> Log { let it = Log::new(); run(|| it.^1set(1)); it }",
        "fn f() -> Log { let it = Log::new(); it.^1put(1); it }",
        // It was given away.
        "fn f() -> Arc<Log> { let it = Arc::new(Log::new()); spawn(x); it.^1set(1); it }",
        "fn f() -> Arc<Log> { let it = Arc::new(Log::new()); ALL.push(it.clone()); it.^1set(1); it }",
        "fn f() -> Arc<Log> { let it = Arc::new(Log::new()); ALL.push(Arc::clone(&it)); it.^1set(1); it }",
        "fn f() -> Arc<Log> { let it = Arc::new(Log::new()); give!(it); it.^1set(1); it }",
        "fn f() -> Arc<Log> { let it = Arc::new(Log::new()); loop { it.^1set(1);\n ALL.push(it.clone()); } }",
    ] {
        assert_eq!(direct(function), None, "{function}");
    }
    let store = |before: &str, log: &str, then: &str| {
        format!(
            "impl Store {{ fn f(&self) -> Pager {{ {before} let pager = Pager::new(3, {log}); {then} pager.^2reset(); pager }} }}"
        )
    };
    let fresh = "let log = Arc::new(Log::new());";
    assert!(made(&[LOG, PAGER, &store(fresh, "Some(log)", "")]).is_some());
    for (before, log, then) in [
        (fresh, "self.log.clone()", ""),
        (fresh, "Some(other)", ""),
        ("let log = Arc::new(Log::new()); self.all.push(log.clone());", "Some(log)", ""),
        (fresh, "Some(log.clone())", "self.all.push(log);"),
        (fresh, "Some(log)", "pool.spawn(x);"),
    ] {
        assert_eq!(made(&[LOG, PAGER, &store(before, log, then)]), None, "{before} {log} {then}");
    }
    for (from, to) in [
        // The constructor puts another one there.
        ("Self { log, size }", "Self { log: ALL.clone(), size }"),
        ("Ok(Self { log", "let log = ALL.get(log); Ok(Self { log"),
        // A method in between gives it away.
        ("fn reset(&self) {", "fn reset(&self) { spawn(x);"),
        ("self.log.as_ref()", "ALL.log.as_ref()"),
        ("fn reset(&self) {", "fn reset(&self, log: &Log) {"),
    ] {
        assert_eq!(made(&[LOG, &PAGER.replace(from, to), &store(fresh, "Some(log)", "")]), None, "{to}");
    }
    let shared = LOG.replace("self.io.^0write", "self.shared.^0write");
    assert_eq!(made(&[&shared, PAGER, &store(fresh, "Some(log)", "")]), None);
}

#[test]
fn the_file_of_the_object_tells_which_functions_make_one() {
    let with = |maker: &str, call: &str| {
        let log = format!("{LOG} impl Log {{ {maker} {{ make() }} }}");
        made(&[
            &log,
            &format!(
                "use crate::Log; impl Store {{ fn f() -> Arc<Log> {{ let it = {call}; it.^1set(1); it }} }}"
            ),
        ])
    };
    for (maker, call) in [
        ("fn open() -> io::Result<Self>", "Arc::new(Log::open()?)"),
        (
            "fn builder() -> Builder { make() } } impl Builder { fn build(self) -> Log",
            "Log::builder().build()",
        ),
        ("fn new() -> Log", "Arc::new(Log::new())"),
    ] {
        assert_eq!(with(maker, call).as_deref(), Some("Store::f it.io"), "{maker}");
    }
    for (maker, call) in [
        ("fn new() -> Arc<Self>", "Log::new()"),
        ("fn open() -> Arc<Self>", "Log::open()"),
        ("fn open() -> Other", "Log::open()"),
        (
            "fn builder() -> Builder { make() } } impl Builder { fn build(self) -> Arc<Log>",
            "Log::builder().build()",
        ),
    ] {
        assert_eq!(with(maker, call), None, "{maker}");
    }
}
