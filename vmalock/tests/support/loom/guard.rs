//! `src/guard/`, as far as the models use it.

sources! {
    iterator = "../../../src/guard/iterator.rs";
    lookup = "../../../src/guard/lookup.rs";
    lookup_locked = "../../../src/guard/lookup_locked.rs";
    vma_guard = "../../../src/guard/vma_guard.rs";
}
