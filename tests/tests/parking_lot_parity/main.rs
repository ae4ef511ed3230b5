//! `lockdep::parking_lot` against the crate `parking_lot`: the same test bodies, compiled against
//! both, so that a difference in interface or behaviour is a failure of one half. With the feature
//! `parking_lot_0_13` the same for that line.
//!
//! Each case file says `use super::parking_lot` and is included twice a line.

/// The bodies against one library.
macro_rules! with {
    ($name:ident, $library:path $(, $only:literal)?) => {
        #[expect(clippy::duplicate_mod, reason = "the same bodies against both libraries is the point")]
        #[path = "."]
        mod $name {
            pub(crate) use $library as parking_lot;

            mod condvar;
            mod mutex;
            mod once;
            $(
                #[path = $only]
                mod only;
            )?
            mod remutex;
            mod rwlock;
            mod traits;
        }
    };
}

with!(with_parking_lot, parking_lot_0_12, "only_v0_12.rs");
with!(with_lockdep, lockdep::parking_lot, "only_v0_12.rs");
#[cfg(feature = "parking_lot_0_13")]
with!(with_parking_lot_0_13, parking_lot_0_13, "only_v0_13.rs");
#[cfg(feature = "parking_lot_0_13")]
with!(with_lockdep_0_13, lockdep::parking_lot_0_13, "only_v0_13.rs");

mod validated;

/// Whether `f` panics; the message goes to stderr.
fn panics(f: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err()
}
