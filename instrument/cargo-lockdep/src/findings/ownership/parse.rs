//! Reads a source file, whatever it contains.
//!
//! A parser and its visitors go as deep as the source is nested, and generated sources may be
//! nested deeper than a stack is: the compiler takes a sum of a hundred thousand terms. Such a file
//! is not read.

use std::thread;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// How many groups (brackets of any kind) may lie in one another.
const MAX_GROUPS: usize = 200;
/// How many tokens of one group may stand in a row with nothing between them that ends an
/// expression: each may be a level.
const MAX_ROW: usize = 2_000;
/// Enough for both at once, without optimisation. Only what is used of it costs memory.
const STACK_BYTES: usize = 256 << 20;

/// What `ask` finds in the file with these lines; `None` also if it is not Rust, or nested too
/// deeply to be read.
pub(super) fn with_file<T: Send>(
    lines: &[String],
    ask: impl FnOnce(&syn::File) -> Option<T> + Send,
) -> Option<T> {
    let read = || {
        let tokens: TokenStream = lines.join("\n").parse().ok()?;
        let file = is_shallow(&tokens).then(|| syn::parse2(tokens).ok())??;
        ask(&file)
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, read).ok()?;
        reader.join().ok()?
    })
}

/// Whether a parser gets through these tokens.
fn is_shallow(tokens: &TokenStream) -> bool {
    let mut open = vec![(tokens.clone().into_iter().peekable(), 0_usize)];
    while let Some((rest, row)) = open.last_mut() {
        let Some(token) = rest.next() else {
            open.pop();
            continue;
        };
        *row += 1;
        if *row > MAX_ROW {
            return false;
        }
        match token {
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => *row = 0,
            TokenTree::Group(group) => {
                // A block ends a statement or an item, except before an `else`.
                let goes_on = matches!(rest.peek(), Some(TokenTree::Ident(next)) if next == "else");
                if group.delimiter() == Delimiter::Brace && !goes_on {
                    *row = 0;
                }
                open.push((group.stream().into_iter().peekable(), 0));
                if open.len() > MAX_GROUPS {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}
