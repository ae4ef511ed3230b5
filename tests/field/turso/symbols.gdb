# Thread 2 reads the symbol table in `execute`, and is held up before it reads the table again.
# Thread 3 then queues to write it.
source before.gdb
thread 2
tbreak pragma.rs:373
continue
thread 3
tbreak parking_lot::raw_rwlock::RawRwLock::wait_for_readers
continue
source after.gdb
