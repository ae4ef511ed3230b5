//! Descriptors, files, and what is said at the end.
#![expect(unsafe_code, reason = "descriptors and limits are the system's")]

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use lockdep::sync::Mutex;

use super::stage::{Cost, Kept, Program, Row, ensure, ran, run, run_in};

pub(crate) const PROGRAMS: &[Program] = &[
    ("closed-descriptors", || closed_descriptors(3)),
    ("closed-standard", || closed_descriptors(0)),
    ("closed-pipe", closed_pipe),
    ("file-size", file_size),
    ("lost-reader", lost_reader),
    ("inversion", invert_and_say),
    ("change-directory", change_directory),
    ("unseen-said", unseen_said),
    ("escapes", escapes),
    ("no-descriptors", no_descriptors),
];

pub(crate) const ROWS: &[Row] = &[
    Row {
        item: "A1",
        name: "closed-descriptors",
        attempt: "a daemon closes all descriptors above 2 and opens files of its own",
        promise: "its files hold what it wrote",
        cost: Cost::Quick,
        check: || {
            let env = [("LOCKDEP_DIR", "records"), ("LOCKDEP_OUTPUT", "reports"), ("LOCKDEP_FORMAT", "json")];
            ran(&run("closed-descriptors", &env), "4 4 4")
        },
    },
    Row {
        item: "A1",
        name: "closed-standard",
        attempt: "a daemon closes 0, 1 and 2 as well, and opens files of its own",
        promise: "its files hold what it wrote",
        cost: Cost::Quick,
        check: closed_standard_kept,
    },
    Row {
        item: "A1",
        name: "closed-pipe",
        attempt: "the program closes its standard output",
        promise: "no copy of ours keeps the pipe open",
        cost: Cost::Quick,
        check: || {
            let ended = run("closed-pipe", &[("LOCKDEP_DIR", "records")]);
            ensure(
                ended.stderr.contains("the reader saw the end"),
                "a copy of the descriptor is left",
                &ended,
            )
        },
    },
    Row {
        item: "A6",
        name: "file-size",
        attempt: "the record grows beyond RLIMIT_FSIZE",
        promise: "no SIGXFSZ",
        cost: Cost::Quick,
        check: || {
            let env = [("LOCKDEP_DIR", "records"), ("LOCKDEP_OUTPUT", "reports")];
            ran(&run("file-size", &env), "done")
        },
    },
    Row {
        item: "A6",
        name: "lost-reader",
        attempt: "no process reads the standard error stream",
        promise: "no SIGPIPE",
        cost: Cost::Quick,
        check: || ran(&run("lost-reader", &[]), "done"),
    },
    Row {
        item: "A8",
        name: "pipe-as-file",
        attempt: "a variable names a fifo, or a device without an end",
        promise: "no hang, and the name is said",
        cost: Cost::Quick,
        check: pipe_as_file_kept,
    },
    Row {
        item: "B12",
        name: "unseen-said",
        attempt: "events that could not be looked at, with `LOCKDEP=1` alone",
        promise: "their number is said at the end",
        cost: Cost::Quick,
        check: || {
            let ended = run("unseen-said", &[]);
            ran(&ended, "done")?;
            ensure(
                ended.stderr.contains("unseen") || ended.stderr.contains("not looked at"),
                "not said",
                &ended,
            )
        },
    },
    Row {
        item: "B11",
        name: "no-descriptors",
        attempt: "no descriptor is left for the record",
        promise: "the process says that its record could not be written",
        cost: Cost::Quick,
        check: || {
            let ended = run("no-descriptors", &[("LOCKDEP_DIR", "records")]);
            ran(&ended, "done")?;
            ensure(ended.stderr.contains("record"), "the lost record is not said", &ended)
        },
    },
    Row {
        item: "D25",
        name: "change-directory",
        attempt: "the program changes its directory before its first lock",
        promise: "relative names mean the directory it was started in",
        cost: Cost::Quick,
        check: || {
            let directory = tempfile::tempdir().expect("a directory");
            fs::create_dir(directory.path().join("elsewhere")).expect("a directory");
            let ended = run_in(directory.path(), "change-directory", &[("LOCKDEP_DIR", "records")]);
            ran(&ended, "done")?;
            let is_there = directory.path().join("records").is_dir();
            ensure(is_there, "the records went where the program went", &ended)
        },
    },
];

