//! The objects that a function makes, before anything else can have them.

use proc_macro2::LineColumn;
use syn::{Block, Expr, Stmt};

use super::bindings::{binding, callee, is_type};
use super::files::{Files, type_name};
use super::given::n_given;
use super::handed_out;
use super::site::{Site, path_of};

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
    pub(super) files: &'s Files<'a>,
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
            Expr::MethodCall(call) => {
                let made = handed_out::of_chain(call, self.site, self.files);
                made.is_some_and(|made| self.is_object(&made))
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
            let is_called_so = ["new", "with", "default"].iter().any(|start| name.starts_with(start));
            return handed_out::is_new(self.object, &name, self.files).unwrap_or(is_called_so);
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
