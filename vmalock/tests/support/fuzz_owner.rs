//! One thread of the fuzz: the pages that are its own, what they must say, and what it does to
//! them.

use std::cell::RefCell;
use std::rc::Rc;

use crate::build::find::{FaultOrigin, lock_mm_and_find_vma};
use crate::build::iterator::VmaIterator;
use crate::build::lookup::{lock_next_vma, lock_vma_under_rcu};
use crate::build::mapping::{Access, Mapping, PAGE_SIZE, SpaceError, flags};
use crate::build::probe::on_points;
use crate::build::rcu::rcu_read_lock;
use crate::build::space::AddressSpace;

/// How many threads share the spaces.
pub(crate) const N_OWNERS: usize = 4;
/// How many pages of one owner lie side by side.
const STRIPE: usize = 6;
/// How many stripes an owner has.
const N_STRIPES: usize = 4;
/// The first page of the stripes.
const FIRST: usize = 16;
/// A page that stays mapped between the stripes and the stacks.
pub(crate) const SENTINEL: usize = FIRST + N_OWNERS * N_STRIPES * STRIPE + 1;
/// Where the first owner's stack ends, and how far the stacks are from each other; they grow by
/// less.
const STACKS: usize = 10_000;
const BETWEEN_STACKS: usize = 1_000;
const STACK_MAX: usize = 300;

const RW: usize = flags::READ | flags::WRITE;
/// What can be mapped.
const KINDS: [usize; 4] = [flags::READ, RW, RW, flags::READ | flags::EXEC];

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40).expect("24 bits fit") % n
    }
}

/// What an owner's pages in one space must say.
#[derive(Clone)]
struct Model {
    /// Flags of the pages of each stripe; 0 is unmapped.
    stripes: [[usize; STRIPE]; N_STRIPES],
    /// The lowest page of the stack, if it is mapped.
    stack: Option<usize>,
}

/// One thread.
pub(crate) struct Owner<'s> {
    spaces: &'s [AddressSpace; 2],
    models: [Model; 2],
    number: usize,
    seed: u64,
    random: Random,
}

impl<'s> Owner<'s> {
    pub(crate) fn new(spaces: &'s [AddressSpace; 2], number: usize, seed: u64) -> Self {
        let model = Model { stripes: [[0; STRIPE]; N_STRIPES], stack: None };
        let random = Random((seed << 8) + u64::try_from(number).expect("few") + 1);
        Self { spaces, models: [model.clone(), model], number, seed, random }
    }

    /// From here on the calling thread gives way at the points of the protocol, at times.
    pub(crate) fn disturb(&self) {
        let random =
            RefCell::new(Random(self.seed.wrapping_mul(31) + u64::try_from(self.number).expect("few") + 1));
        on_points(Some(Rc::new(move |_| {
            let n = random.borrow_mut().below(64);
            (0..n.saturating_sub(60)).for_each(|_| std::thread::yield_now());
        })));
    }

    /// The first page of stripe `n`.
    fn first(&self, n: usize) -> usize {
        FIRST + (n * N_OWNERS + self.number) * STRIPE
    }

    /// One page behind the stack.
    fn stack_end(&self) -> usize {
        STACKS + (self.number + 1) * BETWEEN_STACKS
    }

    /// One operation on one of the spaces, compared with the model.
    pub(crate) fn step(&mut self) {
        let which = self.random.below(2);
        let stripe = self.random.below(N_STRIPES);
        let from = self.random.below(STRIPE);
        let to = from + 1 + self.random.below(STRIPE - from);
        match self.random.below(64) {
            0 => self.fork(which),
            1..4 => self.check_listing(which, self.spaces[which].maps()),
            4..16 => self.map(which, stripe, from, to),
            16..24 => self.unmap(which, stripe, from, to),
            24..36 => self.protect(which, stripe, from, to),
            36..42 => self.walk(which, stripe),
            42..46 => self.look(which, stripe, from),
            46..48 => self.find(which, stripe, from),
            48..50 => self.stack(which),
            _ => self.fault(which, stripe, from),
        }
    }

