//! Code that a function runs under its guard without knowing what it does: the formatting of a
//! value, a key's hash, a callback.

use crate::advice::Role;
use crate::place::Frame;
use crate::places::without_closures;

/// The frames inside of the one at `call` that are such code, the outermost first, and what each is
/// to its caller.
///
/// A destructor is not among them: other advice is about those.
pub(super) fn inward(frames: &[Frame], call: usize) -> impl Iterator<Item = (usize, Option<Role>)> {
    let role = move |index| nature(frames, index, call, &frames[call]).map(|role| (index, role));
    (0..call).rev().filter_map(role)
}

fn nature(frames: &[Frame], index: usize, call: usize, holder: &Frame) -> Option<Option<Role>> {
    let function = frames[index].function.as_str();
    if function.contains("::{{closure}}") && !function.starts_with('<') {
        // What wrote the closure runs further out, or has returned. It made the closure for others
        // to call.
        let writer = without_closures(&frames[index]);
        let is_writer = |frame: &Frame| without_closures(frame) == writer;
        return (!frames[index + 1..=call].iter().any(is_writer)).then_some(Some(Role::Callback));
    }
    let method = Method::of(function)?;
    if let Some(role) = role(&method) {
        return Some(Some(role));
    }
    let is_standard = ["core", "alloc", "std"].contains(&method.path.split("::").next().unwrap_or_default());
    // A type that calls itself through a trait knows what it calls.
    let own = Method::of(&holder.function).map_or_else(|| type_of(&holder.function), |own| own.of);
    (!is_standard && base(method.of) != base(own)).then_some(None)
}

/// A method of a trait.
struct Method<'a> {
    /// The type.
    of: &'a str,
    /// The trait.
    path: &'a str,
    name: &'a str,
}

impl<'a> Method<'a> {
    /// Reads `<TYPE as TRAIT>::NAME`.
    fn of(function: &'a str) -> Option<Self> {
        let mut depth = 0_usize;
        let (mut of, mut end) = (None, None);
        for (at, letter) in function.char_indices() {
            match letter {
                '<' => depth += 1,
                '>' if function[..at].ends_with('-') => {}
                '>' if depth == 1 => {
                    end = Some(at);
                    break;
                }
                '>' => depth = depth.checked_sub(1)?,
                ' ' if depth == 1 && function[at..].starts_with(" as ") => of = Some(at),
                _ => {}
            }
        }
        let (of, end) = (of?, end?);
        let name = function[end + 1..].strip_prefix("::")?.split("::").next()?;
        Some(Self { of: function[..of].strip_prefix('<')?, path: &function[of + " as ".len()..end], name })
    }
}

/// The type whose method a function is, without its trait.
fn type_of(function: &str) -> &str {
    let path = without_last(function.split("::{{closure}}").next().unwrap_or_default());
    path.trim_start_matches('<')
}

fn without_last(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(before, _)| before)
}

/// A type without its arguments.
fn base(of: &str) -> &str {
    of.trim_start_matches(['&', '<']).split('<').next().unwrap_or(of)
}

fn role(method: &Method<'_>) -> Option<Role> {
    let path = method.path.split('<').next().unwrap_or(method.path);
    let (package, name) = (path.split("::").next()?, path.rsplit("::").next()?);
    if ["serde", "serde_core"].contains(&package) && name == "Serialize" {
        return Some(Role::Serialization);
    }
    if !["core", "alloc", "std"].contains(&package) {
        return None;
    }
    Some(match (name, method.name) {
        ("Hash" | "PartialEq" | "Eq" | "PartialOrd" | "Ord", _) => Role::Key,
        ("Clone", _) => Role::Clone,
        ("Iterator" | "DoubleEndedIterator", _) => Role::Iterator,
        ("Wake", _) => Role::Wake,
        ("Future", "poll") => Role::Future,
        (_, "fmt") if path.contains("::fmt::") => Role::Format,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The index and the role of what the outermost function runs under its guard.
    fn found(functions: &[&str]) -> Option<(usize, Option<Role>)> {
        let frame = |&function: &&str| Frame { function: function.into(), ..Frame::default() };
        let frames: Vec<Frame> = functions.iter().map(frame).collect();
        inward(&frames, frames.len() - 1).next()
    }

    #[test]
    fn each_kind_of_foreign_code_is_known_by_its_trait() {
        for (function, role) in [
            ("<app::Account as core::fmt::Display>::fmt", Role::Format),
            ("<app::Account<T> as core::fmt::Debug>::fmt", Role::Format),
            ("<app::Symbol as core::hash::Hash>::hash", Role::Key),
            ("<app::Symbol as core::cmp::PartialEq<app::Other<u8>>>::eq", Role::Key),
            ("<app::Role as core::cmp::Ord>::cmp", Role::Key),
            ("<app::Buffer as core::clone::Clone>::clone", Role::Clone),
            ("<app::N as core::iter::traits::iterator::Iterator>::next", Role::Iterator),
            ("<app::Tree as serde_core::ser::Serialize>::serialize", Role::Serialization),
            ("<app::Task as alloc::task::Wake>::wake_by_ref", Role::Wake),
            ("<app::Once as core::future::future::Future>::poll", Role::Future),
            ("app::setup::{{closure}}", Role::Callback),
            ("app::setup::{{closure}}::{{closure}}", Role::Callback),
        ] {
            assert_eq!(found(&["w::lock", function, "app::Log::put"]), Some((1, Some(role))), "{function}");
        }
    }

    #[test]
    fn a_method_of_another_type_is_named_and_ones_own_code_is_not() {
        let found_in = |function: &str, holder: &str| found(&["w::lock", function, holder]);
        let plugin = "<app::Counting as app::Plugin>::on_event";
        assert_eq!(found_in(plugin, "app::Host::fire"), Some((1, None)));
        for (own, holder) in [
            (plugin, "app::Counting::fire"),
            ("<app::Counting<T> as app::Plugin>::on_event", "app::Counting<T>::fire"),
            (plugin, "<app::Counting as app::Other>::fire"),
            ("app::Host::look", "app::Host::fire"),
            ("app::Host::fire::{{closure}}", "app::Host::fire"),
            ("<app::Session as core::ops::drop::Drop>::drop", "app::Host::fire"),
            ("<app::Table as core::ops::deref::Deref>::deref", "app::Host::fire"),
            ("<fn() -> app::A", "app::Host::fire"),
        ] {
            assert_eq!(found_in(own, holder), None, "{own}");
        }
        let all = ["w::lock", "app::main::{{closure}}", plugin, "app::Host::fire", "app::main"];
        assert_eq!(found(&all[..4]), Some((2, None)), "the outermost is what the holder calls");
    }
}
