//! The recorded counts: one line a path, diffable.

use std::fmt;
use std::fs;
use std::path::PathBuf;

/// Counts, and the compiler they hold for.
pub struct Record {
    /// `rustc -V`.
    pub rustc: String,
    /// Path and instructions per iteration.
    pub counts: Vec<(String, f64)>,
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("record.txt")
}

impl Record {
    /// The count of one path.
    pub fn of(&self, name: &str) -> Option<f64> {
        self.counts.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    }

    /// Reads the record of the repository.
    pub fn read() -> Result<Self, String> {
        let file = file();
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut lines = text.lines();
        let rustc = lines.next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().to_owned();
        let counts = lines
            .map(|line| {
                let (name, count) =
                    line.split_once(' ').ok_or_else(|| format!("not `path count`: {line}"))?;
                let count = count.trim().parse().map_err(|_| format!("not a count: {line}"))?;
                Ok((name.to_owned(), count))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { rustc, counts })
    }

    /// Writes it.
    pub fn write(&self) -> Result<(), String> {
        let file = file();
        fs::write(&file, self.to_string()).map_err(|error| format!("{}: {error}", file.display()))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}", self.rustc)?;
        for (name, count) in &self.counts {
            writeln!(f, "{name} {count:.1}")?;
        }
        Ok(())
    }
}
