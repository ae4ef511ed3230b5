//! What is inserted into tokio 1.
//!
//! Each lock of `tokio::sync` takes the permits of a `batch_semaphore::Semaphore`, whose functions
//! have the same heads since 1.8. So the map of a lock lies there.

mod semaphore;

use super::patch::{CALLER, Edit, Group, Hook, hook};
use semaphore::SEMAPHORES;

const SEMAPHORE: &[&str] = &["sync/batch_semaphore.rs"];
const MUTEX: &[&str] = &["sync/mutex.rs"];
const RWLOCK: &[&str] = &["sync/rwlock.rs"];
const RUNTIME: &[&str] = &["runtime/runtime.rs", "runtime/mod.rs"];
const HANDLE: &[&str] = &["runtime/handle.rs"];
const LOCAL: &[&str] = &["task/local.rs"];

/// These make a lock on a caller's behalf, who may be a function of the standard library.
const FROM: Edit = Edit::Around(
    "#[track_caller]
    fn from(s: T) -> Self {
        let mut made = Self::new(s);
        made.s.lockdep.relocate();
        return made;",
    "",
);
const DEFAULT: Edit = Edit::Around(
    "#[track_caller]
    fn default() -> Self {
        let mut made = Self::new(T::default());
        made.s.lockdep.relocate();
        return made;",
    "",
);
const TASK: Edit = Edit::Inside("let future = ::lockdep::flow::Task::new(future);");
const BLOCKS: Edit = Edit::Inside("let _lockdep = ::lockdep::flow::blocking::Blocking::new();");
const LOCAL_TASK: Edit = Edit::Inside("let future = ::lockdep::flow::Task::new_local(future);");

/// The insertions, in the order in which they are made.
pub(super) const GROUPS: &[Group] = &[
    Group { name: "tasks", is_base: true, hooks: TASKS },
    Group { name: "locks", is_base: true, hooks: PERMITS },
    Group { name: "Mutex", is_base: false, hooks: MUTEXES },
    Group { name: "RwLock", is_base: false, hooks: RWLOCKS },
    Group { name: "Semaphore and OnceCell", is_base: false, hooks: SEMAPHORES },
];

const TASKS: &[Hook] = &[
    hook(&["task/spawn.rs"], "pub fn spawn<", TASK),
    hook(LOCAL, "pub fn spawn_local<F>(future: F)", LOCAL_TASK),
    hook(LOCAL, "pub fn spawn_local<F>(&self, future: F)", LOCAL_TASK),
    hook(RUNTIME, "pub fn spawn<F>(&self, future: F)", TASK),
    hook(RUNTIME, "pub fn block_on<F: Future>(&self, future: F)", LOCAL_TASK),
    hook(HANDLE, "pub fn spawn<F>(&self, future: F)", TASK),
    hook(HANDLE, "pub fn block_on<F: Future>(&self, future: F)", LOCAL_TASK),
];

const PERMITS: &[Hook] = &[
    hook(
        SEMAPHORE,
        "pub(crate) struct Semaphore {",
        Edit::Inside("pub(crate) lockdep: ::lockdep::flow::overlay::Permits,"),
    ),
    hook(
        SEMAPHORE,
        "permits: AtomicUsize::new(",
        Edit::BeforeEach("lockdep: ::lockdep::flow::overlay::Permits::new(),"),
    ),
    // Those that are not closed from the start.
    hook(
        SEMAPHORE,
        "lockdep: ::lockdep::flow::overlay::Permits::new(), permits: AtomicUsize::new(permits",
        Edit::ReplaceEach(
            "lockdep: ::lockdep::flow::overlay::Permits::of(permits), permits: AtomicUsize::new(permits",
        ),
    ),
    hook(SEMAPHORE, "pub(crate) fn new(permits: usize)", CALLER),
    hook(SEMAPHORE, "pub(crate) const fn const_new(", CALLER),
    hook(
        SEMAPHORE,
        "pub(crate) fn release(&self, added: usize) {",
        Edit::Inside("self.lockdep.released(added);"),
    ),
    // It is asked below.
    hook(SEMAPHORE, "pub(crate) fn available_permits(&self)", Edit::Before("")),
];

const MUTEXES: &[Hook] = &[
    hook(MUTEX, "pub const fn const_new(", CALLER),
    hook(
        MUTEX,
        "pub async fn lock(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn lock(&self) -> impl ::core::future::Future<Output = MutexGuard<'_, T>> {
                let asks = (move || self.lockdep_try_lock().ok(), move || self.s.available_permits() != 0);
                self.s.lockdep.write(Self::LOCKDEP, 1, self.lockdep_lock(), asks)
            }
            const LOCKDEP: &'static ::lockdep::hook::LockInfo =
                &::lockdep::hook::LockInfo::of::<T>(\"tokio::Mutex\").hands_over();",
            "async fn lockdep_lock(&self)",
        ),
    ),
    hook(
        MUTEX,
        "pub async fn lock_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn lock_owned(self: Arc<Self>) -> impl ::core::future::Future<Output = OwnedMutexGuard<T>> {
                let at = ::core::panic::Location::caller();
                async move {
                    let asks = (
                        || Arc::clone(&self).lockdep_try_lock_owned().ok(),
                        || self.s.available_permits() != 0,
                    );
                    let real = Arc::clone(&self).lockdep_lock_owned();
                    let guard = self.s.lockdep.write(Self::LOCKDEP, 1, real, asks).at(at).await;
                    self.s.lockdep.owned();
                    guard
                }
            }",
            "async fn lockdep_lock_owned(self: Arc<Self>)",
        ),
    ),
    hook(
        MUTEX,
        "pub fn try_lock(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
                let guard = self.lockdep_try_lock()?;
                self.s.lockdep.tried(Self::LOCKDEP, 1);
                Ok(guard)
            }",
            "fn lockdep_try_lock(&self)",
        ),
    ),
    hook(
        MUTEX,
        "pub fn try_lock_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
                let guard = Arc::clone(&self).lockdep_try_lock_owned()?;
                self.s.lockdep.tried(Self::LOCKDEP, 1);
                self.s.lockdep.owned();
                Ok(guard)
            }",
            "fn lockdep_try_lock_owned(self: Arc<Self>)",
        ),
    ),
    hook(MUTEX, "pub fn blocking_lock(&self)", BLOCKS),
    hook(MUTEX, "fn from(s: T) -> Self {", FROM),
    hook(MUTEX, "fn default() -> Self {", DEFAULT),
];

