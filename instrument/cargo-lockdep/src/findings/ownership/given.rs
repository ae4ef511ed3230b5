//! What a function gives to other code.

use proc_macro2::{LineColumn, TokenStream, TokenTree};
use syn::Expr;
use syn::visit::{self, Visit};

use super::site::Site;

/// Words of which one before the acquisition means that other threads may have the lock by then.
const GIVING: [&str; 5] = ["spawn", "scope", "par", "start", "launch"];

/// Whether nothing that may run in the function before the place gives an object to other threads.
pub(super) fn gives_nothing(site: &Site<'_>, lines: &[String]) -> bool {
    let before = site.function_up_to(lines, site.last_line);
    before.is_some_and(|before| !before.iter().any(|line| gives(line)))
}

/// Whether a line has one of the words: as a whole word, or between the underscores of a name
/// (`spawn_blocking`).
pub(super) fn gives(line: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_alphanumeric());
    words.any(|word| GIVING.iter().any(|giving| word.eq_ignore_ascii_case(giving)))
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
