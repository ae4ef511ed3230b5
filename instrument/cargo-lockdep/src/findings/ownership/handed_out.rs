//! Functions that hand out a new object: nothing else refers to what they return.
//!
//! What is moved out of a function is referred to by nothing, so an object that is returned itself
//! is new, whatever the function does. A handle (`Arc<Self>`) is new only if the function makes it,
//! starts nothing, and gives no other code another one.

use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprMethodCall, GenericArgument, PathArguments, ReturnType, Stmt, Type};

use super::bindings::{binding, callee, is_type};
use super::files::{Files, Function, Lookup, type_name};
use super::given::{gives, n_given};
use super::site::{Site, path_of};

/// What a function returns, besides an error or nothing.
enum Returned {
    /// An object of that type.
    Object(String),
    /// A handle of one.
    Handle(String),
}

/// Whether what `of::name` returns is a new object of the type itself; `None` if the function is
/// not known.
pub(super) fn is_new(of: &str, name: &str, files: &Files<'_>) -> Option<bool> {
    match files.function(of, name) {
        Lookup::Found(function) => {
            let is_free = function.signature.receiver().is_none();
            Some(is_free && hands_out(&function).as_deref() == Some(of))
        }
        Lookup::Ambiguous => Some(false),
        Lookup::Unknown => None,
    }
}

/// The type of the new object that a chain of calls returns: `Store::builder().build()`.
pub(super) fn of_chain(call: &ExprMethodCall, site: &Site<'_>, files: &Files<'_>) -> Option<String> {
    let of = value(&call.receiver, site, files)?;
    match files.function(&of, &call.method.to_string()) {
        Lookup::Found(function) => function.signature.receiver().and_then(|_| hands_out(&function)),
        _ => None,
    }
}

/// The type of what a chain of calls comes to, if it is an object or a reference to one.
fn value(of: &Expr, site: &Site<'_>, files: &Files<'_>) -> Option<String> {
    let returned = |of: &str, name: &str| match files.function(of, name) {
        Lookup::Found(function) => match returned(&function)? {
            Returned::Object(name) => Some(name),
            Returned::Handle(_) => None,
        },
        _ => None,
    };
    match of {
        Expr::Paren(inner) => value(&inner.expr, site, files),
        Expr::Try(inner) => value(&inner.expr, site, files),
        Expr::Struct(literal) => Some(literal.path.segments.last()?.ident.to_string()),
        Expr::MethodCall(call) if call.method == "unwrap" || call.method == "expect" => {
            value(&call.receiver, site, files)
        }
        Expr::MethodCall(call) => returned(&value(&call.receiver, site, files)?, &call.method.to_string()),
        Expr::Call(call) => {
            let (of, name) = callee(&call.func)?;
            let of = of?;
            let Expr::Path(path) = &*call.func else { return None };
            if of == "Self" {
                return returned(&site.implementation.and_then(type_name)?, &name);
            }
            files.is_of_crate(&path.path, &of).then(|| returned(&of, &name))?
        }
        Expr::Path(path) => {
            let name = path.path.get_ident()?;
            let local = binding(site, &name.to_string(), name.span().start())?;
            value(&local.init.as_ref()?.expr, site, files)
        }
        _ => None,
    }
}

/// The type of the new object that the function returns.
fn hands_out(function: &Function<'_>) -> Option<String> {
    match returned(function)? {
        // What a reference leads to is not new.
        Returned::Object(_) if is_reference(&function.signature.output) => None,
        Returned::Object(name) => Some(name),
        Returned::Handle(name) => makes_handle(function).then_some(name),
    }
}

fn is_reference(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, of) if matches!(unwrapped(of), Some(Type::Reference(_))))
}

/// What is in a `Result`, an `Option` or a box.
fn unwrapped(of: &Type) -> Option<&Type> {
    let Type::Path(path) = of else { return Some(of) };
    let last = path.path.segments.last()?;
    if !["Result", "Option", "Box"].iter().any(|it| last.ident == it) {
        return Some(of);
    }
    unwrapped(argument(&last.arguments)?)
}

fn argument(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

fn returned(function: &Function<'_>) -> Option<Returned> {
    let ReturnType::Type(_, output) = &function.signature.output else { return None };
    let mut output = unwrapped(output)?;
    // A builder's methods lend it on.
    if let Type::Reference(reference) = output {
        output = &reference.elem;
    }
    let Type::Path(path) = output else { return None };
    let last = path.path.segments.last()?;
    let named = |name: String| if name == "Self" { function.of.clone() } else { name };
    if !["Arc", "Rc"].iter().any(|it| last.ident == it) {
        return Some(Returned::Object(named(last.ident.to_string())));
    }
    let Type::Path(inner) = argument(&last.arguments)? else { return None };
    Some(Returned::Handle(named(inner.path.segments.last()?.ident.to_string())))
}

/// Whether the handle that the function returns is the only one of an object that it makes.
fn makes_handle(function: &Function<'_>) -> bool {
    let end = function.body.brace_token.span.close().start();
    let site = Site {
        implementation: function.implementation,
        signature: function.signature,
        body: function.body,
        root: String::new(),
        members: Vec::new(),
        method: String::new(),
        at: end,
        last_line: end.line,
    };
    let lines = site.function_up_to(function.lines, end.line);
    let mut early = EarlyReturns(0);
    early.visit_block(function.body);
    early.0 == 0
        && lines.is_some_and(|lines| !lines.iter().any(|line| gives(line)))
        && last_value(function.body).is_some_and(|value| is_new_handle(value, &site))
}

fn last_value(body: &Block) -> Option<&Expr> {
    match body.stmts.last() {
        Some(Stmt::Expr(value, None)) => Some(value),
        _ => None,
    }
}

fn is_new_handle(of: &Expr, site: &Site<'_>) -> bool {
    match of {
        Expr::Paren(inner) => is_new_handle(&inner.expr, site),
        Expr::Call(call) => match (callee(&call.func), call.args.first()) {
            // What is moved into a handle is referred to by nothing.
            (Some((Some(of), name)), Some(_)) => matches!(&*of, "Arc" | "Rc") && name == "new",
            (Some((None, name)), Some(inner)) => is_type(&name) && is_new_handle(inner, site),
            _ => false,
        },
        Expr::Path(_) => path_of(of).is_some_and(|(name, members)| {
            let local = binding(site, &name, site.at);
            let init = local.and_then(|local| local.init.as_ref());
            // The one use is this one.
            members.is_empty()
                && n_given(site, &name) == 1
                && init.is_some_and(|init| is_new_handle(&init.expr, site))
        }),
        _ => false,
    }
}

/// Counts what a function may return before its end, but errors.
struct EarlyReturns(usize);

impl<'a> Visit<'a> for EarlyReturns {
    fn visit_expr_return(&mut self, of: &'a syn::ExprReturn) {
        let is_error = match of.expr.as_deref() {
            Some(Expr::Call(call)) => callee(&call.func).is_some_and(|(_, name)| name == "Err"),
            Some(Expr::Path(path)) => path.path.is_ident("None"),
            _ => false,
        };
        self.0 += usize::from(!is_error);
        visit::visit_expr_return(self, of);
    }
}
