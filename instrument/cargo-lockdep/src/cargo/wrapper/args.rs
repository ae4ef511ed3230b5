//! What a rustc command line says, as far as the façade depends on it.

use std::ffi::OsString;
use std::path::Path;

/// A rustc call as cargo makes it.
///
/// The words `proc-macro` may stand anywhere in it (a feature of that name, a path): only the
/// options count.
#[derive(Clone, Debug, Default)]
pub(crate) struct RustcCall {
    pub(crate) crate_name: String,
    pub(crate) crate_types: Vec<String>,
    pub(crate) has_target: bool,
    pub(crate) is_test: bool,
    /// A question to the compiler (`--print`, `-vV`), not a compilation.
    pub(crate) is_query: bool,
    /// Names given by `--extern`.
    pub(crate) externs: Vec<String>,
    /// Where the source file stands among the arguments.
    pub(crate) input: Option<usize>,
    pub(crate) has_cap_lints: bool,
    pub(crate) prefers_dynamic: bool,
    /// Whether a dynamic library lies beside the result: a dependency of type dylib. (Macros lie
    /// with the host's.)
    pub(crate) uses_dylib: bool,
    /// Files given by `--extern` that are dynamic libraries.
    dynamic_externs: Vec<String>,
    /// Where `--edition=…` stands among the arguments.
    pub(crate) edition: Option<usize>,
    /// Where the result goes.
    pub(crate) out_dir: String,
    /// What cargo adds to the name of the result, to distinguish it from others of the same crate.
    pub(crate) extra_filename: String,
    /// Whether the result is a library that can be linked, not only its metadata.
    pub(crate) emits_link: bool,
    /// Values of `--check-cfg`, which list the features that the package declares.
    check_cfgs: Vec<String>,
    /// Values of `--cfg`.
    cfgs: Vec<String>,
}

impl RustcCall {
    /// Reads the arguments behind the compiler's own name.
    pub(crate) fn parse(args: &[OsString]) -> Self {
        let mut call = Self::default();
        let mut index = 0;
        while index < args.len() {
            let text = args[index].to_string_lossy();
            let (name, inline) = match text.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (&*text, None),
            };
            let takes_value = inline.is_none() && TAKES_VALUE.contains(&name);
            let value = inline.unwrap_or_else(|| match args.get(index + 1) {
                Some(next) if takes_value => next.to_string_lossy().into_owned(),
                _ => String::new(),
            });
            call.note(name, value, index);
            index += 1 + usize::from(takes_value);
        }
        let beside = |file: &String| Path::new(file).parent() == Some(Path::new(&call.out_dir));
        call.uses_dylib = call.dynamic_externs.iter().any(beside);
        call
    }

    /// Whether the package has this feature, on or off.
    pub(crate) fn declares_feature(&self, feature: &str) -> bool {
        let quoted = format!("\"{feature}\"");
        self.check_cfgs.iter().any(|cfg| cfg.starts_with("cfg(feature") && cfg.contains(&quoted))
    }

    /// Whether the feature is on.
    pub(crate) fn has_feature(&self, feature: &str) -> bool {
        self.cfgs.iter().any(|cfg| *cfg == format!("feature=\"{feature}\""))
    }

    /// Whether this is configured, by its bare name.
    pub(crate) fn has_cfg(&self, cfg: &str) -> bool {
        self.cfgs.iter().any(|given| given == cfg)
    }

    fn note(&mut self, name: &str, value: String, index: usize) {
        match name {
            "--crate-name" => self.crate_name = value,
            "--crate-type" => self.crate_types.extend(value.split(',').map(String::from)),
            "--target" => self.has_target = true,
            "--test" => self.is_test = true,
            "--print" | "-vV" | "-V" | "--version" => self.is_query = true,
            "--cap-lints" => self.has_cap_lints = true,
            "--edition" => self.edition = Some(index),
            "--cfg" => self.cfgs.push(value),
            "--check-cfg" => self.check_cfgs.push(value),
            "--extern" => {
                let (name, file) = value.split_once('=').unwrap_or((&value, ""));
                if [".so", ".dylib"].iter().any(|suffix| file.ends_with(suffix)) {
                    self.dynamic_externs.push(file.to_owned());
                }
                // `noprelude:name`, `priv,noprelude:name`
                self.externs.push(name.rsplit(':').next().unwrap_or_default().to_owned());
            }
            "--out-dir" => self.out_dir = value,
            "--emit" => {
                self.emits_link |= value.split(',').any(|kind| kind.split('=').next() == Some("link"))
            }
            "-C" | "--codegen" => {
                self.prefers_dynamic |= is_prefer_dynamic(&value);
                if let Some(extra) = value.strip_prefix("extra-filename=") {
                    self.extra_filename = extra.to_owned();
                }
            }
            _ if name.starts_with("-Cprefer-dynamic") => {
                self.prefers_dynamic |= is_prefer_dynamic(&name[2..])
            }
            _ if !name.starts_with('-') && name.ends_with(".rs") => self.input = Some(index),
            _ => {}
        }
    }
}

