//! What the engine checks, and its limits.

/// How nesting two locks of one class is judged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SameClassPolicy {
    /// By the instances: an order between them is remembered, and only an inverted one is an error.
    #[default]
    Instance,
    /// As the kernel does: any nesting without an annotation is recursion.
    Kernel,
    /// Not at all, but for taking the same lock again.
    Off,
}

/// Every choice the engine leaves to its embedder. Two policies are ready made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How nesting two locks of one class is judged.
    pub same_class: SameClassPolicy,
    /// Whether levels follow the evidence (instances, gate locks, writers); otherwise every
    /// violation is an error.
    pub evidence: bool,
    /// How many distinct violations are reported; later ones are only counted.
    pub max_reports: usize,
    /// Whether [`EventFindings`](crate::EventFindings) lists new dependencies (for run records).
    pub list_dependencies: bool,
    /// How many locks a thread may hold before the oldest stop being tracked; far above any real
    /// program.
    pub max_held: usize,
}

impl Config {
    /// Returns the policy for user programs: instances decide, evidence sets the level.
    pub fn user() -> Self {
        Self {
            same_class: SameClassPolicy::Instance,
            evidence: true,
            max_reports: 1000,
            list_dependencies: false,
            max_held: 1 << 20,
        }
    }

    /// Returns the kernel's policy: classes alone decide, every violation is an error.
    pub fn kernel() -> Self {
        Self { same_class: SameClassPolicy::Kernel, evidence: false, ..Self::user() }
    }
}
