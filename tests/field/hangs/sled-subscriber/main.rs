//! A subscriber is dropped while it has more events than its channel holds. An insert sends an
//! event under the lock that the drop wants to write.

use std::{fs, thread, time::Duration};

fn main() {
    let database = sled::Config::new().temporary(true).open().unwrap();
    let subscriber = database.watch_prefix(b"");
    let inserted = database.clone();
    let writer = move || {
        // The channel of a subscriber has room for 1024 events.
        for number in 0..2000_u32 {
            inserted.insert(number.to_be_bytes(), b"value").unwrap();
        }
    };
    let writer = thread::Builder::new().name("writer".to_owned()).spawn(writer).unwrap();
    wait_until_it_sleeps_for_long("writer");
    drop(subscriber);
    writer.join().unwrap();
}

/// Returns when the thread has slept at each of a hundred looks in a row.
fn wait_until_it_sleeps_for_long(name: &str) {
    let sleeps = |stat: &String| stat.contains(&format!("({name}) S"));
    let mut n_looks = 0;
    while n_looks < 100 {
        let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
        let mut stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
        n_looks = if stats.any(|stat| sleeps(&stat)) { n_looks + 1 } else { 0 };
        thread::sleep(Duration::from_millis(10));
    }
}
