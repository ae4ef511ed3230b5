//! Who a thread is, as the 0.3 line asks for it.

/// A number for each thread.
///
/// # Safety
///
/// No two threads alive at the same time may have the same number.
pub unsafe trait GetThreadId {
    /// The initial value.
    #[expect(clippy::declare_interior_mutable_const, reason = "the value is an initialiser")]
    const INIT: Self;

    /// The number of the running thread.
    fn nonzero_thread_id(&self) -> core::num::NonZeroUsize;
}
