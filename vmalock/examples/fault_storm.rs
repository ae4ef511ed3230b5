//! A storm of faults on one address space of thousands of VMAs, while other threads change it.
//!
//! ```text
//! LOCKDEP=1 cargo run -p vmalock --example fault_storm                 # clean
//! LOCKDEP=1 cargo run -p vmalock --example fault_storm -- --bug seqnum # one report
//! ```
//!
//! Every page's offset is its own number, whatever was split, merged or grown. Every fault checks
//! that, so a torn read of a VMA's bounds stops the program.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use vmalock::{Access, AddressSpace, PAGE_SIZE, SpaceError, flags, lock_vma_under_rcu, raw};

const USAGE: &str = "usage: fault_storm [--threads N] [--vmas N] [--seconds S | --ops N] [--bug NAME]";

struct Options {
    n_threads: usize,
    n_vmas: usize,
    limit: Limit,
    bug: Option<Bug>,
}

#[derive(Clone, Copy)]
enum Limit {
    Time(Duration),
    OpsPerThread(u64),
}

/// What goes wrong on purpose: what it is called, what it does, what it should be reported as.
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    what: &'static str,
    pub(crate) code: &'static str,
    run: fn(&AddressSpace),
}

pub(crate) const BUGS: &[Bug] = &[
    Bug {
        name: "seqnum",
        what: "reads the raw mm sequence number under the mmap read lock",
        code: "LD0010",
        run: |space| {
            let _mmap = space.mm().read();
            let _ = space.mm().raw_mm_seqnum();
        },
    },
    Bug {
        name: "inversion",
        what: "blocks on the mmap lock while holding a VMA read lock",
        code: "LD0003",
        run: |space| {
            // The legal order first: mmap lock, then the VMA's.
            let _ = space.protect(SLOTS, PAGE_SIZE, flags::READ | flags::WRITE);
            let vma = lock_vma_under_rcu(space.mm(), SLOTS).expect("no thread writes yet");
            drop(space.mm().read());
            drop(vma);
        },
    },
    Bug {
        name: "unbalanced",
        what: "releases the mmap read lock once too often",
        code: "LD0007",
        run: |space| {
            drop(space.mm().read());
            raw::mmap_read_unlock(space.mm());
        },
    },
    Bug {
        name: "missing-write-lock",
        what: "changes a VMA's flags without vma_start_write (Linux: fb49c455323f, c137381f71ae, 33313a747e81)",
        code: "LD0010",
        run: |space| {
            let mmap = space.mm().write();
            let vma = mmap.vma_lookup(SLOTS).expect("the first slot is mapped");
            raw::vm_flags_reset(vma.as_raw(), flags::READ);
        },
    },
    Bug {
        name: "early-end",
        what: "ends all VMA write locks in the middle of a write section (Linux: 1235ccd05b6d)",
        code: "LD0010",
        run: |space| {
            let mmap = space.mm().write();
            let vma = mmap.start_write(mmap.vma_lookup(SLOTS).expect("the first slot is mapped"));
            raw::vma_end_write_all(space.mm());
            vma.set_vm_flags(flags::READ | flags::WRITE);
            // Keep the sequence's parity, which the unlock is about to change once more.
            raw::vma_end_write_all(space.mm());
        },
    },
    Bug {
        name: "ignored-interrupt",
        what: "unlocks although the killable lock failed (Linux: 52f657e)",
        code: "LD0007",
        run: |space| {
            let holder = space.mm().write();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    vmalock::Task::current().kill();
                    let _ = raw::mmap_read_lock_killable(space.mm());
                    raw::mmap_read_unlock(space.mm());
                });
            });
            drop(holder);
        },
    },
    Bug {
        name: "recursive-read",
        what: "takes the mmap read lock twice, between which a writer may queue (Linux: 9874b2917b9f)",
        code: "LD0014",
        run: |space| {
            // Another thread writes at times; a lock of one thread alone only gives a warning.
            std::thread::scope(|scope| {
                scope.spawn(|| drop(space.mm().write()));
            });
            let outer = space.mm().read();
            drop(space.mm().read());
            drop(outer);
        },
    },
    Bug {
        name: "no-mmap-lock",
        what: "write-locks a VMA without the mmap write lock (Linux: f70405afc99b)",
        code: "LD0010",
        run: |space| {
            let mmap = space.mm().read();
            let vma = mmap.vma_lookup(SLOTS).expect("the first slot is mapped").as_raw();
            raw::vma_start_write(vma);
        },
    },
    Bug {
        name: "self-deadlock",
        what: "write-locks a VMA of which the same thread holds the read lock",
        code: "LD0001",
        run: |space| {
            // Under LOCKDEP_ON_DEADLOCK=panic the report comes first, and the wait does not happen.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let mmap = space.mm().write();
                let vma = lock_vma_under_rcu(space.mm(), SLOTS).expect("not write-locked yet");
                raw::vma_start_write(vma.as_raw());
                drop((vma, mmap));
            }));
            println!("{}", if result.is_err() { "ended by a panic" } else { "went through" });
        },
    },
    Bug {
        name: "leaked-guard",
        what: "ends a thread that still holds a VMA read lock",
        code: "LD0009",
        run: |space| {
            // Joined, not scoped: a scope does not wait until its threads have really ended.
            let mm = space.mm_ref();
            let thread = std::thread::spawn(move || std::mem::forget(lock_vma_under_rcu(&mm, SLOTS)));
            thread.join().expect("it only forgets");
            // Put it back by hand, so that the storm can go on.
            let mmap = space.mm().read();
            let vma = mmap.vma_lookup(SLOTS).expect("the first slot is mapped").as_raw();
            drop(mmap);
            vma.vm_refcnt().preset(1);
        },
    },
];

