//! Prints what an insertion into the dependency graph costs, and what it weighs.
//!
//! `cargo run --release -p lockdep-tests --bin graph_growth` (with `-- --large`: also 100 000
//! classes, 1 000 000 dependencies). An insertion is the whole of it: storing, keeping the order,
//! and the search for a cycle where one may have closed.

use std::time::Instant;

use lockdep_tests::oracle::history::{Choices, Seed};
use lockdep_validator::{
    Acquire, Acquisition, Added, ClassAttributes, ClassId, Config, Graph, Instances, Kind, LockClassKey,
    LockId, Mode, NoStacks, SearchFilter, Site, Subclass, TaskContext, TaskId, Validator, Wait, Witness,
};

const KIND: Kind = Kind::new(Mode::Exclusive, Mode::Exclusive, Wait::Blocking);

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn main() {
    println!("{:44} {:>9} {:>9} {:>9} {:>9}", "insertions", "median ns", "p99 ns", "max us", "B/dep");
    let n_classes = 10_000;
    let dag = random_dag(n_classes, 100_000);
    let mut by_head = dag.clone();
    by_head.sort_unstable();
    measure("random DAG 10k/100k, order-consistent", &by_head);
    by_head.reverse();
    measure("random DAG 10k/100k, reversed", &by_head);
    measure("random DAG 10k/100k, random order", &dag);
    let chain: Vec<(usize, usize)> = (0..n_classes - 1).map(|n| (n, n + 1)).collect();
    measure("chain 10k", &chain);
    let reverse: Vec<(usize, usize)> = chain.iter().rev().copied().collect();
    measure("reverse chain 10k", &reverse);
    let back: Vec<(usize, usize)> = chain.iter().map(|(from, to)| (*to, *from)).collect();
    measure("chain of falling class numbers 10k", &back);
    let star: Vec<(usize, usize)> = (1..n_classes).map(|n| (0, n)).collect();
    measure("star 10k", &star);
    if std::env::args().any(|argument| argument == "--large") {
        measure("random DAG 100k/1M, random order", &random_dag(100_000, 1_000_000));
    }
    instances();
    short_lived();
    for n_held in [5_000, 10_000, 20_000] {
        many_held(n_held);
    }
}

