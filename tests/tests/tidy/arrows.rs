//! The graph of which file uses which, read from the sources, and its circles.
//!
//! A file uses the file that *defines* what it names: a re-export is followed to the definition,
//! and is no use by itself. Unit tests are left out, because a test may look at everything. What a
//! method call leads to is not seen: only a type would say it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, ItemUse, Macro, Path, UseTree, Visibility};

/// The path of a module, from the root of its crate.
type ModulePath = Vec<String>;

/// What one file declares and names.
#[derive(Default)]
struct Module {
    file: String,
    /// The names that items of the file define.
    defined: BTreeSet<String>,
    /// The names that it re-exports, with the whole path of each; `*` stands for all of a module.
    exported: Vec<(String, Vec<String>)>,
    /// The whole paths that it names.
    named: Vec<Vec<String>>,
    /// The modules of this crate from which it imports all names: which it uses is not seen.
    globs: Vec<Vec<String>>,
    /// The modules that it declares whose file is another package's (`#[path]`).
    outside: BTreeSet<String>,
}

/// The files of one crate.
pub(crate) struct Crate {
    modules: BTreeMap<ModulePath, Module>,
    /// Modules that a `#[path]` leads to another file of the crate: as declared, and by its file.
    elsewhere: Vec<(ModulePath, ModulePath)>,
}

impl Crate {
    /// Reads the files of a crate, given as their path below `src/` and their text.
    pub(crate) fn read(files: &[(String, String)]) -> Self {
        let paths: BTreeSet<ModulePath> = files.iter().map(|(file, _)| module_path(file)).collect();
        let mut modules = BTreeMap::new();
        let mut elsewhere = Vec::new();
        for (file, text) in files {
            let parsed: File = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let path = module_path(file);
            let mut reader = Reader {
                paths: &paths,
                here: path.clone(),
                aliases: BTreeMap::new(),
                elsewhere: Vec::new(),
                inline: Vec::new(),
                module: Module { file: file.clone(), ..Module::default() },
            };
            reader.items(&parsed.items);
            elsewhere.append(&mut reader.elsewhere);
            modules.extend(reader.inline);
            modules.insert(path, reader.module);
        }
        Self { modules, elsewhere }
    }

    /// Each file with the files that it uses.
    pub(crate) fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows = BTreeMap::<&str, BTreeSet<&str>>::new();
        for module in self.modules.values() {
            let used = arrows.entry(&module.file).or_default();
            module.named.iter().for_each(|path| self.add_definers(path, 0, used));
            used.remove(&*module.file);
        }
        arrows
    }

    /// Each room with the rooms that it uses. A room is a folder or a file in the folder `inside`
    /// (with a slash at its end), or in the root of the crate if that is empty.
    pub(crate) fn room_arrows(&self, inside: &str) -> BTreeMap<&str, BTreeSet<(&str, &str, &str)>> {
        let mut rooms = BTreeMap::<&str, BTreeSet<(&str, &str, &str)>>::new();
        for (from, targets) in self.arrows() {
            let Some(own) = room(from, inside) else { continue };
            let used = rooms.entry(own).or_default();
            let rooms_of = |to| Some((room(to, inside)?, from, to));
            used.extend(targets.into_iter().filter_map(rooms_of).filter(|(other, ..)| *other != own));
        }
        rooms
    }

    /// Each file that imports all names of a module of its crate, with that module.
    pub(crate) fn globs(&self) -> Vec<(&str, String)> {
        let mut found = Vec::new();
        for module in self.modules.values() {
            found.extend(module.globs.iter().map(|path| (module.file.as_str(), path.join("::"))));
        }
        found.dedup();
        found
    }

    /// Adds the files that define what `path` names: several where a `#[path]` chooses between
    /// files.
    fn add_definers<'a>(&'a self, path: &[String], depth: usize, found: &mut BTreeSet<&'a str>) {
        // Two modules that re-export all of each other would send this round forever.
        if depth > 8 {
            return;
        }
        for (declared, file) in &self.elsewhere {
            let Some(rest) = path.strip_prefix(&**declared) else { continue };
            // Of two files that are one module by turns, a path may lead into the other.
            let other = [file, rest].concat();
            if rest.is_empty() || self.defines(&other[..=file.len()]) {
                self.add_definers(&other, depth + 1, found);
            }
        }
        let known =
            (0..=path.len()).rev().find_map(|n| self.modules.get(&path[..n]).map(|module| (n, module)));
        let Some((length, module)) = known else { return };
        let Some(name) = path.get(length) else {
            found.insert(&module.file);
            return;
        };
        if module.outside.contains(name) {
            return;
        }
        if module.defined.contains(name) {
            found.insert(&module.file);
            return;
        }
        let rest = &path[length + 1..];
        for (exported, whole) in &module.exported {
            let mut target = whole.clone();
            if exported == "*" {
                target.push(name.clone());
                if !self.defines(&target) {
                    continue;
                }
            } else if exported != name {
                continue;
            }
            target.extend_from_slice(rest);
            return self.add_definers(&target, depth + 1, found);
        }
        // A macro, or an inline module: the file itself.
        found.insert(&module.file);
    }

    fn defines(&self, path: &[String]) -> bool {
        let Some((name, module)) = path.split_last() else { return false };
        self.modules.get(module).is_some_and(|module| {
            module.defined.contains(name) || module.exported.iter().any(|(exported, _)| exported == name)
        })
    }
}

