//! The deterministic tests of the protocol (section 6c of the specification), the goldens, and the stress tests.
//!
//! They run on the crate's own sources, compiled here a second time with the probes on; see `support/std_build.rs`.

#[path = "support/std_build.rs"]
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the crate's sources, of which the tests use a part"
)]
mod build;
#[path = "support/fault_rows.rs"]
mod fault_rows;
#[expect(dead_code, reason = "shared with faults.rs")]
mod suite;

macro_rules! tests {
    ($($module:ident::$function:ident: $($covers:literal)*,)*) => {
        $(
            #[test]
            fn $function() {
                suite::harness::run(suite::$module::$function);
            }
        )*
    };
}
for_each_case!(tests);

#[test]
fn tables_are_current() {
    suite::tables::check();
}
