//! The identity of a lock by value: its creation site or its named class.

use super::{CreationSite, LockClassKey};

/// Either identity, by value.
#[derive(Clone, Copy, Debug)]
pub enum AnyKey {
    /// By creation site.
    Site(CreationSite),
    /// By name.
    Named(&'static LockClassKey),
}

/// A kind of key.
pub trait KeyKind: Copy {
    /// Returns the key as a value of one type.
    fn any(self) -> AnyKey;
}

impl KeyKind for CreationSite {
    #[inline]
    fn any(self) -> AnyKey {
        AnyKey::Site(self)
    }
}

impl KeyKind for &'static LockClassKey {
    #[inline]
    fn any(self) -> AnyKey {
        AnyKey::Named(self)
    }
}
