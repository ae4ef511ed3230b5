//! Shrinks a map.

use dashmap::DashMap;

fn main() {
    let map = DashMap::new();
    map.insert("hello", "world");
    map.shrink_to_fit();
}