fn room<'a>(file: &'a str, inside: &str) -> Option<&'a str> {
    let file = file.strip_prefix(inside)?;
    Some(file.split('/').next().unwrap_or(file).trim_end_matches(".rs"))
}

/// The module that a file is: `a/b.rs` and `a/b/mod.rs` are `a::b`, and `lib.rs` and `main.rs` are
/// the root.
fn module_path(file: &str) -> ModulePath {
    let stem = file.trim_end_matches(".rs");
    let mut path: ModulePath = stem.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod" || (path.len() == 1 && (last == "lib" || last == "main")))
    {
        path.pop();
    }
    path
}

struct Reader<'a> {
    paths: &'a BTreeSet<ModulePath>,
    /// The module that is being read, inline modules included.
    here: ModulePath,
    /// The names that `use` brings in, with the whole path of each.
    aliases: BTreeMap<String, Vec<String>>,
    /// See [`Crate::elsewhere`].
    elsewhere: Vec<(ModulePath, ModulePath)>,
    /// The inline modules that were read.
    inline: Vec<(ModulePath, Module)>,
    module: Module,
}

impl Reader<'_> {
    fn items(&mut self, items: &[Item]) {
        // Imports first: they hold for the whole file, wherever they stand.
        for item in items {
            match item {
                Item::Use(item) => self.import(item),
                Item::Mod(ItemMod { ident, content: Some(_), .. }) => {
                    let name = ident.to_string();
                    self.aliases.insert(name.clone(), [&*self.here, &[name]].concat());
                }
                _ => {}
            }
        }
        for item in items {
            self.visit_item(item);
        }
    }

    fn import(&mut self, item: &ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        let is_exported = !matches!(item.vis, Visibility::Inherited);
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        for (name, path) in leaves {
            let Some(whole) = self.whole(&path) else { continue };
            // The file may use what it re-exports, too.
            self.aliases.insert(name.clone(), whole.clone());
            if is_exported {
                self.module.exported.push((name, whole));
            } else if name == "*" {
                // An inline module may import what stands around it.
                if whole != module_path(&self.module.file) {
                    self.module.globs.push(whole);
                }
            } else {
                self.module.named.push(whole);
            }
        }
    }

    /// The path from the root of the crate; `None` for a path that leaves the crate.
    fn whole(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = path.split_first()?;
        let mut whole = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => {
                let mut up = self.here.clone();
                if first == "super" {
                    up.pop()?;
                }
                while rest.first().is_some_and(|segment| segment == "super") {
                    up.pop()?;
                    rest = &rest[1..];
                }
                up
            }
            name => {
                let mut child = self.here.clone();
                child.push(name.to_owned());
                if self.paths.contains(&child) { child } else { self.aliases.get(name)?.clone() }
            }
        };
        whole.extend(rest.iter().cloned());
        Some(whole)
    }

    fn name(&mut self, path: &[String]) {
        // A single name is an item of the file or was imported, which has been counted; only a
        // re-export has not.
        let [only] = path else {
            self.module.named.extend(self.whole(path));
            return;
        };
        let is_exported = |(name, _): &&(String, Vec<String>)| name == only;
        let exported = self.module.exported.iter().find(is_exported);
        self.module.named.extend(exported.map(|(_, whole)| whole.clone()));
    }

    /// The files of the crate that a `#[path]` names, which may be conditional.
    fn leads_elsewhere(&mut self, item: &ItemMod) {
        for attribute in &item.attrs {
            let Ok(list) = attribute.meta.require_list().map(|list| list.tokens.to_string()) else {
                let syn::Meta::NameValue(value) = &attribute.meta else { continue };
                let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &value.value else {
                    continue;
                };
                if attribute.path().is_ident("path") {
                    self.lead(item, &path.value());
                }
                continue;
            };
            let path = list.split("path = \"").nth(1).and_then(|rest| rest.split('"').next());
            if let Some(path) = path.filter(|_| attribute.path().is_ident("cfg_attr")) {
                self.lead(item, path);
            }
        }
    }

    fn lead(&mut self, item: &ItemMod, path: &str) {
        let folder = self.module.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let file = module_path(&format!("{folder}/{path}").trim_start_matches('/').replace("./", ""));
        if self.paths.contains(&file) {
            self.elsewhere.push(([&*self.here, &[item.ident.to_string()]].concat(), file));
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = described(item);
        if is_test(attributes) {
            return;
        }
        if let Some(name) = name {
            self.module.defined.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let Some((_, items)) = &item.content else {
            self.leads_elsewhere(item);
            let name = item.ident.to_string();
            let file = [&*self.here, std::slice::from_ref(&name)].concat();
            if !self.paths.contains(&file) {
                self.module.outside.insert(name);
            }
            return;
        };
        self.here.push(item.ident.to_string());
        let inner = Module { file: self.module.file.clone(), ..Module::default() };
        let outer = std::mem::replace(&mut self.module, inner);
        let imported = std::mem::take(&mut self.aliases);
        self.items(items);
        self.aliases = imported;
        let inner = std::mem::replace(&mut self.module, outer);
        self.inline.push((self.here.clone(), inner));
        self.here.pop();
    }

    /// An import inside of a function; the others are known by now.
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(item);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        let segments: Vec<String> =
            called.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(&segments);
        let mut text = String::new();
        names_in(called.tokens.clone(), &mut text);
        for part in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            let segments: Vec<String> = part.split("::").map(str::to_owned).collect();
            if segments.iter().all(|segment| !segment.is_empty()) {
                self.name(&segments);
            }
        }
    }
}

