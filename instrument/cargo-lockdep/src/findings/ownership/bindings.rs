//! What names mean in a function.

use proc_macro2::LineColumn;
use syn::visit::{self, Visit};
use syn::{Block, Expr, Local, Pat, Stmt};

use super::site::{Site, path_of};

/// The `let` that gave `name` its meaning at `at`; none if anything else in the function may have
/// given it another.
pub(super) fn binding<'a>(site: &Site<'a>, name: &str, at: LineColumn) -> Option<&'a Local> {
    let mut uses = Uses { name, n_lets: 0, n_bindings: 0, n_changes: 0 };
    uses.visit_signature(site.signature);
    uses.visit_block(site.body);
    if uses.n_bindings != uses.n_lets || uses.n_changes > 0 {
        return None;
    }
    let mut around = Around { at, blocks: Vec::new() };
    around.visit_block(site.body);
    around.blocks.into_iter().rev().find_map(|block| {
        let lets = block.stmts.iter().filter_map(|statement| named(statement, name));
        lets.take_while(|local| local.semi_token.span.end() <= at).last()
    })
}

/// The type and the name of `Type::name`, or the name alone.
pub(super) fn callee(of: &Expr) -> Option<(Option<String>, String)> {
    let Expr::Path(path) = of else { return None };
    let mut segments = path.path.segments.iter().rev().map(|segment| segment.ident.to_string());
    let name = segments.next()?;
    Some((segments.next().filter(|of| is_type(of)), name))
}

/// Whether a name is that of a type, or of a variant: they begin with a capital.
pub(super) fn is_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

/// The `let` of a variable of that name.
fn named<'a>(statement: &'a Stmt, name: &str) -> Option<&'a Local> {
    let Stmt::Local(local) = statement else { return None };
    let pattern = match &local.pat {
        Pat::Type(typed) => &typed.pat,
        pattern => pattern,
    };
    matches!(pattern, Pat::Ident(ident) if ident.ident == name).then_some(local)
}

/// What a function does to a name.
struct Uses<'n> {
    name: &'n str,
    n_lets: usize,
    /// Those of the `let`s included.
    n_bindings: usize,
    n_changes: usize,
}

impl<'a> Visit<'a> for Uses<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        self.n_lets += usize::from(named(statement, self.name).is_some());
        visit::visit_stmt(self, statement);
    }

    fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
        self.n_bindings += usize::from(pattern.ident == self.name);
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_expr_assign(&mut self, assign: &'a syn::ExprAssign) {
        self.n_changes += usize::from(path_of(&assign.left).is_some_and(|(root, _)| root == self.name));
        visit::visit_expr_assign(self, assign);
    }
}

/// The blocks around a place, the outermost first.
struct Around<'a> {
    at: LineColumn,
    blocks: Vec<&'a Block>,
}

impl<'a> Visit<'a> for Around<'a> {
    fn visit_block(&mut self, block: &'a Block) {
        let braces = block.brace_token.span;
        if (braces.open().start()..braces.close().end()).contains(&self.at) {
            self.blocks.push(block);
            visit::visit_block(self, block);
        }
    }
}
