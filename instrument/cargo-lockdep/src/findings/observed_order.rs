//! What was seen, in the words of the file; and the file with it.

use std::collections::{BTreeMap, BTreeSet};

use lockdep_report::lock_order::LockOrder;

use crate::records::Union;
use crate::records::labels::{Labels, crate_of};

const HEAD: &str = "\
# Which lock is taken while which is held. `cargo lockdep order --check` fails on a dependency that is not here;
# `cargo lockdep order --bless` adds it. Lines may be edited: `name A = LABEL` names a class, `A < B` declares an order
# that is enforced in every run with LOCKDEP_ORDER=lockdep.order, and `#` starts a comment.
";

type Pair = (String, String);

/// The dependencies of a union of records, by the file's names.
#[derive(Debug, Default)]
pub(crate) struct ObservedOrder {
    pairs: BTreeMap<Pair, String>,
    /// Those that locks taken in between connect: they follow from the lines of these, and have
    /// none of their own.
    implied: BTreeSet<Pair>,
    /// The crate of each class.
    crates: BTreeMap<String, String>,
    leaves: BTreeSet<String>,
    labels: BTreeSet<String>,
}

impl ObservedOrder {
    pub(crate) fn new(union: &Union, known: &LockOrder) -> Self {
        let labels = Labels::new(union.classes.values());
        let mut seen = Self::default();
        for class in union.classes.values() {
            let label = labels.label(class.hash);
            let name = known.name(&label).to_owned();
            seen.labels.insert(label);
            seen.crates.insert(name, crate_of(&class.file).0.to_owned());
        }
        let mut inner = BTreeSet::new();
        for (key, sighting) in &union.dependencies {
            // Two locks of one class have no order that a file of classes could hold.
            if key.from == key.to {
                continue;
            }
            let [from, to] = [key.from, key.to].map(|hash| known.name(&labels.label(hash)).to_owned());
            if !sighting.first.direct {
                seen.implied.insert((from, to));
                continue;
            }
            let example = format!(
                "{} then {}, {}",
                sighting.first.from.site,
                sighting.first.to.site,
                union.run_label(sighting.run)
            );
            inner.insert(to.clone());
            seen.pairs.entry((from, to)).or_insert(example);
        }
        seen.leaves =
            inner.into_iter().filter(|name| !seen.pairs.keys().any(|(from, _)| from == name)).collect();
        seen
    }

    /// What the file does not have, without what contradicts it.
    pub(crate) fn undeclared(&self, known: &LockOrder) -> Vec<&Pair> {
        let pairs = self.pairs.keys();
        pairs.filter(|(from, to)| !known.allows(from, to) && !known.contradicts(from, to)).collect()
    }

    /// Pairs that the file accepts in both orders, with what was seen.
    pub(crate) fn inverted(&self, known: &LockOrder) -> Vec<&Pair> {
        let is_accepted = |from: &str, to: &str| {
            let pair = (from.to_owned(), to.to_owned());
            (self.pairs.contains_key(&pair) || known.allows(from, to)) && !known.contradicts(from, to)
        };
        // Each pair once.
        let is_first = |(from, to): &Pair| from < to || !self.pairs.contains_key(&(to.clone(), from.clone()));
        let pairs = self.pairs.keys().filter(|pair| is_first(pair));
        pairs.filter(|(from, to)| is_accepted(from, to) && is_accepted(to, from)).collect()
    }

    /// What a declared order forbids.
    pub(crate) fn contradicting(&self, known: &LockOrder) -> Vec<&Pair> {
        let all: BTreeSet<&Pair> = self.pairs.keys().chain(&self.implied).collect();
        all.into_iter().filter(|(from, to)| known.contradicts(from, to)).collect()
    }

    /// Where a dependency was seen first.
    pub(crate) fn example(&self, from: &str, to: &str) -> &str {
        self.pairs.get(&(from.to_owned(), to.to_owned())).map_or("", String::as_str)
    }

    /// Names that are labels of classes: those lines are the wrong way round.
    pub(crate) fn reversed<'a>(&self, known: &'a LockOrder) -> Vec<(&'a str, &'a str)> {
        let names = known
            .names
            .iter()
            .filter(|(label, name)| self.labels.contains(*name) && !self.labels.contains(*label));
        names.map(|(label, name)| (label.as_str(), name.as_str())).collect()
    }

    fn section(&self, class: &str) -> &str {
        self.crates.get(class).map_or("workspace", String::as_str)
    }
}

/// The file with what was seen added: lines of people stay where they are, ours are sorted within
/// their section.
pub(crate) fn merged(old: Option<&str>, known: &LockOrder, seen: &ObservedOrder, prune: bool) -> String {
    let mut file = File::parse(old.unwrap_or(HEAD));
    file.rename(known);
    if prune {
        file.retain(|pair| seen.pairs.contains_key(pair));
    }
    for pair in seen.undeclared(known) {
        file.insert(seen.section(&pair.0), format!("{} -> {}", pair.0, pair.1));
    }
    file.leaves(seen);
    file.text()
}

