//! Locks that a function made itself, before it has given them to anybody.

use proc_macro2::LineColumn;
use syn::visit::{self, Visit};
use syn::{Expr, Member, ReturnType, Stmt};

use super::bindings::{binding, callee, is_type};
use super::files::{Files, type_name};
use super::given::gives_nothing;
use super::handed_out;
use super::owned::lies_in;
use super::site::{LOCKS, Site, path_of};

/// Whether the acquisition stands in a function that makes an object to return it, and the lock is
/// one that it made: everything from the variable to the lock is a value written down there.
pub(super) fn is_fresh(site: &Site<'_>, kind: &str, files: &Files<'_>) -> bool {
    is_constructor(site, &[])
        && gives_nothing(site, files.lines())
        && Locals { site, kind, files }.has_made(&site.root, &site.members, site.at)
}

/// Whether the function returns an object of its own type, one of `made`, or one that it puts
/// together. A method may make another object of the type of its own; the locks of its own are none
/// that it has made. It may also put the object into a handle, which it returns, or return it as
/// what it does (`Arc<dyn Trait>`).
pub(super) fn is_constructor(site: &Site<'_>, made: &[&str]) -> bool {
    let ReturnType::Type(_, returned) = &site.signature.output else { return false };
    let mut returned_names = TypeNames { names: Vec::new(), is_hidden: false };
    returned_names.visit_type(returned);
    let returns = |name: &str| returned_names.names.iter().any(|returned| returned == name);
    let is_last = || match site.body.stmts.last() {
        Some(Stmt::Expr(value, None)) => {
            path_of(value).is_some_and(|path| path == (site.root.clone(), vec![]))
        }
        _ => false,
    };
    let puts_together = || {
        let mut literals = Literals(Vec::new());
        literals.visit_block(site.body);
        literals.0.iter().any(|name| returns(name))
    };
    let of = site.implementation.and_then(type_name);
    site.implementation.is_some() && returns("Self")
        || made.iter().any(|name| returns(name))
        || of.is_some_and(|name| returns(&name))
        || puts_together()
        || returned_names.is_hidden && is_last()
}

/// The names of the types in a type.
struct TypeNames {
    names: Vec<String>,
    /// Whether a trait stands for one.
    is_hidden: bool,
}

impl<'a> Visit<'a> for TypeNames {
    fn visit_path_segment(&mut self, segment: &'a syn::PathSegment) {
        self.names.push(segment.ident.to_string());
        visit::visit_path_segment(self, segment);
    }

    fn visit_type_trait_object(&mut self, object: &'a syn::TypeTraitObject) {
        self.is_hidden = true;
        visit::visit_type_trait_object(self, object);
    }

    fn visit_type_impl_trait(&mut self, implementor: &'a syn::TypeImplTrait) {
        self.is_hidden = true;
        visit::visit_type_impl_trait(self, implementor);
    }
}

/// The names of the structs that a function writes down.
struct Literals(Vec<String>);

impl<'a> Visit<'a> for Literals {
    fn visit_expr_struct(&mut self, literal: &'a syn::ExprStruct) {
        self.0.extend(literal.path.segments.last().map(|last| last.ident.to_string()));
        visit::visit_expr_struct(self, literal);
    }

    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        self.0.extend(callee(&call.func).map(|(_, name)| name).filter(|name| is_type(name)));
        visit::visit_expr_call(self, call);
    }
}

/// The variables of a function.
struct Locals<'a> {
    site: &'a Site<'a>,
    kind: &'a str,
    files: &'a Files<'a>,
}

impl Locals<'_> {
    /// Whether what `name.members` means at `at` was made in the function.
    fn has_made(&self, name: &str, members: &[String], at: LineColumn) -> bool {
        let Some(local) = binding(self.site, name, at) else { return false };
        let Some(init) = &local.init else { return false };
        self.made(&init.expr, members, local.let_token.span.start())
    }

    /// Whether `of.members` is made in the function, where `of` is written after everything that
    /// starts before `at`.
    fn made(&self, of: &Expr, members: &[String], at: LineColumn) -> bool {
        match of {
            Expr::Paren(inner) => self.made(&inner.expr, members, at),
            Expr::Group(inner) => self.made(&inner.expr, members, at),
            Expr::Reference(inner) => self.made(&inner.expr, members, at),
            Expr::Try(inner) => self.made(&inner.expr, members, at),
            Expr::Path(_) | Expr::Field(_) => path_of(of).is_some_and(|(root, mut path)| {
                path.extend_from_slice(members);
                self.has_made(&root, &path, at)
            }),
            // Another handle of the same object.
            Expr::MethodCall(call) if call.method == "clone" && call.args.is_empty() => {
                self.made(&call.receiver, members, at)
            }
            Expr::MethodCall(call) if call.method == "unwrap" || call.method == "expect" => {
                self.made(&call.receiver, members, at)
            }
            Expr::Struct(literal) => members.split_first().is_some_and(|(first, rest)| {
                let is_it = |member: &Member| matches!(member, Member::Named(name) if name == first);
                let field = literal.fields.iter().find(|field| is_it(&field.member));
                field.is_some_and(|field| self.made(&field.expr, rest, at))
            }),
            Expr::Call(call) => self.made_by_call(call, members, at),
            Expr::MethodCall(call) => {
                let made = handed_out::of_chain(call, self.site, self.files);
                made.is_some_and(|made| lies_in(made, members, self.kind, self.files) == Some(true))
            }
            _ => false,
        }
    }

    fn made_by_call(&self, call: &syn::ExprCall, members: &[String], at: LineColumn) -> bool {
        let Some((of, name)) = callee(&call.func) else { return false };
        let arguments: Vec<&Expr> = call.args.iter().collect();
        if is_type(&name)
            && let Some((first, rest)) = members.split_first()
            && let Ok(index) = first.parse::<usize>()
        {
            return arguments.get(index).is_some_and(|argument| self.made(argument, rest, at));
        }
        let is_lock = members.is_empty() && of.as_deref().is_some_and(|of| LOCKS.contains(&of));
        match (&*name, &*arguments) {
            ("new", _) if is_lock => true,
            // From nothing.
            ("default" | "new", []) => of.map(|of| self.own_name(of)).is_some_and(|of| {
                !self.is_meant(&call.func, &of) || handed_out::is_new(&of, &name, self.files).unwrap_or(true)
            }),
            // A wrapper, and what lies in it is reached through it: `Arc::new(inner)`,
            // `Self(inner)`, `Arc::clone(&it)`.
            ("new" | "clone", [inner]) if of.is_some() && self.made(inner, members, at) => true,
            (_, [inner]) if is_type(&name) => self.made(inner, members, at),
            // A constructor: nothing refers to what it returns, and the lock lies in that.
            (name, _) => of.map(|of| self.own_name(of)).is_some_and(|of| {
                let is_called_so = name.starts_with("new") || name.starts_with("with");
                self.is_meant(&call.func, &of)
                    && handed_out::is_new(&of, name, self.files).unwrap_or(is_called_so)
                    && lies_in(of, members, self.kind, self.files) == Some(true)
            }),
        }
    }

    /// The type that `Self` is.
    fn own_name(&self, of: String) -> String {
        let own = || self.site.implementation.and_then(type_name);
        if of == "Self" { own().unwrap_or(of) } else { of }
    }

    /// Whether the path of the call leads to a type of this crate.
    fn is_meant(&self, func: &Expr, of: &str) -> bool {
        matches!(func, Expr::Path(path) if self.files.is_of_crate(&path.path, of))
    }
}
