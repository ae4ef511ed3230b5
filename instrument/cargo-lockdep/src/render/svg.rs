//! One cycle, drawn: classes on a circle, an arrow for each dependency.

use lockdep_report::model::Report;

use crate::findings::Findings;

/// The surest cycle that was found, as a picture of its own.
pub(super) fn render(found: &Findings<'_>) -> String {
    let with_cycle = found.reports.iter().find(|one| !one.report.cycle.is_empty());
    with_cycle.map_or_else(empty, |one| cycle(&one.report, "c"))
}

fn empty() -> String {
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 240 40\" role=\"img\" aria-label=\"no cycle\">\
     <text x=\"12\" y=\"25\" font-family=\"sans-serif\" font-size=\"14\">no cycle was found</text></svg>\n"
        .to_owned()
}

/// Colours for a light and a dark page. A style inside a picture holds for the whole page that the
/// picture stands in, so every rule names the picture.
pub(super) const STYLE: &str = "<style>\
.cycle .n rect{fill:#fff;stroke:#444}.cycle .n text{fill:#111;font:12px monospace;text-anchor:middle}\
.cycle .e path{fill:none;stroke:#777;stroke-width:1.6}.cycle .e.x path{stroke:#c4161c;stroke-width:2.4}\
.cycle .e text{fill:#555;font:11px sans-serif;text-anchor:middle}.cycle .a{fill:#777}.cycle .a.x{fill:#c4161c}\
@media (prefers-color-scheme:dark){.cycle .n rect{fill:#222;stroke:#bbb}.cycle .n text{fill:#eee}\
.cycle .e text{fill:#bbb}.cycle .e path{stroke:#888}.cycle .e.x path{stroke:#ff6b6b}.cycle .a{fill:#888}.cycle .a.x{fill:#ff6b6b}}</style>";

/// Half the height of a class's box.
const HALF_HEIGHT: f64 = 15.0;
/// The width of one character of a label.
const CHARACTER: f64 = 7.3;

/// The cycle of one report. `id` tells the arrow heads of several pictures in one page apart.
pub(super) fn cycle(report: &Report, id: &str) -> String {
    let n_nodes = report.cycle.len().max(1);
    let labels: Vec<String> = report.cycle.iter().map(|step| clipped(&step.from)).collect();
    let widest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(1);
    let half_width = (widest as f64 * CHARACTER + 20.0) / 2.0;
    // Far enough apart that neither boxes nor their arrows' labels meet.
    let radius = (n_nodes as f64 * 34.0).max(70.0);
    let radius_x = if n_nodes <= 2 { half_width + 90.0 } else { radius.max(half_width * 1.4) };
    let radius_y = if n_nodes <= 2 { 0.0 } else { radius };
    let margin_y = if n_nodes <= 2 { 80.0 } else { 46.0 };
    let (width, height) = (2.0 * (radius_x + half_width + 20.0), 2.0 * (radius_y + margin_y));
    let (middle_x, middle_y) = (width / 2.0, height / 2.0);
    let centre = |index: usize| {
        let angle = std::f64::consts::TAU * index as f64 / n_nodes as f64
            + if n_nodes <= 2 { std::f64::consts::PI } else { -std::f64::consts::FRAC_PI_2 };
        (middle_x + radius_x * angle.cos(), middle_y + radius_y * angle.sin())
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" class=\"cycle\" role=\"img\" aria-labelledby=\"{id}-t\">\n\
         <title id=\"{id}-t\">{}</title>\n\
         {STYLE}\n\
         <defs>{}{}</defs>\n",
        escaped(&report.title),
        arrow_head(id, "a"),
        arrow_head(id, "x")
    );
    for (index, step) in report.cycle.iter().enumerate() {
        let arrow = Arrow::between(centre(index), centre((index + 1) % n_nodes), half_width, n_nodes);
        let (class, head) = if step.closing { ("e x", "x") } else { ("e", "a") };
        out.push_str(&format!(
            "<g class=\"{class}\"><path d=\"{}\" marker-end=\"url(#{id}-{head})\"/><text x=\"{:.0}\" y=\"{:.0}\">{} {}</text><title>{} then {}, thread {}</title></g>\n",
            arrow.path,
            arrow.label.0,
            arrow.label.1,
            escaped(step.kind.as_str()),
            escaped(&file_line(&step.acquire_site)),
            escaped(&step.held_site.to_string()),
            escaped(&step.acquire_site.to_string()),
            escaped(&step.thread)
        ));
    }
    for (index, label) in labels.iter().enumerate() {
        let (x, y) = centre(index);
        out.push_str(&format!(
            "<g class=\"n\"><rect x=\"{:.0}\" y=\"{:.0}\" width=\"{:.0}\" height=\"{:.0}\" rx=\"5\"/><text x=\"{x:.0}\" y=\"{:.0}\">{}</text><title>{}</title></g>\n",
            x - half_width,
            y - HALF_HEIGHT,
            2.0 * half_width,
            2.0 * HALF_HEIGHT,
            y + 4.0,
            escaped(label),
            escaped(&report.cycle[index].from)
        ));
    }
    out.push_str("</svg>\n");
    out
}

