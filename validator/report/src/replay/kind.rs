//! What a violation is called in a scenario.

use lockdep_validator::{Code, Violation};

/// Returns the scenario file's name for a violation: one of its `kinds`, or the rule's own for what
/// the file does not name.
pub fn scenario_kind(violation: &Violation) -> &'static str {
    match violation.code {
        Code::Recursion | Code::SameClassOrder | Code::RecursiveFairRead => "recursion",
        Code::CircularDependency => "circular",
        Code::InconsistentContext => "inconsistent_state",
        // A new dependency closes its path; a new usage has nothing that closes.
        Code::ContextInversion if violation.cycle.iter().any(|step| step.closing) => "irq_safe_unsafe_order",
        Code::ContextInversion => "irq_inversion",
        Code::WaitType => "wait_context",
        Code::BadRelease => "bad_unlock_balance",
        Code::HeldLockFreed => "held_lock_freed",
        Code::HeldAtExit => "held_at_exit",
        Code::Assertion => "assertion",
        Code::NestLockNotHeld => "nest_lock_not_held",
        Code::PinnedLockReleased => "pinned_lock_released",
        Code::WoundWait => "ww_api",
        Code::DeclaredOrder => "declared_order",
        Code::Deadlock => "deadlock",
        Code::WaitHoldingLock => "wait_holding_lock",
        Code::HeldAcrossAwait => "held_across_await",
        Code::Futurelock => "futurelock",
    }
}
