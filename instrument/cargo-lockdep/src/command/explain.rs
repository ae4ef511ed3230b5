//! `explain`: what a code means, with an example that triggers it. The text is that of the book.

use clap::Args;
use lockdep_validator::Code;

use crate::codes::{page, summary};
use crate::error::Result;
use crate::exit;
use crate::output::print;

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as LD0003.
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

/// Explains a code on stdout; without one, lists them all.
///
/// # Errors
///
/// If there is no such code.
pub(crate) fn run(args: &ExplainArgs) -> Result<u8> {
    match &args.code {
        Some(code) => print(page(code)?)?,
        None => print(&list())?,
    }
    Ok(exit::CLEAN)
}

/// One line for each code.
fn list() -> String {
    let line = |code: Code| format!("{}  {}\n", code.as_str(), summary(code));
    Code::ALL.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_a_line_with_a_title_for_each_code() {
        let list = list();
        assert_eq!(list.lines().count(), Code::ALL.len());
        assert!(list.lines().all(|line| line.starts_with("LD00") && line.len() > 20), "{list}");
    }
}
