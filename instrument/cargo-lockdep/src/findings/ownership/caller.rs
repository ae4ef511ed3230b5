//! Locks of an object that a function made, which calls a method of it before it returns it.
//!
//! The acquisition stands in a method of the object, and the stack tells which calls led there. The
//! rule follows them outwards, as long as each is a call on `self` or on a field of it, to the
//! function that made the object. A field is followed into the constructor that filled it.

use lockdep_report::place::{Frame, Place};
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, ImplItem, Member, Pat};

use super::bindings::binding;
use super::elsewhere;
use super::files::{Files, type_name};
use super::fresh::is_constructor;
use super::given::{gives_nothing, n_given};
use super::made::{Field, Made, borrowed};
use super::owned::lies_in;
use super::site::{self, Site, path_of};
use crate::source::Sources;

/// How many calls are followed outwards.
pub(super) const MAX_CALLS: usize = 4;

/// A method that was called, as far as the rule has come.
struct Method {
    name: String,
    /// The type of the object in which the lock lies.
    object: String,
    /// The field of the method's own object through which it has that object; none if it is the
    /// object itself.
    through: Option<Field>,
    /// The fields from the method's own object to the lock.
    members: Vec<String>,
}

/// The source of one call of the stack: its lines, and the place.
pub(super) type Call<'t> = (&'t [String], Place);

/// The place of a frame.
pub(super) fn place_of(frame: &Frame) -> Place {
    Place { file: frame.file.clone(), line: frame.line, column: frame.column, ..Place::default() }
}

/// The function that made the object of the lock of type `kind`, and what it calls the lock. The
/// acquisition comes first in `calls`, and the calls that led there follow.
pub(super) fn maker(kind: &str, calls: &[Call<'_>], sources: &Sources) -> Option<(String, String)> {
    let ((lines, place), outer) = calls.split_first()?;
    // The file of the object, which may have the functions that make it.
    let own = (&*place.file, *lines);
    let mut method =
        elsewhere::ask(own, &[], sources, |files| acquiring(&site::find(files, place)?, kind, files))?;
    for (lines, place) in outer {
        let step = elsewhere::ask((&place.file, lines), &[own], sources, |files| {
            let site = site::find(files, place).filter(|site| site.method == method.name)?;
            gives_nothing(&site, files.lines()).then(|| outwards(&site, &method, files))?
        })?;
        match step {
            Step::Made { function, lock } => return Some((function, lock)),
            Step::Called(outer) => method = outer,
        }
    }
    None
}

/// The method around an acquisition of a lock that lies in its own object.
fn acquiring(site: &Site<'_>, kind: &str, files: &Files<'_>) -> Option<Method> {
    let object = type_name(site.implementation?)?;
    let is_own = site.root == "self" && site.signature.receiver().is_some();
    let lies_there = is_own && lies_in(object.clone(), &site.members, kind, files)?;
    let name = site.signature.ident.to_string();
    let members = site.members.clone();
    (lies_there && gives_nothing(site, files.lines())).then_some(Method {
        name,
        object,
        through: None,
        members,
    })
}

/// What a call of the method says of its object.
enum Step {
    /// The function around the call made it.
    Made { function: String, lock: String },
    /// The function around the call is a method that has it.
    Called(Method),
}

fn outwards(site: &Site<'_>, method: &Method, files: &Files<'_>) -> Option<Step> {
    if let Some(path) = path_of_own(site) {
        return called_on_self(site, method, path, files.own()).map(Step::Called);
    }
    let local = binding(site, &site.root, site.at).filter(|_| site.members.is_empty())?;
    let init = &local.init.as_ref()?.expr;
    if n_given(site, &site.root) > 0 {
        return None;
    }
    let made = Made { site, object: &method.object, files };
    let at = local.let_token.span.start();
    let (is_made, holder) = match &method.through {
        None => (made.is_made(init, at), &method.object),
        Some(field) => (made.is_made_in(init, field, at), &field.holder),
    };
    let lock = [std::slice::from_ref(&site.root), &method.members].concat().join(".");
    (is_made && is_constructor(site, &[holder])).then(|| Step::Made { function: site.function(), lock })
}

/// The fields from `self` to the object of the call: `self.field.call()`, or `field.call()` where
/// the function says `let Some(field) = self.field.as_ref() else`.
fn path_of_own(site: &Site<'_>) -> Option<Vec<String>> {
    if site.root == "self" {
        return Some(site.members.clone());
    }
    let mut taken = Taken { name: &site.root, path: None, n_bindings: 0 };
    taken.visit_signature(site.signature);
    taken.visit_block(site.body);
    taken.path.filter(|_| taken.n_bindings == 1 && site.members.is_empty())
}

/// Finds what a pattern takes out of `self`.
struct Taken<'n> {
    name: &'n str,
    path: Option<Vec<String>>,
    n_bindings: usize,
}