/// The tokens without literals and doc comments: what they hold is text.
fn names_in(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                text.push('(');
                names_in(group.stream(), text);
                text.push(')');
            }
            TokenTree::Literal(_) => text.push(' '),
            TokenTree::Ident(name) => {
                if text.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                    text.push(' ');
                }
                text.push_str(&name.to_string());
            }
            // One colon stands before a type, two are part of a path.
            TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint => {
                text.push_str("::");
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && text.ends_with("::") => {}
            TokenTree::Punct(_) => text.push(' '),
        }
    }
}

/// Every name that a `use` brings in, with the path that it stands for.
fn flatten(tree: &UseTree, before: &mut Vec<String>, leaves: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(part) => {
            before.push(part.ident.to_string());
            flatten(&part.tree, before, leaves);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|item| flatten(item, before, leaves)),
        UseTree::Glob(_) => leaves.push(("*".to_owned(), before.clone())),
        UseTree::Name(name) if name.ident == "self" => {
            leaves.push((before.last().cloned().unwrap_or_default(), before.clone()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            leaves.push((name.clone(), before.iter().cloned().chain([name]).collect()));
        }
        UseTree::Rename(renamed) => {
            let path = before.iter().cloned().chain([renamed.ident.to_string()]).collect();
            leaves.push((renamed.rename.to_string(), path));
        }
    }
}

pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
                .is_ok_and(|metas| metas.iter().any(|meta| meta.path().is_ident("test")))
    })
}

