//! How much room files take.

use std::fs;
use std::path::Path;

/// The bytes that a file or directory takes; a link takes none.
pub(super) fn size(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
        }
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    }
}

/// A size as people read it.
pub(super) fn shown(n_bytes: u64) -> String {
    match n_bytes {
        0..0x0010_0000 => format!("{} KiB", n_bytes.div_ceil(1 << 10)),
        0x0010_0000..0x4000_0000 => format!("{} MiB", n_bytes >> 20),
        _ => format!("{}.{} GiB", n_bytes >> 30, ((n_bytes & 0x3fff_ffff) * 10) >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        let of = [0, 1, 5 << 20, (3 << 30) + (1 << 29)].map(shown);
        assert_eq!(of, ["0 KiB", "1 KiB", "5 MiB", "3.5 GiB"]);
    }
}
