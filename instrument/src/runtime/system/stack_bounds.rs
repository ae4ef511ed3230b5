//! Where the stack of a thread lies.

/// The lowest address of a stack and the end of it; both zero if they are not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bounds {
    low: usize,
    pub(crate) high: usize,
}

impl Bounds {
    /// Nothing is known.
    pub(crate) const UNKNOWN: Self = Self { low: 0, high: 0 };

    /// Those of the running thread. May allocate.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_this_thread() -> Self {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        let mut low = std::ptr::null_mut();
        let mut size = 0;
        // SAFETY: the attributes are written by the first call if it succeeds, read by the second
        // and destroyed once; the other two are places for results.
        unsafe {
            if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
                return Self::UNKNOWN;
            }
            let status = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            if status != 0 {
                return Self::UNKNOWN;
            }
        }
        Self { low: low.addr(), high: low.addr().saturating_add(size) }
    }

    /// Not known on this system.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of_this_thread() -> Self {
        Self::UNKNOWN
    }

    /// Whether the address lies on the stack.
    pub(crate) fn contains(self, address: usize) -> bool {
        self.low <= address && address < self.high
    }

    /// The part that is in use: from the caller's frame on. Both zero on another stack, of a signal
    /// handler or a coroutine.
    pub(crate) fn in_use(self) -> (usize, usize) {
        let marker = 0_u8;
        let here = (&raw const marker).addr();
        if self.contains(here) { (here, self.high) } else { (0, 0) }
    }

    /// How much room is left below the address, which lies on the stack; `None` if it does not.
    pub(crate) fn room_below(self, address: usize) -> Option<usize> {
        self.contains(address).then(|| address - self.low)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_local_variable_lies_on_the_stack_of_its_thread() {
        let here = 0_u8;
        let bounds = Bounds::of_this_thread();
        assert!(bounds.contains((&raw const here).addr()));
        let (start, end) = bounds.in_use();
        assert!((start..end).contains(&(&raw const here).addr()) && Bounds::UNKNOWN.in_use() == (0, 0));
        let boxed = Box::new(0_u8);
        assert!(!(start..end).contains(&(&raw const *boxed).addr()));
        let other = std::thread::spawn(Bounds::of_this_thread).join().expect("it only asks");
        assert!(!other.contains((&raw const here).addr()));
        assert_eq!(bounds.room_below(bounds.high), None);
    }
}
