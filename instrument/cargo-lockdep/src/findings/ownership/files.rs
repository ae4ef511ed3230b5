//! The files in which the source rule looks things up: that of an acquisition, and others of its
//! crate.

use std::cell::RefCell;
use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Block, ImplItem, ItemImpl, ItemTrait, Signature, Type, UseTree};

/// A file that was parsed.
pub(super) struct File<'a> {
    pub(super) lines: &'a [String],
    pub(super) syntax: syn::File,
}

/// Some files of a crate. The first one is that of the acquisition.
pub(super) struct Files<'a> {
    all: Vec<File<'a>>,
    missing: RefCell<BTreeSet<String>>,
}

/// A function of a type.
pub(super) struct Function<'f> {
    pub(super) implementation: Option<&'f ItemImpl>,
    /// The name of the type.
    pub(super) of: String,
    pub(super) signature: &'f Signature,
    pub(super) body: &'f Block,
    /// The lines of its file.
    pub(super) lines: &'f [String],
}

/// What is known of a function.
pub(super) enum Lookup<'f> {
    Found(Function<'f>),
    /// A macro may make it.
    Unknown,
    /// There are several.
    Ambiguous,
}

impl<'a> Files<'a> {
    /// None if there is no file.
    pub(super) fn new(all: Vec<File<'a>>) -> Option<Self> {
        (!all.is_empty()).then(|| Self { all, missing: RefCell::default() })
    }

    fn first(&self) -> &File<'a> {
        self.all.first().expect("checked in `new`")
    }

    /// The file of the acquisition.
    pub(super) fn own(&self) -> &syn::File {
        &self.first().syntax
    }

    /// Its lines.
    pub(super) fn lines(&self) -> &'a [String] {
        self.first().lines
    }

    /// The types that were looked for, and that no file has.
    pub(super) fn missing(&self) -> BTreeSet<String> {
        self.missing.take()
    }

    /// The function `of::name`; that of a trait of the type if the type has none of its own.
    pub(super) fn function(&self, of: &str, name: &str) -> Lookup<'_> {
        let mut own = Functions { of, name, found: Vec::new(), traits: Vec::new(), lines: &[] };
        for file in &self.all {
            own.lines = file.lines;
            own.visit_file(&file.syntax);
        }
        if own.found.is_empty() {
            own.found = self.defaults(&own.traits, of, name);
        }
        if own.found.is_empty() && !self.has_type(of) {
            self.missing.borrow_mut().insert(of.to_owned());
        }
        match own.found.len() {
            0 => Lookup::Unknown,
            1 => own.found.pop().map_or(Lookup::Unknown, Lookup::Found),
            _ => Lookup::Ambiguous,
        }
    }

    /// What the traits of a type have for those that do not say otherwise.
    fn defaults(&self, traits: &[String], of: &str, name: &str) -> Vec<Function<'_>> {
        let mut found = Vec::new();
        for file in &self.all {
            let mut all = Traits(Vec::new());
            all.visit_file(&file.syntax);
            for item in all.0.into_iter().filter(|item| traits.iter().any(|it| item.ident == it)) {
                found.extend(item.items.iter().filter_map(|item| match item {
                    syn::TraitItem::Fn(function) if function.sig.ident == name => Some(Function {
                        implementation: None,
                        of: of.to_owned(),
                        signature: &function.sig,
                        body: function.default.as_ref()?,
                        lines: file.lines,
                    }),
                    _ => None,
                }));
            }
        }
        found
    }

    /// The type of a field, if the files have one struct of that name.
    pub(super) fn field(&self, holder: &str, name: &str) -> Option<&Type> {
        let all = self.named(holder);
        match (all.structs.as_slice(), all.n_others) {
            ([only], 0) => {
                let mut fields = only.fields.iter().enumerate();
                let is_it = |(index, field): &(usize, &syn::Field)| match &field.ident {
                    Some(ident) => ident == name,
                    None => index.to_string() == name,
                };
                fields.find(is_it).map(|(_, field)| &field.ty)
            }
            ([], 0) => {
                self.missing.borrow_mut().insert(holder.to_owned());
                None
            }
            _ => None,
        }
    }

    /// Whether a file has a type of its own with this name.
    pub(super) fn has_type(&self, name: &str) -> bool {
        let all = self.named(name);
        !all.structs.is_empty() || all.n_others > 0
    }

    fn named<'f, 'n>(&'f self, name: &'n str) -> Named<'f, 'n> {
        let mut all = Named { name, structs: Vec::new(), n_others: 0 };
        self.all.iter().for_each(|file| all.visit_file(&file.syntax));
        all
    }

    /// Whether the file of the acquisition means the type of this crate by a path to the type.
    pub(super) fn is_of_crate(&self, path: &syn::Path, name: &str) -> bool {
        let mut own = Named { name, structs: Vec::new(), n_others: 0 };
        own.visit_file(self.own());
        let begins_here = path.segments.first().is_some_and(|first| is_here(&first.ident.to_string()));
        if !own.structs.is_empty() || own.n_others > 0 || begins_here {
            return true;
        }
        let mut imports = Imports { name, roots: Vec::new(), globs: Vec::new(), modules: Vec::new() };
        imports.visit_file(self.own());
        let is_local = |root: &String| is_here(root) || imports.modules.contains(root);
        if imports.roots.is_empty() {
            return imports.globs.iter().any(is_local);
        }
        imports.roots.iter().all(is_local)
    }
}