    fn map(&mut self, which: usize, stripe: usize, from: usize, to: usize) {
        let kind = KINDS[self.random.below(KINDS.len())];
        let start = (self.first(stripe) + from) * PAGE_SIZE;
        let result = self.spaces[which].map(start, (to - from) * PAGE_SIZE, kind);
        let pages = &mut self.models[which].stripes[stripe][from..to];
        if pages.iter().all(|&page| page == 0) {
            pages.fill(kind);
            assert_eq!(result, Ok(()), "{self}: map");
        } else {
            assert_eq!(result, Err(SpaceError::Occupied), "{self}: map");
        }
    }

    fn unmap(&mut self, which: usize, stripe: usize, from: usize, to: usize) {
        let start = (self.first(stripe) + from) * PAGE_SIZE;
        let result = self.spaces[which].unmap(start, (to - from) * PAGE_SIZE);
        let pages = &mut self.models[which].stripes[stripe][from..to];
        let is_mapped = pages.iter().any(|&page| page != 0);
        pages.fill(0);
        assert_eq!(result.map(|n| n > 0), Ok(is_mapped), "{self}: unmap");
    }

    fn protect(&mut self, which: usize, stripe: usize, from: usize, to: usize) {
        let kind = KINDS[self.random.below(KINDS.len())];
        let start = (self.first(stripe) + from) * PAGE_SIZE;
        let result = self.spaces[which].protect(start, (to - from) * PAGE_SIZE, kind);
        let pages = &mut self.models[which].stripes[stripe][from..to];
        let is_mapped = pages.iter().any(|&page| page != 0);
        pages.iter_mut().filter(|page| **page != 0).for_each(|page| *page = kind);
        match result {
            Ok(n) => assert!(is_mapped && n > 0, "{self}: protect"),
            Err(error) => assert!(!is_mapped && error == SpaceError::NotMapped, "{self}: protect: {error}"),
        }
    }

    fn fault(&mut self, which: usize, stripe: usize, n: usize) {
        let access = if self.random.below(2) == 0 { Access::Read } else { Access::Write };
        let page = self.first(stripe) + n;
        let result = self.spaces[which].fault(page * PAGE_SIZE + 8, access);
        let kind = self.models[which].stripes[stripe][n];
        let needed = if access == Access::Read { flags::READ } else { flags::WRITE };
        let expected = match kind {
            0 => Err(SpaceError::NotMapped),
            _ if kind & needed == 0 => Err(SpaceError::AccessDenied),
            _ => Ok(page),
        };
        assert_eq!(result.map(|resolved| resolved.pgoff), expected, "{self}: fault at page {page}");
    }

    /// Grows the stack, maps it, or unmaps it.
    fn stack(&mut self, which: usize) {
        let end = self.stack_end();
        let n = self.random.below(STACK_MAX);
        match self.models[which].stack {
            None => {
                let result =
                    self.spaces[which].map((end - 2) * PAGE_SIZE, 2 * PAGE_SIZE, RW | flags::GROWSDOWN);
                assert_eq!(result, Ok(()), "{self}: map a stack");
                self.models[which].stack = Some(end - 2);
            }
            Some(low) if n == 0 => {
                let result = self.spaces[which].unmap(low * PAGE_SIZE, (end - low) * PAGE_SIZE);
                assert_eq!(result, Ok(1), "{self}: unmap the stack");
                self.models[which].stack = None;
            }
            Some(low) => {
                let page = end - n;
                let result = self.spaces[which].fault(page * PAGE_SIZE, Access::Write);
                assert_eq!(result.map(|resolved| resolved.pgoff), Ok(page), "{self}: grow the stack");
                self.models[which].stack = Some(low.min(page));
            }
        }
    }

