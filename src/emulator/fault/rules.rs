//! Which requests a fault hits.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Fault, Kind, change::Change, lie::Lie};
use crate::emulator::{key::Key, key_store::KeyStore, operation::Operation, random::Random};

/// A fault, and the requests it hits: all of them by default.
///
/// A request *matches* if it is for the operation and the key of the rule, and if the fault can
/// happen to it: a fault of signatures matches only `Sign`, one of DER only keys of ECDSA. Requests
/// that do not match are not counted.
///
/// ```
/// use kms_signer::emulator::{Fault, FaultRule, Operation};
///
/// // The third, fourth and fifth request to sign, and then never again. A client's retries are
/// // requests too.
/// let busy = FaultRule::new(Fault::throttling()).on(Operation::Sign).after(2).times(3);
/// // One in a hundred requests of any kind, for ever.
/// let flaky = FaultRule::new(Fault::reset()).rate(0.01);
/// // The first and the third request.
/// let script = FaultRule::sequence([Some(Fault::throttling()), None, Some(Fault::stall())]);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until it is given to `KmsEmulator::inject`"]
pub struct FaultRule {
    faults: Faults,
    operation: Option<Operation>,
    key_id: Option<String>,
    after: u64,
    times: u64,
    rate: f64,
}

#[derive(Clone, Debug)]
enum Faults {
    Every(Fault),
    Sequence(Vec<Option<Fault>>),
}

impl FaultRule {
    /// The same fault for every matching request.
    pub fn new(fault: impl Into<Fault>) -> Self {
        Self::of(Faults::Every(fault.into()))
    }

    /// One fault, or none, for each matching request in turn; after the last one never again.
    ///
    /// A request to which the next fault cannot happen does not match, and leaves it to be the
    /// next.
    pub fn sequence(faults: impl IntoIterator<Item = Option<Fault>>) -> Self {
        Self::of(Faults::Sequence(faults.into_iter().collect()))
    }

    fn of(faults: Faults) -> Self {
        Self {
            faults,
            operation: None,
            key_id: None,
            after: 0,
            times: u64::MAX,
            rate: 1.0,
        }
    }

    /// Only requests for this operation; all by default, even those that name none.
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only requests for this key, given as its id, its ARN or an alias; all by default.
    ///
    /// It is the keys that are compared, as they are found when the request comes in: a rule for
    /// an ARN matches requests that give an alias of the key, and one for an alias follows it to
    /// another key. Unless there is such a key, no request matches.
    pub fn for_key(mut self, key_id: &str) -> Self {
        self.key_id = Some(key_id.to_owned());
        self
    }

    /// Not the first `matches` requests that match; 0 by default.
    pub fn after(mut self, matches: u64) -> Self {
        self.after = matches;
        self
    }

    /// At most so many times, and then never again; without limit by default.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// With this probability, from 0 to 1, which is the default; what is beyond counts as the
    /// nearer of the two.
    ///
    /// It is drawn for each matching request. With a seed the same requests in the same order are
    /// hit again.
    pub fn rate(mut self, probability: f64) -> Self {
        self.rate = probability;
        self
    }

    /// The fault for the match of this number; `None` after the last.
    fn fault(&self, matched: u64) -> Option<Option<&Fault>> {
        match &self.faults {
            Faults::Every(fault) => Some(Some(fault)),
            Faults::Sequence(faults) => {
                let position = usize::try_from(matched.saturating_sub(self.after)).ok()?;
                faults.get(position).map(Option::as_ref)
            }
        }
    }

    fn is_for(&self, seen: &Seen<'_>) -> bool {
        let operation_fits = self.operation.is_none() || self.operation == seen.operation;
        let key_fits = match (&self.key_id, seen.key) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(key_id), Some(key)) => {
                let own = seen.store.resolve(key_id);
                own.is_some_and(|own| own.id == key.id)
            }
        };
        operation_fits && key_fits
    }
}

/// A rule that was given to an emulator. Dropping this leaves the rule in force.
pub struct InjectedFault {
    id: u64,
    fired: Arc<AtomicU64>,
    rules: Arc<Rules>,
}

impl InjectedFault {
    /// How many requests it hit so far.
    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::Relaxed)
    }

    /// Takes the rule back. Requests that were hit already stay so.
    pub fn remove(&self) {
        self.rules.lock().active.retain(|rule| rule.id != self.id);
    }
}

impl fmt::Debug for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InjectedFault")
            .field("fired", &self.fired())
            .finish_non_exhaustive()
    }
}

/// What a rule can see of a request.
pub(in crate::emulator) struct Seen<'a> {
    pub(in crate::emulator) store: &'a KeyStore,
    /// `None` when the request names none that is emulated.
    pub(in crate::emulator) operation: Option<Operation>,
    /// Whether it gets as far as to its operation: see [`Fault::can_happen_to`].
    pub(in crate::emulator) is_admitted: bool,
    /// The key it resolves to.
    pub(in crate::emulator) key: Option<&'a Key>,
}

/// What is to go wrong with one request.
#[derive(Default)]
pub(in crate::emulator) struct Plan {
    pub(in crate::emulator) delay: Duration,
    changes: Vec<Change>,
    /// With the randomness for what it has to draw.
    pub(in crate::emulator) fault: Option<(Fault, Random)>,
    /// The key that the request named when it came in.
    pub(in crate::emulator) key_arn: Option<String>,
}

