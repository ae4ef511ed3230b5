//! `src/base/`, as far as the models use it.

sources! {
    dep = "../loom_dep.rs";
    events = "../../../src/base/events.rs";
    rcu = "../loom_rcu.rs";
    rcuwait = "../../../src/base/rcuwait.rs";
    refcnt = "../../../src/base/refcnt.rs";
    rwsem = "../../../src/base/rwsem.rs";
    seq = "../../../src/base/seq.rs";
    sleeper = "../loom_sleeper.rs";
    static_ref = "../../../src/base/static_ref.rs";
    sync = "../loom_sync.rs";
    task = "../../../src/base/task.rs";
    trace = "../../../src/base/trace.rs";
    warn = "../../../src/base/warn.rs";
}