/// Edges from lower to higher places of a random order, in random order.
fn random_dag(n_classes: usize, n_edges: usize) -> Vec<(usize, usize)> {
    let mut seed = Seed(7);
    let mut below = |limit: usize| usize::try_from(seed.below(limit as u64)).expect("below a usize");
    let mut places: Vec<usize> = (0..n_classes).collect();
    for index in (1..n_classes).rev() {
        places.swap(index, below(index + 1));
    }
    // Class numbers are given in the order of `places`; edges follow it.
    (0..n_edges)
        .filter_map(|_| {
            let (one, other) = (below(n_classes), below(n_classes));
            (one != other).then(|| (places[one.min(other)], places[one.max(other)]))
        })
        .collect()
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn measure(name: &str, edges: &[(usize, usize)]) {
    let before = resident_bytes();
    let mut graph = Graph::new();
    let mut times: Vec<u64> = Vec::with_capacity(edges.len());
    for &(from, to) in edges {
        let (from, to) = (class(from), class(to));
        let witness = witness(from, to);
        let start = Instant::now();
        if let Added::New { closes: true } = graph.add(from, to, KIND, &witness) {
            let cycle = graph.strong_cycle(from, to, KIND, &SearchFilter::ALL);
            assert!(cycle.is_none(), "the graph has no cycle");
        }
        times.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    let n_bytes = resident_bytes().saturating_sub(before) / graph.n_dependencies().max(1) as u64;
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{name:44} {:>9} {:>9} {:>9} {n_bytes:>9}", at(50), at(99), at(100) / 1000);
}

/// A million locks of one class, each taken under its neighbour.
#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn instances() {
    const N_LOCKS: u64 = 1_000_000;
    let before = resident_bytes();
    let mut orders = Instances::new(1 << 21);
    let start = Instant::now();
    let lock = |number| LockId::new(class(0), number);
    for number in 0..N_LOCKS {
        orders.add(lock(number), lock(number + 1), KIND);
    }
    let ns = start.elapsed().as_nanos() / u128::from(N_LOCKS);
    let n_bytes = resident_bytes().saturating_sub(before) / N_LOCKS;
    println!("list of 1M locks of one class: {ns} ns an order, {n_bytes} bytes a lock with its order");
    for number in 0..N_LOCKS {
        orders.forget(lock(number));
        orders.add(lock(number + N_LOCKS), lock(number + N_LOCKS + 1), KIND);
    }
    let grown = resident_bytes().saturating_sub(before) / N_LOCKS;
    println!("after a million more, each in the place of a dead one: {grown} bytes a lock");
}

/// A million locks of one class, each taken under one of another class, nested once in a neighbour,
/// and gone.
#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn short_lived() {
    const N_LOCKS: u32 = 1_000_000;
    let validator = Validator::new(Config::user());
    let mut task = TaskContext::new(TaskId(1));
    let [outer, short] = ["Outer", "Short"].map(|name| register(&validator, name));
    let outer = validator.new_lock(&mut task, outer);
    let mut warm = 0;
    for number in 0..N_LOCKS {
        let pair = [validator.new_lock(&mut task, short), validator.new_lock(&mut task, short)];
        for lock in [outer, pair[0], pair[1]] {
            let event = Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(1));
            assert!(validator.acquire(&mut task, &event, &NoStacks).is_clean(), "nothing is wrong with it");
        }
        for lock in [pair[1], pair[0], outer] {
            let _ = validator.release(&mut task, lock, Site(2));
        }
        for lock in pair {
            let _ = validator.freed(&mut task, lock, Site(3));
        }
        if number == N_LOCKS / 10 {
            warm = resident_bytes();
        }
    }
    let grown = resident_bytes().saturating_sub(warm) / 1024;
    println!("1M pairs of short-lived locks: {grown} KiB more after the last than after the first tenth");
}

/// One task that holds many locks of one class, released newest first and oldest first.
#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn many_held(n_held: usize) {
    let validator = Validator::new(Config::user());
    let mut task = TaskContext::new(TaskId(1));
    let class = register(&validator, "Node");
    let locks: Vec<LockId> = (0..n_held).map(|_| validator.new_lock(&mut task, class)).collect();
    let mut ns = [0; 4];
    for (index, oldest_first) in [false, true].into_iter().enumerate() {
        let start = Instant::now();
        for lock in &locks {
            let event = Acquire::new(*lock, Mode::Exclusive, Wait::Blocking, Site(1));
            assert!(validator.acquire(&mut task, &event, &NoStacks).is_clean(), "one order only");
        }
        ns[2 * index] = start.elapsed().as_nanos() / n_held as u128;
        let start = Instant::now();
        for number in 0..n_held {
            let lock = locks[if oldest_first { number } else { n_held - 1 - number }];
            let _ = validator.release(&mut task, lock, Site(2));
        }
        ns[2 * index + 1] = start.elapsed().as_nanos() / n_held as u128;
    }
    let [first, newest, again, oldest] = ns;
    println!(
        "{n_held} locks of one class held at once: {first} ns an acquisition, {again} when known; \
         {newest} ns a release newest first, {oldest} oldest first"
    );
}

fn register(validator: &Validator, name: &str) -> ClassId {
    let key = LockClassKey { type_name: name.to_owned(), ..LockClassKey::default() };
    validator.register_class(&key, Site::UNKNOWN, ClassAttributes::default()).expect("few classes")
}

fn class(index: usize) -> ClassId {
    ClassId::from_index(index).expect("few classes")
}

fn witness(from: ClassId, to: ClassId) -> Witness {
    let acquisition = |class| Acquisition {
        lock: LockId::new(class, 1),
        class,
        subclass: Subclass::ZERO,
        mode: Mode::Exclusive,
        wait: Wait::Blocking,
        address: 0,
        site: Site::UNKNOWN,
        stack: None,
        stack_exact: true,
    };
    Witness { from: acquisition(from), to: acquisition(to), task: TaskId(1), segment: 0 }
}

/// What the process keeps in memory.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}
