//! `std`, with the locks of [`lockdep::sync`] in place of its own.
//!
//! `cargo lockdep` gives this crate to rustc as `--extern std=…`, so that the `extern crate std`
//! which every crate has finds it instead of the real one. Items and macros come through the glob;
//! an explicit item shadows a glob import, which is how the replaced names win. Macros of std
//! expand to `$crate::…`, hence to the real std, and need nothing here.
#![no_std]
#![deny(missing_docs)]
#![forbid(unsafe_code)]

extern crate std as real_std;

pub use real_std::*;

pub mod hint {
    //! [`std::hint`](real_std::hint), with spins told to the validator.

    pub use real_std::hint::*;

    /// Does what `std::hint::spin_loop` does. A thread that looks for a flag again and again does
    /// so meanwhile, and the flag may be what orders it after another thread.
    #[track_caller]
    #[inline]
    pub fn spin_loop() {
        lockdep::hook::idled();
        real_std::hint::spin_loop();
    }
}

pub mod sync {
    //! [`std::sync`](real_std::sync), validated.

    pub use lockdep::sync::*;
}

pub mod thread {
    //! [`std::thread`](real_std::thread), with spawn and join told to the validator.

    pub use lockdep::thread::*;
}
