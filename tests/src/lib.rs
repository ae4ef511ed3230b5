//! What the integration tests share: child processes with a watchdog, and the reports they leave.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod chance;
pub mod child;
pub mod command_line;
pub mod fuzz;
pub mod mutants;
pub mod oracle;
pub mod overlay_matrix;
pub mod reports;
pub mod scenario_case;
pub mod stand_in_matrix;
