//! `src/object/`, as far as the models use it.

sources! {
    mm = "../../../src/object/mm.rs";
    node = "../loom_node.rs";
    tree = "../loom_tree.rs";
    vma = "../../../src/object/vma.rs";
}
