//! Locks that a method has to itself, because it takes `self` or `&mut self`.

use syn::{GenericArgument, PathArguments, Receiver, ReceiverKind, Type};

use super::files::{Files, type_name};
use super::site::{LOCKS, Site};

/// Words of which one in the method means that its object may be lent to other threads while it
/// runs.
const LENDING: [&str; 6] = ["spawn", "scope", "Scope", "join", "par_", "unsafe"];

/// How the method takes its object, `self` or `&mut self`: only if it has the lock of type `kind`
/// to itself. It has if the object is lent to no other code there, and the field holds the lock
/// itself.
pub(super) fn owner(site: &Site<'_>, kind: &str, files: &Files<'_>) -> Option<&'static str> {
    let receiver = exclusive(site.signature.receiver()?).filter(|_| site.root == "self")?;
    let body = site.function_up_to(files.lines(), site.body.brace_token.span.close().end().line)?;
    if body.iter().any(|line| LENDING.iter().any(|word| line.contains(word))) {
        return None;
    }
    // A reference, or a trait's own methods, have no type of ours here.
    lies_in(type_name(site.implementation?)?, &site.members, kind, files)?.then_some(receiver)
}

/// Whether `members` of an object of type `holder` is a lock of type `kind` that lies in the object
/// itself.
pub(super) fn lies_in(holder: String, members: &[String], kind: &str, files: &Files<'_>) -> Option<bool> {
    let mut holder = holder;
    let (lock, on_the_way) = members.split_last()?;
    for member in on_the_way {
        holder = struct_name(files.field(&holder, member)?)?;
    }
    let field = struct_name(files.field(&holder, lock)?)?;
    Some(LOCKS.contains(&kind) && field == kind && !files.has_type(kind))
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