/// The attributes of an item, and the name that it defines.
pub(crate) fn described(item: &Item) -> (&[Attribute], Option<String>) {
    let (attributes, name) = match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Impl(item) => (&item.attrs, None),
        Item::Mod(item) => (&item.attrs, None),
        _ => return (&[], None),
    };
    (attributes, name.map(ToString::to_string))
}

/// Every set of files in which each leads to each other one.
pub(crate) fn circles(arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Vec<String>> {
    let mut graph = petgraph::graph::DiGraph::<&str, ()>::new();
    let nodes: BTreeMap<&str, _> = arrows.keys().map(|file| (*file, graph.add_node(*file))).collect();
    for (from, targets) in arrows {
        for to in targets.iter().filter_map(|to| nodes.get(to)) {
            graph.add_edge(nodes[from], *to, ());
        }
    }
    let mut found: Vec<Vec<String>> = petgraph::algo::tarjan_scc(&graph)
        .into_iter()
        .filter(|files| files.len() > 1)
        .map(|files| {
            let mut names: Vec<String> = files.into_iter().map(|node| graph[node].to_owned()).collect();
            names.sort();
            names
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::{Crate, circles};

    /// The circle that these two files make with what `b.rs` has, `a.rs` naming `b` already.
    fn n_circles(b: &str) -> usize {
        let lib = "mod a; mod b; mod c; pub use b::B; pub(crate) use a::A as Alias;";
        let c = "pub(crate) use crate::a::A; pub(crate) mod inner { pub(crate) use super::super::a::f; }";
        let a = "use super::B; pub struct A; pub fn f(_: B) {} macro_rules! m { () => {} }";
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let files = [file("lib.rs", lib), file("a.rs", a), file("b.rs", b), file("c.rs", c)];
        circles(&Crate::read(&files).arrows()).len()
    }

    #[test]
    fn every_way_to_name_a_file_is_an_arrow() {
        assert_eq!(n_circles("pub struct B;"), 0, "only one way");
        for (b, why) in [
            ("use crate::a::A; pub struct B(A);", "an import"),
            ("use crate::Alias; pub struct B(Alias);", "a re-export of the root, renamed"),
            ("use super::c::A; pub struct B(A);", "a re-export of a third file"),
            ("pub struct B; fn g() { crate::c::inner::f(B) }", "a re-export of an inline module"),
            ("pub struct B(super::a::A);", "a path in place"),
            ("pub struct B; mod inner { use super::super::a::A; }", "from an inline module"),
            ("pub struct B(self::super::a::A);", "up from the module itself"),
            ("pub struct B; fn g() { use crate::a::f; f(B) }", "an import inside of a function"),
            ("pub struct B; pub use crate::a::f; fn g() { f(B) }", "a re-export that the file uses"),
            ("use super::a; pub struct B(a::A);", "through the module"),
            ("pub struct B; fn g() { println!(\"{}\", crate::a::f(B)) }", "in a macro's arguments"),
            ("pub struct B; fn g() { crate::a::m!() }", "a macro by its path"),
            (
                "pub struct B; impl From<B> for u8 { fn from(_: B) -> u8 { <crate::a::A>::x() } }",
                "a type's own",
            ),
        ] {
            assert_eq!(n_circles(b), 1, "{why}: {b}");
        }
        assert_eq!(n_circles("pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"), 0, "a test");
        assert_eq!(n_circles("pub use crate::a::A; pub struct B;"), 0, "only handed on");
    }

    #[test]
    fn a_path_attribute_leads_to_the_file_that_it_names() {
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        for attribute in ["path = \"odd.rs\"", "cfg_attr(unix, path = \"odd.rs\")"] {
            let lib = format!("#[{attribute}] mod b; mod a;");
            let files = [
                file("lib.rs", &lib),
                file("a.rs", "use crate::b::B; pub struct A;"),
                file("odd.rs", "use crate::a::A; pub struct B;"),
            ];
            assert_eq!(circles(&Crate::read(&files).arrows()).len(), 1, "{attribute}");
        }
    }

    #[test]
    fn imports_of_all_names_are_listed() {
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let own = [
            file("lib.rs", "mod a; mod b;"),
            file("a.rs", "use super::b::*; use std::fmt::*;"),
            file("b.rs", ""),
        ];
        assert_eq!(Crate::read(&own).globs(), [("a.rs", "b".to_owned())]);
    }
}
