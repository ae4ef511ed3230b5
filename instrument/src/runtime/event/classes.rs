//! From the key of a lock to its class, which is registered now if it is new.
//!
//! The tables of the classes that are known are in `identity/classes.rs`.

use lockdep_report::short_name;
use lockdep_validator::{ClassAttributes, ClassId, ClassOrder, Site};

use crate::lock::{AnyKey, LockClassKey, LockInfo};
use crate::runtime::Runtime;
use crate::runtime::identity::classes::ClassCache;
use crate::runtime::output::sink;

/// Returns the class, registered now if it is new; `None` if the table of classes is full.
pub(super) fn find(
    cache: &mut ClassCache,
    runtime: &Runtime,
    key: AnyKey,
    info: &LockInfo,
) -> Option<ClassId> {
    if let Some(class) = cache.peek(key, info) {
        return Some(class);
    }
    let class = runtime.classes.get(key, info).or_else(|| register(runtime, key, info))?;
    cache.keep(key, info, class);
    Some(class)
}

#[cold]
fn register(runtime: &Runtime, key: AnyKey, info: &LockInfo) -> Option<ClassId> {
    let (engine_key, site, attributes) = runtime.classes.describe(key, info);
    let class = runtime.validator.register_class(&engine_key, site, attributes)?;
    if let AnyKey::Named(LockClassKey { order: Some(by), .. }) = key {
        order(runtime, class, *by);
    }
    if (info.is_sendable)() {
        runtime.validator.set_movable(class);
    }
    if runtime.suspects.contains(&engine_key) {
        runtime.validator.trace(class);
    }
    runtime.classes.insert(key, info, class);
    if let Some(recorder) = &runtime.recorder {
        recorder.class(runtime, class);
    }
    Some(class)
}

/// Returns the class of what a thread waits for that is no lock; `None` if the table of classes is
/// full.
pub(super) fn of_event(runtime: &Runtime, kind: &'static str, made_at: Site) -> Option<ClassId> {
    let key = runtime.classes.describe_event(kind, made_at);
    let class = runtime.validator.register_class(&key, made_at, ClassAttributes::default())?;
    if let Some(recorder) = &runtime.recorder {
        recorder.class(runtime, class);
    }
    Some(class)
}

/// Gives the class an order. It keeps the first; a second one is named in a notice, once.
pub(super) fn order(runtime: &Runtime, class: ClassId, order: ClassOrder) {
    let Err(first) = runtime.validator.order_class(class, order) else { return };
    if runtime.classes.dispute(class) {
        let name = runtime.validator.class(class).map_or_else(String::new, |class| short_name(&class.key));
        sink::notice(&format!(
            "the locks of `{name}` are already ordered {}; the other order, {}, is ignored",
            first.as_str(),
            order.as_str()
        ));
    }
}
