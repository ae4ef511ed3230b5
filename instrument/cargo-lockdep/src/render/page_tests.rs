//! The page, used from the keyboard and as a screen reader sees it, and its colours, measured.

use std::path::PathBuf;

use rustc_hash::FxHashSet;
use serde_json::{Value, json};

use super::browser::Browser;
use super::tests::{rendered, scratch, with_findings_of};
use super::{ReportFormat, html, render, svg};
use crate::records::fixture;

/// What has the focus, in one line; and how it is marked.
const FOCUS: &str = "(() => { const e = document.activeElement, r = e.querySelector && e.querySelector(':scope > rect');\
    const s = getComputedStyle(e);\
    const ring = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || r && parseFloat(getComputedStyle(r).strokeWidth) >= 4;\
    return (e.id || e.tagName.toLowerCase() + '.' + (e.getAttribute('class') || '')) + (ring ? '' : ' WITHOUT A RING'); })()";

fn page(name: &str, text: &str) -> PathBuf {
    scratch(&format!("{name}.html"), text)
}

fn of_classes(n_classes: usize) -> String {
    with_findings_of(fixture::many(n_classes), |found| render(ReportFormat::Html, found))
}

#[test]
fn everything_can_be_reached_and_used_from_the_keyboard() {
    let path = page("keyboard", &rendered(ReportFormat::Html));
    let Some(mut tab) = Browser::open(&path) else { return };
    let mut stops: Vec<String> = Vec::new();
    for _ in 0..60 {
        tab.press("Tab");
        let stop = tab.text(FOCUS);
        if stop.starts_with("body") {
            break;
        }
        stops.push(stop);
    }
    assert!(!stops.iter().any(|stop| stop.contains("WITHOUT")), "each stop is marked: {stops:?}");
    assert_eq!(stops[0], "a.skip", "{stops:?}");
    let at = |wanted: &str| {
        stops.iter().position(|stop| stop == wanted).unwrap_or_else(|| panic!("{wanted} in {stops:?}"))
    };
    let order = [
        "a.skip", "summary.", "search", "package", "group", "fold", "cycles", "reset", "g.box x", "smaller",
        "larger", "fit", "li.x",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{stops:?}");
    let n_boxes = stops.iter().filter(|stop| stop.starts_with("g.") || stop.starts_with("li.")).count();
    assert_eq!(n_boxes, 2, "the picture is one stop, the list another, however many classes there are");
    assert_eq!(tab.value("document.querySelector('.skip').getBoundingClientRect().left < 0"), json!(true));
    tab.value("document.querySelector('.skip').focus()");
    assert_eq!(tab.value("document.querySelector('.skip').getBoundingClientRect().left >= 0"), json!(true));
    tab.press("Enter");
    assert_eq!(tab.text("document.activeElement.id"), "main", "the link skips to the reports");

    let shown = "document.getElementById('shown').textContent";
    let label = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent";
    tab.value("document.querySelector('#list [tabindex=\"0\"]').focus()");
    assert_eq!(tab.text(label), "accounts");
    tab.press("ArrowDown");
    assert_eq!(tab.text(label), "gate");
    tab.press("Enter");
    assert_eq!(tab.text(label), "gate", "the focus stays where it was");
    assert!(
        tab.text(shown).starts_with("2 of 3 classes; gate, made at src/bank.rs:5:5, held around 0"),
        "{}",
        tab.text(shown)
    );
    assert!(tab.text("document.getElementById('detail').textContent").contains("Held when it was taken (1)"));
    tab.press(" ");
    assert_eq!(tab.text(shown), "3 of 3 classes");

    tab.value("document.querySelector('#canvas [tabindex=\"0\"]').focus()");
    tab.press("Home");
    assert!(tab.text(label).starts_with("accounts, made at"), "{}", tab.text(label));
    tab.press("ArrowRight");
    let right = tab.text(label);
    assert!(right.starts_with("gate,") || right.starts_with("journal,"), "along an arrow: {right}");
    tab.press("ArrowLeft");
    assert!(tab.text(label).starts_with("accounts, made at"));
    tab.press("Enter");
    assert_eq!(tab.text("document.activeElement.getAttribute('aria-pressed')"), "true");
    tab.press("Escape");
    assert_eq!(tab.text(shown), "3 of 3 classes");

    tab.value("document.getElementById('search').focus()");
    tab.write("gate");
    assert_eq!(tab.text(shown), "1 of 3 classes");
    tab.write("no such class");
    assert_eq!(tab.text(shown), "0 of 3 classes");
    assert_eq!(tab.value("document.getElementById('empty').hidden"), json!(false));
    assert!(tab.errors.is_empty(), "{:?}", tab.errors);
    std::fs::remove_file(path).expect("ours");
}

/// Everything that the browser tells a screen reader: role and name.
fn told(tab: &mut Browser) -> Vec<(String, String)> {
    let tree = tab.call("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
    nodes
        .iter()
        .filter(|node| node["ignored"] == false)
        .map(|node| (word(&node["role"]), word(&node["name"])))
        .collect()
}

#[test]
fn a_screen_reader_gets_parts_names_and_results() {
    let path = page("reader", &rendered(ReportFormat::Html));
    let Some(mut tab) = Browser::open(&path) else { return };
    let told = told(&mut tab);
    for role in ["banner", "navigation", "main", "search", "listbox", "option", "status", "image"] {
        assert!(told.iter().any(|(known, _)| known == role), "no {role} in {told:?}");
    }
    let operable = [
        "button",
        "link",
        "checkbox",
        "combobox",
        "searchbox",
        "option",
        "DisclosureTriangle",
        "image",
        "listbox",
        "region",
    ];
    let nameless: Vec<_> = told
        .iter()
        .filter(|(role, name)| operable.contains(&role.as_str()) && name.trim().is_empty())
        .collect();
    assert!(nameless.is_empty(), "{nameless:?}");
    let levels =
        tab.text("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => h.tagName[1]).join('')");
    let is_step = |pair: &[u8]| pair[1] <= pair[0] + 1;
    assert!(
        levels.starts_with('1') && levels.as_bytes().windows(2).all(is_step),
        "no level is left out: {levels}"
    );
    assert_eq!(tab.text("document.getElementById('shown').getAttribute('aria-live')"), "polite");
    assert_eq!(tab.text("document.documentElement.lang"), "en");
    assert_eq!(tab.value("performance.getEntriesByType('resource').length"), json!(0), "nothing is fetched");
    assert_eq!(
        tab.value("document.getAnimations().length"),
        json!(0),
        "nothing moves, whatever the reader prefers"
    );
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        json!({ "width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": false }),
    );
    assert_eq!(
        tab.value("document.documentElement.scrollWidth <= 400"),
        json!(true),
        "a narrow page is not scrolled sideways"
    );
    std::fs::remove_file(path).expect("ours");
}

#[test]
fn two_thousand_classes_are_a_picture_and_open_step_by_step() {
    let path = page("many", &of_classes(2000));
    let Some(mut tab) = Browser::open(&path) else { return };
    let n_boxes = |tab: &mut Browser| {
        tab.value("document.querySelectorAll('#canvas g.box').length").as_u64().unwrap_or(0)
    };
    let shown = "document.getElementById('shown').textContent";
    assert!(tab.text(shown).starts_with("2000 of 2000 classes, drawn as 20 crates"), "{}", tab.text(shown));
    assert_eq!(n_boxes(&mut tab), 20);
    assert!(tab.value("document.querySelectorAll('#canvas path[marker-end]').length").as_u64() >= Some(19));
    tab.value("document.querySelector('#canvas [tabindex=\"0\"]').focus()");
    tab.press("Enter");
    assert!(tab.text(shown).starts_with("100 of 2000 classes"), "a crate opens: {}", tab.text(shown));
    assert!(n_boxes(&mut tab) > 20, "its classes are drawn one by one");
    tab.press("Enter");
    assert_eq!(tab.text("document.activeElement.getAttribute('aria-pressed')"), "true", "a class is chosen");
    tab.press("Escape");
    assert_eq!(n_boxes(&mut tab), 20);
    assert!(tab.errors.is_empty(), "{:?}", tab.errors);
    std::fs::remove_file(path).expect("ours");
}

/// `AXE_CORE` names `axe.min.js` of the package axe-core; `tests/field/consumers/run.sh` fetches
/// it.
#[test]
fn axe_finds_nothing() {
    let Some(axe) = std::env::var_os("AXE_CORE") else {
        return crate::output::say("skipped: AXE_CORE does not name an axe.min.js");
    };
    let axe = std::fs::read_to_string(axe).expect("readable");
    for (name, text) in [("axe-few", rendered(ReportFormat::Html)), ("axe-many", of_classes(2000))] {
        let path = page(name, &text);
        let Some(mut tab) = Browser::open(&path) else { return };
        for scheme in ["light", "dark"] {
            let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            tab.call("Emulation.setEmulatedMedia", features);
            tab.value("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
            let run = "axe.run(document).then((r) => JSON.stringify(r.violations.map((v) => [v.id, v.nodes[0].html])))";
            assert_eq!(tab.text(&format!("{axe};{run}")), "[]", "{name}, {scheme}");
        }
        std::fs::remove_file(path).expect("ours");
    }
}

/// The luminance of `#rgb` or `#rrggbb`, as WCAG 2.2 defines it.
fn luminance(colour: &str) -> f64 {
    let digits = colour.strip_prefix('#').unwrap_or_else(|| panic!("{colour}"));
    let wide: String =
        if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&wide[at..at + 2], 16).expect("hexadecimal")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The value of a variable or property in a block of style.
fn value<'a>(block: &'a str, name: &str) -> &'a str {
    let start =
        block.find(&format!("{name}:")).unwrap_or_else(|| panic!("{name} in {block}")) + name.len() + 1;
    let rest = &block[start..];
    &rest[..rest.find([';', '}', ' ']).unwrap_or(rest.len())]
}

