//! The twin of `channel` under `--cfg lockdep_disabled`: no size, no effect.

/// Makes what the two ends of a new channel need: nothing, in this build.
#[inline(always)]
pub(crate) fn ends(_bound: Option<usize>) -> (SenderEnd, ReceiverEnd) {
    (SenderEnd(()), ReceiverEnd(()))
}

/// Nothing, in this build.
#[derive(Clone, Debug)]
pub(crate) struct SenderEnd(());

/// Nothing, in this build.
#[derive(Debug)]
pub(crate) struct ReceiverEnd(());

/// A message in the channel.
#[derive(Debug)]
pub(crate) struct Message<T> {
    pub(crate) value: T,
}

impl<T> Message<T> {
    #[inline(always)]
    pub(crate) fn is_looked_at(&self) -> bool {
        false
    }
}

impl SenderEnd {
    #[inline(always)]
    pub(crate) fn message<T>(&self, value: T, _waits: bool) -> Message<T> {
        Message { value }
    }

    #[inline(always)]
    pub(crate) fn sent(&self) {}

    #[inline(always)]
    pub(crate) fn not_sent<T>(&self, message: Message<T>) -> T {
        message.value
    }

    #[inline(always)]
    pub(crate) fn had_room(&self) {}

    #[inline(always)]
    pub(crate) fn wait_for_room<T, R>(&self, message: Message<T>, wait: impl FnOnce(Message<T>) -> R) -> R {
        wait(message)
    }
}

impl ReceiverEnd {
    #[inline(always)]
    pub(crate) fn is_watched(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn received<T>(&self, message: Message<T>, _waits: bool) -> T {
        message.value
    }

    #[inline(always)]
    pub(crate) fn received_none(&self) {}

    #[inline(always)]
    pub(crate) fn wait_for_message<R>(&self, _is_timed: bool, wait: impl FnOnce() -> R) -> R {
        wait()
    }
}
