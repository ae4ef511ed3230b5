//! The graph of which file uses which, read from the sources, and its circles.
//!
//! A file uses the file that *defines* what it names: a re-export is followed to the definition,
//! and is no use by itself. Unit tests are left out, because a test may look at everything.

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
    /// The modules that it declares whose file is another package's (`#[path]`).
    outside: BTreeSet<String>,
}

/// The files of one crate.
pub(crate) struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    /// Reads the files of a crate, given as their path below `src/` and their text.
    pub(crate) fn read(files: &[(String, String)]) -> Self {
        let paths: BTreeSet<ModulePath> = files.iter().map(|(file, _)| module_path(file)).collect();
        let mut modules = BTreeMap::new();
        for (file, text) in files {
            let parsed: File = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let path = module_path(file);
            let mut reader = Reader {
                paths: &paths,
                here: path.clone(),
                aliases: BTreeMap::new(),
                module: Module { file: file.clone(), ..Module::default() },
            };
            reader.items(&parsed.items);
            modules.insert(path, reader.module);
        }
        Self { modules }
    }

    /// Each file with the files that it uses.
    pub(crate) fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows = BTreeMap::<&str, BTreeSet<&str>>::new();
        for module in self.modules.values() {
            let used = arrows.entry(&module.file).or_default();
            let targets = module.named.iter().filter_map(|path| self.definer(path, 0));
            used.extend(targets.filter(|target| *target != module.file));
        }
        arrows
    }

    /// Each room with the rooms that it uses; a room is a folder or a file in the root of the
    /// crate.
    pub(crate) fn room_arrows(&self) -> BTreeMap<&str, BTreeSet<(&str, &str, &str)>> {
        let mut rooms = BTreeMap::<&str, BTreeSet<(&str, &str, &str)>>::new();
        for (from, targets) in self.arrows() {
            let used = rooms.entry(room(from)).or_default();
            let others = targets.into_iter().filter(|to| room(to) != room(from));
            used.extend(others.map(|to| (room(to), from, to)));
        }
        rooms
    }

    /// The file that defines what `path` names.
    fn definer(&self, path: &[String], depth: usize) -> Option<&str> {
        // Two modules that re-export all of each other would send this round forever.
        if depth > 8 {
            return None;
        }
        let (length, module) =
            (0..=path.len()).rev().find_map(|n| self.modules.get(&path[..n]).map(|module| (n, module)))?;
        let Some(name) = path.get(length) else { return Some(&module.file) };
        if module.outside.contains(name) {
            return None;
        }
        if module.defined.contains(name) {
            return Some(&module.file);
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
            return self.definer(&target, depth + 1);
        }
        // A macro, or an inline module: the file itself.
        Some(&module.file)
    }

    fn defines(&self, path: &[String]) -> bool {
        let Some((name, module)) = path.split_last() else { return false };
        self.modules.get(module).is_some_and(|module| {
            module.defined.contains(name) || module.exported.iter().any(|(exported, _)| exported == name)
        })
    }
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
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
    module: Module,
}

impl Reader<'_> {
    fn items(&mut self, items: &[Item]) {
        // Imports first: they hold for the whole file, wherever they stand.
        for item in items {
            if let Item::Use(item) = item {
                self.import(item);
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
            if is_exported {
                self.module.exported.push((name, whole));
            } else {
                self.aliases.insert(name, whole.clone());
                self.module.named.push(whole);
            }
        }
    }

    /// The path from the root of the crate; `None` for a path that leaves the crate.
    fn whole(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = path.split_first()?;
        let mut whole = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.here.clone(),
            "super" => {
                let mut up = self.here.clone();
                up.pop()?;
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
        // A single name is an item of the file or was imported, which has been counted.
        if path.len() > 1
            && let Some(whole) = self.whole(path)
        {
            self.module.named.push(whole);
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
            let name = item.ident.to_string();
            let file = [&*self.here, std::slice::from_ref(&name)].concat();
            if !self.paths.contains(&file) {
                self.module.outside.insert(name);
            }
            return;
        };
        self.here.push(item.ident.to_string());
        self.items(items);
        self.here.pop();
    }

    fn visit_item_use(&mut self, _: &'ast ItemUse) {}

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

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
                .is_ok_and(|metas| metas.iter().any(|meta| meta.path().is_ident("test")))
    })
}

/// The attributes of an item, and the name that it defines.
fn described(item: &Item) -> (&[Attribute], Option<String>) {
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
