//! What a project settled for its runs: `.config/lockdep.toml`, with variables and options above.
//!
//! Only `cargo lockdep` reads the file. A program that validates itself obeys the variables, so
//! what concerns the program is handed to it as a variable.

mod file;
mod keys;
mod publish;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result};
use crate::input;

use file::{CI_PROFILE, DEFAULT_PROFILE, File};
use keys::KEYS;

pub(crate) use publish::{schema, show, template};
pub(crate) use value::Value;

/// Where the file is, below the directory of a `Cargo.toml`.
pub(crate) const FILE: &str = ".config/lockdep.toml";
/// The variable that chooses a profile.
const PROFILE_VARIABLE: &str = "CARGO_LOCKDEP_PROFILE";

/// The option that chooses a profile.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ProfileArgs {
    /// The profile of `.config/lockdep.toml` that holds; CARGO_LOCKDEP_PROFILE is the default.
    #[arg(long = "lockdep-profile", value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// A value, and what settled it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    pub(crate) value: Value,
    /// `.config/lockdep.toml:3`, a variable, or `built in`.
    pub(crate) origin: String,
}

/// What holds for a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The directory that the file's paths start at.
    root: PathBuf,
    /// The file, if there is one, as messages name it.
    file: Option<String>,
    profile: String,
    values: BTreeMap<&'static str, Setting>,
}

impl Settings {
    /// What holds in `directory` with these options: the nearest project around it that has a file.
    ///
    /// # Errors
    ///
    /// If the file is malformed, or has no such profile.
    pub(crate) fn read(directory: &Path, args: &ProfileArgs) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let found = directory.ancestors().find(|around| has_file(around));
        let profile = args.profile.clone().or_else(|| variable(PROFILE_VARIABLE));
        let profile = profile.unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
        let (root, name, file) = match found {
            None => (directory.to_owned(), None, File::default()),
            Some(root) => {
                let path = root.join(FILE);
                let name = input::current_directory()
                    .ok()
                    .and_then(|from| path.strip_prefix(from).ok().map(|below| below.display().to_string()));
                let name = name.unwrap_or_else(|| path.display().to_string());
                let file = File::read(&path, &name)?;
                (root.to_owned(), Some(name), file)
            }
        };
        let is_known =
            [DEFAULT_PROFILE, CI_PROFILE].contains(&&*profile) || file.profiles.contains_key(&profile);
        if !is_known {
            let known: Vec<&str> = file.profiles.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Error::new(format_args!(
                "there is no profile `{profile}`: {} has {known}",
                name.as_deref().unwrap_or("a project without a .config/lockdep.toml")
            )));
        }
        let mut settings = Self { root, file: name, profile, values: BTreeMap::new() };
        settings.take_file(file);
        settings.take_variables(variable);
        Ok(settings)
    }

    /// The default profile below the chosen one.
    fn take_file(&mut self, mut file: File) {
        let name = self.file.clone().unwrap_or_default();
        let chosen = self.profile.clone();
        for profile in [DEFAULT_PROFILE, &chosen] {
            for (key, (value, line)) in file.profiles.remove(profile).unwrap_or_default() {
                let value = match value {
                    Value::Path(path) => Value::Path(self.root.join(path)),
                    other => other,
                };
                self.values.insert(key, Setting { value, origin: format!("{name}:{line}") });
            }
        }
    }

    /// Variables above the file.
    fn take_variables(&mut self, variable: impl Fn(&str) -> Option<String>) {
        for key in &KEYS {
            let Some((name, text)) = key.variable.and_then(|name| Some((name, variable(name)?))) else {
                continue;
            };
            let value = match key.kind {
                keys::Kind::Path => Value::Path(text.into()),
                keys::Kind::Seconds => text.parse().map_or(Value::Word(text), Value::Seconds),
                keys::Kind::Signal => Value::Word(text),
                keys::Kind::Flag => Value::Flag(keys::is_on(&text)),
                _ => Value::Deny(text),
            };
            self.values.insert(key.name, Setting { value, origin: name.to_owned() });
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|setting| &setting.value)
    }

    fn path(&self, key: &str) -> Option<&Path> {
        match self.value(key)? {
            Value::Path(path) => Some(path),
            _ => None,
        }
    }

    fn names(&self, key: &str) -> &[String] {
        match self.value(key) {
            Some(Value::Names(names)) => names,
            _ => &[],
        }
    }

    /// What is denied, as `LOCKDEP_DENY` writes it, and what settled that.
    pub(crate) fn deny(&self) -> Option<(&str, &str)> {
        let setting = self.values.get("deny")?;
        match &setting.value {
            Value::Deny(text) => Some((text, &setting.origin)),
            _ => None,
        }
    }

    /// Whether a run is followed by one that settles its levels.
    pub(crate) fn settles(&self) -> bool {
        matches!(self.value("settle"), Some(Value::Flag(true)))
    }

    /// Whether crates that have an overlay are compiled with it.
    pub(crate) fn overlays(&self) -> bool {
        match self.value("overlays") {
            Some(value) => *value != Value::Flag(false),
            // The package of another project: its file does not count.
            None => std::env::var(keys::OVERLAYS_VARIABLE).map_or(true, |text| keys::is_on(&text)),
        }
    }

    /// After how many seconds a run ends.
    pub(crate) fn timeout_s(&self) -> Option<u64> {
        match self.value("timeout")? {
            Value::Seconds(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// The file of exceptions that is read in place of `lockdep.allow`.
    pub(crate) fn exceptions(&self) -> Option<&Path> {
        self.path("exceptions")
    }

    /// The lock-order file.
    pub(crate) fn order(&self) -> Option<&Path> {
        self.path("order")
    }

    /// The arguments of cargo with the features and packages of the project.
    pub(crate) fn cargo_args(&self, given: &[OsString], n_words: usize, selects: bool) -> Vec<OsString> {
        let options: Vec<&str> =
            given.iter().take_while(|arg| *arg != "--").filter_map(|arg| arg.to_str()).collect();
        let has = |names: &[&str]| {
            options.iter().any(|option| {
                names.iter().any(|name| match name.strip_prefix("--") {
                    Some(_) => {
                        option.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
                    }
                    None => option.starts_with(name),
                })
            })
        };
        let mut added: Vec<OsString> = Vec::new();
        let features = self.names("features");
        if !features.is_empty() && !has(&["--features", "-F", "--all-features", "--no-default-features"]) {
            added.extend(["--features".into(), features.join(",").into()]);
        }
        let skip = self.names("skip");
        let chooses = ["--package", "-p", "--workspace", "--all", "--exclude", "--manifest-path"];
        if selects && !skip.is_empty() && !has(&chooses) {
            added.push("--workspace".into());
            for name in skip {
                added.extend(["--exclude".into(), name.into()]);
            }
        }
        let (words, rest) = given.split_at(n_words.min(given.len()));
        words.iter().cloned().chain(added).chain(rest.iter().cloned()).collect()
    }

    /// Whether each package to skip is in the workspace: cargo would only warn, and run the others.
    ///
    /// # Errors
    ///
    /// If one is not; the nearest name is the likeliest one.
    pub(crate) fn check_skipped(&self, packages: &[String]) -> Result<()> {
        let is_unknown = |name: &&String| !packages.contains(name) && !name.contains(['*', '?', '[', '@']);
        let Some(name) = self.names("skip").iter().find(is_unknown) else { return Ok(()) };
        let origin = self.values.get("skip").map_or("", |setting| &setting.origin);
        let remedy = match keys::nearest(name, packages.iter().map(String::as_str)) {
            Some(near) => format!("the nearest one is `{near}`"),
            None => format!("its packages are {}", packages.join(", ")),
        };
        Err(Error::new(format_args!(
            "{origin}: `skip` names `{name}`, which is no package of the workspace; {remedy}"
        )))
    }

    /// The variables that reach the watched programs, where the user has not set them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let given = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let of = |key: &keys::Key| {
            let name = key.variable.filter(|name| !given(name))?;
            let value = match self.value(key.name)? {
                Value::Deny(text) | Value::Word(text) => text.into(),
                Value::Seconds(seconds) => seconds.to_string().into(),
                // A lock-order file that is not written yet declares nothing.
                Value::Path(path) if path.exists() => path.into(),
                _ => return None,
            };
            Some((name, value))
        };
        KEYS.iter().filter_map(of).collect()
    }

    /// Files that the project names and that do not exist, a sentence each.
    pub(crate) fn missing_files(&self) -> Vec<String> {
        let missing = |(key, setting): (&&str, &Setting)| match &setting.value {
            Value::Path(path) if !path.exists() && setting.origin.contains(':') => Some(format!(
                "warning: {}: `{key}` names {}, which does not exist",
                setting.origin,
                path.display()
            )),
            _ => None,
        };
        self.values.iter().filter_map(missing).collect()
    }
}