/// First address of the slots, of `SLOT_PAGES` pages; the first `MAPPED_PAGES` may be mapped.
const SLOTS: usize = 1 << 30;
const SLOT_PAGES: usize = 8;
const MAPPED_PAGES: usize = 6;
/// Top of the stack, far above the slots.
const STACK_TOP: usize = 1 << 46;
const STACK_MAX_PAGES: usize = 1 << 20;

#[derive(Default)]
struct Counters {
    n_faults_under_vma_lock: AtomicU64,
    n_faults_under_mmap_lock: AtomicU64,
    n_refused: AtomicU64,
    n_changes: AtomicU64,
    n_listed: AtomicU64,
    n_forks: AtomicU64,
}

/// xorshift64*: good enough to be unpredictable, and the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits fit") % n
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options =
        Options { n_threads: 4, n_vmas: 2000, limit: Limit::Time(Duration::from_secs(2)), bug: None };
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"))?;
        let number = || match value.parse::<u32>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("{arg} {value}: not a positive number")),
        };
        match arg.as_str() {
            "--threads" => options.n_threads = number()? as usize,
            "--vmas" => options.n_vmas = number()? as usize,
            "--seconds" => options.limit = Limit::Time(Duration::from_secs(number()?.into())),
            "--ops" => options.limit = Limit::OpsPerThread(number()?.into()),
            "--bug" => {
                let index = BUGS.iter().position(|bug| bug.name == value).ok_or_else(|| {
                    let names: Vec<_> = BUGS.iter().map(|bug| bug.name).collect();
                    format!("--bug {value}: no such bug; there are {}", names.join(", "))
                })?;
                let Bug { name, what, code, run } = BUGS[index];
                options.bug = Some(Bug { name, what, code, run });
            }
            _ => return Err(format!("unknown option {arg}\n{USAGE}")),
        }
    }
    if options.n_vmas > (STACK_TOP - SLOTS) / (SLOT_PAGES * PAGE_SIZE) / 2 {
        return Err(format!("--vmas {}: they do not fit below the stack", options.n_vmas));
    }
    Ok(options)
}

fn main() -> ExitCode {
    run(std::env::args().skip(1))
}

/// The program, for its own `main` and for the test that runs it with every bug.
pub(crate) fn run(args: impl Iterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print_help();
        return ExitCode::SUCCESS;
    }
    let options = match parse(args.into_iter()) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let space = AddressSpace::new();
    for slot in 0..options.n_vmas {
        space
            .map(slot_start(slot), MAPPED_PAGES * PAGE_SIZE, flags::READ | flags::WRITE)
            .expect("the slots do not overlap");
    }
    space
        .map(STACK_TOP - PAGE_SIZE, PAGE_SIZE, flags::READ | flags::WRITE | flags::GROWSDOWN)
        .expect("the stack is far above the slots");
    if let Some(bug) = &options.bug {
        println!("bug {}: {}; expect {}", bug.name, bug.what, bug.code);
        (bug.run)(&space);
    }
    let counters = Counters::default();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..options.n_threads {
            let (space, counters, options) = (&space, &counters, &options);
            scope.spawn(move || storm(space, counters, options, start, thread as u64));
        }
    });
    print_counters(&space, &counters, start.elapsed());
    ExitCode::SUCCESS
}

