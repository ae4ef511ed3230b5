//! The public surface of `std::sync` and `std::thread`, read by rustdoc once from std and once
//! through the façade.
//!
//! Rustdoc writes the pages of a re-exported module from the compiler's metadata, so this needs
//! neither the `rust-docs` nor the `rust-src` component, and it asks the running toolchain: what a
//! new release makes stable and the façade lacks is noticed here, not by a user whose code no
//! longer compiles. Compared are the items of both modules (with `atomic`, `mpsc` and so on), the
//! signature of each stable method, and the standard library's traits that each type implements.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Facade, facade};

/// What rustdoc is given: the two modules that the façade replaces.
const SOURCE: &str = "#[doc(inline)] pub use std::sync;\n#[doc(inline)] pub use std::thread;\n";

/// Traits that differ for reasons that cannot be seen from outside: a destructor may lie in a field
/// instead, the others are unstable and about layout.
const NOT_COMPARED: [&str; 3] = ["Drop", "Freeze", "UnsafeUnpin"];

/// What one page says.
#[derive(Default, PartialEq, Eq, Debug)]
struct Surface {
    /// Stable methods of its own: name, signature.
    methods: BTreeMap<String, String>,
    /// Implementations of traits of the standard library.
    traits: BTreeSet<String>,
}

/// The pages by path, such as `sync/struct.Mutex.html`.
fn surface(through: Option<&Facade>) -> BTreeMap<String, Surface> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, out) = (folder.path().join("surface.rs"), folder.path().join("out"));
    fs::write(&source, SOURCE).expect("written");
    let mut rustdoc = Command::new("rustdoc");
    rustdoc.args(["--edition", "2024", "-o"]).arg(&out).arg(&source);
    if let Some(facade) = through {
        rustdoc.arg("--extern").arg(format!("std={}", facade.std.display()));
        rustdoc.arg("-L").arg(format!("dependency={}", facade.dependencies.display()));
    }
    let output = rustdoc.output().expect("rustdoc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut pages = BTreeMap::new();
    for module in ["sync", "thread"] {
        read_pages(&out.join("surface").join(module), module, &mut pages);
    }
    pages
}

fn read_pages(folder: &Path, name: &str, pages: &mut BTreeMap<String, Surface>) {
    for entry in fs::read_dir(folder).expect("rustdoc wrote it").flatten() {
        let (path, file) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            read_pages(&path, &format!("{name}/{file}"), pages);
        } else if file.ends_with(".html") && file != "index.html" {
            let page = fs::read_to_string(&path).expect("readable");
            pages.insert(format!("{name}/{file}"), Surface::read(&page));
        }
    }
}

