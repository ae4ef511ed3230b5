//! Public items have one path.

use super::{is_product, refuse, sources};

/// Stand-ins for crates whose own surface has the second path.
const LIKE_THE_ORIGINAL: &[&str] = &["instrument/src/parking_lot/", "instrument/lock_api/"];

#[test]
fn a_public_item_has_one_path() {
    let mut offences = Vec::new();
    let mut n_roots = 0;
    let files: Vec<_> = sources(&["rs"]).into_iter().filter(|(name, _)| is_product(name)).collect();
    // What lies in a private module of the root has no path of its own there.
    let is_private = |name: &str, module: &str| {
        let root = name.find("src/").map(|at| format!("{}src/lib.rs", &name[..at]));
        let root = files.iter().find(|(file, _)| Some(&**file) == root.as_deref());
        root.is_some_and(|(_, text)| text.lines().any(|line| line == format!("mod {module};")))
    };
    for (name, text) in &files {
        let statements: Vec<&str> = text.split_inclusive(';').map(str::trim).collect();
        let is_root = name.ends_with("src/lib.rs");
        n_roots += usize::from(is_root);
        let is_public = |module: &str| {
            let declaration = format!("pub mod {module};");
            text.lines().any(|line| line == declaration)
        };
        for statement in statements {
            let Some(path) = statement.rsplit('\n').find_map(|line| line.strip_prefix("pub use ")) else {
                continue;
            };
            let mut segments = path.split("::");
            let first = segments.next().unwrap_or_default();
            // Two segments: the item is at home in `first` itself, not in a private part of it.
            let twice_at_root = is_root && is_public(first) && segments.count() == 1;
            let in_crate = (first == "crate").then(|| path.split("::").nth(1)).flatten();
            let twice_in_module = !is_root
                && matches!(first, "crate" | "super")
                && !in_crate.is_some_and(|module| is_private(name, module));
            if (twice_at_root || twice_in_module)
                && !LIKE_THE_ORIGINAL.iter().any(|room| name.starts_with(room))
            {
                offences.push(format!("{name}: `pub use {path}` gives a public item a second path"));
            }
        }
    }
    assert!(n_roots > 3, "the packages' roots were not found, so this check looks at nothing");
    refuse("public items with two paths", &offences);
}
