//! The slab of VMAs, with what a program keeps with each of them (`vm_area_cachep`,
//! `SLAB_TYPESAFE_BY_RCU`).

use std::any::{Any, TypeId};
use std::sync::{Mutex as PlainMutex, PoisonError};

use super::super::base::dep::DepSlot;
use super::super::base::sync::{Mutex, lock};
use super::super::base::warn::{WarningKind, warn_on};
use super::super::guard::payload::{N_CHUNK, PayloadTable, VmaPayload};
use super::super::lock::assert::vma_assert_detached;
use super::super::object::mm::Mm;
use super::super::object::vma::{POISON, Vma};
use super::names;

/// The slab of VMAs: what is freed last is handed out first, at once.
#[derive(Debug)]
pub struct VmaCache<P: VmaPayload = ()> {
    // INVARIANT: every VMA in it has count 0 and poisoned bounds, and its payload was cleared.
    free: Mutex<Vec<&'static Vma>>,
    payloads: PayloadTable<P>,
}

/// The slabs of the process, one for each type of payload. No part of what is model-checked.
static SHARED: PlainMutex<Vec<(TypeId, &'static (dyn Any + Send + Sync))>> = PlainMutex::new(Vec::new());

impl VmaCache {
    /// Makes an empty slab. Its VMAs are kept for the rest of the process.
    #[must_use]
    pub fn new() -> Self {
        Self::with_payloads()
    }
}

impl<P: VmaPayload> VmaCache<P> {
    /// Makes an empty slab of VMAs with payloads. They are kept for the rest of the process.
    #[must_use]
    pub fn with_payloads() -> Self {
        Self { free: Mutex::new(Vec::new()), payloads: PayloadTable::new() }
    }

    /// Returns the slab of the process for VMAs with this payload.
    #[must_use]
    pub fn shared() -> &'static Self {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.iter().find(|(id, _)| *id == TypeId::of::<P>());
        if let Some(cache) = known.and_then(|(_, any)| any.downcast_ref::<Self>()) {
            return cache;
        }
        let cache: &'static Self = Box::leak(Box::new(Self::with_payloads()));
        shared.push((TypeId::of::<P>(), cache));
        cache
    }

    /// Allocates a detached VMA of `mm` (`vm_area_alloc`). Its payload is clear.
    #[track_caller]
    pub fn alloc(&self, mm: &'static Mm) -> &'static Vma {
        let vma = {
            let mut free = lock(&self.free);
            if free.is_empty() {
                let first = DepSlot::reserve(N_CHUNK);
                let chunk: Vec<Vma> = (first..first + N_CHUNK).map(Vma::numbered).collect();
                free.extend(chunk.leak().iter().rev());
            }
            free.pop().expect("a chunk was just added under the same lock")
        };
        vma.init(mm);
        vma
    }

    /// Frees a detached VMA at once, without a grace period, and clears its payload
    /// (`vm_area_free`).
    ///
    /// An attached VMA, or one that is free already, is left alone with a warning.
    #[track_caller]
    pub fn free(&self, vma: &'static Vma) {
        if !vma_assert_detached(vma) {
            return;
        }
        if !self.poison(vma) {
            warn_on(WarningKind::VmaFreedTwice, vma.address());
            return;
        }
        // Before the VMA can be handed out, and outside the slab's lock: it is the program's code.
        self.payload(vma).clear();
        names::clear(vma);
        lock(&self.free).push(vma);
    }

    /// Marks `vma` as free; says whether it was not.
    fn poison(&self, vma: &'static Vma) -> bool {
        let _free = lock(&self.free);
        let fields = vma.fields();
        if fields.vm_start() == POISON && fields.vm_end() == POISON {
            return false;
        }
        fields.set_vm_start(POISON);
        fields.set_vm_end(POISON);
        true
    }

    /// Returns what the program keeps with `vma`. Whether it is stable is the caller's business:
    /// see [`VmaPayload`].
    #[inline]
    #[must_use]
    pub fn payload(&self, vma: &Vma) -> &P {
        self.payloads.of(vma.number())
    }
}

impl<P: VmaPayload> Default for VmaCache<P> {
    fn default() -> Self {
        Self::with_payloads()
    }
}
