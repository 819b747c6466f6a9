use super::*;

#[tokio::test(start_paused = true)]
async fn a_retry_that_costs_more_than_a_full_budget_takes_all_of_it() {
    let now = Instant::now();
    let budget = Budget::new(4);
    assert_eq!(budget.take(10, now), Some(4));
    assert_eq!(budget.take(1, now), None);
    budget.give(3, now);
    assert_eq!(budget.take(10, now), None, "the budget is not full");
    assert_eq!(budget.take(1, now), Some(1));
    budget.give(u32::MAX, now);
    assert_eq!(budget.take(5, now), Some(4));
    let none = Budget::new(0);
    for cost in [0, 1, 10] {
        assert_eq!(none.take(cost, now), None);
    }
}
