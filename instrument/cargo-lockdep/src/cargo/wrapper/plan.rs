//! What to do with one rustc call: leave it alone, give it the façade, or put other sources in.

use std::ffi::OsString;
use std::path::PathBuf;

use super::args::RustcCall;
use crate::cargo::runtime::{self, Runtime};

/// The crate that a call compiles, as cargo's environment names it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) repository: String,
    /// Where its manifest is.
    pub(crate) directory: String,
}

impl Package {
    /// Whether it is one of ours, and not another one that is called so.
    fn is_ours(&self) -> bool {
        OURS.contains(&&*self.name) && self.repository == env!("CARGO_PKG_REPOSITORY")
    }

    /// Whether it is part of the standard library, which `-Z build-std` compiles from the
    /// toolchain's own folder.
    fn is_standard_library(&self) -> bool {
        self.directory.contains("/rustlib/src/rust/")
    }
}

/// What to do with one rustc call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Plan {
    /// Host code (build scripts, proc macros), a question to the compiler, or a crate of ours.
    LeaveAlone,
    /// The crate sees our `std`.
    Facade,
    /// The crate is a lock library: it is compiled from our sources of the same interface, and sees
    /// our `std`.
    Substitute {
        /// Our source file.
        source: PathBuf,
        /// Its edition.
        edition: &'static str,
        /// Features to turn on besides those that cargo asks for.
        features: Vec<&'static str>,
    },
    /// The crate is compiled under another name, and then our source that wraps it.
    Wrap {
        /// Our source file.
        source: PathBuf,
        /// Its edition.
        edition: &'static str,
        /// What the crate itself is called from then on.
        real_name: &'static str,
    },
    /// The crate sees our `std`, and is compiled from a patched copy of its sources if that can be.
    Overlay,
    /// The crate is one of ours: it becomes another name of the runtime's copy, so that there is
    /// one validator.
    Alias(&'static str),
    /// It cannot work, for this reason.
    Refuse(&'static str),
}

/// A lock library with sources of ours.
struct Substitute {
    name: &'static str,
    /// What its versions begin with.
    line: &'static str,
    source: &'static str,
    /// The edition of our sources, whatever that of the package is.
    edition: &'static str,
    /// Features that earlier packages of this line do not declare, because what they gate was
    /// always there.
    always_there: &'static [&'static str],
}

const SUBSTITUTES: [Substitute; 5] = [
    Substitute {
        name: "lock_api",
        line: "0.1.",
        source: "instrument/lock_api/v0_2/src/lib.rs",
        edition: "2021",
        always_there: &["atomic_usize"],
    },
    Substitute {
        name: "lock_api",
        line: "0.2.",
        source: "instrument/lock_api/v0_2/src/lib.rs",
        edition: "2021",
        always_there: &["atomic_usize"],
    },
    Substitute {
        name: "lock_api",
        line: "0.3.",
        source: "instrument/lock_api/v0_3/src/lib.rs",
        edition: "2021",
        always_there: &["atomic_usize"],
    },
    Substitute {
        name: "lock_api",
        line: "0.4.",
        source: "instrument/lock_api/v0_4/src/lib.rs",
        edition: "2021",
        always_there: &["atomic_usize"],
    },
    Substitute {
        name: "lock_api",
        line: "0.5.",
        source: "instrument/lock_api/v0_5/src/lib.rs",
        edition: "2024",
        always_there: &[],
    },
];

/// A crate whose types ours wrap: what it does is too much its own to be written again.
struct Wrapped {
    name: &'static str,
    /// The versions that have everything that is wrapped: `1.` and at least this.
    least_minor: u32,
    /// Without this feature there is nothing to wrap.
    feature: &'static str,
    source: &'static str,
    edition: &'static str,
    real_name: &'static str,
}

const WRAPPED: [Wrapped; 1] = [Wrapped {
    name: "once_cell",
    least_minor: 14,
    feature: "std",
    source: "instrument/once_cell/src/lib.rs",
    edition: "2021",
    real_name: "real_once_cell",
}];

impl Wrapped {
    fn is_meant(&self, call: &RustcCall, package: &Package) -> bool {
        let minor = package.version.strip_prefix("1.").and_then(|rest| rest.split('.').next());
        package.name == self.name
            && call.crate_name == self.name
            && minor.and_then(|minor| minor.parse().ok()).is_some_and(|minor: u32| minor >= self.least_minor)
            && call.has_feature(self.feature)
            && !call.is_test
            && runtime::has_source(self.source)
    }
}

/// Our own packages: they are the validator, and do not watch themselves.
const OURS: [&str; 7] = [
    "lockdep",
    "lockdep-validator",
    "lockdep-report",
    "lockdep-std",
    "vmalock",
    "cargo-lockdep",
    "lockdep-tests",
];

