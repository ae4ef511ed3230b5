//! Draws what a terminal shows as an SVG: the picture of a real run in README.

use std::fmt::Write as _;

/// Pixels of a line, and of a column of the font.
const LINE: f64 = 17.0;
const COLUMN: f64 = 7.83;
/// Columns of the terminal: a longer line goes on in the next one.
const N_COLUMNS: usize = 110;
/// Pixels around the text.
const MARGIN: f64 = 14.0;

/// How a run of characters looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Look {
    is_bold: bool,
    /// The number of one of the sixteen colours of a terminal.
    colour: Option<u8>,
}

/// The colours of a dark terminal, by their number.
const COLOURS: [&str; 16] = [
    "#45475a", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#bac2de", "#585b70",
    "#ff6b8b", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#ffffff",
];

/// Draws text with escape sequences for colours. Other sequences are left out.
pub(crate) fn draw(text: &str) -> String {
    let lines: Vec<Vec<(Look, String)>> = text.lines().flat_map(|line| wrapped(runs(line))).collect();
    #[expect(clippy::cast_precision_loss, reason = "a picture has few lines and columns")]
    let (width, height) =
        (N_COLUMNS as f64 * COLUMN + 2.0 * MARGIN, lines.len() as f64 * LINE + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1e1e2e\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace\" font-size=\"13\" \
         fill=\"#cdd6f4\">\n"
    );
    let mut y = MARGIN + LINE - 4.0;
    for line in lines {
        let _ = write!(out, "<text x=\"{MARGIN}\" y=\"{y:.0}\" xml:space=\"preserve\">");
        for (look, run) in line {
            let run = run.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let weight = if look.is_bold { " font-weight=\"bold\"" } else { "" };
            let fill = look
                .colour
                .map(|number| format!(" fill=\"{}\"", COLOURS[usize::from(number)]))
                .unwrap_or_default();
            let _ = write!(out, "<tspan{fill}{weight}>{run}</tspan>");
        }
        out.push_str("</text>\n");
        y += LINE;
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The line as a terminal breaks it.
fn wrapped(runs: Vec<(Look, String)>) -> Vec<Vec<(Look, String)>> {
    let mut lines = vec![Vec::new()];
    let mut n_free = N_COLUMNS;
    for (look, run) in runs {
        let mut rest: Vec<char> = run.chars().collect();
        while !rest.is_empty() {
            if n_free == 0 {
                lines.push(Vec::new());
                n_free = N_COLUMNS;
            }
            let after = rest.split_off(rest.len().min(n_free));
            n_free -= rest.len();
            if let Some(line) = lines.last_mut() {
                line.push((look, rest.into_iter().collect()));
            }
            rest = after;
        }
    }
    lines
}

/// The line in runs of one look each.
fn runs(line: &str) -> Vec<(Look, String)> {
    let mut runs: Vec<(Look, String)> = Vec::new();
    let mut look = Look::default();
    let mut rest = line;
    while !rest.is_empty() {
        let (shown, after) = rest.split_once("\u{1b}[").unwrap_or((rest, ""));
        if !shown.is_empty() {
            runs.push((look, shown.to_owned()));
        }
        let end = after.find(|c: char| c.is_ascii_alphabetic());
        let Some(end) = end else { break };
        if after[end..].starts_with('m') {
            look = after[..end].split(';').fold(look, |look, code| restyled(look, code.parse().unwrap_or(0)));
        }
        rest = &after[end + 1..];
    }
    runs
}

fn restyled(look: Look, code: u8) -> Look {
    match code {
        0 => Look::default(),
        1 => Look { is_bold: true, ..look },
        22 => Look { is_bold: false, ..look },
        30..=37 => Look { colour: Some(code - 30), ..look },
        39 => Look { colour: None, ..look },
        90..=97 => Look { colour: Some(code - 90 + 8), ..look },
        _ => look,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_spans_and_text_stays_text() {
        let svg = draw("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: a <b> & \u{1b}[2Kc\nplain");
        assert!(svg.contains("<tspan fill=\"#ff6b8b\" font-weight=\"bold\">error</tspan>"), "{svg}");
        assert!(svg.contains("<tspan>: a &lt;b&gt; &amp; </tspan><tspan>c</tspan>"), "{svg}");
        assert!(svg.contains("<tspan>plain</tspan>") && !svg.contains('\u{1b}'), "{svg}");
    }

    #[test]
    fn a_long_line_goes_on_in_the_next() {
        let svg = draw(&"x".repeat(N_COLUMNS + 3));
        assert_eq!(svg.matches("<text").count(), 2);
        assert!(svg.contains("<tspan>xxx</tspan>"), "{svg}");
    }
}
