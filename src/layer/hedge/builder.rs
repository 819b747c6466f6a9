//! What a hedge is made of.

use std::{sync::Arc, time::Duration};

use super::{Hedge, Trigger, budget::Budget};
use crate::{Error, Result, Signer};

/// Configures a [`Hedge`].
#[derive(Clone, Debug)]
#[must_use]
pub struct HedgeBuilder<S> {
    signer: S,
    start: Start,
    max_extra: f64,
    min_delay: Option<Duration>,
}

/// When the second attempt starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    After(Duration),
    AtQuantile(f64),
}

impl<S: Signer> HedgeBuilder<S> {
    pub(super) fn new(signer: S, start: Start) -> Self {
        Self {
            signer,
            start,
            max_extra: 0.05,
            min_delay: None,
        }
    }

    /// The share of requests that may have a second attempt: from 0, which turns hedging off, to 1.
    /// 0.05 by default. Counted in millionths, rounded down.
    pub fn max_extra(mut self, share: f64) -> Self {
        self.max_extra = share;
        self
    }

    /// The shortest delay before a second attempt, for [`Hedge::at_quantile`] only. 5 ms by default.
    ///
    /// It prevents a second call where waiting costs less than calling.
    pub fn min_delay(mut self, min_delay: Duration) -> Self {
        self.min_delay = Some(min_delay);
        self
    }

    /// Puts the layer around the signer.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when the quantile is not between 0 and 1, when `max_extra` is not
    /// from 0 to 1, and when a fixed delay has a `min_delay`.
    pub fn build(self) -> Result<Hedge<S>> {
        let trigger = match (self.start, self.min_delay) {
            (Start::After(delay), None) => Trigger::After(delay),
            (Start::After(_), Some(_)) => {
                return Err(Error::invalid_config(
                    "`min_delay` is set for a fixed delay",
                    "leave it out, or use at_quantile",
                ));
            }
            (Start::AtQuantile(quantile), min_delay) if quantile > 0.0 && quantile < 1.0 => {
                Trigger::Quantile {
                    quantile,
                    min_delay: min_delay.unwrap_or(Duration::from_millis(5)),
                    latencies: Arc::default(),
                }
            }
            (Start::AtQuantile(quantile), _) => {
                return Err(Error::invalid_config(
                    format!("`at_quantile` is {quantile}"),
                    "use a number between 0 and 1, such as 0.95",
                ));
            }
        };
        if !(0.0..=1.0).contains(&self.max_extra) {
            return Err(Error::invalid_config(
                format!("`max_extra` is {}", self.max_extra),
                "use a share from 0 to 1, such as 0.05 for 5 %",
            ));
        }
        Ok(Hedge {
            inner: self.signer,
            trigger,
            budget: Arc::new(Budget::new(self.max_extra)),
            hedges: Arc::default(),
        })
    }
}
