//! What is inserted into tokio's `Semaphore` and `OnceCell`.

use crate::cargo::wrapper::overlay::patch::{CALLER, Edit, Hook, hook};

const FILE: &[&str] = &["sync/semaphore.rs"];
const CELL: &[&str] = &["sync/once_cell.rs"];

/// A semaphore of one permit is a lock while only its guards give the permit back.
pub(super) const SEMAPHORES: &[Hook] = &[
    hook(FILE, "pub const fn const_new(permits: usize)", CALLER),
    hook(
        FILE,
        "pub async fn acquire(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn acquire(&self) -> impl ::core::future::Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
                let asks = (move || self.lockdep_try_acquire().ok(), move || self.ll_sem.available_permits() != 0);
                self.ll_sem.lockdep.permit(1, self.lockdep_acquire(), asks)
            }
            pub(crate) fn lockdep_acquire_cell(
                &self,
                at: &'static ::core::panic::Location<'static>
            ) -> impl ::core::future::Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
                let asks = (move || self.lockdep_try_acquire().ok(), move || self.ll_sem.available_permits() != 0);
                self.ll_sem.lockdep.cell(self.lockdep_acquire(), asks, at)
            }",
            "async fn lockdep_acquire(&self)",
        ),
    ),
    hook(
        FILE,
        "pub async fn acquire_many(&self, n: u32)",
        Edit::Around(
            "#[track_caller]
            pub fn acquire_many(
                &self,
                n: u32
            ) -> impl ::core::future::Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
                let asks = (move || self.lockdep_try_acquire().ok(), move || self.ll_sem.available_permits() != 0);
                self.ll_sem.lockdep.permit(n as usize, self.lockdep_acquire_many(n), asks)
            }",
            "async fn lockdep_acquire_many(&self, n: u32)",
        ),
    ),
    hook(
        FILE,
        "pub fn try_acquire(&self)",
        Edit::Around(
            "#[track_caller]
            pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
                let permit = self.lockdep_try_acquire()?;
                self.ll_sem.lockdep.permit_tried(1);
                Ok(permit)
            }",
            "fn lockdep_try_acquire(&self)",
        ),
    ),
    hook(
        FILE,
        "pub async fn acquire_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn acquire_owned(
                self: Arc<Self>
            ) -> impl ::core::future::Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
                let at = ::core::panic::Location::caller();
                async move {
                    let asks = (
                        || Arc::clone(&self).lockdep_try_acquire_owned().ok(),
                        || self.ll_sem.available_permits() != 0,
                    );
                    let real = Arc::clone(&self).lockdep_acquire_owned();
                    let permit = self.ll_sem.lockdep.permit(1, real, asks).at(at).await;
                    self.ll_sem.lockdep.permit_owned();
                    permit
                }
            }",
            "async fn lockdep_acquire_owned(self: Arc<Self>)",
        ),
    ),
    hook(
        FILE,
        "pub fn try_acquire_owned(self: Arc<Self>)",
        Edit::Around(
            "#[track_caller]
            pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
                let permit = Arc::clone(&self).lockdep_try_acquire_owned()?;
                self.ll_sem.lockdep.permit_tried(1);
                self.ll_sem.lockdep.permit_owned();
                Ok(permit)
            }",
            "fn lockdep_try_acquire_owned(self: Arc<Self>)",
        ),
    ),
    hook(FILE, "pub fn add_permits(&self, n: usize)", Edit::Inside("self.ll_sem.lockdep.signals();")),
    hook(FILE, "pub fn close(&self)", Edit::Inside("self.ll_sem.lockdep.signals();")),
    // In `forget` of both guards.
    hook(
        FILE,
        "self.permits = 0;",
        Edit::BeforeEach(
            "self.sem.ll_sem.lockdep.permit_released(self.permits as usize); self.sem.ll_sem.lockdep.signals();",
        ),
    ),
    // In `Drop` of both guards.
    hook(
        FILE,
        "self.sem.add_permits(self.permits",
        Edit::ReplaceEach(
            "self.sem.ll_sem.lockdep.permit_released(self.permits as usize); self.sem.ll_sem.release(self.permits",
        ),
    ),
    // A cell takes the permit of a semaphore.
    hook(CELL, "pub fn new() -> Self", CALLER),
    hook(CELL, "pub fn new_with(value: Option<T>)", CALLER),
    hook(CELL, "pub const fn const_new()", CALLER),
    hook(CELL, "fn default() -> OnceCell<T>", CALLER),
    hook(
        CELL,
        "pub async fn get_or_init<F, Fut>(&self, f: F)",
        Edit::Around(
            "#[track_caller]
            pub fn get_or_init<F, Fut>(&self, f: F) -> impl ::core::future::Future<Output = &T>
            where
                F: FnOnce() -> Fut,
                Fut: Future<Output = T>,
            {
                self.lockdep_get_or_init(f, ::core::panic::Location::caller())
            }",
            "async fn lockdep_get_or_init<F, Fut>(&self, f: F, lockdep_at: &'static ::core::panic::Location<'static>)",
        ),
    ),
    hook(
        CELL,
        "pub async fn get_or_try_init<E, F, Fut>(&self, f: F)",
        Edit::Around(
            "#[track_caller]
            pub fn get_or_try_init<E, F, Fut>(
                &self,
                f: F
            ) -> impl ::core::future::Future<Output = Result<&T, E>>
            where
                F: FnOnce() -> Fut,
                Fut: Future<Output = Result<T, E>>,
            {
                self.lockdep_get_or_try_init(f, ::core::panic::Location::caller())
            }",
            "async fn lockdep_get_or_try_init<E, F, Fut>(
                &self, f: F, lockdep_at: &'static ::core::panic::Location<'static>)",
        ),
    ),
    hook(
        CELL,
        "match self.semaphore.acquire().await {",
        Edit::ReplaceEach("match self.semaphore.lockdep_acquire_cell(lockdep_at).await {"),
    ),
];
