//! No validator: what it knows about threads is not what loom's threads are.

use std::panic::Location;

use super::super::probe::step::Class;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Held {
    Yes,
    No,
    Unknown,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Entry {
    Proceed,
    SelfDeadlock,
    Measure,
}

#[derive(Debug)]
pub(crate) struct DepMap;

impl DepMap {
    pub(crate) const fn mmap_lock() -> Self {
        Self
    }

    pub(crate) const fn vm_lock() -> Self {
        Self
    }

    pub(crate) fn acquire(&self, _shared: bool, _subclass: u8) -> Entry {
        Entry::Proceed
    }

    pub(crate) fn might_acquire(&self, _shared: bool) {}

    pub(crate) fn learn_order(&self) {}

    pub(crate) fn try_acquired(&self, _shared: bool) {}

    pub(crate) fn wait_for<E>(
        &self,
        _is_free: impl FnMut() -> bool,
        wait: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        wait()
    }

    pub(crate) fn contended(&self) {}

    pub(crate) fn wait_ended(&self) {}

    pub(crate) fn acquired(&self) {}

    pub(crate) fn release(&self) {}

    pub(crate) fn release_of_guard(&self, _made: &'static Location<'static>) {}

    pub(crate) fn report_guard_without_lock(&self, _made: &'static Location<'static>) {}

    pub(crate) fn downgrade(&self) {}

    pub(crate) fn stale_holder(&self) {}

    pub(crate) fn self_deadlock(&self) {}

    pub(crate) fn acquire_failed(&self) {}

    pub(crate) fn disown(&self) {}

    pub(crate) fn init(&self) {}

    pub(crate) fn report_not_held(&self, _exclusive: bool) {}

    pub(crate) fn is_held(&self) -> Held {
        Held::Unknown
    }

    pub(crate) fn is_held_exclusive(&self) -> Held {
        Held::Unknown
    }
}

pub(crate) fn report_broken(
    _class: Class,
    _message: &'static str,
    _remedy: &'static str,
    _at: &'static Location<'static>,
) {
}

pub(crate) const fn is_on() -> bool {
    false
}

pub(crate) fn is_order_known() -> bool {
    false
}

pub(crate) fn is_validating() -> bool {
    false
}

#[derive(Debug)]
pub(crate) struct DepSlot;

impl DepSlot {
    pub(crate) const fn reserve(_n: u32) -> u32 {
        0
    }

    pub(crate) const fn numbered(_number: u32) -> Self {
        Self
    }

    pub(crate) const fn number(&self) -> u32 {
        0
    }

    pub(crate) fn map_if(&self, _is_on: bool) -> &'static DepMap {
        &DepMap
    }
}
