//! The formats that others write and we read: how each is parsed, and which command reads it.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use lockdep_report::exceptions::{Day, Exception};
use lockdep_report::lock_order::LockOrder;
use lockdep_report::policy::Deny;
use lockdep_report::record::{Record, whole_lines};
use lockdep_report::render::{NoSource, TextOptions, json_line, snippets, text};
use lockdep_report::replay::Scenario;
use lockdep_report::replay::trace::TraceReplay;
use lockdep_validator::Config;

use crate::command_line;

/// A format of input.
#[derive(Clone, Copy, Debug)]
pub struct FuzzedFormat {
    /// Its name, which is also that of the folder of its seeds.
    pub name: &'static str,
    /// Words that mean something in it.
    pub words: &'static [&'static str],
    /// Reads an input in this process.
    pub parse: fn(&[u8]),
    /// Writes an input into the folder, and returns a command that reads it there. The number
    /// chooses among several.
    pub command: fn(&Path, &[u8], usize) -> io::Result<Command>,
}

/// Every format.
pub const FORMATS: [FuzzedFormat; 6] = [
    FuzzedFormat {
        name: "records",
        words: &[
            "\"record\":",
            "\"run\"",
            "\"class\"",
            "\"report\"",
            "\"end\"",
            "\"stat\"",
            "\"file\":",
            "\"line\":",
            "\"schema\":",
        ],
        parse: records,
        command: report,
    },
    FuzzedFormat {
        name: "scenarios",
        words: &[
            "\"op\":",
            "\"acquire\"",
            "\"release\"",
            "\"lock\":",
            "\"irq_enter\"",
            "\"upgrade\"",
            "\"ctx\":",
            "\"mode\":",
            "\"shared\"",
            "\"nest_lock\":",
        ],
        parse: scenarios,
        command: |folder, input, _| reading(folder, "cases.json", input, &["replay", "cases.json"]),
    },
    FuzzedFormat {
        name: "traces",
        words: &["T0|", "acq(l1)", "rel(l1)", "fork(T1)", "join(T1)", "r(x)", "w(x)", "|12\n"],
        parse: traces,
        command: |folder, input, _| {
            reading(folder, "trace.std", input, &["replay", "--format", "std", "trace.std"])
        },
    },
    FuzzedFormat {
        name: "order",
        words: &[" -> ", " < ", "leaf ", "name ", " = ", "[section]\n", "# ", "~2"],
        parse: order,
        command: |folder, input, choice| {
            write_record(folder)?;
            let verbs: [&[&str]; 3] = [
                &["order", "1-0.jsonl", "--file", "lockdep.order"],
                &["order", "1-0.jsonl", "--file", "lockdep.order", "--check"],
                &["order", "1-0.jsonl", "--file", "lockdep.order", "--bless", "--prune"],
            ];
            reading(folder, "lockdep.order", input, verbs[choice % verbs.len()])
        },
    },
    FuzzedFormat {
        name: "allow",
        words: &["LD0003", "class ", "*", " until ", "2030-02-29", " reason: ", "00000000000000aa"],
        parse: allow,
        command: |folder, input, _| {
            write_record(folder)?;
            reading(folder, "given.allow", input, &["report", "1-0.jsonl", "--allow", "given.allow"])
        },
    },
    FuzzedFormat {
        name: "environment",
        words: &[
            "LOCKDEP_",
            "DENY=",
            "ALLOW=",
            "@",
            "STAT=1",
            "EXITCODE=",
            "SAME_CLASS=",
            ",",
            "LD0003",
            "errors",
        ],
        parse: environment,
        command: |folder, input, choice| {
            write_record(folder)?;
            let mut command = if choice.is_multiple_of(2) {
                command_line::command(folder, &["report", "1-0.jsonl"])
            } else {
                recorded(folder)?
            };
            command.envs(variables(input));
            Ok(command)
        },
    },
];

fn records(input: &[u8]) {
    let (lines, _) = whole_lines(input);
    for record in lines.filter_map(|line| Record::parse_line(line).ok()) {
        if let Record::Report(report) = &record {
            let _ = text(report, &TextOptions::default(), &NoSource);
            let _ = json_line(report);
            let _ = snippets(report);
        }
        let line = record.to_line();
        assert_eq!(line.matches('\n').count(), 1, "a record is one line: {line}");
    }
}

fn scenarios(input: &[u8]) {
    let Ok(scenario) = Scenario::parse(&String::from_utf8_lossy(input)) else { return };
    for case in scenario.cases() {
        for config in [Config::kernel(), Config::user()] {
            let _ = case.run(&config);
        }
    }
}

fn traces(input: &[u8]) {
    let mut replay = TraceReplay::new(Config::user());
    for line in String::from_utf8_lossy(input).lines() {
        let _ = replay.line(line);
    }
}

fn order(input: &[u8]) {
    if let Ok(order) = LockOrder::parse(&String::from_utf8_lossy(input)) {
        assert!(
            !(order.contradicts("a", "b") && order.contradicts("b", "a")),
            "a declared order has no cycle"
        );
    }
}

fn allow(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = Exception::parse_file(&text, "f", drop);
    for word in text.split_whitespace() {
        if let Some(day) = Day::parse(word) {
            assert_eq!(Day::parse(&day.to_string()), Some(day), "{word}");
        }
    }
}

fn environment(input: &[u8]) {
    for (_, value) in variables(input) {
        let _ = Deny::parse(&value);
        for item in value.split(',') {
            let _ = Exception::bare(item, "LOCKDEP_ALLOW");
        }
    }
}

/// The lines `LOCKDEP…=value`. A value names no place outside of the folder that the program runs
/// in.
fn variables(input: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(input).replace(['\0', '/'], "_");
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let ours = pairs.filter(|(name, _)| name.starts_with("LOCKDEP"));
    ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn report(folder: &Path, input: &[u8], choice: usize) -> io::Result<Command> {
    let verbs: [&[&str]; 8] = [
        &["report", "."],
        &["report", ".", "--format", "html"],
        &["report", ".", "--format", "junit"],
        &["report", ".", "--format", "sarif"],
        &["report", ".", "--format", "rustc"],
        &["report", ".", "--format", "svg"],
        &["stat", "."],
        &["order", "."],
    ];
    reading(folder, "1-0.jsonl", input, verbs[choice % verbs.len()])
}

fn reading(folder: &Path, file: &str, input: &[u8], args: &[&str]) -> io::Result<Command> {
    fs::write(folder.join(file), input)?;
    Ok(command_line::command(folder, args))
}

/// A record that is in order, for what needs one besides its input.
fn write_record(folder: &Path) -> io::Result<()> {
    let seed = command_line::root().join("tests/fuzz/seeds/records/inversion.jsonl");
    fs::copy(seed, folder.join("1-0.jsonl")).map(drop)
}

/// The program that takes locks with the runtime in it.
fn recorded(folder: &Path) -> io::Result<Command> {
    let beside = std::env::current_exe()?;
    let mut command = Command::new(beside.with_file_name("recorded"));
    command.arg("forwards").current_dir(folder).env("LOCKDEP", "1");
    Ok(command)
}
