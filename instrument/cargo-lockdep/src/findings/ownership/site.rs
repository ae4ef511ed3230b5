//! Finds an acquisition in its source.

use lockdep_report::place::Place;
use proc_macro2::LineColumn;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ItemImpl, Member, Signature};

use super::files::{Files, type_name};
use crate::columns;

/// The locks that lie where their field lies.
pub(super) const LOCKS: [&str; 4] = ["Mutex", "RwLock", "ReentrantMutex", "FairMutex"];

/// An acquisition as it stands in its source: `root.member.member.lock()`.
#[derive(Clone)]
pub(super) struct Site<'a> {
    /// The `impl` block around the function, if it stands in one.
    pub(super) implementation: Option<&'a ItemImpl>,
    /// The innermost function around it.
    pub(super) signature: &'a Signature,
    /// The body of that function.
    pub(super) body: &'a Block,
    /// `self`, or a variable.
    pub(super) root: String,
    /// The fields from there to the lock.
    pub(super) members: Vec<String>,
    /// The name of the method that is called.
    pub(super) method: String,
    /// Where it stands.
    pub(super) at: LineColumn,
    /// The last line that may run before it: its own, or the last one of the outermost loop around
    /// it.
    pub(super) last_line: usize,
}

impl Site<'_> {
    /// The lines of `lines` from the signature up to `last`, both numbered from one.
    pub(super) fn function_up_to<'t>(&self, lines: &'t [String], last: usize) -> Option<&'t [String]> {
        lines.get(self.signature.fn_token.span.start().line.checked_sub(1)?..last)
    }

    /// `Type::function`, or the function alone.
    pub(super) fn function(&self) -> String {
        let name = &self.signature.ident;
        match self.implementation.and_then(type_name) {
            Some(object) => format!("{object}::{name}"),
            None => name.to_string(),
        }
    }

    /// `root.member.member`.
    pub(super) fn lock(&self) -> String {
        [std::slice::from_ref(&self.root), &self.members].concat().join(".")
    }
}

/// The method call at `place`, if it stands straight in a function, in no closure of it, and on a
/// field or a variable.
pub(super) fn find<'a>(files: &'a Files<'_>, place: &Place) -> Option<Site<'a>> {
    let line = (place.line as usize).checked_sub(1).and_then(|index| files.lines().get(index))?;
    columns::indices(line, place.column).into_iter().find_map(|column| {
        let at = LineColumn { line: place.line as usize, column };
        let mut search = Search { at, implementation: None, found: None };
        search.visit_file(files.own());
        search.found
    })
}

/// Finds the function around a place.
struct Search<'a> {
    at: LineColumn,
    implementation: Option<&'a ItemImpl>,
    found: Option<Site<'a>>,
}

impl<'a> Search<'a> {
    fn look_into(&mut self, signature: &'a Signature, body: &'a Block) {
        let mut calls = Calls { at: self.at, end_of_loop: None, found: None };
        calls.visit_block(body);
        if let Some(Call { root, members, method, at, last_line }) = calls.found {
            let implementation = self.implementation;
            self.found = Some(Site { implementation, signature, body, root, members, method, at, last_line });
        }
    }
}

impl<'a> Visit<'a> for Search<'a> {
    fn visit_item_impl(&mut self, implementation: &'a ItemImpl) {
        let outer = self.implementation.replace(implementation);
        visit::visit_item_impl(self, implementation);
        self.implementation = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.look_into(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        // What stands in a method is no method.
        let outer = self.implementation.take();
        self.look_into(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
        self.implementation = outer;
    }
}

/// Finds `root.field.method()` at a place.
struct Calls {
    at: LineColumn,
    end_of_loop: Option<usize>,
    found: Option<Call>,
}

/// What [`Site`] says of the call alone.
struct Call {
    root: String,
    members: Vec<String>,
    method: String,
    at: LineColumn,
    last_line: usize,
}

impl Calls {
    fn in_loop(&mut self, body: &Block, visit: impl FnOnce(&mut Self)) {
        let is_outermost = self.end_of_loop.is_none();
        if is_outermost {
            self.end_of_loop = Some(body.brace_token.span.close().end().line);
        }
        visit(self);
        if is_outermost {
            self.end_of_loop = None;
        }
    }
}

impl<'a> Visit<'a> for Calls {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let at = call.method.span().start();
        if at == self.at
            && let Some((root, members)) = path_of(&call.receiver)
        {
            let last_line = self.end_of_loop.unwrap_or(at.line);
            self.found = Some(Call { root, members, method: call.method.to_string(), at, last_line });
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_for_loop(&mut self, of: &'a syn::ExprForLoop) {
        self.in_loop(&of.body, |this| visit::visit_expr_for_loop(this, of));
    }
    fn visit_expr_while(&mut self, of: &'a syn::ExprWhile) {
        self.in_loop(&of.body, |this| visit::visit_expr_while(this, of));
    }
    fn visit_expr_loop(&mut self, of: &'a syn::ExprLoop) {
        self.in_loop(&of.body, |this| visit::visit_expr_loop(this, of));
    }

    // What runs when, and where, is the choice of other code in these; an item inside is not this
    // function.
    fn visit_expr_closure(&mut self, _: &'a syn::ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'a syn::ExprAsync) {}
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

/// `x.a.b` as `x` and `a`, `b`.
pub(super) fn path_of(of: &Expr) -> Option<(String, Vec<String>)> {
    match of {
        Expr::Path(path) => Some((path.path.get_ident()?.to_string(), Vec::new())),
        Expr::Field(field) => {
            let (root, mut members) = path_of(&field.base)?;
            members.push(match &field.member {
                Member::Named(name) => name.to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            });
            Some((root, members))
        }
        _ => None,
    }
}
