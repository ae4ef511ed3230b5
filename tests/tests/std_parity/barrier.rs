//! `Barrier`.

use std::sync::Arc;

use super::sync::Barrier;
use super::thread;

#[test]
fn one_of_each_round_leads() {
    let barrier = Arc::new(Barrier::new(3));
    let rounds = |barrier: Arc<Barrier>| move || (0..100).filter(|_| barrier.wait().is_leader()).count();
    let others = [thread::spawn(rounds(Arc::clone(&barrier))), thread::spawn(rounds(Arc::clone(&barrier)))];
    let own = rounds(barrier)();
    let leaders = own + others.map(|thread| thread.join().unwrap()).iter().sum::<usize>();
    assert_eq!(leaders, 100);
}

#[test]
fn a_barrier_of_one_or_none_does_not_wait() {
    for n in [0, 1] {
        let barrier = Barrier::new(n);
        assert!(barrier.wait().is_leader());
        assert!(barrier.wait().is_leader());
    }
}

#[test]
fn it_is_made_in_a_constant_and_shown_as_such() {
    static BARRIER: Barrier = Barrier::new(1);
    assert!(BARRIER.wait().is_leader());
    assert_eq!(format!("{BARRIER:?}"), "Barrier { .. }");
    assert_eq!(format!("{:?}", BARRIER.wait()), "BarrierWaitResult { is_leader: true }");
}
