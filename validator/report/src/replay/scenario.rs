//! Scenarios: cases of lock events in JSON, each with the verdict that a validator must reach.
//!
//! The form is that of the kernel self-test file in `tests/data`: `{"cases": [{"id", "ops": [{"op",
//! "lock", "class", "mode", "flavour", …}]}]}`. A case is judged on its own, from an empty graph.
//! What can only mean one thing may be left out: the mode of a lock that is taken exclusively, a
//! class or flavour that another op of the case gives, `which` of an interrupt's own context, the
//! only transaction, the id of a case.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::op::Op;
use super::runner::Runner;
use super::{ReplayError, defaults};
use lockdep_validator::{Config, Level, Violation};

/// A scenario file.
#[derive(Clone, Debug)]
pub struct Scenario {
    cases: Vec<Case>,
}

/// One case, not looked into yet: a malformed case does not keep the others from running.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its zero-based place in the file.
    pub index: usize,
    /// The case as it was read.
    pub value: Value,
}

/// Whether the validator complained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseVerdict {
    /// At least one error or warning.
    Report,
    /// None.
    Silent,
}

/// What a case led to.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    /// The case's own id.
    pub id: String,
    /// Whether the validator complained.
    pub verdict: CaseVerdict,
    /// What it complained about, in firing order, by the names of the scenario file.
    pub kinds: Vec<&'static str>,
    /// The same as codes.
    pub codes: Vec<&'static str>,
    /// The zero-based index of the op at which it complained first.
    pub first_op: Option<usize>,
    /// Everything found, notes included, each with the index of its op.
    #[serde(skip)]
    pub found: Vec<(usize, Violation)>,
}

#[derive(Deserialize)]
struct RawCase {
    #[serde(default)]
    id: Value,
    ops: Vec<Value>,
}

impl Scenario {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If it is not JSON, or neither a case, nor a list of them, nor has one that is named `cases`.
    pub fn parse(text: &str) -> Result<Self, ReplayError> {
        let mut file: Value = serde_json::from_str(text)
            .map_err(|error| ReplayError::new(format_args!("not a scenario file: {error}")))?;
        let cases = match &mut file {
            Value::Array(cases) => std::mem::take(cases),
            Value::Object(object) => match object.get_mut("cases").map(Value::take) {
                Some(Value::Array(cases)) => cases,
                None if object.contains_key("ops") => vec![file],
                _ => return Err(ReplayError::new("not a scenario file: it has no list called \"cases\"")),
            },
            _ => return Err(ReplayError::new("not a scenario file: it has no list called \"cases\"")),
        };
        let cases = cases.into_iter().enumerate().map(|(index, value)| Case { index, value }).collect();
        Ok(Self { cases })
    }

    /// Returns its cases, in the order of the file.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }
}

impl Case {
    /// Returns the case's own id, or its place in the file if it has none.
    pub fn name(&self) -> String {
        match self.value.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => format!("#{}", self.index),
        }
    }

    /// Runs the case through an engine of its own.
    ///
    /// # Errors
    ///
    /// If the case is malformed; the error names it and the op.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockdep_report::replay::{Scenario, CaseVerdict};
    /// use lockdep_validator::Config;
    ///
    /// let text = r#"{"cases": [{"id": "twice", "ops": [
    ///     {"op": "acquire", "lock": "a", "class": "A", "mode": "exclusive", "flavour": "mutex"},
    ///     {"op": "acquire", "lock": "a", "class": "A", "mode": "exclusive", "flavour": "mutex"}]}]}"#;
    /// let result = Scenario::parse(text)?.cases()[0].run(&Config::kernel())?;
    /// assert_eq!((result.verdict, result.first_op), (CaseVerdict::Report, Some(1)));
    /// # Ok::<(), lockdep_report::replay::ReplayError>(())
    /// ```
    pub fn run(&self, config: &Config) -> Result<CaseResult, ReplayError> {
        let place = format!("case {}", self.name());
        let raw: RawCase =
            serde_json::from_value(self.value.clone()).map_err(|error| ReplayError::new(error).at(&place))?;
        let (Value::String(_) | Value::Number(_) | Value::Null) = raw.id else {
            return Err(ReplayError::new("\"id\" is neither a text nor a number").at(&place));
        };
        let id = self.name();
        let at = |index| format!("case {id}, op {index}");
        let read = |(index, op)| {
            serde_json::from_value::<Op>(op).map_err(|error| ReplayError::new(error).at(at(index)))
        };
        let mut ops = raw.ops.into_iter().enumerate().map(read).collect::<Result<Vec<Op>, _>>()?;
        defaults::fill_in(&mut ops);
        let mut runner = Runner::new(config);
        for (index, op) in ops.iter().enumerate() {
            runner.step(index, op).map_err(|error| error.at(at(index)))?;
        }
        Ok(CaseResult::new(id, runner.into_found()))
    }
}

impl CaseResult {
    fn new(id: String, found: Vec<(usize, Violation)>) -> Self {
        let told = || found.iter().filter(|(_, violation)| violation.level >= Level::Warning);
        Self {
            id,
            verdict: if told().next().is_some() { CaseVerdict::Report } else { CaseVerdict::Silent },
            kinds: told().map(|(_, violation)| super::scenario_kind(violation)).collect(),
            codes: told().map(|(_, violation)| violation.code.as_str()).collect(),
            first_op: told().map(|(op, _)| *op).next(),
            found,
        }
    }
}
