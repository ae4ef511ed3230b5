//! Who unparked each thread last, and where: the words, and how any thread reads them.
//! `event.rs` writes them.
//!
//! std numbers its threads from one on and never uses a number again. So each of the first threads
//! has a word of its own, which anyone may write and read at any time. The words of threads that
//! were never unparked are memory that is never touched.

use std::hash::{Hash as _, Hasher};
use std::sync::atomic::AtomicU64;
use std::thread::ThreadId;

use lockdep_validator::{EventKind, EventUse, Site};

use super::event_words::{get, mark};

/// For so many threads it is known.
const N_THREADS: usize = 1 << 16;

static LAST: [AtomicU64; N_THREADS] = [const { AtomicU64::new(0) }; N_THREADS];

/// The word of the thread of this number.
pub(super) fn word(number: u64) -> Option<&'static AtomicU64> {
    usize::try_from(number).ok().filter(|number| *number != 0).and_then(|number| LAST.get(number))
}

/// The thread of this number is about to park.
pub(super) fn wait_begins(number: u64) {
    word(number).inspect(|word| mark(word));
}

/// What is known of the token of the thread of this number.
pub(super) fn read(number: u64) -> EventUse {
    let unknown = EventUse::unknown(EventKind::Token);
    word(number).map_or(unknown, |word| EventUse {
        number,
        created: Site::UNKNOWN,
        provided: get(word),
        ..unknown
    })
}

/// std's number of the thread, which is what it hashes; zero if it hashes something else.
pub(super) fn number(thread: ThreadId) -> u64 {
    let mut number = Number(None);
    thread.hash(&mut number);
    number.finish()
}

/// The only number that was hashed.
struct Number(Option<u64>);

impl Hasher for Number {
    fn write(&mut self, _bytes: &[u8]) {
        self.0 = Some(0);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = Some(if self.0.is_none() { number } else { 0 });
    }

    fn finish(&self) -> u64 {
        self.0.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_a_number_of_its_own() {
        let own = number(std::thread::current().id());
        let other = std::thread::spawn(|| number(std::thread::current().id())).join().expect("it ends");
        assert!(own != 0 && other != 0 && own != other, "{own} {other}");
        let text = format!("{:?}", std::thread::current().id());
        assert_eq!(text, format!("ThreadId({own})"));
    }

    #[test]
    fn a_thread_beyond_the_table_is_unknown() {
        assert_eq!(read(0), EventUse::unknown(EventKind::Token));
        assert_eq!(read(u64::MAX), EventUse::unknown(EventKind::Token));
        wait_begins(u64::MAX);
    }
}
