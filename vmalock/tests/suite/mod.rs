//! The deterministic tests of the protocol: one list, run by `groups.rs` (each as a test) and by
//! `mutants.rs` (each against each mutant).

pub(crate) mod asserts;
pub(crate) mod count;
pub(crate) mod find;
pub(crate) mod fixture;
pub(crate) mod golden;
pub(crate) mod harness;
pub(crate) mod next;
pub(crate) mod perturbed;
pub(crate) mod recycle;
pub(crate) mod space;
pub(crate) mod speculation;
pub(crate) mod stress;
pub(crate) mod tables;
pub(crate) mod write;

/// One test.
pub(crate) struct Case {
    /// Its name: `group_what`.
    pub(crate) name: &'static str,
    /// The functions of the specification that it exercises and judges.
    pub(crate) functions: &'static [&'static str],
    /// Panics if the protocol is wrong; may hang if it is.
    pub(crate) run: fn(),
}

/// Calls `$callback!` with all cases: `module::function: functions`.
#[macro_export]
macro_rules! for_each_case {
    ($callback:ident) => {
        $callback! {
            // Group 1
            count::walk: "inc_not_zero_limited_acquire" "vma_start_read" "vma_start_write" "vma_mark_attached" "vma_mark_detached" "vma_end_read" "are_readers_excluded",
            // Group 2
            count::limit: "inc_not_zero_limited_acquire" "vma_start_read" "vma_start_read_locked",
            count::limit_of_lock_next_vma: "lock_next_vma",
            // Group 3
            write::interrupted_restores_everything: "vma_start_write_killable" "rcuwait_wait_event" "exclude_readers",
            // Group 4
            write::kill_pending_without_readers: "vma_start_write_killable" "rcuwait_wait_event",
            write::kill_pending_already_locked: "vma_start_write_killable",
            write::kill_pending_detached: "vma_start_write_killable",
            // Group 5
            write::twice_is_once: "vma_start_write" "is_vma_write_locked",
            write::unlock_and_downgrade_end_it: "mmap_write_unlock" "mmap_write_downgrade" "vma_end_write_all" "is_vma_write_locked",
            // Group 6
            write::others_stay_readable: "vma_start_read" "vma_start_write" "mmap_write_downgrade",
            write::readers_are_turned_away_by_the_stamp: "vma_start_read" "vma_start_write",
            write::waits_for_the_reader_inside: "vma_start_write" "vma_end_read" "rcuwait_wait_event",
            write::flag_keeps_readers_out_until_the_stamp: "vma_start_write" "vma_start_read" "exclude_readers",
            write::releasing_many_is_one_store: "mmap_write_unlock" "vma_end_write_all",
            write::wakes_exactly_once: "vma_end_read" "rcuwait_wake_up",
            // Group 7
            recycle::into_another_mm: "vma_start_read" "mmgrab" "mmdrop" "vma_refcount_put",
            recycle::stranger_exits_during_the_put: "vma_start_read" "mmgrab" "mmdrop" "vma_refcount_put",
            recycle::own_mm_exits_after_the_put: "vma_end_read" "vma_refcount_put",
            // Group 8
            recycle::into_the_same_mm_elsewhere: "lock_vma_under_rcu" "vma_start_read",
            recycle::init_resets_to_detached: "vma_lock_init" "vm_area_alloc" "vm_area_free",
            // Group 9
            count::detach_waits_for_a_transient_reader: "vma_mark_detached" "exclude_readers" "vma_start_read",
            count::detach_finds_the_reader_gone: "vma_mark_detached" "exclude_readers",
            count::detach_ignores_a_kill: "vma_mark_detached",
            count::detached_in_the_tree_is_looked_up_again: "lock_vma_under_rcu" "vma_start_read" "vma_mark_detached",
            count::recheck_failure_puts_its_reference: "vma_start_read",
            count::a_detach_with_references_left_is_told: "vma_mark_detached" "exclude_readers",
            count::lookups_that_give_up_are_counted: "lock_vma_under_rcu",
            write::a_lost_attach_reference_is_told: "vma_start_write" "vma_start_write_killable" "exclude_readers",
            // Group 10
            next::gap_without_a_writer_is_one_walk: "lock_next_vma" "mmap_lock_speculate_retry",
            next::gap_with_an_unrelated_writer_is_accepted: "lock_next_vma",
            next::gap_that_was_filled_is_not_reported: "lock_next_vma",
            next::gap_filled_between_sample_and_walk: "lock_next_vma" "mmap_lock_speculate_try_begin",
            next::moved_behind_falls_back: "lock_next_vma",
            next::end_and_order: "lock_next_vma",
            next::killed_in_the_fallback: "lock_next_vma" "mmap_read_lock_killable",
            next::write_locked_falls_back_and_goes_on: "lock_next_vma" "vma_start_read_locked",
            next::split_between_walk_and_lock_skips_nothing: "lock_next_vma" "maps",
            next::stale_snapshot_skips_nothing: "lock_next_vma" "maps",
            // Group 11
            find::hit_and_miss: "lock_mm_and_find_vma",
            find::grows_a_stack: "lock_mm_and_find_vma" "expand_stack_locked" "mmap_write_downgrade",
            find::refuses_to_grow_into_a_neighbour: "lock_mm_and_find_vma" "expand_stack_locked",
            find::without_fixup_it_does_not_wait: "lock_mm_and_find_vma" "mmap_read_trylock",
            find::killed_it_holds_nothing: "lock_mm_and_find_vma" "mmap_read_lock_killable",
            find::killed_during_the_upgrade: "lock_mm_and_find_vma" "mmap_write_lock_killable",
            find::unmapped_during_the_upgrade: "lock_mm_and_find_vma",
            // Group 12
            asserts::matrix: "mmap_assert_locked" "mmap_assert_write_locked" "vma_assert_write_locked" "vma_assert_locked" "vma_assert_stabilised",
            asserts::every_misuse_warns: "raw_mm_seqnum" "vma_start_write" "vma_mark_attached" "vma_mark_detached" "vma_end_write_all" "vma_assert_attached" "vma_assert_detached" "vm_area_free",
            asserts::setters_need_the_write_lock: "vm_flags_init" "vm_flags_reset" "vm_flags_set" "vm_flags_clear" "vm_flags_mod" "vma_flag_set_atomic",
            asserts::exclusion_is_closed: "exclude_readers" "vma_start_write",
            // Group 13
            golden::mmap_lock_orders: "mmap_write_lock" "mmap_write_lock_nested" "mmap_write_unlock" "mmap_write_downgrade" "mmap_read_lock" "mmap_read_trylock" "mmap_read_unlock" "mmap_read_unlock_non_owner",
            golden::killable_orders: "mmap_write_lock_killable" "mmap_read_lock_killable",
            golden::vma_read_orders: "vma_start_read" "vma_end_read" "vma_start_read_locked",
            golden::vma_write_orders: "vma_start_write" "vma_start_write_killable" "vma_mark_attached" "vma_mark_detached",
            // Group 14
            speculation::sees_every_write_section: "mmap_lock_speculate_try_begin" "mmap_lock_speculate_retry" "mmap_write_lock_killable",
            speculation::may_begin_before_the_sequence_does: "mmap_lock_speculate_try_begin" "mmap_lock_speculate_retry",
            speculation::parity_is_the_writers: "mmap_write_lock" "mmap_write_unlock" "mmap_write_downgrade" "vma_end_write_all",
            speculation::the_sequence_does_not_wrap: "mm_lock_seqcount_begin" "mm_lock_seqcount_end",
            // The mmap lock
            find::readers_queue_behind_a_writer: "mmap_read_lock" "mmap_lock_is_contended",
            find::a_killed_writer_lets_the_readers_in: "mmap_write_lock_killable",
            find::non_owner_unlock: "mmap_read_unlock_non_owner",
            find::release_too_many_is_refused: "mmap_read_unlock" "mmap_write_unlock",
            find::a_late_destructor_owns_its_lock: "mmap_write_unlock",
            find::a_late_destructor_releases_what_the_thread_took: "mmap_write_unlock",
            find::a_kept_task_kills_no_successor: "mmap_write_lock_killable",
            write::a_wait_leaves_the_programs_park_token: "vma_start_write" "rcuwait_wait_event",
            // The address space
            space::maps_splits_and_merges: "map" "unmap" "protect" "maps",
            space::protect_is_atomic_to_faults: "vma_start_write" "fault",
            space::growth_is_atomic_to_faults: "expand_stack_locked" "fault",
            space::fork_copies_what_stands_still: "fork" "mmap_write_lock_nested" "vma_start_write_killable",
            space::flags_are_read_under_the_lock: "fault" "lock_vma_under_rcu",
            space::unmap_keeps_its_locks: "unmap" "vma_end_write_all",
            space::fault_takes_no_lock_twice: "fault" "mmap_read_lock",
            space::new_vma_is_locked_before_it_is_attached: "map" "vma_mark_attached",
            space::no_lookup_leaks: "lock_vma_under_rcu" "vma_end_read",
            space::split_keeps_a_flag_that_was_set_meanwhile: "unmap" "protect" "vma_flag_set_atomic",
            space::merge_keeps_what_was_set_meanwhile: "protect" "vma_flag_set_atomic",
            space::a_child_merges_what_its_parent_merges: "fork" "protect" "fault",
            space::a_recycled_space_counts_from_zero: "lock_vma_under_rcu",
            find::a_release_too_many_harms_no_reader: "mmap_read_unlock" "mmap_read_trylock",
            space::freed_in_the_tree_is_told_once: "exit_mmap" "vm_area_free",
            space::detached_in_the_tree_is_told_and_passed_over: "fault" "lock_vma_under_rcu" "lock_next_vma" "lock_mm_and_find_vma" "maps" "fork" "unmap",
            space::a_guard_that_outlives_its_space_is_told_once: "exit_mmap" "lock_vma_under_rcu",
            asserts::a_guard_of_another_space_changes_nothing: "vma_start_write" "vma_start_read_locked" "expand_stack_locked",
            asserts::waiting_in_an_rcu_section_warns: "mmap_read_lock" "mmap_write_lock" "vma_start_write" "lock_mm_and_find_vma",
            asserts::the_holder_of_a_vma_is_known: "vma_start_read" "vma_end_read",
            space::leaked_guard_is_told: "exit_mmap",
            space::slow_reader_is_no_leak: "exit_mmap",
            space::every_wait_ends_with_a_kill: "map" "unmap" "protect" "fork" "fault",
            space::fault_waits_behind_no_writer: "fault" "lock_mm_and_find_vma",
            perturbed::everything_at_once: "lock_vma_under_rcu" "lock_next_vma" "lock_mm_and_find_vma" "map" "unmap" "protect" "fault" "fork" "maps" "vma_start_write_killable" "mmap_write_lock_killable",
            stress::torn_reads_and_counts: "map" "unmap" "protect" "fault" "fork" "maps",
            stress::recycling_between_spaces: "vma_start_read" "vma_mark_detached" "lock_vma_under_rcu",
            stress::shrink_and_fill_is_never_a_gap: "lock_next_vma",
        }
    };
}

macro_rules! list {
    ($($module:ident::$function:ident: $($covers:literal)*,)*) => {
        /// All cases.
        pub(crate) const CASES: &[Case] = &[$(Case {
            name: concat!(stringify!($module), "::", stringify!($function)),
            functions: &[$($covers),*],
            run: $module::$function,
        },)*];
    };
}
for_each_case!(list);