fn has_file(directory: &Path) -> bool {
    directory.join("Cargo.toml").is_file() && directory.join(FILE).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, profile: &str) -> Settings {
        let file = File::parse(text, "f.toml").expect(text);
        let mut settings = Settings {
            root: "/p".into(),
            file: Some("f.toml".into()),
            profile: profile.into(),
            values: BTreeMap::new(),
        };
        settings.take_file(file);
        settings
    }

    const TEXT: &str = "[profile.default]\ndeny = 'notes'\nsettle = true\ntimeout = 5\n[profile.ci]\ndeny = 'warnings'\norder = 'o'\n";

    #[test]
    fn a_profile_stands_above_the_default_and_a_variable_above_both() {
        let default = settings(TEXT, "default");
        assert_eq!(default.deny(), Some(("notes", "f.toml:2")));
        let mut ci = settings(TEXT, "ci");
        assert_eq!(ci.deny(), Some(("warnings", "f.toml:6")));
        assert_eq!((ci.settles(), ci.timeout_s()), (true, Some(5)));
        assert_eq!(ci.order(), Some(Path::new("/p/o")));
        ci.take_variables(|name| (name == "LOCKDEP_DENY").then(|| "errors".to_owned()));
        assert_eq!(ci.deny(), Some(("errors", "LOCKDEP_DENY")));
    }

    #[test]
    fn features_and_packages_give_way_to_the_command_line() {
        let settings = settings("[profile.default]\nfeatures = ['a', 'b']\nskip = ['x']", "default");
        let of = |line: &str, n_words| {
            let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            settings.cargo_args(&args, n_words, true).join(" ".as_ref()).into_string().expect("text")
        };
        assert_eq!(of("--lib", 0), "--features a,b --workspace --exclude x --lib");
        assert_eq!(of("run --lib", 1), "run --features a,b --workspace --exclude x --lib");
        assert_eq!(of("-p y -Fc", 0), "-p y -Fc");
        assert_eq!(of("--all-features --package=y -- -p", 0), "--all-features --package=y -- -p");
        assert_eq!(of("--lib -- -p", 0), "--features a,b --workspace --exclude x --lib -- -p");
    }
}
