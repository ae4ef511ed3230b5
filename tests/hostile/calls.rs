//! System calls: what they leave behind, and what happens when they are refused.
#![expect(unsafe_code, reason = "system calls are the system's")]

use lockdep::sync::Mutex;

use super::stage::{Cost, Program, Row, ran, run};

pub(crate) const PROGRAMS: &[Program] = &[("error-number", error_number), ("refused-calls", refused_calls)];

pub(crate) const ROWS: &[Row] = &[
    Row {
        item: "+",
        name: "error-number",
        attempt: "the program asks for `errno` after it took a lock",
        promise: "the number is that of its own call, with reports, records and without",
        cost: Cost::Quick,
        check: || {
            let with_record: &[_] = &[("LOCKDEP_DIR", "records"), ("LOCKDEP_OUTPUT", "reports")];
            [&[], with_record, &[("LOCKDEP", "0")]]
                .iter()
                .try_for_each(|env| ran(&run("error-number", env), "77 77 77"))
        },
    },
    Row {
        item: "+",
        name: "refused-calls",
        attempt: "a filter refuses every system call but write, brk, futex and exit",
        promise: "the process ends in order",
        cost: Cost::Quick,
        check: || ran(&run("refused-calls", &[]), "done"),
    },
];

/// Prints the number after the first lock, after a new order and after a report.
fn error_number() {
    let (a, b) = (Mutex::new(0_u8), Mutex::new(0_u16));
    let place = {
        // SAFETY: the place is this thread's own.
        unsafe { libc::__errno_location() }
    };
    let number_after = |locks: &dyn Fn()| {
        // SAFETY: as above.
        unsafe { *place = 77 };
        locks();
        // SAFETY: as above.
        unsafe { *place }
    };
    let first = number_after(&|| drop(a.lock()));
    let order = number_after(&|| drop((a.lock(), b.lock())));
    let report = number_after(&|| drop((b.lock(), a.lock())));
    println!("{first} {order} {report}");
}

fn invert() {
    let (a, b) = (Mutex::new(0_u8), Mutex::new(0_u16));
    drop((a.lock(), b.lock()));
    drop((b.lock(), a.lock()));
}

fn refused_calls() {
    const NUMBER: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    drop(Mutex::new(0_u32).lock());
    let rule = |code: u32, jt: u8, k: u32| libc::sock_filter {
        code: u16::try_from(code).expect("a code has 16 bits"),
        jt,
        jf: 0,
        k,
    };
    let permitted = [libc::SYS_write, libc::SYS_brk, libc::SYS_futex, libc::SYS_exit_group];
    let mut filter = vec![rule(NUMBER, 0, 0)];
    for (n_before, call) in permitted.iter().enumerate() {
        let jump = u8::try_from(permitted.len() - n_before).expect("four calls");
        let is_equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        filter.push(rule(is_equal, jump, u32::try_from(*call).expect("a number of a call")));
    }
    let answer = libc::BPF_RET;
    filter.push(rule(answer, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()));
    filter.push(rule(answer, 0, libc::SECCOMP_RET_ALLOW));
    let length = u16::try_from(filter.len()).expect("a few rules");
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    // SAFETY: the program is as long as is said, and every jump stays inside.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
    invert();
    println!("done");
}
