set pagination off
set breakpoint pending on
set print thread-events off
tbreak started
run
tbreak stuck
set scheduler-locking on
set var *(&GO as *mut usize) = 1