impl Plan {
    pub(in crate::emulator) fn make_changes(&self, store: &mut KeyStore) {
        for change in &self.changes {
            change.make(store, self.key_arn.as_deref());
        }
    }
}

/// The rules in force, in the order in which they were injected.
pub(in crate::emulator) struct Rules(Mutex<State>);

struct State {
    random: Random,
    injected: u64,
    active: Vec<Active>,
}

struct Active {
    id: u64,
    rule: FaultRule,
    matched: u64,
    fired: Arc<AtomicU64>,
    /// A stream of its own, so that no rule shifts what another one draws.
    random: Random,
}

impl Rules {
    pub(in crate::emulator) fn new(random: Random) -> Self {
        Self(Mutex::new(State {
            random,
            injected: 0,
            active: Vec::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::emulator) fn inject(self: Arc<Self>, rule: FaultRule) -> InjectedFault {
        let fired = Arc::new(AtomicU64::new(0));
        let mut state = self.lock();
        let id = state.injected;
        state.injected += 1;
        let random = state.random.stream(&format!("rule {id}"));
        state.active.push(Active {
            id,
            rule,
            matched: 0,
            fired: fired.clone(),
            random,
        });
        drop(state);
        InjectedFault {
            id,
            fired,
            rules: self,
        }
    }

    pub(in crate::emulator) fn clear(&self) {
        self.lock().active.clear();
    }

    pub(in crate::emulator) fn is_empty(&self) -> bool {
        self.lock().active.is_empty()
    }

    /// Asks the rules in turn, up to the first that answers the request itself.
    pub(in crate::emulator) fn decide(&self, seen: &Seen<'_>) -> Plan {
        let mut plan = Plan {
            key_arn: seen.key.map(|key| key.arn.clone()),
            ..Plan::default()
        };
        let mut state = self.lock();
        for rule in &mut state.active {
            let Some(fault) = rule.ask(seen) else {
                continue;
            };
            match fault.kind {
                Kind::Delay(latency) => {
                    let delay = latency.draw(&mut rule.random);
                    plan.delay = plan.delay.saturating_add(delay);
                }
                Kind::Change(change) => plan.changes.push(change),
                _ => {
                    let random = rule.random.stream(&format!("match {}", rule.matched));
                    plan.fault = Some((fault, random));
                    break;
                }
            }
        }
        state.active.retain(|rule| !rule.is_spent());
        plan
    }
}

impl Active {
    /// The fault for this request, which is counted if it matches.
    fn ask(&mut self, seen: &Seen<'_>) -> Option<Fault> {
        let fault = self.rule.fault(self.matched)?;
        let can_happen = fault.is_none_or(|fault| fault.can_happen_to(seen));
        if self.is_spent() || !can_happen || !self.rule.is_for(seen) {
            return None;
        }
        let is_skipped = self.matched < self.rule.after;
        self.matched += 1;
        // Without a draw where there is nothing to decide.
        let is_hit = !is_skipped
            && fault.is_some()
            && (self.rule.rate >= 1.0 || self.random.next_unit() < self.rule.rate);
        if !is_hit {
            return None;
        }
        self.fired.fetch_add(1, Ordering::Relaxed);
        fault.cloned()
    }

    fn is_spent(&self) -> bool {
        self.fired.load(Ordering::Relaxed) >= self.rule.times
            || self.rule.fault(self.matched).is_none()
    }
}

impl Fault {
    /// What happens on the way to KMS happens to every request. What KMS does itself, it does
    /// after it has found operation and authorization in order.
    fn can_happen_to(&self, seen: &Seen<'_>) -> bool {
        match &self.kind {
            Kind::Delay(_)
            | Kind::Response(_)
            | Kind::Abort(_)
            | Kind::Stall
            | Kind::AbortAfter(_)
            | Kind::Delivery(_) => true,
            Kind::Error(_) | Kind::Change(Change::MoveAlias { .. }) => seen.is_admitted,
            Kind::Change(_) => seen.is_admitted && seen.key.is_some(),
            Kind::Lie(lie) => {
                let operation = seen.operation.filter(|_| seen.is_admitted);
                operation.is_some_and(|operation| lie_can_happen(lie, operation, seen.key))
            }
        }
    }
}

fn lie_can_happen(lie: &Lie, operation: Operation, key: Option<&Key>) -> bool {
    use Operation::{GetPublicKey, Sign, Verify};
    match lie {
        Lie::EmptyBody | Lie::EmptyObject | Lie::MalformedJson | Lie::Without(_) => true,
        Lie::BadBase64 => matches!(operation, Sign | GetPublicKey),
        Lie::KeyId(_) => matches!(operation, Sign | Verify | GetPublicKey),
        Lie::Algorithm(_) => matches!(operation, Sign | Verify),
        Lie::FlippedPublicKeyBit(_) => operation == GetPublicKey,
        Lie::Replayed => {
            operation == Sign && key.is_some_and(|key| key.last_signature_answer.is_some())
        }
        Lie::Signature(forgery) => {
            operation == Sign && key.is_some_and(|key| forgery.is_of(key.key_type()))
        }
    }
}

#[cfg(test)]
mod tests;