impl Surface {
    fn read(page: &str) -> Self {
        let (own, traits) = page.split_once("id=\"trait-implementations\"").unwrap_or((page, ""));
        let own = own.split("id=\"deref-methods").next().unwrap_or_default();
        let traits = traits.split("id=\"blanket-implementations\"").next().unwrap_or_default();
        let method = |section: &str| {
            let (name, rest) = section.split_once('"')?;
            let rest = rest.split("class=\"docblock").next()?;
            let header = between(rest, "<h4 class=\"code-header\">", "</h4>")?;
            let is_stable = !rest.contains("class=\"stab unstable\"");
            is_stable.then(|| (name.to_owned(), signature(&text(header))))
        };
        let implementation = |section: &str| {
            let header = between(section, "<h3 class=\"code-header\">", "</h3>")?;
            // `title="trait core::fmt::Debug"`: those of other crates come with whatever was linked
            // in.
            let owner = between(header.split(" for ").next()?, "title=\"trait ", "\"")?;
            let is_std = ["core::", "alloc::", "std::"].iter().any(|krate| owner.starts_with(krate));
            let name = owner.rsplit("::").next().unwrap_or_default();
            let is_compared = is_std && !NOT_COMPARED.contains(&name);
            is_compared.then(|| implementation_of(&text(header)))
        };
        Self {
            methods: own.split("<section id=\"method.").skip(1).filter_map(method).collect(),
            traits: traits.split("<section id=\"impl-").skip(1).filter_map(implementation).collect(),
        }
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

/// The words of a piece of HTML.
fn text(html: &str) -> String {
    let mut words = String::new();
    for (index, piece) in html.split('<').enumerate() {
        let shown = if index == 0 { piece } else { piece.split_once('>').map_or("", |(_, shown)| shown) };
        words.push_str(shown);
    }
    let words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'").replace("&amp;", "&");
    let words = words.replace("where", " where ").replace('\n', " ");
    unnamed_lifetimes(&words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// All lifetimes are called `'_`: their names are the author's choice.
fn unnamed_lifetimes(text: &str) -> String {
    let mut result = String::new();
    for (index, piece) in text.split('\'').enumerate() {
        if index == 0 {
            result.push_str(piece);
            continue;
        }
        result.push_str("'_");
        result.push_str(piece.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
    }
    result
}

/// A signature without the names of its parameters.
fn signature(header: &str) -> String {
    let mut result = String::new();
    let mut depth = 0_u32;
    for word in header.split(' ') {
        let opens = word.matches('(').count();
        let is_parameter = word.ends_with(':') && (depth > 0 || opens > 0);
        depth = (depth + u32::try_from(opens).expect("short"))
            .saturating_sub(u32::try_from(word.matches(')').count()).expect("short"));
        match word.rsplit_once('(') {
            Some((before, _)) if is_parameter => result.push_str(&format!("{before}(")),
            None if is_parameter => {}
            _ => result.push_str(word),
        }
        result.push(' ');
    }
    // Whether rustdoc broke the line shows in spaces and the last comma.
    result.replace(",)", ")").replace(' ', "").replace(",)", ")")
}

/// `Trait for Type where …` without the generics in front; what does not hold has no conditions
/// worth comparing.
fn implementation_of(header: &str) -> String {
    let mut depth = 0_i32;
    let after = header.char_indices().find(|(index, c)| {
        depth += i32::from(*c == '<') - i32::from(*c == '>' && !header[..*index].ends_with('-'));
        *index >= "impl".len() && depth == 0 && *c == ' '
    });
    let header = after.map_or(header, |(index, _)| &header[index + 1..]);
    let header = header.trim_end_matches(',');
    let shown = if header.starts_with('!') { header.split(" where ").next() } else { Some(header) };
    shown.unwrap_or_default().replace(' ', "")
}

#[test]
fn nothing_of_sync_and_thread_is_missing_or_different() {
    let (theirs, ours) = (surface(None), surface(Some(facade())));
    let n_methods: usize = theirs.values().map(|page| page.methods.len()).sum();
    let n_traits: usize = theirs.values().map(|page| page.traits.len()).sum();
    assert!(
        theirs.len() > 60 && n_methods > 300 && n_traits > 300,
        "{} {n_methods} {n_traits}",
        theirs.len()
    );
    let names = |pages: &BTreeMap<String, Surface>| pages.keys().cloned().collect::<BTreeSet<_>>();
    let differing: Vec<String> = names(&theirs).symmetric_difference(&names(&ours)).cloned().collect();
    assert!(differing.is_empty(), "only std has, or only the façade has: {differing:#?}");

    let mut differences = Vec::new();
    for (page, theirs) in &theirs {
        let ours = &ours[page];
        let methods: BTreeSet<&String> = theirs.methods.keys().chain(ours.methods.keys()).collect();
        differences.extend(methods.into_iter().filter_map(|method| {
            let (theirs, ours) = (theirs.methods.get(method), ours.methods.get(method));
            (theirs != ours).then(|| format!("{page}: {method}\n  std:    {theirs:?}\n  façade: {ours:?}"))
        }));
        differences.extend(
            theirs.traits.symmetric_difference(&ours.traits).map(|header| format!("{page}: impl {header}")),
        );
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn pages_are_read_as_they_are_written() {
    let page = "<section id=\"method.get\" class=\"method\"><h4 class=\"code-header\">pub fn <a href=\"#\">get</a>(\n    \
                &amp;self,\n    key: &amp;'a <b>Key</b>,\n) -&gt; T</h4></section><div class=\"docblock\">where</div>\
                <section id=\"method.odd\" class=\"method\"><h4 class=\"code-header\">pub fn odd()</h4>\
                <span class=\"stab unstable\"></span></section>\
                <h2 id=\"trait-implementations\"></h2><section id=\"impl-x\" class=\"impl\"><h3 class=\"code-header\">\
                impl&lt;'a, F: Fn() -&gt; T&gt; <a title=\"trait core::fmt::Debug\">Debug</a> for A&lt;'a, F&gt;\
                <div class=\"where\">where\n    T: Debug,</div></h3></section>";
    let surface = Surface::read(page);
    assert_eq!(surface.methods, BTreeMap::from([("get".into(), "pubfnget(&self,&'_Key)->T".into())]));
    assert_eq!(surface.traits, BTreeSet::from(["DebugforA<'_,F>whereT:Debug".into()]));
}