impl Plan {
    /// Decides from the options of the call and the package cargo is compiling.
    pub(crate) fn of(call: &RustcCall, package: &Package, runtime: &Runtime) -> Self {
        let is_macro = call.crate_types.iter().any(|kind| kind == "proc-macro");
        let is_build_script = call.crate_name.starts_with("build_script_") && !call.is_test;
        if call.is_query || !call.has_target || is_macro || is_build_script {
            return Self::LeaveAlone;
        }
        if package.is_ours() {
            return match &*call.crate_name {
                "lockdep" if !call.is_test => Self::Alias("lockdep"),
                "lockdep_report" if !call.is_test => Self::Alias("lockdep_report"),
                "lockdep_validator" if !call.is_test => Self::Alias("lockdep_validator"),
                _ => Self::LeaveAlone,
            };
        }
        if package.is_standard_library() {
            return Self::Refuse(
                "the standard library itself is being compiled (-Z build-std); the instrumented locks need the one \
                 that came with the toolchain",
            );
        }
        if call.externs.iter().any(|name| name == "std") {
            // The crate renames a dependency to `std`; what it calls std is not std, and carries no
            // lock of std's.
            return Self::LeaveAlone;
        }
        let substitute = SUBSTITUTES.iter().find(|substitute| {
            package.name == substitute.name
                && call.crate_name == substitute.name
                && package.version.starts_with(substitute.line)
                && !call.is_test
                && runtime::has_source(substitute.source)
        });
        if let Some(wrapped) = WRAPPED.iter().find(|wrapped| wrapped.is_meant(call, package)) {
            return Self::Wrap {
                source: runtime.sources.join(wrapped.source),
                edition: wrapped.edition,
                real_name: wrapped.real_name,
            };
        }
        let Some(substitute) = substitute else {
            return Self::Facade;
        };
        let undeclared = |feature: &&&str| !call.declares_feature(feature);
        Self::Substitute {
            source: runtime.sources.join(substitute.source),
            edition: substitute.edition,
            features: substitute.always_there.iter().filter(undeclared).copied().collect(),
        }
    }

    /// Whether the lints that the package asks for apply to what is compiled.
    pub(crate) fn keeps_lints(&self) -> bool {
        !matches!(self, Self::Substitute { .. } | Self::Overlay | Self::Alias(_))
    }

    /// The arguments with which the compiler is called; `alias` is the file that re-exports the
    /// runtime's crate.
    pub(crate) fn apply(
        &self,
        mut args: Vec<OsString>,
        call: &RustcCall,
        runtime: &Runtime,
    ) -> Vec<OsString> {
        match self {
            Self::LeaveAlone | Self::Refuse(_) => {}
            Self::Facade => args.extend(runtime.facade_flags().into_iter().map(OsString::from)),
            Self::Overlay => {
                args.extend(runtime.facade_flags().into_iter().map(OsString::from));
                args.extend(extern_flag("lockdep", &runtime.lockdep));
                args.extend(without_lints(call));
            }
            Self::Substitute { source, edition, features } => {
                if let Some(input) = call.input {
                    args[input] = source.into();
                }
                if let Some(place) = call.edition {
                    args[place] = format!("--edition={edition}").into();
                }
                for feature in features {
                    args.extend(["--cfg".into(), format!("feature=\"{feature}\"").into()]);
                }
                args.extend(runtime.facade_flags().into_iter().map(OsString::from));
                args.extend(extern_flag("lockdep", &runtime.lockdep));
                args.extend(without_lints(call));
            }
            Self::Wrap { source, edition, real_name } => {
                if let Some(input) = call.input {
                    args[input] = source.into();
                }
                if let Some(place) = call.edition {
                    args[place] = format!("--edition={edition}").into();
                }
                args.extend(runtime.facade_flags().into_iter().map(OsString::from));
                args.extend(extern_flag("lockdep", &runtime.lockdep));
                let suffix = if call.emits_link { "rlib" } else { "rmeta" };
                let file = format!("lib{real_name}{}.{suffix}", call.extra_filename);
                args.extend(extern_flag(real_name, &PathBuf::from(&call.out_dir).join(file)));
            }
            Self::Alias(name) => {
                if let Some(input) = call.input {
                    args[input] = runtime.alias_source(name).into();
                }
                let library = match *name {
                    "lockdep" => &runtime.lockdep,
                    "lockdep_report" => &runtime.report,
                    _ => &runtime.validator,
                };
                args.extend(extern_flag("lockdep_of_runtime", library));
                args.extend(runtime.search_flags().map(OsString::from));
                args.extend(without_lints(call));
            }
        }
        args
    }

