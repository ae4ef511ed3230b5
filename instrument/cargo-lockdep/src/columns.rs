//! Which character of a line a column means.
//!
//! The compiler gives the place of a call in two ways. `Location` counts the columns that a reader
//! sees, in which a tab is four wide. Debug information, from which stacks are made, counts bytes.

use lockdep_report::render::index_of_column;

/// The two characters that a column may mean, by their index: by what a reader sees, and by bytes.
pub(crate) fn indices(line: &str, column: u32) -> [usize; 2] {
    let n_bytes = (column as usize).saturating_sub(1);
    let by_bytes = line.char_indices().take_while(|(at, _)| *at < n_bytes).count();
    [index_of_column(line, column), by_bytes]
}

/// The index of the character at which the call in that column begins.
pub(crate) fn index_of_call(line: &str, column: u32) -> usize {
    let both = indices(line, column);
    both.into_iter().find(|&index| begins_call(line, index)).unwrap_or(both[0])
}

/// Whether the name of a function or a macro that is called begins at the character, or a
/// parenthesis.
fn begins_call(line: &str, index: usize) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let before = index.checked_sub(1).and_then(|index| line.chars().nth(index));
    let rest: String = line.chars().skip(index).collect();
    let name = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let is_called = rest[name..].trim_start().starts_with(['(', '!']) || rest[name..].starts_with("::");
    !before.is_some_and(is_word) && is_called && (name > 0 || rest.starts_with('('))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_one_of_a_reader_or_one_of_debug_information() {
        let line = "\t\tself.image_of(&guards)";
        // As `Location` and as a stack give it.
        assert_eq!([14, 8].map(|column| index_of_call(line, column)), [7, 7]);
        assert_eq!([9, 3].map(|column| index_of_call("\t\tlook()", column)), [2, 2]);
        assert_eq!([9, 3].map(|column| index_of_call("\t\t(self.hook)(3)", column)), [2, 2]);
        assert_eq!(index_of_call("    self.state.lock()", 16), 15);
        assert_eq!([12, 14].map(|column| index_of_call("f(\"日本\"); g()", column)), [9, 9]);
        assert_eq!(index_of_call("", 7), 6);
    }
}