fn print_help() {
    println!("{USAGE}\n");
    println!(
        "Faults, changes, forks and lists one address space from several threads, and checks every answer."
    );
    println!("With LOCKDEP=1 the lock validator watches; without a bug it has nothing to say.\n");
    println!("  --threads N   how many threads (4)");
    println!("  --vmas N      how many mappings to begin with (2000)");
    println!("  --seconds S   how long (2), or");
    println!("  --ops N       how many operations each thread does");
    println!("  --bug NAME    first does one thing wrong; what LOCKDEP=1 reports it as stands behind:\n");
    for bug in BUGS {
        println!("  {:<20} {}  {}", bug.name, bug.code, bug.what);
    }
}

fn slot_start(slot: usize) -> usize {
    SLOTS + slot * SLOT_PAGES * PAGE_SIZE
}

fn storm(space: &AddressSpace, counters: &Counters, options: &Options, start: Instant, thread: u64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (thread + 1));
    for n in 0_u64.. {
        let is_over = match options.limit {
            // The clock is looked at rarely: it costs more than a fault.
            Limit::Time(time) => n % 64 == 0 && start.elapsed() >= time,
            Limit::OpsPerThread(ops) => n >= ops,
        };
        if is_over {
            return;
        }
        let page = slot_start(random.below(options.n_vmas)) + random.below(SLOT_PAGES) * PAGE_SIZE;
        match random.below(1000) {
            0 if random.below(50) == 0 => fork(space, counters),
            1 if random.below(5) == 0 => list(space, counters),
            2..6 => fault(
                space,
                counters,
                STACK_TOP - (1 + random.below(STACK_MAX_PAGES)) * PAGE_SIZE,
                Access::Write,
            ),
            6..30 => change(space, counters, &mut random, page),
            n if n % 4 == 0 => fault(space, counters, page + random.below(PAGE_SIZE), Access::Write),
            _ => fault(space, counters, page + random.below(PAGE_SIZE), Access::Read),
        }
    }
}

fn fault(space: &AddressSpace, counters: &Counters, addr: usize, access: Access) {
    // ORDERING: Relaxed; statistics, here and below.
    match space.fault(addr, access) {
        Ok(resolved) => {
            assert_eq!(resolved.pgoff, addr / PAGE_SIZE, "torn read of a VMA at {addr:#x}");
            let counter = if resolved.under_vma_lock {
                &counters.n_faults_under_vma_lock
            } else {
                &counters.n_faults_under_mmap_lock
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Err(SpaceError::NotMapped | SpaceError::AccessDenied) => {
            counters.n_refused.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => panic!("fault at {addr:#x}: {error}"),
    }
}

/// Maps, unmaps or protects a few pages, whether or not something is mapped there already.
fn change(space: &AddressSpace, counters: &Counters, random: &mut Random, page: usize) {
    let len = (1 + random.below(MAPPED_PAGES)) * PAGE_SIZE;
    let vm_flags = [flags::READ, flags::READ | flags::WRITE][random.below(2)];
    let result = match random.below(3) {
        0 => space.map(page, len, vm_flags),
        1 => space.unmap(page, len).map(|_| ()),
        _ => space.protect(page, len, vm_flags).map(|_| ()),
    };
    match result {
        Ok(()) | Err(SpaceError::Occupied | SpaceError::NotMapped) => {}
        Err(error) => panic!("change at {page:#x}: {error}"),
    }
    counters.n_changes.fetch_add(1, Ordering::Relaxed);
}

fn list(space: &AddressSpace, counters: &Counters) {
    let mappings = space.maps().expect("no kill is pending");
    let is_ordered = mappings.windows(2).all(|pair| pair[0].end <= pair[1].start);
    assert!(is_ordered, "the list is out of order");
    counters.n_listed.fetch_add(mappings.len() as u64, Ordering::Relaxed);
}

fn fork(space: &AddressSpace, counters: &Counters) {
    let child = space.fork().expect("no kill is pending");
    let mappings = child.maps().expect("no kill is pending");
    assert_eq!(mappings.len(), child.map_count(), "the child does not list what it has");
    counters.n_forks.fetch_add(1, Ordering::Relaxed);
}

fn print_counters(space: &AddressSpace, counters: &Counters, elapsed: Duration) {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{:.1} s: {} faults under the VMA lock, {} under the mmap lock, {} refused; {} changes; {} VMAs listed; {} forks",
        elapsed.as_secs_f64(),
        read(&counters.n_faults_under_vma_lock),
        read(&counters.n_faults_under_mmap_lock),
        read(&counters.n_refused),
        read(&counters.n_changes),
        read(&counters.n_listed),
        read(&counters.n_forks),
    );
    let events = space.mm().vma_lock_events();
    println!(
        "{} VMAs at the end; VMA lock: {} misses, {} aborts; {} warnings",
        space.map_count(),
        events.n_miss(),
        events.n_abort(),
        vmalock::warn::n_warnings(),
    );
}
