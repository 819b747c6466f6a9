//! The active rules, and what they decide for each request.

use std::{
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Failure, FailureRule, InjectedFailure, Kind,
    injected::{Injection, Record},
};
use crate::emulator::{
    random::Random,
    service::{Emulated, Operation, Service},
};

/// What a rule sees of a request.
pub(in crate::emulator) struct Seen<'a, S: Service> {
    pub(in crate::emulator) service: &'a S,
    /// `None` when the request names no emulated operation.
    pub(in crate::emulator) operation: Option<Operation<S>>,
    pub(in crate::emulator) request: &'a S::Request,
    /// The canonical name of the key that the request is for.
    pub(in crate::emulator) key: Option<String>,
}

/// What goes wrong with one request.
pub(in crate::emulator) struct Plan<S: Emulated> {
    pub(in crate::emulator) delay: Duration,
    pub(in crate::emulator) changes: Vec<S::Change>,
    /// The failure, with its random stream.
    pub(in crate::emulator) failure: Option<(Failure<S>, Random)>,
    /// The key that the request named when it came in.
    pub(in crate::emulator) key: Option<String>,
}

impl<S: Emulated> Default for Plan<S> {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            changes: Vec::new(),
            failure: None,
            key: None,
        }
    }
}

/// The active rules, in the order in which they were injected.
pub(in crate::emulator) struct Rules<S: Emulated>(Mutex<State<S>>);

struct State<S: Emulated> {
    random: Random,
    injected: u64,
    active: Vec<Active<S>>,
    /// Those with an expectation that may still be kept.
    expected: Vec<Arc<Injection>>,
}

struct Active<S: Emulated> {
    rule: FailureRule<S>,
    injection: Arc<Injection>,
    /// Its own stream, so that no rule changes what another one draws.
    random: Random,
}

impl<S: Emulated> Rules<S> {
    pub(in crate::emulator) fn new(random: Random) -> Self {
        Self(Mutex::new(State {
            random,
            injected: 0,
            active: Vec::new(),
            expected: Vec::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    pub(in crate::emulator) fn inject(&self, rule: FailureRule<S>) -> InjectedFailure {
        let place = Location::caller();
        let injection = Injection::new(place, rule.expected, rule.key_id.clone());
        let injection = Arc::new(injection);
        let mut state = self.lock();
        state.active.retain(|active| !active.is_over());
        state.expected.retain(|other| !other.record().is_removed);
        if injection.has_expectation() {
            state.expected.push(injection.clone());
        }
        let id = state.injected;
        state.injected += 1;
        let random = state.random.stream(&format!("rule {id}"));
        state.active.push(Active {
            rule,
            injection: injection.clone(),
            random,
        });
        InjectedFailure::new(injection)
    }

    pub(in crate::emulator) fn is_empty(&self) -> bool {
        self.lock().active.is_empty()
    }

    /// Panics if a kept rule did not hit the expected number of requests.
    pub(in crate::emulator) fn check_kept(&self) {
        let expected = std::mem::take(&mut self.lock().expected);
        for injection in expected {
            if injection.record().is_kept {
                injection.check();
            }
        }
    }

    /// Asks the rules in turn, up to the first that decides the answer.
    pub(in crate::emulator) fn decide<V>(&self, seen: &Seen<'_, V>) -> Plan<S>
    where
        V: Service<Store = S>,
    {
        let mut plan = Plan {
            key: seen.key.clone(),
            ..Plan::default()
        };
        let mut state = self.lock();
        for active in &mut state.active {
            let Some((failure, matched)) = active.ask(seen) else {
                continue;
            };
            match failure.kind {
                Kind::Delay(latency) => {
                    let delay = latency.draw(&mut active.random);
                    plan.delay = plan.delay.saturating_add(delay);
                }
                Kind::Change(change) => plan.changes.push(change),
                _ => {
                    let random = active.random.stream(&format!("match {matched}"));
                    plan.failure = Some((failure, random));
                    break;
                }
            }
        }
        state.active.retain(|active| !active.is_over());
        plan
    }
}

impl<S: Emulated> Active<S> {
    /// The failure for this request, and the number of the match. Counts the request if it matches.
    fn ask<V: Service<Store = S>>(&mut self, seen: &Seen<'_, V>) -> Option<(Failure<S>, u64)> {
        let mut record = self.injection.record();
        if self.rule.is_over(&record) {
            return None;
        }
        let failure = self.rule.failure(record.matched)?;
        let can_happen = failure.is_none_or(|failure| failure.can_happen_to(seen));
        if !can_happen || !self.rule.is_for(seen, &mut record) {
            return None;
        }
        let is_skipped = record.matched < self.rule.after;
        record.matched += 1;
        // No draw where there is nothing to decide.
        let is_hit = !is_skipped
            && failure.is_some()
            && (self.rule.rate >= 1.0 || self.random.next_unit() < self.rule.rate);
        if !is_hit {
            return None;
        }
        record.fired += 1;
        Some((failure?.clone(), record.matched))
    }

    fn is_over(&self) -> bool {
        self.rule.is_over(&self.injection.record())
    }
}

impl<S: Emulated> FailureRule<S> {
    fn is_over(&self, record: &Record) -> bool {
        record.is_removed || record.fired >= self.times || self.failure(record.matched).is_none()
    }

    fn is_for<V: Service<Store = S>>(&self, seen: &Seen<'_, V>, record: &mut Record) -> bool {
        if self.operation.is_some() && self.operation != seen.operation {
            return false;
        }
        let Some(key_id) = &self.key_id else {
            return true;
        };
        let own = seen.service.resolve(key_id);
        record.key_exists = Some(own.is_some());
        own.is_some() && own == seen.key
    }
}

impl<S: Emulated> Failure<S> {
    /// Failures on the way to the key store can hit every request; the key store's own, only
    /// requests that get that far.
    fn can_happen_to<V: Service<Store = S>>(&self, seen: &Seen<'_, V>) -> bool {
        let key = seen.key.as_deref();
        match &self.kind {
            Kind::Delay(_)
            | Kind::Response(_)
            | Kind::Abort(_)
            | Kind::Stall
            | Kind::AbortAfter(_)
            | Kind::Delivery(_) => true,
            Kind::Change(change) => seen.service.can_change(change, seen.request, key),
            Kind::WrongAnswer(wrong) => seen.service.can_answer(wrong, seen.request, key),
        }
    }
}

#[cfg(test)]
mod tests;