impl Taken<'_> {
    fn look(&mut self, pattern: &Pat, value: &Expr) {
        let Pat::TupleStruct(some) = pattern else { return };
        let (true, Some(Pat::Ident(ident))) = (some.path.is_ident("Some"), some.elems.first()) else {
            return;
        };
        if ident.ident == self.name {
            let own = path_of(borrowed(value)).filter(|(root, _)| root == "self");
            self.path = own.map(|(_, members)| members);
        }
    }
}

impl<'a> Visit<'a> for Taken<'_> {
    fn visit_local(&mut self, local: &'a syn::Local) {
        if let Some(init) = &local.init {
            self.look(&local.pat, &init.expr);
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_let(&mut self, of: &'a syn::ExprLet) {
        self.look(&of.pat, &of.expr);
        visit::visit_expr_let(self, of);
    }

    fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
        self.n_bindings += usize::from(pattern.ident == self.name);
        visit::visit_pat_ident(self, pattern);
    }
}

fn called_on_self(site: &Site<'_>, method: &Method, path: Vec<String>, file: &syn::File) -> Option<Method> {
    let holder = type_name(site.implementation?)?;
    site.signature.receiver()?;
    let through = match (path.as_slice(), &method.through) {
        ([], None) if holder == method.object => None,
        ([], Some(known)) if holder == known.holder => {
            Some(Field { holder, filled_by: known.filled_by.clone() })
        }
        ([field], None) => Some(Field { filled_by: fillers(&holder, field, file), holder }),
        _ => return None,
    };
    let members = [path, method.members.clone()].concat();
    let name = site.signature.ident.to_string();
    Some(Method { name, object: method.object.clone(), through, members })
}

/// The functions of `holder` that put an argument into `field` as it is.
fn fillers(holder: &str, field: &str, file: &syn::File) -> Vec<(String, usize)> {
    let items = file.items.iter().filter_map(|item| match item {
        syn::Item::Impl(of) if type_name(of).as_deref() == Some(holder) => Some(&of.items),
        _ => None,
    });
    let functions = items.flatten().filter_map(|item| match item {
        ImplItem::Fn(function) => Some(function),
        _ => None,
    });
    let filler = |function: &syn::ImplItemFn| {
        let mut filled = Filled { holder, field, from: Vec::new(), locals: Vec::new() };
        filled.visit_block(&function.block);
        let [Some(from)] = filled.from.as_slice() else { return None };
        // A variable of the argument's name is another one.
        if filled.locals.contains(from) {
            return None;
        }
        let index = function.sig.inputs.iter().position(|input| match input {
            FnArg::Typed(typed) => matches!(&*typed.pat, Pat::Ident(ident) if ident.ident == from),
            FnArg::Receiver(_) => false,
        })?;
        Some((function.sig.ident.to_string(), index))
    };
    functions.filter_map(filler).collect()
}

/// Finds what the structs of a type that a function writes down have in a field.
struct Filled<'n> {
    holder: &'n str,
    field: &'n str,
    from: Vec<Option<String>>,
    /// The names that its patterns bind.
    locals: Vec<String>,
}

impl<'a> Visit<'a> for Filled<'_> {
    fn visit_expr_struct(&mut self, literal: &'a syn::ExprStruct) {
        let is_it = literal.path.is_ident("Self") || literal.path.is_ident(self.holder);
        if is_it {
            let is_field = |member: &Member| matches!(member, Member::Named(name) if name == self.field);
            let field = literal.fields.iter().find(|field| is_field(&field.member));
            let path = field.and_then(|field| path_of(&field.expr));
            self.from.push(path.filter(|(_, members)| members.is_empty()).map(|(root, _)| root));
        }
        visit::visit_expr_struct(self, literal);
    }

    fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
        self.locals.push(pattern.ident.to_string());
    }
}
