//! What the source of one acquisition proves.

use lockdep_validator::report::model::Place;
use syn::visit::{self, Visit};
use syn::{Expr, GenericArgument, ImplItemFn, ItemImpl, Member, PathArguments, Receiver, ReceiverKind, Type};

use crate::source::Sources;

/// An acquisition in a method that has the lock to itself.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Owned {
    /// `Type::method`.
    pub(super) method: String,
    /// `self` or `&mut self`, as it stands there.
    pub(super) receiver: &'static str,
    /// `self.field`.
    pub(super) field: String,
}

/// The locks whose `get_mut` needs no acquisition.
const LOCKS: [&str; 4] = ["Mutex", "RwLock", "ReentrantMutex", "FairMutex"];

/// Words of which one in the method means that its object may be lent to other threads while it runs.
const LENDING: [&str; 6] = ["spawn", "scope", "Scope", "join", "par_", "unsafe"];

/// What is known of the acquisition at `place`, which is one of a lock of type `kind`: something only if it is
/// `self.field.lock()` or the like, straight in a method that takes `self` or `&mut self`, the object is lent to nobody there,
/// and the field holds the lock itself.
pub(super) fn owned(place: &Place, kind: &str, sources: &Sources) -> Option<Owned> {
    let lines = sources.lines(&place.file).filter(|_| LOCKS.contains(&kind))?;
    // Most places are not worth parsing a file for.
    let last = (place.line as usize).min(lines.len());
    if !lines[last.saturating_sub(4)..last].iter().any(|line| line.contains("self")) {
        return None;
    }
    let file = syn::parse_file(&lines.join("\n")).ok()?;
    let mut search = Search { place, found: None };
    search.visit_file(&file);
    let Found { implementation, method, members } = search.found?;
    let receiver = exclusive(method.sig.receiver()?)?;
    let (first, last) =
        (method.sig.fn_token.span.start().line, method.block.brace_token.span.close().end().line);
    let body = lines.get(first.checked_sub(1)?..last)?;
    if body.iter().any(|line| LENDING.iter().any(|word| line.contains(word))) {
        return None;
    }
    // A reference, or a trait's own methods, have no type of ours here.
    let Type::Path(object) = &*implementation.self_ty else { return None };
    let object = &object.path.segments.last()?.ident;
    let mut structs = Structs { file: &file, holder: object.to_string() };
    let (lock, on_the_way) = members.split_last()?;
    for member in on_the_way {
        structs.holder = struct_name(structs.field(member)?)?;
    }
    let is_lock = struct_name(structs.field(lock)?)? == kind && !structs.defines(kind);
    is_lock.then(|| Owned {
        method: format!("{object}::{}", method.sig.ident),
        receiver,
        field: format!("self.{}", members.join(".")),
    })
}

/// `self` or `&mut self`; not `&self`, nor anything behind a pointer of another kind or for a named time.
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

/// The call at a place.
struct Found<'a> {
    implementation: &'a ItemImpl,
    method: &'a ImplItemFn,
    /// The fields from `self` to the lock.
    members: Vec<String>,
}

/// Finds the method call at a place, if it stands in a method and in no closure of it.
struct Search<'a, 'p> {
    place: &'p Place,
    found: Option<Found<'a>>,
}

impl<'a> Visit<'a> for Search<'a, '_> {
    fn visit_item_impl(&mut self, implementation: &'a ItemImpl) {
        for item in &implementation.items {
            let syn::ImplItem::Fn(method) = item else { continue };
            let mut calls = Calls { place: self.place, members: None };
            calls.visit_block(&method.block);
            if let Some(members) = calls.members {
                self.found = Some(Found { implementation, method, members });
            }
        }
        visit::visit_item_impl(self, implementation);
    }
}

/// Finds `self.field.method()` at a place.
struct Calls<'p> {
    place: &'p Place,
    members: Option<Vec<String>>,
}

impl<'a> Visit<'a> for Calls<'_> {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let start = call.method.span().start();
        if (start.line, start.column + 1) == (self.place.line as usize, self.place.column as usize) {
            self.members = members(&call.receiver);
        }
        visit::visit_expr_method_call(self, call);
    }

    // What runs when, and where, is somebody else's choice in these; an item inside is not this method.
    fn visit_expr_closure(&mut self, _: &'a syn::ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'a syn::ExprAsync) {}
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

/// `self.a.b` as `a`, `b`.
fn members(of: &Expr) -> Option<Vec<String>> {
    match of {
        Expr::Path(path) if path.path.is_ident("self") => Some(Vec::new()),
        Expr::Field(field) => {
            let Member::Named(name) = &field.member else { return None };
            let mut all = members(&field.base)?;
            all.push(name.to_string());
            Some(all)
        }
        _ => None,
    }
}