    /// Locks the VMA of one page: it covers no page that is unmapped.
    fn look(&self, which: usize, stripe: usize, n: usize) {
        let page = self.first(stripe) + n;
        if let Some(vma) = lock_vma_under_rcu(self.spaces[which].mm(), page * PAGE_SIZE) {
            let mapping = Mapping::of(&vma);
            assert_ne!(
                self.models[which].stripes[stripe][n], 0,
                "{self}: page {page} is unmapped, and was locked"
            );
            self.check_pages(which, stripe, &[mapping], mapping.start, mapping.end);
        }
    }

    /// Finds the VMA of one page under the mmap lock.
    fn find(&self, which: usize, stripe: usize, n: usize) {
        let page = self.first(stripe) + n;
        let found = lock_mm_and_find_vma(self.spaces[which].mm(), page * PAGE_SIZE, FaultOrigin::User);
        let kind = found.as_ref().map_or(0, |found| found.vma().vm_flags());
        assert_eq!(kind, self.models[which].stripes[stripe][n], "{self}: page {page} under the mmap lock");
    }

    /// Walks over a stripe, in one RCU section or in several.
    fn walk(&mut self, which: usize, stripe: usize) {
        let (start, end) = (self.first(stripe) * PAGE_SIZE, (self.first(stripe) + STRIPE) * PAGE_SIZE);
        let mut iterator = VmaIterator::new(self.spaces[which].mm(), start);
        let (mut rcu, mut from, mut seen) = (rcu_read_lock(), start, Vec::new());
        while from < end {
            let next;
            (rcu, next) = lock_next_vma(rcu, &mut iterator, from);
            let Some(vma) = next.expect("no thread is killed, and there is room for readers") else { break };
            seen.push(Mapping::of(&vma).starting_at(from));
            from = vma.vm_end();
            drop(vma);
            if self.random.below(8) == 0 {
                drop(rcu);
                rcu = rcu_read_lock();
            }
        }
        drop(rcu);
        self.check_pages(which, stripe, &seen, start, end);
    }

    fn fork(&self, which: usize) {
        let child = self.spaces[which].fork().expect("no thread is killed");
        self.check_listing(which, child.maps());
    }

    /// Compares listings of both spaces with the models.
    pub(crate) fn check_listings(&self) {
        (0..2).for_each(|which| self.check_listing(which, self.spaces[which].maps()));
    }

    fn check_listing(&self, which: usize, listing: Result<Vec<Mapping>, SpaceError>) {
        let listing = listing.expect("no thread is killed");
        assert!(
            listing.windows(2).all(|pair| pair[0].end <= pair[1].start),
            "{self}: out of order: {listing:?}"
        );
        (0..N_STRIPES).for_each(|stripe| self.check_pages(which, stripe, &listing, 0, usize::MAX));
        let end = self.stack_end() * PAGE_SIZE;
        let stack =
            listing.iter().find(|mapping| mapping.end == end).map(|mapping| mapping.start / PAGE_SIZE);
        assert_eq!(stack, self.models[which].stack, "{self}: the stack in {listing:?}");
    }

    /// Compares what `mappings` say about those pages of a stripe that lie in `start..end` with the
    /// model.
    fn check_pages(&self, which: usize, stripe: usize, mappings: &[Mapping], start: usize, end: usize) {
        for (n, &kind) in self.models[which].stripes[stripe].iter().enumerate() {
            let page = self.first(stripe) + n;
            let addr = page * PAGE_SIZE;
            if addr < start || addr >= end {
                continue;
            }
            let mapping = mappings.iter().find(|mapping| mapping.start <= addr && addr < mapping.end);
            let seen = mapping.map_or(0, |mapping| mapping.flags);
            assert_eq!(seen, kind, "{self}: page {page} of space {which} in {mappings:?}");
            let pgoff = mapping.map_or(page, |mapping| mapping.pgoff + (addr - mapping.start) / PAGE_SIZE);
            assert_eq!(pgoff, page, "{self}: the offset of page {page} in {mappings:?}");
        }
    }
}

/// How to find the same round again.
impl std::fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {}, thread {}", self.seed, self.number)
    }
}
