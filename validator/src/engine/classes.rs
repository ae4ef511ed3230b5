//! Classes and instances: registration, order functions, removal.

use std::cmp::Ordering as Comparison;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{OrderFn, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::id::{ClassId, LockId};
use crate::base::site::Site;
use crate::state::class::{ClassAttributes, LockClassKey};

/// How many instance numbers a task takes at once.
const INSTANCE_BLOCK: u64 = 64;

impl Validator {
    /// Registers a class, or finds it: the same key always gives the same id. `None` when the table of classes is full.
    pub fn register_class(
        &self,
        key: &LockClassKey,
        site: Site,
        attributes: ClassAttributes,
    ) -> Option<ClassId> {
        let class = self.registry.register(key, site, attributes);
        if class.is_none() {
            self.count_dropped();
        }
        class
    }

    /// Makes the id of a lock object that is used for the first time. The embedder stores it in the lock; if another thread
    /// was faster, that thread's id counts and this one is lost without harm.
    pub fn new_lock(&self, task: &mut TaskContext, class: ClassId) -> LockId {
        if task.instances.is_empty() {
            // ORDERING: Relaxed: the numbers need to be distinct, nothing else.
            let start = self.next_instance.fetch_add(INSTANCE_BLOCK, Ordering::Relaxed);
            task.instances = start..start + INSTANCE_BLOCK;
        }
        let number = task.instances.next().unwrap_or_default();
        LockId::new(class, number)
    }

    /// Gives a class an order of its own: two of its locks may nest if `order` says that the held one comes before the wanted
    /// one (the kernel's `lock_set_cmp_fn`). `false` if the class is unknown or has an order already.
    ///
    /// `order` is called with no lock of the engine held; it must not take a watched lock.
    pub fn set_order_fn(
        &self,
        class: ClassId,
        order: impl Fn(&Acquisition, &Acquisition) -> Comparison + Send + Sync + 'static,
    ) -> bool {
        let order: Arc<OrderFn> = Arc::new(order);
        self.registry.record(class).is_some_and(|record| record.order_fn.set(order).is_ok())
    }

    /// Removes a class whose locks are gone (a dynamic key). What was concluded through it stays: its predecessors are
    /// joined to its successors wherever that is sound. Cheap: it waits for nobody. `false` if it was not there.
    pub fn remove_class(&self, class: ClassId) -> bool {
        self.registry.remove(class)
    }
}
