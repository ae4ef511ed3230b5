# From here on nothing is held up.
set scheduler-locking off
continue
thread apply all backtrace 40
kill
