//! Printing reports where the user wants them.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};

use lockdep_report::hang::text::text as hang_text;
use lockdep_report::history::ReportHistory;
use lockdep_report::render::{Styles, TextOptions, brief, json_line, text};

use super::args::{WatchArgs, WatchFormat};
use super::tail::{NewHang, NewReport};
use crate::error::{Context as _, Result};
use crate::findings::policy::{Judgement, excepted_line};
use crate::printable;

/// Where a report that follows from an earlier one is printed in full.
const IN_FULL: &str = "`cargo lockdep report --all`";

/// Where reports go, and in which form.
pub(super) struct Printer {
    out: Box<dyn Write>,
    name: String,
    format: WatchFormat,
    options: TextOptions,
    history: ReportHistory,
}

impl Printer {
    /// Opens the output; `is_coloured` is what cargo was told, if anything.
    ///
    /// # Errors
    ///
    /// If the file cannot be created.
    pub(super) fn open(args: &WatchArgs, is_coloured: Option<bool>) -> Result<Self> {
        let (out, name): (Box<dyn Write>, _) = match &args.output {
            Some(path) => {
                let name = path.display().to_string();
                (Box::new(File::create(path).context(|| name.clone())?), name)
            }
            None => (Box::new(io::stderr()), "stderr".to_owned()),
        };
        let by_terminal = || {
            io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        };
        let is_coloured = args.output.is_none() && is_coloured.unwrap_or_else(by_terminal);
        let styles = if is_coloured { Styles::COLOUR } else { Styles::PLAIN };
        let options = TextOptions { styles, in_full: IN_FULL, ..TextOptions::default() };
        Ok(Self { out, name, format: args.format, options, history: ReportHistory::default() })
    }

    /// From here on each report is printed in full, whatever was printed before: a second run is
    /// made to see it.
    pub(super) fn begin_anew(&mut self) {
        self.history = ReportHistory::default();
    }

    /// Prints what the threads of a process did that seemed to hang.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(super) fn print_hang(&mut self, new: &NewHang) -> Result<()> {
        let text = match self.format {
            WatchFormat::Json => printable::json(&new.report.json_line()).into_owned(),
            WatchFormat::Text => {
                let text = format!("lockdep: {}\n{}", new.origin, hang_text(&new.report, &self.options));
                if self.options.styles == Styles::PLAIN { printable::lines(&text) } else { text }
            }
        };
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).context(|| self.name.clone())
    }

    /// Prints one report.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(super) fn print(&mut self, new: &NewReport) -> Result<()> {
        // With colours it goes to a terminal, which obeys no line.
        let printed = |text: String, is_plain: bool| if is_plain { printable::lines(&text) } else { text };
        let text = match (self.format, &new.finding.judgement) {
            (WatchFormat::Json, _) => printable::json(&json_line(&new.finding.report)).into_owned(),
            (WatchFormat::Text, Judgement::Excepted(reason)) => {
                printed(format!("lockdep: {}\n", excepted_line(&new.finding.report, reason)), true)
            }
            (WatchFormat::Text, judgement) => {
                let is_denied = *judgement == Judgement::Denied;
                let text = match self.history.note(&new.finding.report, is_denied) {
                    Some(earlier) => brief(&new.finding.report, &earlier, IN_FULL, &self.options),
                    None => text(&new.finding.report, &self.options, &*new.sources),
                };
                let text = format!("lockdep: {}\n{}\n\n", new.origin, text.trim_end());
                printed(text, self.options.styles == Styles::PLAIN)
            }
        };
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).context(|| self.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use lockdep_validator::Level;

    use super::*;
    use crate::findings::Finding;
    use crate::records::fixture;
    use crate::source::Sources;

    /// What is printed of reports that are judged so, in turn.
    fn printed(name: &str, reports: Vec<(lockdep_report::model::Report, Judgement)>) -> String {
        let path = std::env::temp_dir().join(format!("lockdep-printer-{}-{name}", std::process::id()));
        let args = WatchArgs { output: Some(path.clone()), ..WatchArgs::default() };
        let mut printer = Printer::open(&args, None).expect("a temporary file");
        for (report, judgement) in reports {
            let finding = Finding { report, runs: Vec::new(), judgement, group: None };
            let new = NewReport { finding, origin: "in a test".into(), sources: Rc::new(Sources::default()) };
            printer.print(&new).expect("written");
        }
        let text = std::fs::read_to_string(&path).expect("printed");
        std::fs::remove_file(path).expect("ours");
        text
    }

    #[test]
    fn a_report_of_the_group_of_an_excepted_one_is_printed_in_full() {
        let first = fixture::inversion_report();
        let mut second = first.clone();
        second.fingerprint = "00000000000000bb".into();
        let excepted = || Judgement::Excepted("known".into());
        let text = printed(
            "excepted",
            vec![
                (first.clone(), excepted()),
                (second, Judgement::Denied),
                (first.clone(), Judgement::Denied),
            ],
        );
        assert_eq!(text.matches("= cycle: ").count(), 1, "{text}");
        let full = text.find("= cycle: ").expect("in full");
        let line = text.find(&first.fingerprint).expect("a line");
        assert!(line < full && text[line..full].contains("known"), "{text}");
        assert!(
            text.contains("report 00000000000000bb above"),
            "the first of the group that was shown: {text}"
        );
    }

    #[test]
    fn a_warning_that_becomes_an_error_is_not_printed_in_full_again() {
        let error = fixture::inversion_report();
        let mut warning = error.clone();
        warning.level = Level::Warning;
        warning.cycle[0].instances.0 += 7;
        let text = printed("raised", vec![(warning, Judgement::Tolerated), (error, Judgement::Denied)]);
        assert_eq!(text.matches("= cycle: ").count(), 1, "{text}");
        let raised = text.split_once("= raised: ").expect("told").1;
        assert!(raised.contains("`error` now") && raised.contains("= now: "), "{text}");
    }
}