/// Whether a path that begins so leads into the same crate.
fn is_here(root: &str) -> bool {
    matches!(root, "crate" | "self" | "super" | "Self")
}

/// Finds the functions of a type.
struct Functions<'f, 'n> {
    of: &'n str,
    name: &'n str,
    found: Vec<Function<'f>>,
    /// The traits that the type has.
    traits: Vec<String>,
    lines: &'f [String],
}

impl<'f> Visit<'f> for Functions<'f, '_> {
    fn visit_item_impl(&mut self, item: &'f ItemImpl) {
        if type_name(item).is_none_or(|of| of != self.of) {
            return;
        }
        let of_trait = item.trait_.as_ref().and_then(|(path, _)| path.segments.last());
        self.traits.extend(of_trait.map(|last| last.ident.to_string()));
        self.found.extend(item.items.iter().filter_map(|inner| match inner {
            ImplItem::Fn(function) if function.sig.ident == self.name => Some(Function {
                implementation: Some(item),
                of: self.of.to_owned(),
                signature: &function.sig,
                body: &function.block,
                lines: self.lines,
            }),
            _ => None,
        }));
    }
}

/// Finds the traits of a file.
struct Traits<'f>(Vec<&'f ItemTrait>);

impl<'f> Visit<'f> for Traits<'f> {
    fn visit_item_trait(&mut self, item: &'f ItemTrait) {
        self.0.push(item);
    }
}

/// Finds the types with a name.
struct Named<'f, 'n> {
    name: &'n str,
    structs: Vec<&'f syn::ItemStruct>,
    n_others: usize,
}

impl<'f> Visit<'f> for Named<'f, '_> {
    fn visit_item_struct(&mut self, item: &'f syn::ItemStruct) {
        if item.ident == self.name {
            self.structs.push(item);
        }
    }

    fn visit_item_type(&mut self, item: &'f syn::ItemType) {
        self.n_others += usize::from(item.ident == self.name);
    }

    fn visit_item_enum(&mut self, item: &'f syn::ItemEnum) {
        self.n_others += usize::from(item.ident == self.name);
    }

    fn visit_item_union(&mut self, item: &'f syn::ItemUnion) {
        self.n_others += usize::from(item.ident == self.name);
    }

    fn visit_use_rename(&mut self, item: &'f syn::UseRename) {
        self.n_others += usize::from(item.rename == self.name);
    }
}

/// Finds where a file has a name from.
struct Imports<'n> {
    name: &'n str,
    /// How the paths begin that import it.
    roots: Vec<String>,
    /// How those begin that import everything.
    globs: Vec<String>,
    /// The modules that the file has.
    modules: Vec<String>,
}

impl Imports<'_> {
    fn look(&mut self, root: &str, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.look(root, &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.look(root, tree)),
            UseTree::Name(name) if name.ident == self.name => self.roots.push(root.to_owned()),
            UseTree::Glob(_) => self.globs.push(root.to_owned()),
            UseTree::Name(_) | UseTree::Rename(_) => {}
        }
    }
}

impl<'f> Visit<'f> for Imports<'_> {
    fn visit_item_use(&mut self, item: &'f syn::ItemUse) {
        let mut trees = vec![&item.tree];
        while let Some(tree) = trees.pop() {
            match tree {
                UseTree::Path(path) => self.look(&path.ident.to_string(), &path.tree),
                UseTree::Group(group) => trees.extend(&group.items),
                _ => {}
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'f syn::ItemMod) {
        self.modules.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
    }
}

/// The name of the type that an `impl` block is for; none for a reference and the like.
pub(super) fn type_name(implementation: &ItemImpl) -> Option<String> {
    let Type::Path(object) = &*implementation.self_ty else { return None };
    object.path.segments.last().map(|last| last.ident.to_string())
}