#[test]
fn colours_can_be_distinguished_in_light_and_dark() {
    assert!(
        (contrast("#000", "#ffffff") - 21.0).abs() < 1e-9 && contrast("#777", "#fff") < 4.5,
        "the measure itself"
    );
    let light = html::STYLE.lines().find(|line| line.starts_with(":root")).expect("light colours");
    let dark =
        html::STYLE.lines().find(|line| line.contains("prefers-color-scheme:dark")).expect("dark colours");
    for (scheme, block) in [("light", light), ("dark", dark)] {
        let measured =
            |a: &str, b: &str| contrast(value(block, &format!("--{a}")), value(block, &format!("--{b}")));
        // Every pair of text and ground in the style: 4.5 to 1 is WCAG's AA.
        let mut texts = Vec::new();
        for ground in ["bg", "soft", "redbg"] {
            texts.extend(["fg", "dim", "red", "blue"].map(|text| (text, ground)));
        }
        texts.extend([("amber", "bg"), ("green", "bg")]);
        for (text, ground) in texts {
            let ratio = measured(text, ground);
            assert!(ratio >= 4.5, "{scheme}: {text} on {ground} is {ratio:.2} to 1");
        }
        // Arrows and frames that mean something: 3 to 1.
        for (line, ground) in
            [("edge", "soft"), ("red", "soft"), ("blue", "soft"), ("blue", "bg"), ("dim", "bg")]
        {
            let ratio = measured(line, ground);
            assert!(ratio >= 3.0, "{scheme}: {line} on {ground} is {ratio:.2} to 1");
        }
    }
    let (day, night) = svg::STYLE.split_once("@media (prefers-color-scheme:dark)").expect("both");
    let grounds = [value(light, "--bg"), value(dark, "--bg")];
    for (block, ground) in [day, night].into_iter().zip(grounds) {
        let rule = |selector: &str, property: &str| {
            let at = block.find(selector).unwrap_or_else(|| panic!("{selector} in {block}"));
            value(&block[at..], property).to_owned()
        };
        assert!(contrast(&rule(".n text", "{fill"), &rule(".n rect", "{fill")) >= 4.5);
        assert!(contrast(&rule(".e text", "{fill"), ground) >= 4.5, "{block}");
        for line in [".e path", ".e.x path"] {
            assert!(contrast(&rule(line, "stroke"), ground) >= 3.0, "{line} in {block}");
        }
    }
    let motion = ["transition", "animation", "scroll-behavior", "@keyframes"];
    assert!(!motion.iter().any(|word| html::STYLE.contains(word)), "nothing moves");
}

#[test]
fn names_between_backticks_are_set_as_code_and_stay_text() {
    let set = |sentence: &str| html::ticks(sentence).to_string();
    assert_eq!(set("`a<b>` and `c`"), "<code>a&lt;b&gt;</code> and <code>c</code>");
    assert_eq!(set("one ` alone & <i>"), "one ` alone &amp; &lt;i&gt;");
    let all: FxHashSet<_> = ["", "``", "`"].map(set).into_iter().collect();
    assert_eq!(all.len(), 3, "{all:?}");
}
