use super::*;

#[test]
fn a_dropped_table_leaves_its_place_to_another() {
    static TWO: Places = Places::new(2);
    let first = TWO.take().unwrap();
    let second = TWO.take().unwrap();
    assert!(TWO.take().is_none());
    drop(first);
    let third = TWO.take().unwrap();
    assert!(TWO.take().is_none());
    drop((second, third));
    assert_eq!(TWO.free.load(Ordering::Relaxed), 2);
}
