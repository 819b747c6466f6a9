use proptest::prelude::*;

use super::*;

#[test]
fn the_first_token_takes_as_many_requests_as_the_share_says() {
    for (share, requests) in [(1.0, 1), (0.5, 2), (0.05, 20), (0.01, 100)] {
        let budget = Budget::new(share);
        for request in 1..=requests {
            assert!(!budget.spend(), "{share}: a token before request {request}");
            budget.earn();
        }
        assert!(budget.spend(), "{share}");
        assert!(!budget.spend(), "{share}");
    }
}

#[test]
fn no_share_no_token() {
    let budget = Budget::new(0.0);
    (0..10_000).for_each(|_| budget.earn());
    assert!(!budget.spend());
}

#[test]
fn ten_tokens_are_saved() {
    let budget = Budget::new(0.05);
    (0..100_000).for_each(|_| budget.earn());
    let spent = (0..100).filter(|_| budget.spend()).count();
    assert_eq!(spent, 10);
}

proptest! {
    /// In any run of n requests at most share·n + 10 are sent twice, and from the first at most
    /// share·n.
    #[test]
    fn the_share_is_honest(
        share in 0.0f64..=1.0,
        slow in prop::collection::vec(any::<bool>(), 1..400),
    ) {
        let budget = Budget::new(share);
        let mut hedged = vec![0u32];
        for slow in slow {
            budget.earn();
            let so_far = hedged[hedged.len() - 1];
            hedged.push(so_far + u32::from(slow && budget.spend()));
        }
        for (from, before) in hedged.iter().enumerate() {
            for (to, after) in hedged.iter().enumerate().skip(from) {
                let saved = if from == 0 { 0.0 } else { 10.0 };
                let allowed = share * (to - from) as f64 + saved;
                prop_assert!(f64::from(after - before) <= allowed + 1e-9);
            }
        }
    }
}
