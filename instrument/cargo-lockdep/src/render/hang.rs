//! The hang reports of the records, in the formats that have no place of their own for them.
//!
//! A hang report accuses no code. So in each format it is what that format has for information, and
//! it never fails anything.

use lockdep_report::hang::text::{headline, text};
use lockdep_report::hang_report::{HangReport, HangRole, HangThread};
use lockdep_report::path::is_dependency;
use lockdep_report::place::{Frame, Place};
use lockdep_report::render::TextOptions;
use serde::Serialize;

use super::svg::{STYLE, escaped};
use crate::findings::Findings;

/// A hang report as the renderers need it.
#[derive(Debug, Serialize)]
pub(super) struct ShownHang {
    pub(super) title: String,
    /// The process that made it.
    pub(super) run: String,
    /// The whole report.
    pub(super) text: String,
    /// Who waits for whom, drawn; empty if no thread waits for another.
    pub(super) picture: String,
    /// Where the first thread is.
    #[serde(skip)]
    pub(super) place: Place,
}

/// The hang reports, in the order of the records.
pub(super) fn all(found: &Findings<'_>, options: &TextOptions) -> Vec<ShownHang> {
    let hangs = found.union.hangs.iter().enumerate();
    hangs
        .map(|(index, (run, report))| {
            let report = &report.printable();
            ShownHang {
                title: headline(report),
                run: found.union.run_label(*run),
                text: text(report, options),
                picture: picture(report, &format!("h{index}")),
                place: report.threads.first().map(place).unwrap_or_default(),
            }
        })
        .collect()
}

/// Where a thread is: where it waits, or the innermost line of the program's own that led there,
/// because a person can open that one.
fn place(thread: &HangThread) -> Place {
    let own = thread.own_frame();
    let wait = thread.wait.as_ref().map(|wait| wait.site.outside_wrapper()).filter(|site| site.is_known());
    if let Some(site) = wait.filter(|site| own.is_none() || !is_dependency(&site.file)) {
        return site.clone();
    }
    let is_known = |frame: &&Frame| !frame.file.is_empty() && frame.line > 0;
    let frame = own.or_else(|| thread.frames.iter().find(is_known));
    frame.map_or_else(Place::default, |frame| Place {
        file: frame.file.clone(),
        line: frame.line,
        column: frame.column,
        ..Place::default()
    })
}

/// How many threads are drawn.
const MAX_DRAWN: usize = 24;
const ROW: usize = 46;
const WIDTH: usize = 640;
const BOX: usize = 380;

/// The wait-for graph: a box for each thread, the one that the others wait for on top, and an arrow
/// to each thread that it waits for.
fn picture(report: &HangReport, id: &str) -> String {
    let drawn: Vec<&HangThread> =
        report.threads.iter().take(MAX_DRAWN).filter(|thread| thread.role != HangRole::Idle).collect();
    if drawn.iter().all(|thread| thread.waits_for.is_empty()) {
        return String::new();
    }
    let height = drawn.len() * ROW + 20;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" class=\"cycle\" role=\"img\" aria-labelledby=\"{id}-t\">\n\
         <title id=\"{id}-t\">{}</title>\n{STYLE}\n\
         <defs><marker id=\"{id}-x\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"11\" markerHeight=\"11\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"a x\" d=\"M0 0L10 5L0 10z\"/></marker></defs>\n",
        escaped(&headline(report))
    );
    let middle = |row: usize| 20 + row * ROW + 15;
    for (row, thread) in drawn.iter().enumerate() {
        for target in thread.waits_for.iter().filter(|target| **target < drawn.len()) {
            // Each arrow leaves below the middle and arrives above it, so that two do not meet.
            let (from, to, right) = (middle(row) + 6, middle(*target).saturating_sub(6), BOX + 20);
            let bow = right + 40 + 16 * row.abs_diff(*target);
            out.push_str(&format!(
                "<g class=\"e x\"><path d=\"M{right} {from}C{bow} {from} {bow} {to} {right} {to}\" marker-end=\"url(#{id}-x)\"/></g>\n"
            ));
        }
        let n_more = thread.same.len();
        let more = if n_more > 0 { format!(" and {n_more} more") } else { String::new() };
        let origin = &thread.started_by;
        let of = if origin.is_empty() { String::new() } else { format!(", started by {origin}") };
        let label: String = format!("{}{more}{of}", thread.thread).chars().take(50).collect();
        out.push_str(&format!(
            "<g class=\"n\"><rect x=\"20\" y=\"{}\" width=\"{BOX}\" height=\"30\" rx=\"5\"/><text x=\"{}\" y=\"{}\">{}</text></g>\n",
            middle(row) - 15,
            20 + BOX / 2,
            middle(row) + 4,
            escaped(&label)
        ));
    }
    out.push_str("</svg>\n");
    out
}
