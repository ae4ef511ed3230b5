//! The objects that a function makes, before anything else can have them.

use proc_macro2::{LineColumn, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Block, Expr, Stmt};

use super::fresh::{binding, callee, is_type};
use super::site::{Site, path_of, type_name};

/// A field of an object, and what fills it.
pub(super) struct Field {
    pub(super) holder: String,
    /// The constructors, each with the number of the argument that it puts there.
    pub(super) filled_by: Vec<(String, usize)>,
}

/// The objects that a function makes.
pub(super) struct Made<'a, 's> {
    pub(super) site: &'s Site<'a>,
    pub(super) object: &'s str,
}

impl Made<'_, '_> {
    /// Whether `of` is an object that the function makes, a handle of it, or nothing.
    pub(super) fn is_made(&self, of: &Expr, at: LineColumn) -> bool {
        match of {
            Expr::Paren(inner) => self.is_made(&inner.expr, at),
            Expr::Try(inner) => self.is_made(&inner.expr, at),
            Expr::Path(path) if path.path.is_ident("None") => true,
            // The one use is this one.
            Expr::Path(_) => path_of(of).is_some_and(|(name, _)| {
                if n_given(self.site, &name) != 1 {
                    return false;
                }
                let local = binding(self.site, &name, at);
                let init = local.and_then(|local| Some((local, local.init.as_ref()?)));
                init.is_some_and(|(local, init)| self.is_made(&init.expr, local.let_token.span.start()))
            }),
            Expr::MethodCall(call) if call.method == "clone" && call.args.is_empty() => {
                self.is_made(&call.receiver, at)
            }
            Expr::Struct(literal) => {
                literal.path.segments.last().is_some_and(|last| self.is_object(&last.ident.to_string()))
            }
            Expr::Call(call) => self.is_made_by(call, at),
            Expr::If(of) => {
                let other = of.else_branch.as_ref().map(|(_, other)| &**other);
                let is_made = |block: &Block| value(block).is_some_and(|value| self.is_made(value, at));
                is_made(&of.then_branch)
                    && match other {
                        Some(Expr::Block(other)) => is_made(&other.block),
                        Some(other) => self.is_made(other, at),
                        None => false,
                    }
            }
            _ => false,
        }
    }

    fn is_object(&self, name: &str) -> bool {
        let own = || self.site.implementation.and_then(type_name);
        name == self.object || name == "Self" && own().is_some_and(|own| own == self.object)
    }

    fn is_made_by(&self, call: &syn::ExprCall, at: LineColumn) -> bool {
        let Some((of, name)) = callee(&call.func) else { return false };
        let inner = call.args.first().filter(|_| call.args.len() == 1);
        if of.as_deref().is_some_and(|of| self.is_object(of)) {
            return ["new", "with", "default"].iter().any(|start| name.starts_with(start));
        }
        let is_wrapper = matches!(of.as_deref(), Some("Arc" | "Rc" | "Box"))
            && matches!(&*name, "new" | "clone")
            || of.is_none() && is_type(&name);
        is_wrapper && inner.is_some_and(|inner| self.is_made(borrowed(inner), at))
    }

    /// Whether `of` is a holder that the function makes around such an object.
    pub(super) fn is_made_in(&self, of: &Expr, field: &Field, at: LineColumn) -> bool {
        match of {
            Expr::Paren(inner) => self.is_made_in(&inner.expr, field, at),
            Expr::Try(inner) => self.is_made_in(&inner.expr, field, at),
            Expr::Call(call) => {
                let Some((Some(of), name)) = callee(&call.func) else { return false };
                if matches!(&*of, "Arc" | "Rc" | "Box") && name == "new" {
                    return call.args.first().is_some_and(|inner| self.is_made_in(inner, field, at));
                }
                let filler = field.filled_by.iter().find(|(filler, _)| *filler == name);
                let argument =
                    filler.filter(|_| of == field.holder).and_then(|&(_, n)| call.args.iter().nth(n));
                argument.is_some_and(|argument| self.is_made(argument, at))
            }
            _ => false,
        }
    }
}

/// What a block comes to, if nothing in it is more than that value.
fn value(block: &Block) -> Option<&Expr> {
    match block.stmts.as_slice() {
        [Stmt::Expr(value, None)] => Some(value),
        _ => None,
    }
}

/// `x` of `&x` and `x.as_ref()`.
pub(super) fn borrowed(of: &Expr) -> &Expr {
    match of {
        Expr::Reference(inner) => borrowed(&inner.expr),
        Expr::MethodCall(call) if call.method == "as_ref" && call.args.is_empty() => borrowed(&call.receiver),
        _ => of,
    }
}

/// How often the function may give a variable to other code before the place: each use but that of
/// calling a method on it.
pub(super) fn n_given(site: &Site<'_>, name: &str) -> usize {
    let mut given = Given { name, end: end(site), n: 0 };
    given.visit_block(site.body);
    given.n
}

/// Where what may run before the place ends.
fn end(site: &Site<'_>) -> LineColumn {
    let is_in_loop = site.last_line > site.at.line;
    if is_in_loop { LineColumn { line: site.last_line, column: usize::MAX } } else { site.at }
}

/// Whether the function puts the object of the place, before that, into what others may have: into
/// its own object, or into a static. What is only lent to a method there is not put into anything.
pub(super) fn is_put_elsewhere(site: &Site<'_>) -> bool {
    let mut put = Put { given: Given { name: &site.root, end: end(site), n: 0 } };
    put.visit_block(site.body);
    put.given.n > 0
}

/// Finds the calls that put a variable elsewhere.
struct Put<'n> {
    given: Given<'n>,
}

impl<'a> Visit<'a> for Put<'_> {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        if is_others(&call.receiver) {
            let is_lent = |argument: &Expr| matches!(argument, Expr::Reference(_));
            call.args.iter().filter(|argument| !is_lent(argument)).for_each(|it| self.given.visit_expr(it));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Whether others may have what a chain of fields and calls begins with: `self`, or a static.
fn is_others(of: &Expr) -> bool {
    match of {
        Expr::MethodCall(call) => is_others(&call.receiver),
        Expr::Field(field) => is_others(&field.base),
        Expr::Try(inner) => is_others(&inner.expr),
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            name == "self" || !name.contains(char::is_lowercase)
        }),
        _ => false,
    }
}

/// Counts the uses of a variable.
struct Given<'n> {
    name: &'n str,
    end: LineColumn,
    n: usize,
}

impl Given<'_> {
    fn is_in(&self, tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => self.is_in(group.stream()),
            TokenTree::Ident(ident) => ident == self.name,
            // `"{name}"`.
            TokenTree::Literal(literal) => literal.to_string().contains(self.name),
            TokenTree::Punct(_) => false,
        })
    }
}

impl<'a> Visit<'a> for Given<'_> {
    fn visit_expr_path(&mut self, path: &'a syn::ExprPath) {
        let name = path.path.get_ident().filter(|ident| *ident == self.name);
        self.n += usize::from(name.is_some_and(|ident| ident.span().start() < self.end));
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let is_variable = matches!(&*call.receiver, Expr::Path(_));
        if !is_variable || call.method == "clone" {
            self.visit_expr(&call.receiver);
        }
        call.args.iter().for_each(|argument| self.visit_expr(argument));
    }

    fn visit_macro(&mut self, of: &'a syn::Macro) {
        self.n += usize::from(self.is_in(of.tokens.clone()));
        visit::visit_macro(self, of);
    }
}