/// The head of the arrows of one colour. Its turning is SVG 1.1's, which every reader knows.
fn arrow_head(id: &str, name: &str) -> String {
    format!(
        "<marker id=\"{id}-{name}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"11\" markerHeight=\"11\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"a {name}\" d=\"M0 0L10 5L0 10z\"/></marker>"
    )
}

struct Arrow {
    path: String,
    label: (f64, f64),
}

impl Arrow {
    /// From box to box; with two boxes each arrow gets a bow of its own, or they would lie on each
    /// other.
    fn between(from: (f64, f64), to: (f64, f64), half_width: f64, n_nodes: usize) -> Self {
        if n_nodes == 1 {
            let (x, y) = (from.0, from.1 - HALF_HEIGHT);
            let path = format!(
                "M{:.0} {y:.0}C{:.0} {:.0} {:.0} {:.0} {:.0} {y:.0}",
                x - 25.0,
                x - 50.0,
                y - 55.0,
                x + 50.0,
                y - 55.0,
                x + 25.0
            );
            return Self { path, label: (x, y - 46.0) };
        }
        let bow = if n_nodes == 2 { 46.0 } else { 0.0 };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1.0);
        let (nx, ny) = (dy / length, -dx / length);
        let control = ((from.0 + to.0) / 2.0 + 2.0 * bow * nx, (from.1 + to.1) / 2.0 + 2.0 * bow * ny);
        let start = border(from, control, half_width);
        let end = border(to, control, half_width);
        let path = format!(
            "M{:.0} {:.0}Q{:.0} {:.0} {:.0} {:.0}",
            start.0, start.1, control.0, control.1, end.0, end.1
        );
        // On the outer side of a bow, where the arrow does not cross it.
        let beside = if bow > 0.0 && ny > 0.0 { 14.0 } else { -5.0 };
        let label =
            ((start.0 + 2.0 * control.0 + end.0) / 4.0, (start.1 + 2.0 * control.1 + end.1) / 4.0 + beside);
        Self { path, label }
    }
}

/// Where the line from the middle of a box towards `towards` leaves it.
fn border(centre: (f64, f64), towards: (f64, f64), half_width: f64) -> (f64, f64) {
    let (dx, dy) = (towards.0 - centre.0, towards.1 - centre.1);
    let scale = (half_width / dx.abs().max(0.001)).min(HALF_HEIGHT / dy.abs().max(0.001));
    (centre.0 + dx * scale, centre.1 + dy * scale)
}

fn clipped(name: &str) -> String {
    const MAX: usize = 36;
    if name.chars().count() <= MAX {
        return name.to_owned();
    }
    name.chars().take(MAX - 1).chain(['…']).collect()
}

fn file_line(place: &lockdep_report::place::Place) -> String {
    let file = place.file.rsplit(['/', '\\']).next().unwrap_or_default();
    if place.is_known() { format!("{file}:{}", place.line) } else { String::new() }
}

/// Text for XML; control characters have no place in it at all.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}
