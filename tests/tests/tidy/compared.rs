//! A report is data until it is printed: no code compares, searches or cuts a sentence.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprBinary, ExprMethodCall, ImplItemFn, Item, ItemConst, Lit, Macro, Pat};

use crate::arrows::{described, is_test};
use crate::{refuse, sources};

/// Where reports are made, kept and shown.
const ROOMS: &[&str] =
    &["validator/src/", "validator/report/src/", "instrument/src/", "instrument/cargo-lockdep/src/"];

/// Texts of others that have to be compared: the file, the text, and whose it is.
const OF_OTHERS: &[(&str, &str, &str)] = &[(
    "instrument/cargo-lockdep/src/command/try_crate.rs",
    "(locked to ",
    "cargo says why it cannot resolve",
)];

/// Methods that compare, search or cut a text.
const METHODS: &[&str] = &[
    "contains",
    "ends_with",
    "eq",
    "eq_ignore_ascii_case",
    "find",
    "matches",
    "match_indices",
    "ne",
    "replace",
    "replacen",
    "rfind",
    "rsplit",
    "rsplit_once",
    "split",
    "split_once",
    "split_terminator",
    "splitn",
    "starts_with",
    "strip_prefix",
    "strip_suffix",
    "trim_end_matches",
    "trim_matches",
    "trim_start_matches",
];

/// Whether a text is part of a sentence: two words, or what ends one sentence before the next.
fn is_sentence(text: &str) -> bool {
    let is_word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() > 1;
    text.split_whitespace().filter(is_word).count() > 1 || text == ". "
}

/// The texts that a file compares, searches for or cuts at, if they are sentences.
fn compared(text: &str) -> Vec<String> {
    let file = syn::parse_file(text).expect("the file compiles");
    let mut reader = Reader::default();
    reader.visit_file(&file);
    reader.found
}

#[derive(Default)]
struct Reader {
    /// The texts that have a name.
    constants: BTreeMap<String, String>,
    found: Vec<String>,
}

impl Reader {
    fn look_at(&mut self, literal: &Lit) {
        if let Lit::Str(text) = literal {
            self.found.extend(Some(text.value()).filter(|text| is_sentence(text)));
        }
    }

    fn look(&mut self, expression: &Expr) {
        match expression {
            Expr::Lit(literal) => self.look_at(&literal.lit),
            Expr::Path(path) => {
                let name = path.path.segments.last().map(|segment| segment.ident.to_string());
                let text = name.and_then(|name| self.constants.get(&name));
                self.found.extend(text.filter(|text| is_sentence(text)).cloned());
            }
            Expr::Reference(inner) => self.look(&inner.expr),
            Expr::Paren(inner) => self.look(&inner.expr),
            Expr::Unary(inner) => self.look(&inner.expr),
            Expr::Array(list) => list.elems.iter().for_each(|one| self.look(one)),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast syn::File) {
        file.items.iter().for_each(|item| {
            if let Item::Const(item) = item {
                self.note(item);
            }
        });
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(described(item).0) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.note(item);
        visit::visit_item_const(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if METHODS.contains(&&*call.method.to_string()) {
            call.args.iter().for_each(|argument| self.look(argument));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        if matches!(binary.op, BinOp::Eq(_) | BinOp::Ne(_)) {
            self.look(&binary.left);
            self.look(&binary.right);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_pat(&mut self, pattern: &'ast Pat) {
        if let Pat::Lit(literal) = pattern {
            self.look_at(&literal.lit);
        }
        visit::visit_pat(self, pattern);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        if !called.path.is_ident("matches") {
            return;
        }
        let parse = |input: syn::parse::ParseStream<'_>| {
            let _: Expr = input.parse()?;
            let _: syn::Token![,] = input.parse()?;
            let pattern = Pat::parse_multi_with_leading_vert(input)?;
            let _: proc_macro2::TokenStream = input.parse()?;
            Ok(pattern)
        };
        if let Ok(pattern) = called.parse_body_with(parse) {
            self.visit_pat(&pattern);
        }
    }
}

impl Reader {
    fn note(&mut self, item: &ItemConst) {
        if let Expr::Lit(literal) = &*item.expr
            && let Lit::Str(text) = &literal.lit
        {
            self.constants.insert(item.ident.to_string(), text.value());
        }
    }
}

#[test]
fn no_code_compares_a_sentence() {
    let mut offences = Vec::new();
    let mut is_needed = vec![false; OF_OTHERS.len()];
    for (name, text) in sources(&["rs"]) {
        let is_looked_at = ROOMS.iter().any(|room| name.starts_with(room))
            && !name.ends_with("tests.rs")
            && !name.contains("/tests/")
            // Where sentences are made.
            && !name.starts_with("validator/report/src/sentences/");
        for sentence in is_looked_at.then(|| compared(text)).into_iter().flatten() {
            let is_known = |(file, text, _): &(&str, &str, &str)| *file == name && *text == sentence;
            match OF_OTHERS.iter().position(is_known) {
                Some(index) => is_needed[index] = true,
                None => offences.push(format!("{name}: {sentence:?} is compared or cut; keep it as data")),
            }
        }
    }
    let unneeded = OF_OTHERS.iter().zip(&is_needed).filter(|(_, is_needed)| !**is_needed);
    offences.extend(unneeded.map(|((file, text, _), _)| format!("{file}: {text:?} needs no exception")));
    refuse("sentences that code compares", &offences);
}

#[test]
fn every_comparison_of_a_sentence_is_noticed() {
    for code in [
        "note == \"the lock is held\"",
        "note != *\"the lock is held\"",
        "note.starts_with(\"the lock\")",
        "note.contains(&\"the lock\")",
        "notes.iter().any(|note| note.ends_with(\"is held\"))",
        "note.split_once(\". \")",
        "note.starts_with(BEGIN)",
        "note.starts_with([\"the lock\", \"a lock\"])",
        "match note { \"the lock is held\" => (), _ => () }",
        "matches!(note, \"the lock is held\" | \"it is not\")",
    ] {
        let file = format!("const BEGIN: &str = \"the lock\"; fn f() {{ {code}; }}");
        assert!(!compared(&file).is_empty(), "{code}");
        assert!(compared(&format!("#[cfg(test)] mod tests {{ {file} }}")).is_empty(), "a test: {code}");
    }
    let others = "fn f() { a == \"main\"; a.starts_with(\"crate::\"); a.push_str(\"the lock is held\"); \
                  say(\"the lock is held\"); a.starts_with(b) }";
    assert!(compared(others).is_empty());
}
