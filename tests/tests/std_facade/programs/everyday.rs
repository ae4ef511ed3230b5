//! What ordinary code asks of std, in the syntax that every edition has.
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::{self, Write as FmtWrite};
use std::io::{self, BufRead, Cursor, Read, Write};
use std::os::unix::thread::JoinHandleExt;
use std::prelude::v1::*;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::*;
use std::thread;
use std::time::Duration;

mod deep {
    pub mod er {
        use std::sync as renamed;
        pub static SHARED: renamed::Mutex<u32> = renamed::Mutex::new(1);
        pub fn path() -> ::std::sync::MutexGuard<'static, u32> {
            SHARED.lock().unwrap()
        }
    }
}

thread_local! {
    static LOCAL: RefCell<Vec<u32>> = RefCell::new(vec![1]);
    static LOCKED: Mutex<u32> = const { Mutex::new(5) };
}

static START: Once = Once::new();
#[allow(deprecated)]
static OLD: Once = ONCE_INIT;
static CELL: OnceLock<String> = OnceLock::new();
static LAZY: LazyLock<Vec<u8>> = LazyLock::new(|| vec![7]);

#[derive(Debug)]
struct Failure;
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "failure")
    }
}
impl Error for Failure {}

#[derive(Debug, Default)]
struct Derived {
    one: Mutex<u8>,
    two: RwLock<String>,
    three: Condvar,
    four: OnceLock<u8>,
}

trait Speak {
    fn speak(&self) -> String;
}
impl<T: Speak + ?Sized> Speak for Mutex<T> {
    fn speak(&self) -> String {
        self.lock().unwrap().speak()
    }
}
impl Speak for u8 {
    fn speak(&self) -> String {
        format!("u8 {}", self)
    }
}

/// A crate that is built on several platforms can have this: the lock type is in a signature of a
/// closure.
fn with_guard<R>(lock: &Mutex<u32>, f: impl FnOnce(MutexGuard<u32>) -> R) -> R {
    f(lock.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Locks in a type that is taken apart in a `const fn`.
struct Parts {
    lock: Mutex<u8>,
    name: &'static str,
}
impl Parts {
    const fn new(name: &'static str) -> Parts {
        Parts { lock: Mutex::new(3), name: name }
    }
}
static PARTS: Parts = Parts::new("parts");

fn fails() -> Result<u8, Box<dyn Error + Send + Sync>> {
    let number: u8 = "12".parse()?;
    if number == 12 {
        return Err(Box::new(Failure));
    }
    Ok(number)
}

fn poisons<'a>(lock: &'a Mutex<u8>) -> LockResult<MutexGuard<'a, u8>> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = lock.lock();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(result.is_err());
    lock.lock()
}

fn channels() -> Receiver<usize> {
    let (sender, receiver) = mpsc::channel();
    let handle = thread::Builder::new().name("sender".to_string()).spawn(move || {
        for number in 0..3 {
            sender.send(number).unwrap();
        }
        thread::current().name().map(str::len)
    });
    let handle: thread::JoinHandle<Option<usize>> = handle.unwrap();
    let _pthread = handle.as_pthread_t();
    println!("{:?}", handle.join().unwrap());
    receiver
}

fn main() {
    println!("{:?} {:?}", channels().iter().collect::<Vec<_>>(), fails().map_err(|error| error.to_string()));
    println!("{}", *deep::er::path() + 1);
    println!("{}", with_guard(&deep::er::SHARED, |guard| *guard));
    println!("{:?}", Derived::default());
    println!("{}", { let speaker: Arc<Mutex<dyn Speak>> = Arc::new(Mutex::new(8u8)); speaker.speak() });
    let map: HashMap<_, _> = vec![("a", 1)].into_iter().collect();
    let tree: BTreeMap<Cow<'static, str>, Rc<u8>> = BTreeMap::new();
    println!("{:?} {:?} {:?}", map, tree, LOCAL.with(|local| local.borrow().clone()));
    println!("{}", LOCKED.with(|locked| *locked.lock().unwrap()));
    START.call_once(|| OLD.call_once_force(|state| println!("{:?}", state.is_poisoned())));
    println!("{} {:?} {:?}", CELL.get_or_init(|| "cell".into()), LAZY.first(), CELL);
    println!("{} {}", PARTS.name, PARTS.lock.lock().unwrap());
    let lock = Mutex::new(1);
    println!("{}", match poisons(&lock) { Ok(_) => "fine".to_string(), Err(error) => error.to_string() });
    println!("{:?}", lock.try_lock().map(|guard| *guard).map_err(|error| error.to_string()));
    let count = AtomicUsize::new(0);
    let sum = thread::scope(|scope| {
        let handles: Vec<thread::ScopedJoinHandle<usize>> =
            (0..3).map(|_| scope.spawn(|| count.fetch_add(1, Ordering::SeqCst))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).sum::<usize>()
    });
    println!("{} {}", sum, count.load(Ordering::SeqCst));
    let condvar = Condvar::new();
    let (guard, result) =
        condvar.wait_timeout_while(lock.lock().unwrap_or_else(|error| error.into_inner()), Duration::new(0, 1), |_| true).unwrap_or_else(|error| error.into_inner());
    println!("{} {:?}", *guard, result);
    let mut text = String::new();
    write!(text, "{}", 5).unwrap();
    Cursor::new("line one\nline two").lines().for_each(|line| text.push_str(&line.unwrap()));
    let mut rest = String::new();
    Cursor::new("rest").read_to_string(&mut rest).unwrap();
    writeln!(io::stdout().lock(), "{} {}", text, rest).unwrap();
    let _ = io::stdin().lock();
}