/// The added lines between their neighbours, as a unified diff with one line of context.
pub(crate) fn diff(old: &str, known: &LockOrder, seen: &ObservedOrder, name: &str) -> String {
    let mut file = File::parse(old);
    for pair in seen.undeclared(known) {
        file.insert(seen.section(&pair.0), format!("{} -> {}", pair.0, pair.1));
    }
    let (before, after) = (File::parse(old).text(), file.text());
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    let mut out = format!("--- {name}\n+++ {name} (seen)\n");
    let (mut b, mut last_shown) = (0, 0);
    for (a, line) in after.iter().enumerate() {
        if before.get(b) == Some(line) {
            b += 1;
            continue;
        }
        // Lines are only ever added, so this one is new.
        if a > last_shown && a > 0 {
            let context = after[a - 1];
            let number = old.lines().position(|line| line.trim_end() == context).map_or(1, |index| index + 1);
            out.push_str(&format!("@@ line {number} @@\n {context}\n"));
        }
        out.push_str(&format!("+{line}\n"));
        last_shown = a + 1;
        if let Some(next) = before.get(b).filter(|next| after.get(a + 1) == Some(next)) {
            out.push_str(&format!(" {next}\n"));
            last_shown = a + 2;
        }
    }
    out
}

/// The file as lines in sections.
struct File {
    /// Everything before the first section.
    head: Vec<String>,
    /// Name and lines.
    sections: Vec<(String, Vec<String>)>,
}

