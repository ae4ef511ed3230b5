//! Numbers with their nouns.

use std::fmt::Display;

/// `n` and the word for that many.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(n: N, one: &str, many: &str) -> String {
    let word = if n == N::from(1) { one } else { many };
    format!("{n} {word}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_is_not_many() {
        let classes = |n: usize| super::counted(n, "class", "classes");
        assert_eq!([classes(0), classes(1), classes(2)], ["0 classes", "1 class", "2 classes"]);
    }
}
