//! `src/lock/`, as far as the models use it.

sources! {
    assert = "../../../src/lock/assert.rs";
    attach = "../../../src/lock/attach.rs";
    exclude = "../../../src/lock/exclude.rs";
    held = "../loom_held.rs";
    mmap_lock = "../../../src/lock/mmap_lock.rs";
    vma_lock = "../../../src/lock/vma_lock.rs";
}
