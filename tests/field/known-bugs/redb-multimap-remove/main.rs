//! Removes values of a committed table until they fit into one place, and writes to another table.

use redb::{Builder, MultimapTableDefinition, TableDefinition};

const WORDS: MultimapTableDefinition<&str, &[u8]> = MultimapTableDefinition::new("words");
const COUNTS: TableDefinition<&str, u64> = TableDefinition::new("counts");

fn main() {
    let database = Builder::new()
        .create_with_backend(redb::backends::InMemoryBackend::new())
        .expect("a database in memory");

    let large = vec![7; 5000];
    let transaction = database.begin_write().expect("it begins");
    {
        let mut words = transaction.open_multimap_table(WORDS).expect("the first use makes it");
        words.insert("a", [1].as_slice()).expect("it takes a small value");
        words.insert("a", [2].as_slice()).expect("it takes another one");
        words.insert("a", large.as_slice()).expect("it takes a large value");
    }
    transaction.commit().expect("it commits");

    let transaction = database.begin_write().expect("it begins");
    {
        let mut words = transaction.open_multimap_table(WORDS).expect("it exists");
        let mut counts = transaction.open_table(COUNTS).expect("the first use makes it");
        words.remove("a", large.as_slice()).expect("it removes");
        counts.insert("a", 2).expect("it inserts");
    }
    transaction.commit().expect("it commits");
}
