//! Medians of two sides that take turns, so that other load on the machine affects both alike.

use std::time::Instant;

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Microseconds per call for ours and theirs, and the median of the rounds' ratios.
pub struct Duel {
    pub ours: f64,
    pub theirs: f64,
    pub ours_by_theirs: f64,
}

impl Duel {
    /// Runs both `calls` times in each round and takes `measure` of it, in microseconds.
    pub fn new(
        rounds: usize,
        mut ours: impl FnMut() -> f64,
        mut theirs: impl FnMut() -> f64,
    ) -> Self {
        let (mut us, mut them, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            // The sides take turns going first.
            let (a, b) = match round % 2 {
                0 => {
                    let a = ours();
                    (a, theirs())
                }
                _ => {
                    let b = theirs();
                    (ours(), b)
                }
            };
            us.push(a);
            them.push(b);
            ratios.push(a / b);
        }
        Self {
            ours: median(us),
            theirs: median(them),
            ours_by_theirs: median(ratios),
        }
    }
}

/// Microseconds of wall time per call, on average over `calls`.
pub fn each(calls: usize, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}