const RWLOCKS: &[Hook] = &[
    hook(RWLOCK, "pub const fn const_new(", CALLER),
    hook(RWLOCK, "pub const fn const_with_max_readers(", CALLER),
    hook(
        RWLOCK,
        "pub async fn read(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn read(&self) -> impl ::core::future::Future<Output = RwLockReadGuard<'_, T>> {
                let asks = (move || self.lockdep_try_read().ok(), move || self.s.available_permits() != 0);
                self.s.lockdep.read(Self::LOCKDEP, self.lockdep_read(), asks)
            }
            const LOCKDEP: &'static ::lockdep::hook::LockInfo =
                &::lockdep::hook::LockInfo::of::<T>(\"tokio::RwLock\").hands_over();",
            "async fn lockdep_read(&self)",
        ),
    ),
    hook(
        RWLOCK,
        "pub async fn read_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn read_owned(self: Arc<Self>) -> impl ::core::future::Future<Output = OwnedRwLockReadGuard<T>> {
                let at = ::core::panic::Location::caller();
                async move {
                    let asks = (
                        || Arc::clone(&self).lockdep_try_read_owned().ok(),
                        || self.s.available_permits() != 0,
                    );
                    let real = Arc::clone(&self).lockdep_read_owned();
                    let guard = self.s.lockdep.read(Self::LOCKDEP, real, asks).at(at).await;
                    self.s.lockdep.owned();
                    guard
                }
            }",
            "async fn lockdep_read_owned(self: Arc<Self>)",
        ),
    ),
    hook(
        RWLOCK,
        "pub fn try_read(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
                let guard = self.lockdep_try_read()?;
                self.s.lockdep.tried(Self::LOCKDEP, 0);
                Ok(guard)
            }",
            "fn lockdep_try_read(&self)",
        ),
    ),
    hook(
        RWLOCK,
        "pub fn try_read_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
                let guard = Arc::clone(&self).lockdep_try_read_owned()?;
                self.s.lockdep.tried(Self::LOCKDEP, 0);
                self.s.lockdep.owned();
                Ok(guard)
            }",
            "fn lockdep_try_read_owned(self: Arc<Self>)",
        ),
    ),
    hook(
        RWLOCK,
        "pub async fn write(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn write(&self) -> impl ::core::future::Future<Output = RwLockWriteGuard<'_, T>> {
                let asks = (move || self.lockdep_try_write().ok(), move || self.s.available_permits() == self.mr as usize);
                self.s.lockdep.write(Self::LOCKDEP, self.mr as usize, self.lockdep_write(), asks)
            }",
            "async fn lockdep_write(&self)",
        ),
    ),
    hook(
        RWLOCK,
        "pub async fn write_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn write_owned(self: Arc<Self>) -> impl ::core::future::Future<Output = OwnedRwLockWriteGuard<T>> {
                let at = ::core::panic::Location::caller();
                async move {
                    let asks = (
                        || Arc::clone(&self).lockdep_try_write_owned().ok(),
                        || self.s.available_permits() == self.mr as usize,
                    );
                    let real = Arc::clone(&self).lockdep_write_owned();
                    let guard = self.s.lockdep.write(Self::LOCKDEP, self.mr as usize, real, asks).at(at).await;
                    self.s.lockdep.owned();
                    guard
                }
            }",
            "async fn lockdep_write_owned(self: Arc<Self>)",
        ),
    ),
    hook(
        RWLOCK,
        "pub fn try_write(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
                let guard = self.lockdep_try_write()?;
                self.s.lockdep.tried(Self::LOCKDEP, self.mr as usize);
                Ok(guard)
            }",
            "fn lockdep_try_write(&self)",
        ),
    ),
    hook(
        RWLOCK,
        "pub fn try_write_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
                let guard = Arc::clone(&self).lockdep_try_write_owned()?;
                self.s.lockdep.tried(Self::LOCKDEP, self.mr as usize);
                self.s.lockdep.owned();
                Ok(guard)
            }",
            "fn lockdep_try_write_owned(self: Arc<Self>)",
        ),
    ),
    hook(RWLOCK, "pub fn blocking_read(&self)", BLOCKS),
    hook(RWLOCK, "pub fn blocking_write(&self)", BLOCKS),
    hook(RWLOCK, "fn from(s: T) -> Self {", FROM),
    hook(RWLOCK, "fn default() -> Self {", DEFAULT),
];
