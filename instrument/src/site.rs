//! Places in the program: from a [`Location`] to a token for the engine and back, and to a path that is the same everywhere.

use std::panic::Location;

use lockdep_validator::Site;
use lockdep_validator::report::model::Place;

/// The token that the engine keeps for a place: the address of the `Location`, which is a constant of the program.
#[inline(always)]
pub(crate) fn site(location: &'static Location<'static>) -> Site {
    Site(std::ptr::from_ref(location).addr() as u64)
}

/// The place behind a token.
pub(crate) fn location(site: Site) -> Option<&'static Location<'static>> {
    let address = usize::try_from(site.0).ok()?;
    if address == 0 {
        return None;
    }
    // SAFETY: a site that is not `UNKNOWN` was made by `site` in this process (records and replay never come here), from a
    // reference to a `Location<'static>`; that type is a constant without interior mutability.
    Some(unsafe { &*std::ptr::with_exposed_provenance::<Location<'static>>(address) })
}

/// The place behind a token, as reports show it.
pub(crate) fn place(site: Site) -> Place {
    location(site).map_or_else(Place::default, |location| Place {
        file: location.file().to_owned(),
        line: location.line(),
        column: location.column(),
        ..Place::default()
    })
}

/// A source path that is the same on every machine: what classes are hashed by.
///
/// * a crate of a registry: `tokio-1.47.0/src/sync/mutex.rs`
/// * a crate from git: `name-5f3a2b1/src/lib.rs` (checkout and revision)
/// * the standard library: `std/src/sync/mutex.rs`
/// * anything else absolute: relative to the source root, if it lies there; otherwise from the crate's folder on
/// * a relative path: as it is (cargo passes paths relative to the workspace)
pub(crate) fn normalise(file: &str, source_root: Option<&str>) -> String {
    let file = file.replace('\\', "/");
    if let Some(rest) = after(&file, "/registry/src/").and_then(|rest| rest.split_once('/')) {
        return rest.1.to_owned();
    }
    if let Some(rest) = after(&file, "/git/checkouts/") {
        let mut parts = rest.splitn(3, '/');
        if let (Some(name), Some(revision), Some(path)) = (parts.next(), parts.next(), parts.next()) {
            let name = name.rsplit_once('-').map_or(name, |(name, _hash)| name);
            return format!("{name}-{revision}/{path}");
        }
    }
    if let Some(rest) = after(&file, "/lib/rustlib/src/rust/library/") {
        return rest.to_owned();
    }
    if let Some(rest) = file.strip_prefix("/rustc/").and_then(|rest| after(rest, "/library/")) {
        return rest.to_owned();
    }
    if let Some(rest) = source_root
        .and_then(|root| file.strip_prefix(root.trim_end_matches('/')))
        .and_then(|rest| rest.strip_prefix('/'))
    {
        return rest.to_owned();
    }
    if is_absolute(&file) { from_crate_folder(&file) } else { file }
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.find(mark).map(|at| &text[at + mark.len()..])
}

fn is_absolute(file: &str) -> bool {
    file.starts_with('/') || file.as_bytes().get(1) == Some(&b':')
}

/// `/r/a/store/src/a.rs` → `store/src/a.rs`: the last `src`, `tests`, `benches` or `examples` and the folder
/// above it; without one, the last two parts.
fn from_crate_folder(file: &str) -> String {
    let parts: Vec<&str> = file.split('/').collect();
    let folders = &parts[..parts.len() - 1];
    let is_target = |part: &&str| matches!(*part, "src" | "tests" | "benches" | "examples");
    let start = match folders.iter().rposition(is_target) {
        Some(at) => at.saturating_sub(1),
        None => parts.len().saturating_sub(2),
    };
    parts[start.max(1)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_class_has_the_same_path_on_every_machine() {
        let cases = [
            ("src/lib.rs", "src/lib.rs"),
            ("store\\src\\lib.rs", "store/src/lib.rs"),
            (
                "/r/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.47.0/src/sync/m.rs",
                "tokio-1.47.0/src/sync/m.rs",
            ),
            ("C:\\r\\.cargo\\registry\\src\\mirror-1\\moka-0.12.1\\src\\l.rs", "moka-0.12.1/src/l.rs"),
            (
                "/r/.cargo/git/checkouts/my-crate-0123456789abcdef/5f3a2b1/src/lib.rs",
                "my-crate-5f3a2b1/src/lib.rs",
            ),
            ("/rustc/59807616e1aaaa/library/std/src/sync/poison/mutex.rs", "std/src/sync/poison/mutex.rs"),
            (
                "/r/.rustup/toolchains/stable-x/lib/rustlib/src/rust/library/core/src/ops/function.rs",
                "core/src/ops/function.rs",
            ),
            ("/r/ws/store/src/b.rs", "store/src/b.rs"),
            ("/elsewhere/deep/crate/src/m/b.rs", "crate/src/m/b.rs"),
            ("/elsewhere/main.rs", "elsewhere/main.rs"),
            ("/main.rs", "main.rs"),
        ];
        for (file, want) in cases {
            assert_eq!(normalise(file, Some("/r/ws/")), want, "{file}");
        }
    }

    #[test]
    fn a_site_leads_back_to_its_place() {
        let here = Location::caller();
        let place = place(site(here));
        assert_eq!((place.file.as_str(), place.line), (here.file(), here.line()));
        assert_eq!(super::place(Site::UNKNOWN), Place::default());
    }
}
