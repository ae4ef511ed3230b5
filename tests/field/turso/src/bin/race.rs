//! Two threads share a connection: one prepares statements, the other makes tables. Both wait for
//! each other after a few thousand statements: a writer of the schema queues between two reads.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use turso_core::{Database, IO, PlatformIO};

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let io: Arc<dyn IO> = Arc::new(PlatformIO::new().expect("the system's own input and output"));
    let path = folder.path().join("a.db");
    let database = Database::open_file(io, path.to_str().expect("text")).expect("a new database");
    let reader = database.connect().expect("a connection");
    reader.execute("CREATE TABLE t (a INTEGER)").expect("a table");
    let writer = reader.clone();
    let (done, is_done) = channel();
    let also_done = done.clone();
    std::thread::spawn(move || {
        while done.send("statement").is_ok() {
            drop(reader.prepare("SELECT a FROM t"));
        }
    });
    std::thread::spawn(move || {
        for n in 0.. {
            // It fails while the other thread changes the same connection, which does not matter.
            let _ = writer.execute(format!("CREATE TABLE t{n} (a INTEGER)"));
            if also_done.send("table").is_err() {
                break;
            }
        }
    });
    let (mut n_statements, mut n_tables) = (0, 0);
    loop {
        match is_done.recv_timeout(Duration::from_secs(10)) {
            Ok("table") => n_tables += 1,
            Ok(_) => n_statements += 1,
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => std::process::exit(1),
        }
        if n_tables == 20_000 {
            println!("no hang in {n_statements} statements and {n_tables} tables");
            std::process::exit(1);
        }
    }
    println!("both threads wait after {n_statements} statements and {n_tables} tables");
}