impl File {
    fn parse(text: &str) -> Self {
        let mut file = Self { head: Vec::new(), sections: Vec::new() };
        for line in text.lines() {
            let trimmed = line.trim();
            if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                file.sections.push((name.to_owned(), Vec::new()));
            } else if let Some((_, lines)) = file.sections.last_mut() {
                lines.push(line.trim_end().to_owned());
            } else {
                file.head.push(line.trim_end().to_owned());
            }
        }
        for lines in file.sections.iter_mut().map(|(_, lines)| lines).chain([&mut file.head]) {
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
        }
        file
    }

    /// Adds a line in front of the first of ours that sorts after it.
    fn insert(&mut self, section: &str, line: String) {
        let at = match self.sections.iter().position(|(name, _)| name == section) {
            Some(at) => at,
            None => {
                let at = self.sections.iter().position(|(name, _)| name.as_str() > section);
                let at = at.unwrap_or(self.sections.len());
                self.sections.insert(at, (section.to_owned(), Vec::new()));
                at
            }
        };
        let lines = &mut self.sections[at].1;
        let is_pair = |known: &str| known.split_whitespace().nth(1) == Some("->");
        let after = lines.iter().position(|known| is_pair(known) && *known > line);
        // Behind the last dependency otherwise, so that leaves stay apart.
        let end = lines.iter().rposition(|known| is_pair(known)).map_or(0, |last| last + 1);
        lines.insert(after.unwrap_or(end), line);
    }

    /// Calls every class by the name that the file gives it, where a line still has the label.
    fn rename(&mut self, known: &LockOrder) {
        for line in self.sections.iter_mut().flat_map(|(_, lines)| lines).chain(&mut self.head) {
            // With the blanks in front of the comment, which its writer chose.
            let end = line.find(" #").map_or(line.len(), |at| line[..at].trim_end().len());
            let (code, comment) = line.split_at(end);
            let words: Vec<&str> = code.split_whitespace().collect();
            let is_about_classes = matches!(words.as_slice(), [_, "->" | "<", _] | ["leaf", _]);
            if is_about_classes && words.iter().any(|word| known.names.contains_key(*word)) {
                let named: Vec<&str> = words.iter().map(|word| known.name(word)).collect();
                *line = format!("{}{comment}", named.join(" "));
            }
        }
    }

    fn retain(&mut self, is_seen: impl Fn(&Pair) -> bool) {
        for (_, lines) in &mut self.sections {
            lines.retain(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                match words.as_slice() {
                    [from, "->", to, ..] => is_seen(&((*from).to_owned(), (*to).to_owned())),
                    _ => true,
                }
            });
        }
    }

    /// Rewrites the `leaf` lines: sorted, last in their section, after an empty line.
    fn leaves(&mut self, seen: &ObservedOrder) {
        let mut leaves = seen.leaves.clone();
        let outer: BTreeSet<String> = self
            .sections
            .iter()
            .flat_map(|(_, lines)| lines)
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let from = words.next()?;
                (words.next()? == "->").then(|| from.to_owned())
            })
            .collect();
        for (_, lines) in &mut self.sections {
            lines.retain(|line| match line.strip_prefix("leaf ") {
                Some(class) => {
                    let class = class.split_whitespace().next().unwrap_or_default();
                    if !outer.contains(class) {
                        leaves.insert(class.to_owned());
                    }
                    false
                }
                None => true,
            });
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
        }
        for leaf in leaves.into_iter().filter(|leaf| !outer.contains(leaf)) {
            let section = seen.section(&leaf).to_owned();
            let at = self.sections.iter().position(|(name, _)| *name == section).unwrap_or_else(|| {
                let at = self.sections.iter().position(|(name, _)| *name > section);
                let at = at.unwrap_or(self.sections.len());
                self.sections.insert(at, (section.clone(), Vec::new()));
                at
            });
            let lines = &mut self.sections[at].1;
            if !lines.last().is_some_and(|last| last.starts_with("leaf ") || last.is_empty())
                && !lines.is_empty()
            {
                lines.push(String::new());
            }
            lines.push(format!("leaf {leaf}"));
        }
    }

    fn text(&self) -> String {
        let mut text = self.head.join("\n");
        for (name, lines) in &self.sections {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&format!("[{name}]"));
            for line in lines {
                text.push('\n');
                text.push_str(line);
            }
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pairs: &[(&str, &str)]) -> ObservedOrder {
        let own = |pair: &(&str, &str)| {
            ((pair.0.to_owned(), pair.1.to_owned()), "a.rs:1 then a.rs:2, t".to_owned())
        };
        let pairs: BTreeMap<Pair, String> = pairs.iter().map(own).collect();
        let leaves = pairs.keys().map(|(_, to)| to).filter(|to| !pairs.keys().any(|(from, _)| from == *to));
        ObservedOrder { leaves: leaves.cloned().collect(), pairs, ..ObservedOrder::default() }
    }

    #[test]
    fn a_new_file_is_sorted_and_reads_back() {
        let text = merged(None, &LockOrder::default(), &seen(&[("b", "c"), ("a", "c"), ("a", "b")]), false);
        insta::assert_snapshot!(text.split_once("\n\n").expect("a head").1, @r"
        [workspace]
        a -> b
        a -> c
        b -> c

        leaf c
        ");
        let known = LockOrder::parse(&text).expect("our own file");
        assert_eq!(
            merged(Some(&text), &known, &seen(&[("b", "c")]), false),
            text,
            "nothing new changes nothing"
        );
        let pruned = merged(Some(&text), &known, &seen(&[("b", "c")]), true);
        assert!(pruned.contains("b -> c") && !pruned.contains("a -> b"), "{pruned}");
    }

    #[test]
    fn one_new_dependency_is_a_three_line_diff() {
        let old = "# mine\n[workspace]\na -> b  # because\na -> d\n\nleaf d\n";
        let known = LockOrder::parse(old).expect("well formed");
        let now = seen(&[("a", "b"), ("a", "c"), ("a", "d")]);
        insta::assert_snapshot!(diff(old, &known, &now, "lockdep.order"), @r"
        --- lockdep.order
        +++ lockdep.order (seen)
        @@ line 3 @@
         a -> b  # because
        +a -> c
         a -> d
        ");
        assert!(merged(Some(old), &known, &now, false).contains("# mine"), "comments stay");
    }

    #[test]
    fn what_locks_in_between_connect_has_no_line_and_may_contradict() {
        use crate::records::fixture::{dependency, named, record, union_of};
        use lockdep_report::record::Record;
        let [a, b, c] = [("a", 1), ("b", 2), ("c", 3)].map(|(name, line)| named(name, line));
        let mut lines: Vec<Record> = [&a, &b, &c].map(|class| Record::Class(class.clone())).to_vec();
        lines.extend([(&a, &b), (&b, &c), (&a, &c)].map(|(from, to)| {
            let mut line = dependency(from, to, 10, "t");
            line.direct = (&from.name, &to.name) != (&a.name, &c.name);
            Record::Dependency(line)
        }));
        let union = union_of(&[record(1, "", lines.clone(), true)]);
        let seen = ObservedOrder::new(&union, &LockOrder::default());
        assert_eq!(seen.pairs.len(), 2, "{:?}", seen.pairs);
        let known = LockOrder::parse("c < a").expect("well formed");
        assert_eq!(seen.contradicting(&known), [&("a".to_owned(), "c".to_owned())]);
        // By itself it is an order like any other.
        lines.push(Record::Dependency(dependency(&a, &c, 20, "t")));
        let union = union_of(&[record(1, "", lines, true)]);
        let seen = ObservedOrder::new(&union, &LockOrder::default());
        assert_eq!(seen.pairs.len(), 3);
        assert!(seen.example("a", "c").contains(":20"), "{}", seen.example("a", "c"));
    }

    #[test]
    fn a_declared_order_needs_no_sighting_and_forbids_the_opposite() {
        let known = LockOrder::parse("a < b\nb < c").expect("well formed");
        let now = seen(&[("a", "c"), ("c", "a"), ("x", "a")]);
        assert_eq!(now.undeclared(&known), [&("x".to_owned(), "a".to_owned())]);
        assert_eq!(now.contradicting(&known), [&("c".to_owned(), "a".to_owned())]);
    }
}
