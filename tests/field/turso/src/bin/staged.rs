//! Threads share a connection, and a debugger holds each of them up at chosen lines. A thread that
//! is held up does nothing that a slow thread does not do.
//!
//! `alone EXTENSION` has one thread, and no debugger.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use turso_core::{Connection, Database, IO, PlatformIO, StepResult};

/// The debugger sets it once all threads are there.
#[unsafe(no_mangle)]
pub static GO: AtomicUsize = AtomicUsize::new(0);

/// The debugger stops here for the first time.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn started() {
    std::hint::black_box(0);
}

/// The debugger stops here if no thread has come to its end.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn stuck() {
    std::hint::black_box(1);
}

enum How {
    Execute,
    Step,
}

fn execute(connection: &Arc<Connection>, how: How, sql: &str) {
    match how {
        How::Execute => connection.execute(sql).expect("a statement"),
        How::Step => {
            let mut statement = connection.prepare(sql).expect("a statement");
            while let StepResult::IO | StepResult::Row = statement.step().expect("a step") {}
        }
    }
}

fn spawn(connection: &Arc<Connection>, done: &Sender<&'static str>, how: How, sql: &'static str) {
    let (connection, done) = (connection.clone(), done.clone());
    std::thread::spawn(move || {
        while GO.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        execute(&connection, how, sql);
        let _ = done.send(sql);
    });
}

fn main() {
    let (which, extension) = (std::env::args().nth(1), std::env::args().nth(2));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let io: Arc<dyn IO> = Arc::new(PlatformIO::new().expect("the system's own input and output"));
    let path = folder.path().join("a.db");
    let database = Database::open_file(io, path.to_str().expect("text")).expect("a new database");
    let first = database.connect().expect("a connection");
    first.execute("CREATE TABLE t (a INTEGER)").expect("a table");
    first.execute("INSERT INTO t VALUES (1)").expect("a row");
    let connection = database.connect().expect("a connection");
    if let Some(extension) = extension {
        connection.load_extension(extension).expect("an extension");
    }
    let (done, is_done) = channel();
    match which.as_deref() {
        Some("alone") => {
            println!("one thread makes a virtual table");
            connection.execute("CREATE VIRTUAL TABLE v USING empty()").expect("a table");
            println!("the table is made");
            return;
        }
        Some("symbols") => {
            spawn(&connection, &done, How::Execute, "SELECT * FROM pragma_table_info('t')");
            spawn(&connection, &done, How::Step, "CREATE VIRTUAL TABLE v USING empty()");
        }
        Some("subjournal") => {
            spawn(&connection, &done, How::Execute, "INSERT INTO t VALUES (2)");
            spawn(&connection, &done, How::Execute, "INSERT INTO t VALUES (3)");
            spawn(&connection, &done, How::Step, "SELECT a FROM t");
        }
        _ => panic!("alone, symbols or subjournal"),
    }
    started();
    match is_done.recv_timeout(Duration::from_secs(10)) {
        Ok(sql) => println!("ended: {sql}"),
        Err(_) => stuck(),
    }
}
