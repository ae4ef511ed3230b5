//! Inserts so much that the table in memory is full, while an iterator is alive.

use fjall::{Config, PartitionCreateOptions};

fn main() {
    // The bug ends in an abort, after which no code cleans up, so the data is beside this program.
    let path = std::env::current_exe().expect("this program").with_extension("data");
    let _ = std::fs::remove_dir_all(&path);
    let keyspace = Config::new(&path).open().expect("a new folder");
    let options = PartitionCreateOptions::default().max_memtable_size(1024);
    let partition = keyspace.open_partition("partition", options).expect("a new one");
    partition.insert("key", "value").expect("it is written");
    for entry in partition.iter() {
        let (key, _) = entry.expect("it is read");
        partition.insert([&key, "2".as_bytes()].concat(), [0; 2048]).expect("it is written");
    }
}