fn is_prefer_dynamic(option: &str) -> bool {
    match option.split_once('=') {
        Some(("prefer-dynamic", value)) => !matches!(value, "no" | "off" | "n" | "false"),
        _ => option == "prefer-dynamic",
    }
}

/// The options whose value may be the next argument.
const TAKES_VALUE: [&str; 29] = [
    "--cfg",
    "--check-cfg",
    "-L",
    "-l",
    "--crate-type",
    "--crate-name",
    "--edition",
    "--emit",
    "--print",
    "-o",
    "--out-dir",
    "--explain",
    "--target",
    "-A",
    "--allow",
    "-W",
    "--warn",
    "--force-warn",
    "-D",
    "--deny",
    "-F",
    "--forbid",
    "--cap-lints",
    "-C",
    "--codegen",
    "--extern",
    "--sysroot",
    "-Z",
    "--remap-path-prefix",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> RustcCall {
        RustcCall::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_library_as_cargo_compiles_it() {
        let call = parse(
            "--crate-name lock_api --edition=2021 /r/lock_api-0.4.14/src/lib.rs --crate-type lib -C opt-level=3 \
             --cfg feature=\"proc-macro\" --extern scopeguard=/t/libscopeguard.rmeta --cap-lints allow --target x86",
        );
        assert_eq!((&*call.crate_name, &call.crate_types[..]), ("lock_api", &["lib".to_owned()][..]));
        assert!(call.has_target && call.has_cap_lints && !call.is_test && !call.is_query);
        assert_eq!(call.externs, ["scopeguard"]);
        assert_eq!(call.input, Some(3));
    }

    #[test]
    fn questions_are_distinguished_from_compilations() {
        assert!(parse("- --crate-name ___ --print=file-names --crate-type bin").is_query);
        assert!(parse("-vV").is_query);
    }

    #[test]
    fn a_dynamic_library_is_distinguished_from_a_macro_by_where_it_lies() {
        let line = "--crate-name a --out-dir /t/x86/debug/deps --extern d=/t/x86/debug/deps/libd.so";
        assert!(parse(line).uses_dylib);
        let line =
            "--crate-name a --out-dir /t/x86/debug/deps --extern m=/t/debug/deps/libm.so --extern l=l.rlib";
        assert!(!parse(line).uses_dylib);
    }

    #[test]
    fn prefer_dynamic_in_all_spellings() {
        for line in ["-C prefer-dynamic", "-Cprefer-dynamic", "-C prefer-dynamic=yes", "-Cprefer-dynamic=yes"]
        {
            assert!(parse(line).prefers_dynamic, "{line}");
        }
        assert!(!parse("-C prefer-dynamic=no").prefers_dynamic);
    }
}
