//! The handler sends each event into a channel with room for one. The reader of the channel stops
//! watching a folder when it sees the first event. notify removes a watch in the thread that
//! calls the handler.

use std::sync::mpsc::sync_channel;
use std::{env, fs, process, thread};

use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Result, Watcher};

fn main() {
    let folder = env::temp_dir().join(format!("lockdep-notify-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (sender, receiver) = sync_channel::<Result<Event>>(1);
    let mut watcher = RecommendedWatcher::new(move |event| sender.send(event).unwrap(), Config::default()).unwrap();
    watcher.watch(&folder, RecursiveMode::NonRecursive).unwrap();
    for number in 0..20 {
        fs::write(folder.join(number.to_string()), "text").unwrap();
    }
    let watched = folder.clone();
    let reader = move || {
        for _ in receiver {
            watcher.unwatch(&watched).unwrap();
            break;
        }
    };
    thread::Builder::new().name("reader".to_owned()).spawn(reader).unwrap().join().unwrap();
    fs::remove_dir_all(&folder).unwrap();
}
