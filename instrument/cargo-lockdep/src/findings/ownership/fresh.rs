//! Locks that a function made itself, before it has given them to anybody.

use proc_macro2::LineColumn;
use syn::visit::{self, Visit};
use syn::{Block, Expr, Local, Member, Pat, ReturnType, Stmt};

use super::owned::lies_in;
use super::site::{LOCKS, Site, path_of, type_name};

/// Words of which one before the acquisition means that other threads may have the lock by then.
const GIVING: [&str; 5] = ["spawn", "scope", "par", "start", "launch"];

/// Whether the acquisition stands in a function that makes an object to return it, and the lock is
/// one that it made: everything from the variable to the lock is a value written down there.
pub(super) fn is_fresh(site: &Site<'_>, kind: &str, file: &syn::File, lines: &[String]) -> bool {
    is_constructor(site, &[])
        && gives_nothing(site, lines)
        && Locals { site, kind, file }.has_made(&site.root, &site.members, site.at)
}

/// Whether nothing that may run in the function before the place gives an object to other threads.
pub(super) fn gives_nothing(site: &Site<'_>, lines: &[String]) -> bool {
    let before = site.function_up_to(lines, site.last_line);
    before.is_some_and(|before| !before.iter().any(|line| gives(line)))
}

/// Whether a line has one of the words: as a whole word, or between the underscores of a name
/// (`spawn_blocking`).
fn gives(line: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_alphanumeric());
    words.any(|word| GIVING.iter().any(|giving| word.eq_ignore_ascii_case(giving)))
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
    file: &'a syn::File,
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
            ("default" | "new", []) => of.is_some(),
            // A wrapper, and what lies in it is reached through it: `Arc::new(inner)`,
            // `Self(inner)`, `Arc::clone(&it)`.
            ("new" | "clone", [inner]) if of.is_some() && self.made(inner, members, at) => true,
            (_, [inner]) if is_type(&name) => self.made(inner, members, at),
            // A constructor: nothing refers to what it returns, and the lock lies in that.
            (name, _) => of
                .and_then(|of| if of == "Self" { type_name(self.site.implementation?) } else { Some(of) })
                .is_some_and(|of| {
                    let is_called_so = name.starts_with("new") || name.starts_with("with");
                    (is_called_so || hands_out(&of, name, self.file))
                        && lies_in(of, members, self.kind, self.file) == Some(true)
                }),
        }
    }
}

/// Whether `of::name` is a function of the file that returns an object of the type itself. What is
/// moved to the caller is referred to by nothing, whatever the function is called.
fn hands_out(of: &str, name: &str, file: &syn::File) -> bool {
    let implementations = file.items.iter().filter_map(|item| match item {
        syn::Item::Impl(item) if type_name(item).is_some_and(|own| own == of) => Some(item),
        _ => None,
    });
    let mut functions = implementations.flat_map(|item| &item.items).filter_map(|item| match item {
        syn::ImplItem::Fn(function) if function.sig.ident == name => Some(&function.sig),
        _ => None,
    });
    let (Some(function), None) = (functions.next(), functions.next()) else { return false };
    let ReturnType::Type(_, returned) = &function.output else { return false };
    function.receiver().is_none() && is_itself(returned, of)
}

/// Whether a type is the object, or a wrapper that has it alone.
fn is_itself(returned: &syn::Type, of: &str) -> bool {
    let syn::Type::Path(path) = returned else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return last.ident == "Self" || last.ident == of;
    };
    match arguments.args.first() {
        Some(syn::GenericArgument::Type(inner))
            if ["Result", "Option", "Box"].iter().any(|it| last.ident == it) =>
        {
            is_itself(inner, of)
        }
        _ => last.ident == of,
    }
}

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
