use proptest::prelude::*;
use tokio::time::advance;

use super::*;

proptest! {
    /// An interval cut to whole nanoseconds would be a higher rate than was asked for.
    #[test]
    fn a_second_has_no_more_intervals_than_the_rate(per_second in 1..=NANOS_PER_SECOND) {
        let interval = Rate::new(per_second, 1).interval();
        prop_assert!(interval * per_second >= Duration::from_secs(1));
        prop_assert!((interval - Duration::from_nanos(1)) * per_second < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn it_says_when_there_will_be_a_token() {
    let rate = Rate::new(10, 3);
    for _ in 0..2 {
        for _ in 0..3 {
            rate.take().expect("no token");
        }
        let at = rate.take().expect_err("a fourth token");
        assert_eq!(at - Instant::now(), Duration::from_millis(100));
        advance(Duration::from_millis(99)).await;
        assert_eq!(rate.take(), Err(at));
        advance(Duration::from_millis(1)).await;
        rate.take().expect("no token when it was announced");
        advance(Duration::from_secs(3600)).await;
    }
}
