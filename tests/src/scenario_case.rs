//! What a scenario case expects of a validator.

use lockdep_report::replay::{Case, CaseResult, CaseVerdict};

/// The expectations that a case carries.
#[derive(Debug)]
pub struct Expected<'a> {
    case: &'a Case,
}

impl<'a> Expected<'a> {
    /// The expectations of a case.
    pub fn of(case: &'a Case) -> Self {
        Self { case }
    }

    /// Compares them with what came out.
    ///
    /// # Errors
    ///
    /// With one sentence that says what differs.
    pub fn check(&self, result: &CaseResult) -> Result<(), String> {
        let value = &self.case.value;
        let fail = |what: String| Err(format!("{}: {what}; {result:?}", result.id));
        let expected = match value["expected"].as_str() {
            Some("report") => CaseVerdict::Report,
            Some("silent") => CaseVerdict::Silent,
            other => return fail(format!("expects {other:?}, which is neither report nor silent")),
        };
        if result.verdict != expected {
            return fail(format!("expected {expected:?}"));
        }
        if let Some(kind) = value["kind"].as_str()
            && result.kinds.first() != Some(&kind)
        {
            return fail(format!("expected kind {kind} first"));
        }
        if let Some(op) = value["report_at_op"].as_u64()
            && result.first_op != usize::try_from(op).ok()
        {
            return fail(format!("expected at op {op}"));
        }
        for (name, got) in [("kinds", &result.kinds), ("codes", &result.codes)] {
            if let Some(wanted) = value[name].as_array()
                && !wanted.iter().map(|one| one.as_str()).eq(got.iter().map(|one| Some(*one)))
            {
                return fail(format!("expected exactly the {name} {wanted:?}"));
            }
        }
        if let Some(n_shared) = value["n_shared"].as_u64() {
            let cycle = result.found.last().map(|(_, violation)| violation.cycle.as_slice());
            let n_got = cycle.into_iter().flatten().filter(|step| step.shared.is_some()).count();
            if usize::try_from(n_shared) != Ok(n_got) {
                return fail(format!("expected {n_shared} orders on shared objects, not {n_got}"));
            }
        }
        if let Some(level) = value["level"].as_str() {
            let highest = result.found.iter().map(|(_, violation)| violation.level).max();
            if highest.map(lockdep_validator::Level::as_str) != Some(level) {
                return fail(format!("expected {level} as the highest level"));
            }
        }
        Ok(())
    }
}
