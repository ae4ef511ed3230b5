//! Places in the program: from a [`Location`] to a token for the engine and back.

use std::panic::Location;

use lockdep_report::place::Place;
use lockdep_validator::Site;

use crate::lock::{Caller, CreationSite};

/// The token that the engine keeps for a place: the address of the `Location`, which is a constant
/// of the program.
#[inline(always)]
pub(crate) fn site(location: &'static Location<'static>) -> Site {
    Site(std::ptr::from_ref(location).addr() as u64)
}

/// The token for the place where a lock was made.
pub(crate) fn of_creation(site: CreationSite) -> Site {
    Site(site.token())
}

/// The compiler's place behind a token that [`site`] made.
pub(crate) fn location(site: Site) -> Option<&'static Location<'static>> {
    let address = usize::try_from(site.0).ok()?;
    if address == 0 {
        return None;
    }
    // SAFETY: a site that is not `UNKNOWN` was made by `site` in this process (records and replay
    // never come here), from a reference to a `Location<'static>`; that type is a constant without
    // interior mutability.
    Some(unsafe { &*std::ptr::with_exposed_provenance::<Location<'static>>(address) })
}

/// Who had the library make a lock, if the token stands for that.
fn caller(site: Site) -> Option<&'static Caller> {
    let address = usize::try_from(site.0).ok()?;
    if address & 1 == 0 {
        return None;
    }
    // SAFETY: only `CreationSite::called_by` makes odd tokens, from a leaked `Caller`, and exposes
    // it in `token`.
    Some(unsafe { &*std::ptr::with_exposed_provenance::<Caller>(address & !1) })
}

/// The place behind a token, as the compiler spelled it.
pub(crate) fn place(site: Site) -> Place {
    if let Some(caller) = caller(site) {
        return Place {
            file: caller.file.clone(),
            line: caller.line,
            column: caller.column,
            ..Place::default()
        };
    }
    location(site).map_or_else(Place::default, |location| Place {
        file: location.file().to_owned(),
        line: location.line(),
        column: location.column(),
        ..Place::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_leads_back_to_its_place() {
        let here = Location::caller();
        let place = place(site(here));
        assert_eq!((place.file.as_str(), place.line), (here.file(), here.line()));
        assert_eq!(super::place(Site::UNKNOWN), Place::default());
    }
}
