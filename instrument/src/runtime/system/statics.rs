//! Whether an address lies in the program itself, as that of a static does.

/// Whether a loaded object has the address. On the heap and on a stack there is none.
#[cfg(unix)]
pub(crate) fn is_in_program(address: usize) -> bool {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: it takes any address, and writes to `info` at most.
    unsafe { libc::dladdr(std::ptr::without_provenance(address), info.as_mut_ptr()) != 0 }
}

/// It cannot be asked here.
#[cfg(not(unix))]
pub(crate) fn is_in_program(_address: usize) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::is_in_program;

    #[test]
    fn only_a_static_is_in_the_program() {
        static HERE: std::sync::Mutex<u32> = std::sync::Mutex::new(1);
        let (on_stack, on_heap) = (1, Box::new(1));
        assert!(is_in_program(std::ptr::from_ref(&HERE).addr()));
        assert!(!is_in_program(std::ptr::from_ref(&on_stack).addr()));
        assert!(!is_in_program(std::ptr::from_ref(&*on_heap).addr()));
    }
}
