//! Makes a savepoint of a database and goes back to it, which is done in transactions since.

use redb::Database;

fn main() {
    let path = std::env::temp_dir().join(format!("redb-savepoint-{}", std::process::id()));
    {
        // SAFETY: no other code opens the file.
        let database = unsafe { Database::create(&path, 1 << 20) }.expect("a new file");
        let transaction = database.begin_write().expect("it begins");
        let savepoint = transaction.savepoint().expect("it makes a savepoint");
        transaction.abort().expect("it ends");
        let mut transaction = database.begin_write().expect("it begins");
        transaction.restore_savepoint(&savepoint).expect("it goes back");
        transaction.commit().expect("it commits");
    }
    let _ = std::fs::remove_file(path);
}
