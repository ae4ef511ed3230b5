//! Programs with rights that their caller does not have.
#![expect(unsafe_code, reason = "the user's number is the system's")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use lockdep::sync::Mutex;

use super::stage::{Cost, Kept, NOT_RUN, Program, Row, ensure, finish, ran};

pub(crate) const PROGRAMS: &[Program] = &[("elevated", elevated)];

pub(crate) const ROWS: &[Row] = &[Row {
    item: "C17",
    name: "elevated",
    attempt: "an unprivileged caller sets `LOCKDEP_*` for a setuid program",
    promise: "no file is written, none is read, nothing is said",
    cost: Cost::Quick,
    check: elevated_kept,
}];

fn elevated() {
    let (a, b) = (Mutex::new(0_u8), Mutex::new(0_u16));
    drop((a.lock(), b.lock()));
    drop((b.lock(), a.lock()));
    println!("done");
}

fn elevated_kept() -> Kept {
    const UNPRIVILEGED: u32 = 65_534;
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        return Err(format!("{NOT_RUN}only root can make a program setuid root"));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("elevated");
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(directory.path(), open).expect("it is this process's");
    fs::copy(std::env::current_exe().expect("a path"), &program).expect("copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("it is this process's");
    let secret = directory.path().join("secret");
    fs::write(&secret, "the first line\n").expect("written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("it is this process's");
    let mut command = Command::new(&program);
    command
        .args(["program", "elevated"])
        .current_dir(directory.path())
        .uid(UNPRIVILEGED)
        .gid(UNPRIVILEGED)
        .env_clear();
    command.envs([("LOCKDEP", "1"), ("LOCKDEP_DIR", "records"), ("LOCKDEP_OUTPUT", "reports")]);
    command.env("LOCKDEP_ALLOW", format!("@{}", secret.display()));
    let ended = finish(&mut command);
    ran(&ended, "done")?;
    ensure(ended.stderr.is_empty(), "something was said", &ended)?;
    let is_written = ["records", "reports"].iter().any(|name| directory.path().join(name).exists());
    ensure(!is_written, "a file was written with root's rights", &ended)
}
