//! Reads source files, whatever they contain.
//!
//! A parser and its visitors go as deep as the source is nested, and generated sources may be
//! nested deeper than a stack is: the compiler takes a sum of a hundred thousand terms. Such a file
//! is not read.

use std::thread;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::files::{File, Files};

/// How many groups (brackets of any kind) may lie in one another.
const MAX_GROUPS: usize = 200;
/// How many tokens of one group may stand in a row with nothing between them that ends an
/// expression: each may be a level.
const MAX_ROW: usize = 2_000;
/// Enough for both at once, without optimisation. Only what is used of it costs memory.
const STACK_BYTES: usize = 256 << 20;

/// What `ask` finds in the files with these lines, of which the first one is that of the
/// acquisition; `None` also if that is not Rust, or nested too deeply to be read.
pub(super) fn with_files<T: Send>(
    lines: &[&[String]],
    ask: impl FnOnce(&Files<'_>) -> Option<T> + Send,
) -> Option<T> {
    let read = || {
        let first = parsed(lines.first()?)?;
        let others = lines.iter().skip(1).filter_map(|lines| parsed(lines));
        ask(&Files::new(std::iter::once(first).chain(others).collect())?)
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, read).ok()?;
        reader.join().ok()?
    })
}

fn parsed(lines: &[String]) -> Option<File<'_>> {
    let tokens: TokenStream = lines.join("\n").parse().ok()?;
    let syntax = is_shallow(&tokens).then(|| syn::parse2(tokens).ok())??;
    Some(File { lines, syntax })
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