    /// The arguments of the call that has to come first, if there is one: it compiles the real
    /// crate under its other name.
    ///
    /// Cargo waits for the messages of the second call: this one says nothing unless it fails.
    pub(crate) fn before(
        &self,
        args: &[OsString],
        call: &RustcCall,
        runtime: &Runtime,
    ) -> Option<Vec<OsString>> {
        let Self::Wrap { real_name, .. } = self else {
            return None;
        };
        let is_for_cargo = |arg: &&OsString| {
            let text = arg.to_string_lossy();
            !text.starts_with("--json=") && !text.starts_with("--error-format=")
        };
        let mut args: Vec<OsString> = args.iter().filter(is_for_cargo).cloned().collect();
        for index in 1..args.len() {
            if args[index - 1] == "--crate-name" && args[index] == *call.crate_name {
                args[index] = real_name.into();
            }
        }
        if !call.has_cap_lints {
            args.extend(["--cap-lints".into(), "allow".into()]);
        }
        // Its dependencies see our `std`, and rustc loads what they depend on.
        args.extend(runtime.search_flags().map(OsString::from));
        Some(args)
    }
}

/// The sources are ours, the lints those of the package they stand in for: no user can act on what
/// the two have to say.
fn without_lints(call: &RustcCall) -> impl Iterator<Item = OsString> {
    let is_capped = call.has_cap_lints;
    ["--cap-lints", "allow"].into_iter().filter(move |_| !is_capped).map(OsString::from)
}

