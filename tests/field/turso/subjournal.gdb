# Thread 2 has seen that there is no subjournal, and is held up before it opens one. Thread 3 opens
# one, owns it, and is held up while it reads it. Thread 4 ends a `SELECT`, which takes the savepoint
# of thread 3, and is held up under the lock of the savepoints. Thread 2 then queues to write the
# subjournal.
source before.gdb
thread 2
tbreak storage/pager.rs:1391
continue
thread 3
tbreak storage/pager.rs:1464
continue
thread 4
tbreak storage/pager.rs:1526
continue
thread 2
tbreak parking_lot::raw_rwlock::RawRwLock::wait_for_readers
continue
source after.gdb
