//! Locks that a method has to itself, because it takes `self` or `&mut self`.

use syn::visit::Visit;
use syn::{GenericArgument, PathArguments, Receiver, ReceiverKind, Type};

use super::site::{LOCKS, Site, type_name};

/// Words of which one in the method means that its object may be lent to other threads while it
/// runs.
const LENDING: [&str; 6] = ["spawn", "scope", "Scope", "join", "par_", "unsafe"];

/// How the method takes its object, `self` or `&mut self`: only if it has the lock of type `kind`
/// to itself. It has if the object is lent to no other code there, and the field holds the lock
/// itself.
pub(super) fn owner(site: &Site<'_>, kind: &str, file: &syn::File, lines: &[String]) -> Option<&'static str> {
    let receiver = exclusive(site.signature.receiver()?).filter(|_| site.root == "self")?;
    let body = site.function_up_to(lines, site.body.brace_token.span.close().end().line)?;
    if body.iter().any(|line| LENDING.iter().any(|word| line.contains(word))) {
        return None;
    }
    // A reference, or a trait's own methods, have no type of ours here.
    lies_in(type_name(site.implementation?)?, &site.members, kind, file)?.then_some(receiver)
}

/// Whether `members` of an object of type `holder` is a lock of type `kind` that lies in the object
/// itself.
pub(super) fn lies_in(holder: String, members: &[String], kind: &str, file: &syn::File) -> Option<bool> {
    let mut structs = Structs { file, holder };
    let (lock, on_the_way) = members.split_last()?;
    for member in on_the_way {
        structs.holder = struct_name(structs.field(member)?)?;
    }
    Some(LOCKS.contains(&kind) && struct_name(structs.field(lock)?)? == kind && !structs.defines(kind))
}

/// `self` or `&mut self`; not `&self`, nor anything behind a pointer of another kind or for a named
/// time.
fn exclusive(receiver: &Receiver) -> Option<&'static str> {
    match &receiver.kind {
        ReceiverKind::Value => Some("self"),
        ReceiverKind::Reference(_, None, Some(_)) => Some("&mut self"),
        _ => None,
    }
}

/// The name of a type that lies where its field lies, or in a box of its own.
fn struct_name(of: &Type) -> Option<String> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    if last.ident != "Box" {
        return Some(last.ident.to_string());
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => struct_name(inner),
        _ => None,
    }
}

/// The structs of a file.
struct Structs<'a> {
    file: &'a syn::File,
    holder: String,
}

impl<'a> Structs<'a> {
    /// The type of a field of the holder, if the file has one struct of that name.
    fn field(&self, name: &str) -> Option<&'a Type> {
        let mut all = Named { name: &self.holder, structs: Vec::new(), n_others: 0 };
        all.visit_file(self.file);
        match (all.structs.as_slice(), all.n_others) {
            ([only], 0) => only
                .fields
                .iter()
                .find(|field| field.ident.as_ref().is_some_and(|ident| ident == name))
                .map(|f| &f.ty),
            _ => None,
        }
    }

    /// Whether the file has a type of its own with this name.
    fn defines(&self, name: &str) -> bool {
        let mut all = Named { name, structs: Vec::new(), n_others: 0 };
        all.visit_file(self.file);
        !all.structs.is_empty() || all.n_others > 0
    }
}

/// Finds the types with a name.
struct Named<'a, 'n> {
    name: &'n str,
    structs: Vec<&'a syn::ItemStruct>,
    n_others: usize,
}

impl<'a> Visit<'a> for Named<'a, '_> {
    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        if item.ident == self.name {
            self.structs.push(item);
        }
    }

    fn visit_item_type(&mut self, item: &'a syn::ItemType) {
        self.n_others += usize::from(item.ident == self.name);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.n_others += usize::from(item.ident == self.name);
    }

    fn visit_use_rename(&mut self, item: &'a syn::UseRename) {
        self.n_others += usize::from(item.rename == self.name);
    }
}
