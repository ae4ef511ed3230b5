//! `cargo lockdep` on small workspaces, in child processes: what sees the façade, what the exit
//! code says, what bad input leads to.
//!
//! The runtime is built once into a target directory that all of these tests share.

mod advice;
mod configuration;
mod coverage;
mod facade;
mod first_run;
mod hang_formats;
mod harness;
mod hostile;
mod input;
mod nextest;
mod overlays;
mod panic_abort;
mod policy;
mod records;
mod settle;
mod stand_ins;
mod supervise;
mod verdict;
