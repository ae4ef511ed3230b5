//! The page of each code, as the book has it.

use lockdep_validator::Code;

use crate::error::{Error, Result};

macro_rules! page {
    ($code:literal) => {
        include_str!(concat!("../pages/", $code, ".md"))
    };
}

/// The page of each code, in their order.
const PAGES: [(&str, &str); 19] = [
    ("LD0001", page!("LD0001")),
    ("LD0002", page!("LD0002")),
    ("LD0003", page!("LD0003")),
    ("LD0004", page!("LD0004")),
    ("LD0005", page!("LD0005")),
    ("LD0006", page!("LD0006")),
    ("LD0007", page!("LD0007")),
    ("LD0008", page!("LD0008")),
    ("LD0009", page!("LD0009")),
    ("LD0010", page!("LD0010")),
    ("LD0011", page!("LD0011")),
    ("LD0012", page!("LD0012")),
    ("LD0013", page!("LD0013")),
    ("LD0014", page!("LD0014")),
    ("LD0015", page!("LD0015")),
    ("LD0100", page!("LD0100")),
    ("LD0101", page!("LD0101")),
    ("LD0201", page!("LD0201")),
    ("LD0202", page!("LD0202")),
];

/// The page of a code, as people write it.
///
/// # Errors
///
/// If there is no such code.
pub(crate) fn page(code: &str) -> Result<&'static str> {
    let wanted = Code::parse(code.trim());
    let found = wanted.and_then(|wanted| PAGES.iter().find(|(name, _)| *name == wanted.as_str()));
    found.map(|(_, page)| *page).ok_or_else(|| {
        let names: Vec<&str> = PAGES.iter().map(|(name, _)| *name).collect();
        let (orders, waits): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| **name < "LD0100");
        let (first, last, waits) = (orders[0], orders[orders.len() - 1], waits.join(", "));
        Error::new(format_args!(
            "`{code}` is not a lockdep code; valid codes are {first} to {last}, and {waits} (`cargo lockdep explain` lists them)"
        ))
    })
}

/// The sentence that the page of a code begins with, for tools that show one line a rule.
pub(crate) fn summary(code: Code) -> &'static str {
    let page = page(code.as_str()).unwrap_or_default();
    let heading = page.lines().next().unwrap_or_default();
    heading.split_once(": ").map_or(heading, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_an_example() {
        for (code, (name, page)) in Code::ALL.into_iter().zip(PAGES) {
            assert_eq!(code.as_str(), name);
            assert!(page.starts_with(&format!("# {name}: ")), "{name}");
            // Where the crate has no API for it, the example is a scenario.
            let has_example = page.contains("```rust") || page.contains("```json");
            assert!(has_example && page.contains("## What to do"), "{name}");
        }
        assert_eq!(Code::ALL.len(), PAGES.len());
    }

    #[test]
    fn an_unknown_code_is_a_clear_error() {
        let error = page("LD0099").expect_err("there is none");
        assert_eq!(
            error.to_string(),
            "`LD0099` is not a lockdep code; valid codes are LD0001 to LD0015, and LD0100, LD0101, LD0201, LD0202 (`cargo lockdep explain` lists them)"
        );
        assert!(page(" ld0003 ").is_ok());
    }
}
