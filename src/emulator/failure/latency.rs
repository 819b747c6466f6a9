//! How long a request waits.

use std::time::Duration;

use crate::emulator::random::Random;

/// A time that a request waits before it is handled, drawn again for each request.
///
/// The draws follow the emulator's seed. No wait is longer than [`MAX`](Self::MAX).
///
/// ```
/// use std::time::Duration;
/// use kms_signer::emulator::{Failure, Latency, aws_kms::AwsKms};
///
/// // Half of all requests take less than 8 ms, and one in a hundred more than 40 ms.
/// let usual = Latency::log_normal(Duration::from_millis(8), Duration::from_millis(40));
/// let slow = Failure::<AwsKms>::latency(usual);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency(Distribution);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Distribution {
    Fixed(Duration),
    Uniform { least: Duration, most: Duration },
    Exponential { mean: Duration },
    LogNormal { median: Duration, p99: Duration },
}

/// How many standard deviations above its mean the 99th percentile of a normal distribution is.
const P99_DEVIATIONS: f64 = 2.326_347_874_040_841;

impl Latency {
    /// The longest wait: one hour. Longer draws are cut to it.
    pub const MAX: Duration = Duration::from_secs(60 * 60);

    /// Always the same time.
    pub fn fixed(time: Duration) -> Self {
        Self(Distribution::Fixed(time))
    }

    /// Any time from `least` to `most`, all equally likely. The two may be swapped.
    pub fn uniform(least: Duration, most: Duration) -> Self {
        Self(Distribution::Uniform {
            least: least.min(most),
            most: least.max(most),
        })
    }

    /// Exponentially distributed: mostly short waits, sometimes a long one, `mean` on average.
    pub fn exponential(mean: Duration) -> Self {
        Self(Distribution::Exponential { mean })
    }

    /// Log-normally distributed, like real networks and services: half of the waits are below
    /// `median`, and 99 in 100 below `p99`. A `p99` below the median counts as the median.
    pub fn log_normal(median: Duration, p99: Duration) -> Self {
        Self(Distribution::LogNormal {
            median,
            p99: p99.max(median),
        })
    }

    pub(super) fn draw(&self, random: &mut Random) -> Duration {
        let seconds = match self.0 {
            Distribution::Fixed(time) => return time.min(Self::MAX),
            Distribution::Uniform { least, most } => {
                let (least, most) = (least.as_secs_f64(), most.as_secs_f64());
                least + (most - least) * random.next_unit()
            }
            // 1 - u is above 0, so its logarithm is finite.
            Distribution::Exponential { mean } => {
                -mean.as_secs_f64() * (1.0 - random.next_unit()).ln()
            }
            Distribution::LogNormal { median, .. } if median.is_zero() => return median,
            Distribution::LogNormal { median, p99 } => {
                let (median, p99) = (median.as_secs_f64(), p99.as_secs_f64());
                let deviation = (p99 / median).ln() / P99_DEVIATIONS;
                median * (deviation * normal(random)).exp()
            }
        };
        Duration::try_from_secs_f64(seconds).map_or(Self::MAX, |time| time.min(Self::MAX))
    }
}

/// Normally distributed with mean 0 and deviation 1: the Box–Muller transform.
fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.next_unit()).ln()).sqrt();
    let angle = std::f64::consts::TAU * random.next_unit();
    radius * angle.cos()
}

#[cfg(test)]
mod tests;
