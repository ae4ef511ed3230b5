//! Every code has a page, and the example on it triggers the code.
//!
//! The examples in Rust are programs of the corpus, which the corpus test runs; here only that they
//! are the same, word for word. The examples in JSON are replayed.

use lockdep_report::replay::Scenario;
use lockdep_validator::{Code, Config};

fn page(code: Code) -> String {
    let path = format!("{}/../docs/src/codes/{}.md", env!("CARGO_MANIFEST_DIR"), code.as_str());
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The first block of the language under "Example".
fn example<'a>(page: &'a str, language: &str) -> Option<&'a str> {
    let (_, after) = page.split_once("## Example")?;
    let (_, block) = after.split_once(&format!("```{language}\n"))?;
    block.split_once("```").map(|(block, _)| block)
}

/// The text without its layout: a comment may be wrapped elsewhere.
fn words(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "//").collect()
}

#[test]
fn the_example_of_every_page_triggers_its_code() {
    let corpus = include_str!("../corpus/codes.rs");
    for code in Code::ALL {
        let page = page(code);
        if let Some(example) = example(&page, "rust") {
            let name = format!("fn page_{}() {{", code.as_str().to_lowercase());
            let (_, program) = corpus.split_once(&name).unwrap_or_else(|| panic!("the corpus has no {name}"));
            let is_same = words(program).starts_with(&format!("{}}}", words(example)));
            assert!(is_same, "{}: the page and the corpus differ", code.as_str());
        } else {
            let json = example(&page, "json").unwrap_or_else(|| panic!("{} has no example", code.as_str()));
            let scenario = Scenario::parse(json).unwrap_or_else(|error| panic!("{}: {error}", code.as_str()));
            let result = scenario.cases()[0].run(&Config::user());
            let result = result.unwrap_or_else(|error| panic!("{}: {error}", code.as_str()));
            assert_eq!(result.codes, [code.as_str()], "{result:?}");
        }
    }
}
