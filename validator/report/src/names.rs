//! What classes and threads are called in one report: short, and different where they are
//! different.

use rustc_hash::FxHashMap;

use lockdep_validator::{ClassId, LockClass, LockClassKey, Subclass};

/// The names of the classes of one report.
#[derive(Debug)]
pub(crate) struct Names(FxHashMap<ClassId, String>);

impl Names {
    /// Names every class of `ids`; those whose short names are the same also get their creation
    /// sites.
    pub(crate) fn new(ids: &[ClassId], class_fn: &dyn Fn(ClassId) -> Option<LockClass>) -> Self {
        let keys: Vec<(ClassId, Option<LockClassKey>)> =
            ids.iter().map(|&id| (id, class_fn(id).map(|class| class.key))).collect();
        let mut texts: Vec<String> = keys.iter().map(|(id, key)| plain(*id, key.as_ref())).collect();
        let short = texts.clone();
        for (index, (_, key)) in keys.iter().enumerate() {
            let clashes = short.iter().filter(|name| **name == short[index]).count() > 1;
            if let (true, Some(key)) = (clashes, key) {
                texts[index] = with_site(&short[index], key, &keys);
            }
        }
        Self(ids.iter().copied().zip(texts).collect())
    }

    /// The name of `id`, which was among those that the names were made of.
    pub(super) fn name(&self, id: ClassId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| unknown(id))
    }
}

fn unknown(id: ClassId) -> String {
    format!("class #{}", id.raw())
}

fn plain(id: ClassId, key: Option<&LockClassKey>) -> String {
    key.map_or_else(|| unknown(id), |key| cut(short_name(key)))
}

/// The longest name that leaves room for a sentence around it.
const MAX_LETTERS: usize = 56;

/// A type may be as long as a page; the place of the lock distinguishes types that begin alike.
fn cut(name: String) -> String {
    if name.chars().count() <= MAX_LETTERS {
        return name;
    }
    let start: String = name.chars().take(MAX_LETTERS - 1).collect();
    format!("{start}…")
}

/// Returns the class as one line names it: the name its author gave, or kind and data type without
/// module paths.
///
/// ```
/// use lockdep_validator::LockClassKey;
/// use lockdep_report::short_name;
/// let key = LockClassKey { kind: "Mutex".into(), type_name: "alloc::vec::Vec<app::Job>".into(), ..LockClassKey::default() };
/// assert_eq!(short_name(&key), "Mutex<Vec<Job>>");
/// ```
pub fn short_name(key: &LockClassKey) -> String {
    let base = match &key.name {
        Some(name) => name.clone(),
        None if key.type_name.is_empty() => key.kind.clone(),
        None => format!("{}<{}>", key.kind, short_type(&key.type_name)),
    };
    if key.subclass == Subclass::ZERO { base } else { format!("{base}/{}", key.subclass.level()) }
}

/// What a thread is called in a sentence; one without a name is called by its number, and so is a
/// task that is not a thread.
pub(crate) fn thread_words(thread: &str) -> String {
    if is_named(thread) { format!("thread `{thread}`") } else { thread.to_owned() }
}

/// Whether this is the name that a thread was given.
pub(crate) fn is_named(thread: &str) -> bool {
    let is_numbered = thread.strip_prefix("thread ").is_some_and(is_number);
    !thread.is_empty() && !is_numbered && !is_task(thread)
}

/// Whether this is a task that threads run by turns.
pub(crate) fn is_task(thread: &str) -> bool {
    let task = thread.strip_prefix("task ");
    task.is_some_and(|task| is_number(task.split_once(' ').map_or(task, |(number, _)| number)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn with_site(name: &str, key: &LockClassKey, all: &[(ClassId, Option<LockClassKey>)]) -> String {
    if key.file.is_empty() {
        return name.to_owned();
    }
    let same_line = |other: &&LockClassKey| other.file == key.file && other.line == key.line;
    let n_on_line = all.iter().filter_map(|(_, other)| other.as_ref()).filter(same_line).count();
    let column = if n_on_line > 1 { format!(":{}", key.column) } else { String::new() };
    let file = key.file.rsplit(['/', '\\']).next().unwrap_or(&key.file);
    format!("{name} at {file}:{}{column}", key.line)
}

/// Returns a type without the module paths of its names: `a::b::C<d::E>` becomes `C<E>`. What a
/// path of a value holds (`f::{{closure}}`) keeps its last two parts.
pub fn short_type(type_name: &str) -> String {
    let mut out = String::with_capacity(type_name.len());
    let mut path = String::new();
    for character in type_name.chars() {
        if character.is_alphanumeric() || matches!(character, '_' | ':' | '{' | '}' | '#') {
            path.push(character);
        } else {
            out.push_str(last_part(&path));
            path.clear();
            out.push(character);
        }
    }
    out.push_str(last_part(&path));
    out
}

fn last_part(path: &str) -> &str {
    let Some((before, last)) = path.rsplit_once("::") else { return path };
    if last.starts_with('{') { before.rfind("::").map_or(path, |at| &path[at + 2..]) } else { last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_lose_their_paths_only() {
        for (long, short) in [
            ("u32", "u32"),
            ("()", "()"),
            ("alloc::vec::Vec<core::option::Option<a::B>>", "Vec<Option<B>>"),
            ("dyn core::fmt::Debug + core::marker::Send", "dyn Debug + Send"),
            ("&'static [a::b::C; 3]", "&'static [C; 3]"),
            ("app::run::{{closure}}", "run::{{closure}}"),
            ("(a::B, fn(c::D) -> e::F)", "(B, fn(D) -> F)"),
            ("", ""),
        ] {
            assert_eq!(short_type(long), short, "{long}");
        }
    }

    #[test]
    fn a_name_longer_than_its_sentence_is_cut() {
        assert_eq!(cut("Mutex<u8>".into()), "Mutex<u8>");
        let long = cut(format!("Mutex<{}>", "é".repeat(80)));
        assert_eq!((long.chars().count(), long.ends_with('…')), (MAX_LETTERS, true));
    }

    #[test]
    fn equal_names_get_their_sites() {
        let ids: Vec<ClassId> = (0..3).filter_map(ClassId::from_index).collect();
        let key = |line, column| LockClassKey {
            kind: "Mutex".into(),
            type_name: "u32".into(),
            file: "src/a.rs".into(),
            line,
            column,
            ..LockClassKey::default()
        };
        let class_fn = |id: ClassId| {
            let key = match id.index() {
                0 => key(3, 1),
                1 => key(3, 9),
                _ => key(8, 1),
            };
            Some(LockClass {
                hash: key.hash(),
                key,
                site: lockdep_validator::Site::UNKNOWN,
                attributes: lockdep_validator::ClassAttributes::default(),
            })
        };
        let names = Names::new(&ids, &class_fn);
        assert_eq!(names.name(ids[0]), "Mutex<u32> at a.rs:3:1");
        assert_eq!(names.name(ids[1]), "Mutex<u32> at a.rs:3:9");
        assert_eq!(names.name(ids[2]), "Mutex<u32> at a.rs:8");
        assert_eq!(Names::new(&ids[..1], &class_fn).name(ids[0]), "Mutex<u32>");
    }
}
