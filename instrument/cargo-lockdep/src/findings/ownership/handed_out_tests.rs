//! New objects, by the functions that hand them out.

use lockdep_report::place::Place;

use super::{Reach, reach};
use crate::source::Sources;

/// Whether the acquisition that `^` stands in front of is one of a lock that its function has made.
fn is_made(files: &[(&str, String)]) -> bool {
    let thread = std::thread::current();
    let folder = std::env::temp_dir().join(format!("lockdep-made-{}-{:?}", std::process::id(), thread.id()));
    std::fs::create_dir_all(folder.join("src/deep")).expect("a temporary folder");
    std::fs::write(folder.join("Cargo.toml"), "[package]\nname = \"a\"\n").expect("written");
    let mut place = None;
    for (name, text) in files {
        assert!(syn::parse_file(&text.replace('^', "")).is_ok(), "{text}");
        std::fs::write(folder.join(name), text.replace('^', "")).expect("written");
        if let Some((before, _)) = text.split_once('^') {
            let number = |n: usize| u32::try_from(n).expect("short");
            let line = number(before.matches('\n').count() + 1);
            let column = number(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
            place = Some(Place { file: (*name).into(), line, column, ..Place::default() });
        }
    }
    let known = reach(&place.expect("a mark"), "Mutex", &Sources::only(vec![folder.clone()]));
    std::fs::remove_dir_all(folder).expect("ours");
    matches!(known, Some(Reach::Fresh { .. }))
}

const INNER: &str = "use std::sync::{Arc, Mutex};\npub struct Inner { log: Mutex<u8> }\n";

/// A constructor that takes a lock of what the call returns.
fn store(call: &str) -> String {
    format!(
        "pub struct Store(Arc<Inner>);\nimpl Store {{ fn f() -> Self {{ let it = {call}; it.log.^lock(); make(it) }} }}\n"
    )
}

fn in_one_file(items: &str, call: &str) -> bool {
    is_made(&[("src/lib.rs", format!("{INNER}{items}\n{}", store(call)))])
}

#[test]
fn a_handle_is_new_where_its_function_makes_it_and_keeps_none() {
    let with = |function: &str| in_one_file(&format!("impl Inner {{ {function} }}"), "Inner::open(3)");
    for function in [
        "fn open(n: u8) -> Arc<Self> { Arc::new(Self { log: Mutex::new(n) }) }",
        "fn open(n: u8) -> Arc<Inner> { let it = Arc::new(Inner::empty(n)); it.fill(); it }",
        "fn open(n: u8) -> Result<Arc<Self>, E> { if n == 0 { return Err(E); } let it = Arc::new(make(n)?); Ok(it) }",
        "fn open(n: u8) -> Option<Rc<Self>> { Some(Rc::new(make(n))) }",
    ] {
        assert!(with(function), "{function}");
    }
    for function in [
        "fn open(n: u8) -> Arc<Self> { POOL.get(n) }",
        "fn open(n: u8) -> &'static Self { POOL.get(n) }",
        "fn open(n: u8) -> &'static Arc<Self> { POOL.get(n) }",
        "fn open(n: u8) -> Arc<Self> { let it = Arc::new(make(n)); ALL.push(it.clone()); it }",
        "fn open(n: u8) -> Arc<Self> { let it = Arc::new(make(n)); ALL.push(Arc::clone(&it)); it }",
        "fn open(n: u8) -> Arc<Self> { if let Some(old) = find(n) { return old; } Arc::new(make(n)) }",
        "fn open(n: u8) -> Arc<Self> { let it = Arc::new(make(n)); pool.spawn(n); it }",
        "fn open(n: u8) -> Arc<Self> { Arc::new_cyclic(|own| make(own)) }",
        "fn open(n: u8) -> Arc<Self> { match find(n) { Some(old) => old, None => Arc::new(make(n)) } }",
        "fn open(n: u8) -> Arc<Self> { let mut it = Arc::new(make(n)); it = find(n); it }",
        "fn open(n: u8) -> Arc<Other> { Arc::new(make(n)) }",
        // A name alone says nothing where the function is known.
        "fn open(n: u8) -> Weak<Self> { weak(n) }",
    ] {
        assert!(!with(function), "{function}");
    }
    let named = |function: &str| in_one_file(&format!("impl Inner {{ {function} }}"), "Inner::new(3)");
    assert!(named("fn other() {}"), "a macro may make it");
    assert!(!named("fn new(n: u8) -> Arc<Self> { POOL.get(n) }"));
    let nothing = |function: &str| in_one_file(&format!("impl Inner {{ {function} }}"), "Inner::new()");
    assert!(nothing("fn new() -> Self { make() }"));
    assert!(!nothing("fn new() -> Arc<Self> { POOL.get() }"));
}

#[test]
fn what_a_builder_builds_is_new() {
    let builder = |functions: &str, call: &str| {
        let items = format!(
            "impl Inner {{ fn builder() -> Builder {{ Builder {{ n: 0 }} }} }}\n\
             pub struct Builder {{ n: u8 }}\nimpl Builder {{ {functions} }}"
        );
        in_one_file(&items, call)
    };
    let size = "fn size(mut self, n: u8) -> Self { self.n = n; self }";
    let lent = "fn size(&mut self, n: u8) -> &mut Self { self.n = n; self }";
    for (functions, call) in [
        (format!("{size} fn build(self) -> Inner {{ make(self) }}"), "Inner::builder().size(3).build()"),
        (
            format!("{lent} fn build(&self) -> Result<Inner> {{ make(self) }}"),
            "Inner::builder().size(3).build()?",
        ),
        (format!("{size} fn open(self) -> Arc<Inner> {{ Arc::new(make(self)) }}"), "Inner::builder().open()"),
        (format!("{size} fn build(self) -> Inner {{ make(self) }}"), "Builder { n: 3 }.size(4).build()"),
    ] {
        assert!(builder(&functions, call), "{functions} {call}");
    }
    let apart = "let builder = Inner::builder(); let it = builder.build();";
    let store = store("").replace("let it = ;", apart);
    let items = "impl Inner { fn builder() -> Builder { Builder } }\nstruct Builder;\n\
                 impl Builder { fn build(&self) -> Inner { make(self) } }";
    assert!(is_made(&[("src/lib.rs", format!("{INNER}{items}\n{store}"))]));
    for functions in [
        "fn build(self) -> Arc<Inner> { POOL.get(self) }",
        "fn build(&self) -> &Inner { self.find() }",
        "fn build(self) -> Other { make(self) }",
        "fn build(self) { make(self) }",
        "fn other(self) {}",
    ] {
        assert!(!builder(functions, "Inner::builder().build()"), "{functions}");
    }
    assert!(!builder("fn build(self) -> Inner { make(self) }", "find().build()"), "of an unknown type");
}

#[test]
fn what_a_trait_creates_is_new() {
    let with = |items: &str| in_one_file(items, "Inner::create()");
    assert!(with("impl Create for Inner { fn create() -> Self { make() } }"));
    assert!(with("trait Create { fn create() -> Self { make() } } impl Create for Inner {}"));
    assert!(!with("trait Create { fn create() -> Arc<Self> { POOL.get() } } impl Create for Inner {}"));
    assert!(!with("impl Create for Inner { fn create() -> Arc<Self> { POOL.get() } }"));
    assert!(!with("impl Create for Other { fn create() -> Self { make() } }"));
    let two = "impl Create for Inner { fn create() -> Self { make() } }";
    assert!(!with(&format!("{two} impl Make for Inner {{ fn create() -> Self {{ make() }} }}")), "which?");
}

#[test]
fn a_constructor_in_another_file_of_the_crate_is_read() {
    let inner = |functions: &str| {
        format!(
            "use std::sync::{{Arc, Mutex}};\npub struct Inner {{ log: Mutex<u8> }}\nimpl Inner {{ {functions} }}\n"
        )
    };
    let with = |import: &str, inner: String, call: &str| {
        is_made(&[("src/lib.rs", format!("{import}\n{}", store(call))), ("src/deep/inner.rs", inner)])
    };
    let open = "fn open() -> Self { make() } fn shared() -> Arc<Self> { POOL.get() }";
    for import in
        ["use crate::deep::Inner;", "use crate::deep::{Other, inner::Inner};", "mod deep; use deep::*;"]
    {
        assert!(with(import, inner(open), "Inner::open()"), "{import}");
        assert!(!with(import, inner(open), "Inner::shared()"), "{import}");
    }
    assert!(with("", inner(open), "crate::deep::Inner::open()"));
    assert!(!with("use other::Inner;", inner(open), "Inner::open()"), "of another crate");
    assert!(!with("", inner(open), "other::Inner::open()"), "of another crate");
    assert!(!with("use crate::deep::Inner;", inner(""), "Inner::open()"), "no such function");
    let twice = format!("{}mod more {{ pub struct Inner; }}", inner(open));
    assert!(!with("use crate::deep::Inner;", twice, "Inner::open()"), "two types of that name");
    // The builder lies in a third file.
    let built = |build: &str| {
        is_made(&[
            ("src/lib.rs", format!("use crate::deep::Inner;\n{}", store("Inner::builder().build()?"))),
            ("src/inner.rs", inner("fn builder() -> Builder { Builder::default() }")),
            ("src/deep/builder.rs", format!("pub struct Builder;\nimpl Builder {{ {build} }}\n")),
        ])
    };
    assert!(built("pub fn build(self) -> io::Result<Inner> { make() }"));
    assert!(!built("pub fn build(self) -> io::Result<Arc<Inner>> { POOL.get(self) }"));
}