fn invert() {
    let (a, b) = (Mutex::new(0_u8), Mutex::new(0_u16));
    drop((a.lock(), b.lock()));
    drop((b.lock(), a.lock()));
}

fn invert_and_say() {
    invert();
    println!("done");
}

fn closed_descriptors(first: i32) {
    drop(Mutex::new(0_u32).lock());
    (first..1024).for_each(|descriptor| {
        // SAFETY: what a daemon does; nothing here owns one of them.
        unsafe { libc::close(descriptor) };
    });
    let mut files: Vec<File> = (0..3).map(|n| File::create(format!("data{n}")).expect("a file")).collect();
    files.iter_mut().for_each(|file| file.write_all(b"DATA").expect("written"));
    invert();
    drop(files);
    let sizes: Vec<String> =
        (0..3).map(|n| fs::metadata(format!("data{n}")).expect("a file").len().to_string()).collect();
    fs::write("sizes", sizes.join(" ")).expect("written");
    if first > 0 {
        println!("{}", sizes.join(" "));
    }
}

fn closed_standard_kept() -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let ended = run_in(directory.path(), "closed-standard", &[("LOCKDEP_DIR", "records")]);
    let sizes = fs::read_to_string(directory.path().join("sizes")).unwrap_or_default();
    ensure(sizes == "4 4 4", &format!("the files hold {sizes} bytes instead of 4 each"), &ended)
}

fn closed_pipe() {
    let mut ends = [0_i32; 2];
    // SAFETY: room for two descriptors; 1 becomes the writing end, and is then the only one.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        libc::dup2(ends[1], 1);
        libc::close(ends[1]);
    }
    invert();
    // SAFETY: the last writing end, if no copy was made; the reading end is this function's own.
    let mut reader = unsafe {
        libc::close(1);
        <File as std::os::fd::FromRawFd>::from_raw_fd(ends[0])
    };
    let mut text = String::new();
    let _n_read = reader.read_to_string(&mut text);
    std::io::stderr().write_all(b"the reader saw the end\n").expect("written");
}

fn limit(resource: libc::__rlimit_resource_t, most: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
}

fn file_size() {
    limit(libc::RLIMIT_FSIZE, 100);
    invert_and_say();
}

fn no_descriptors() {
    limit(libc::RLIMIT_NOFILE, 3);
    invert_and_say();
}

fn lost_reader() {
    let mut ends = [0_i32; 2];
    // SAFETY: room for two descriptors; 2 becomes the writing end of a pipe that no process reads.
    // Rust ignores SIGPIPE, and most other programs do not.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        libc::dup2(ends[1], 2);
        libc::close(ends[0]);
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    invert_and_say();
}

fn pipe_as_file_kept() -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let fifo = directory.path().join("fifo");
    let path = CString::new(fifo.as_os_str().as_bytes()).expect("no zero byte");
    // SAFETY: a valid path.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let fifo = fifo.to_string_lossy().into_owned();
    let allow = format!("@{fifo}");
    let variables = [
        ("LOCKDEP_OUTPUT", fifo.as_str()),
        ("LOCKDEP_ALLOW", &allow),
        ("LOCKDEP_ORDER", &fifo),
        ("LOCKDEP_SUSPECTS", &fifo),
        ("LOCKDEP_ORDER", "/dev/zero"),
        ("LOCKDEP_ALLOW", "@/dev/zero"),
        ("LOCKDEP_SUSPECTS", "/dev/zero"),
    ];
    for variable in variables {
        let ended = run_in(directory.path(), "inversion", &[variable]);
        ran(&ended, "done").map_err(|why| format!("{}={}: {why}", variable.0, variable.1))?;
    }
    Ok(())
}

fn change_directory() {
    std::env::set_current_dir("elsewhere").expect("the directory is there");
    invert_and_say();
}

fn escapes() {
    let name = "\u{1b}[31mred\u{7}\r\n::error::planted";
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(invert).expect("a thread");
    assert!(thread.join().is_ok());
}

fn unseen_said() {
    lockdep::set_report_callback(|_| drop(Mutex::new(0_u8).lock()));
    invert();
    assert!(lockdep::counters().unseen > 0, "a lock in a callback is not looked at");
    println!("done");
}
