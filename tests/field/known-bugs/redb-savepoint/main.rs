//! Makes a savepoint of a database and goes back to it.

use redb::Database;

fn main() {
    let path = std::env::temp_dir().join(format!("redb-savepoint-{}", std::process::id()));
    {
        // SAFETY: no other code opens the file.
        let database = unsafe { Database::create(&path, 1 << 20) }.expect("a new file");
        let savepoint = database.savepoint().expect("it makes a savepoint");
        database.restore_savepoint(&savepoint).expect("it goes back");
    }
    let _ = std::fs::remove_file(path);
}