fn extern_flag(name: &str, library: &std::path::Path) -> [OsString; 2] {
    ["--extern".into(), format!("{name}={}", library.display()).into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> Runtime {
        Runtime {
            facade: "/r/lib/libstd.rlib".into(),
            lockdep: "/r/lib/liblockdep.rlib".into(),
            report: "/r/lib/liblockdep_report.rlib".into(),
            validator: "/r/lib/liblockdep_validator.rlib".into(),
            search_paths: vec!["/r/lib".into()],
            sources: "/r/sources".into(),
        }
    }

    fn plan(line: &str, package: &str) -> Plan {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let repository = env!("CARGO_PKG_REPOSITORY").into();
        let package =
            Package { name: package.into(), version: "0.4.1".into(), repository, ..Package::default() };
        Plan::of(&RustcCall::parse(&args), &package, &runtime())
    }

    #[test]
    fn only_target_code_gets_the_facade() {
        assert_eq!(plan("--crate-name a src/lib.rs --crate-type lib --target x", "a"), Plan::Facade);
        assert_eq!(plan("--crate-name a src/lib.rs --test --target x", "a"), Plan::Facade);
        assert_eq!(plan("--crate-name a src/lib.rs --crate-type lib", "a"), Plan::LeaveAlone);
        assert_eq!(
            plan("--crate-name a src/lib.rs --crate-type proc-macro --target x", "a"),
            Plan::LeaveAlone
        );
        let script = "--crate-name build_script_build build.rs --crate-type bin --target x";
        assert_eq!(plan(script, "a"), Plan::LeaveAlone);
    }

    #[test]
    fn a_feature_named_proc_macro_changes_nothing() {
        let line = "--crate-name a src/lib.rs --crate-type lib --cfg feature=\"proc-macro\" --target x";
        assert_eq!(plan(line, "a"), Plan::Facade);
    }

    #[test]
    fn lints_of_a_package_do_not_judge_our_sources() {
        let args: Vec<OsString> = "--crate-name lockdep a.rs --crate-type lib --target x -W missing-docs"
            .split(' ')
            .map(OsString::from)
            .collect();
        let call = RustcCall::parse(&args);
        let after = Plan::Alias("lockdep").apply(args, &call, &runtime());
        assert!(after.ends_with(&["--cap-lints".into(), "allow".into()]), "{after:?}");
    }

    #[test]
    fn our_own_crates_are_the_runtime() {
        assert_eq!(
            plan("--crate-name lockdep a.rs --crate-type lib --target x", "lockdep"),
            Plan::Alias("lockdep")
        );
        assert_eq!(plan("--crate-name lockdep a.rs --test --target x", "lockdep"), Plan::LeaveAlone);
        assert_eq!(
            plan("--crate-name vmalock a.rs --crate-type lib --target x", "vmalock"),
            Plan::LeaveAlone
        );
        // Someone else's package may be called so, or have a target of that name.
        let args: Vec<OsString> =
            "--crate-name lockdep a.rs --crate-type bin --target x".split(' ').map(OsString::from).collect();
        let package = Package { name: "lockdep".into(), ..Package::default() };
        assert_eq!(Plan::of(&RustcCall::parse(&args), &package, &runtime()), Plan::Facade);
        assert_eq!(plan("--crate-name lockdep a.rs --crate-type bin --target x", "other"), Plan::Facade);
    }

    #[test]
    fn each_line_of_lock_api_has_its_sources() {
        let line = "--crate-name lock_api --edition=2018 a.rs --crate-type lib --target x";
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let lines =
            [("0.1.5", "v0_2"), ("0.2.0", "v0_2"), ("0.3.4", "v0_3"), ("0.4.14", "v0_4"), ("0.5.0", "v0_5")];
        for (version, folder) in lines {
            let package = Package { name: "lock_api".into(), version: version.into(), ..Package::default() };
            let plan = Plan::of(&RustcCall::parse(&args), &package, &runtime());
            let Plan::Substitute { source, .. } = plan else { panic!("{version}: {plan:?}") };
            assert!(source.ends_with(format!("lock_api/{folder}/src/lib.rs")), "{}", source.display());
        }
    }

    #[test]
    fn lock_api_is_compiled_from_our_sources_of_its_line() {
        let declared = "--check-cfg cfg(feature,values(\"atomic_usize\"))";
        let line = "--crate-name lock_api --edition=2018 a.rs --crate-type lib --target x";
        let args = |line: &str| -> Vec<OsString> { line.split(' ').map(OsString::from).collect() };
        let after = |line: &str| {
            let args = args(line);
            let call = RustcCall::parse(&args);
            plan(line, "lock_api")
                .apply(args, &call, &runtime())
                .join(" ".as_ref())
                .into_string()
                .expect("text")
        };
        let old = after(line);
        assert!(old.contains("--edition=2021 /r/sources/instrument/lock_api/v0_4/src/lib.rs"), "{old}");
        assert!(
            old.contains("feature=\"atomic_usize\"") && old.contains("lockdep=/r/lib/liblockdep.rlib"),
            "{old}"
        );
        let new = after(&format!("{line} {declared}"));
        assert!(
            !new.contains("--cfg feature=\"atomic_usize\""),
            "cargo decides about declared features: {new}"
        );
        // Someone else's crate of that name is not lock_api.
        assert_eq!(plan(line, "other"), Plan::Facade);
    }

    #[test]
    fn once_cell_is_compiled_under_another_name_and_then_wrapped() {
        let line = "--crate-name once_cell --edition=2021 a.rs --crate-type lib --emit=dep-info,metadata,link \
                    --cfg feature=\"std\" -C extra-filename=-0a --out-dir /d --json=artifacts --target x";
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let call = RustcCall::parse(&args);
        let of = |version: &str| {
            let package = Package { name: "once_cell".into(), version: version.into(), ..Package::default() };
            Plan::of(&call, &package, &runtime())
        };
        let plan = of("1.21.3");
        let text = |args: Vec<OsString>| args.join(" ".as_ref()).into_string().expect("text");
        let before = text(plan.before(&args, &call, &runtime()).expect("the real crate comes first"));
        assert!(before.contains("--crate-name real_once_cell --edition=2021 a.rs"), "{before}");
        assert!(!before.contains("--json") && before.contains("--cap-lints allow"), "{before}");
        assert!(before.contains("-Ldependency=/r/lib") && !before.contains("std=/r"), "{before}");
        let after = text(plan.apply(args.clone(), &call, &runtime()));
        assert!(
            after
                .contains("--crate-name once_cell --edition=2021 /r/sources/instrument/once_cell/src/lib.rs")
        );
        assert!(after.contains("real_once_cell=/d/libreal_once_cell-0a.rlib"), "{after}");
        assert!(after.contains("lockdep=/r/lib/liblockdep.rlib") && after.contains("--json"), "{after}");
        // Versions that lack what is wrapped stay as they are, and are named as unseen.
        assert_eq!((of("1.9.0"), of("2.0.0")), (Plan::Facade, Plan::Facade));
        assert!(of("1.9.0").before(&args, &call, &runtime()).is_none());
    }

    #[test]
    fn building_std_is_refused() {
        let args: Vec<OsString> = "--crate-name std a.rs --target x".split(' ').map(OsString::from).collect();
        let of = |directory: &str| {
            let package = Package { name: "std".into(), directory: directory.into(), ..Package::default() };
            Plan::of(&RustcCall::parse(&args), &package, &runtime())
        };
        assert!(matches!(of("/t/lib/rustlib/src/rust/library/std"), Plan::Refuse(_)));
        assert_eq!(of("/projects/std"), Plan::Facade, "a program may be called so");
    }

    #[test]
    fn the_arguments_gain_the_facade_and_lose_nothing() {
        let args: Vec<OsString> = ["--crate-name", "a", "--target", "x"].map(OsString::from).into();
        let call = RustcCall::parse(&args);
        let after = Plan::Facade.apply(args.clone(), &call, &runtime());
        assert_eq!(after[..4], args);
        assert_eq!(
            after[4..],
            ["--extern", "std=/r/lib/libstd.rlib", "-Ldependency=/r/lib"].map(OsString::from)
        );
    }
}
