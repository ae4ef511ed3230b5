//! A crate compiled from a patched copy of its own sources: of what it is made, nothing is ours but
//! the inserted calls.
//!
//! The copy is made from what cargo is about to compile, and lies below the target directory. If an
//! anchor is missing or the copy does not compile, the crate is compiled as it is. A note says what
//! was done; cargo compiles the crate once, and each run reads the note.

mod notes;
mod patch;
mod tokio;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::args::RustcCall;
use patch::Group;

pub(crate) use notes::{Note, Outcome, read_notes};

/// Set for cargo: where the copies and the notes go. Without it no copy is made.
pub(crate) const FOLDER_VARIABLE: &str = "CARGO_LOCKDEP_OVERLAY_FOLDER";

/// A crate that has an overlay.
struct Overlaid {
    name: &'static str,
    repository: &'static str,
    /// The versions that have all that is hooked: `1.` and at least this.
    least_minor: u32,
    groups: &'static [Group],
}

const OVERLAID: [Overlaid; 1] = [Overlaid {
    name: "tokio",
    repository: "https://github.com/tokio-rs/tokio",
    least_minor: 20,
    groups: tokio::GROUPS,
}];

/// The crate that a call compiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) repository: &'a str,
    /// Where its manifest is.
    pub(super) directory: &'a Path,
}

impl Subject<'_> {
    fn overlaid(&self) -> Option<&'static Overlaid> {
        let minor = self.version.strip_prefix("1.").and_then(|rest| rest.split('.').next());
        let minor: u32 = minor?.parse().ok()?;
        OVERLAID.iter().find(|overlaid| {
            overlaid.name == self.name
                && overlaid.repository == self.repository
                && minor >= overlaid.least_minor
        })
    }

    /// Whether the crate has an overlay. Cargo must not look at its sources for changes: what is
    /// compiled is elsewhere.
    pub(super) fn is_meant(&self, call: &RustcCall, is_foreign: bool) -> bool {
        let is_fixed =
            || [".cargo-ok", ".cargo-checksum.json"].iter().any(|file| self.directory.join(file).exists());
        self.overlaid().is_some()
            && call.crate_name == self.name
            && !call.is_test
            && (is_foreign || is_fixed())
    }
}

/// Compiles the patched copy, by this command and with these arguments. False if that failed: then
/// the crate is to be compiled as it is. Leaves a note.
pub(super) fn compile(
    folder: &Path,
    subject: Subject<'_>,
    call: &RustcCall,
    mut command: Command,
    mut args: Vec<OsString>,
) -> bool {
    let note = |outcome: Outcome| {
        Note::of(subject.name, subject.version, outcome).write(folder, &call.extra_filename)
    };
    let copy = folder.join(format!("{}-{}{}", subject.name, subject.version, call.extra_filename));
    let made = copied(&copy, subject, call, &args);
    let (input, left_out) = match made {
        Ok(made) => made,
        Err(why) => {
            note(Outcome::Original(why));
            return false;
        }
    };
    if let Some(index) = call.input {
        args[index] = input.into();
    }
    // Places of the crate are those of its own sources.
    let mut remap = OsString::from("--remap-path-prefix=");
    remap.push(&copy);
    remap.push("=");
    remap.push(subject.directory);
    args.push(remap);
    command.args(args);
    match watched(command) {
        Ok(true) => {
            note(Outcome::Overlaid { left_out });
            true
        }
        Ok(false) => {
            note(Outcome::Original("the patched copy does not compile".to_owned()));
            false
        }
        Err(error) => {
            note(Outcome::Original(error.to_string()));
            false
        }
    }
}

/// The root file of a copy, and the groups that were left out of it.
type Made = (PathBuf, Vec<(String, String)>);

/// Makes the copy; returns its root file, and the groups that were left out.
fn copied(copy: &Path, subject: Subject<'_>, call: &RustcCall, args: &[OsString]) -> Result<Made, String> {
    let groups = subject.overlaid().map(|overlaid| overlaid.groups).unwrap_or_default();
    if call.has_feature("tracing") && call.has_cfg("tokio_unstable") {
        return Err("`tokio_unstable` and the feature `tracing` are on".to_owned());
    }
    let input = call.input.map(|index| Path::new(&args[index])).ok_or("it has no source file")?;
    let below = input.strip_prefix(subject.directory).unwrap_or(input);
    let source = subject.directory.join("src");
    let patched = patch::patch(&source, groups)?;
    let copy_all = || -> io::Result<()> {
        match fs::remove_dir_all(copy) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => copy_folder(&source, &copy.join("src"))?,
        }
        // What its sources include lies beside them.
        for entry in fs::read_dir(subject.directory)?.flatten().filter(|entry| entry.file_name() != "src") {
            std::os::unix::fs::symlink(entry.path(), copy.join(entry.file_name()))?;
        }
        for (file, text) in &patched.files {
            let modified = fs::metadata(source.join(file))?.modified()?;
            let path = copy.join("src").join(file);
            fs::remove_file(&path)?;
            let mut file = File::create(&path)?;
            file.write_all(text.as_bytes())?;
            file.set_modified(modified)?;
        }
        Ok(())
    };
    copy_all().map_err(|error| format!("{}: {error}", copy.display()))?;
    let left_out = patched.left_out.into_iter().map(|(group, why)| (group.to_owned(), why)).collect();
    Ok((copy.join(below), left_out))
}

/// Copies the files, with the time of their last change.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
            continue;
        }
        let modified = entry.metadata()?.modified()?;
        fs::write(&target, fs::read(entry.path())?)?;
        File::options().write(true).open(&target)?.set_modified(modified)?;
    }
    Ok(())
}

/// Runs the compiler. Cargo gets at once what lets it go on; what the compiler has to say, only if
/// it succeeds.
fn watched(mut command: Command) -> io::Result<bool> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut messages = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let mut line = line?;
            line.push(b'\n');
            let is_artifact = line.windows(ARTIFACT.len()).any(|part| part == ARTIFACT);
            if is_artifact {
                io::stderr().write_all(&line)?;
            } else {
                messages.extend(line);
            }
        }
    }
    let is_good = child.wait()?.success();
    if is_good {
        io::stderr().write_all(&messages)?;
    }
    Ok(is_good)
}

/// What the message has that a file is there.
const ARTIFACT: &[u8] = b"\"$message_type\":\"artifact\"";
