//! What retries are paid from, and who shares it.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use aws_sdk_kms::Client;
use tokio::time::Instant;

/// The tokens of a budget that the user did not set.
const DEFAULT_TOKENS: u32 = 100;

/// Tokens for retries.
#[derive(Debug)]
pub(super) struct Budget {
    capacity: u32,
    state: Mutex<Tokens>,
}

#[derive(Debug)]
struct Tokens {
    /// With its fraction: time refills one a second.
    count: f64,
    at: Option<Instant>,
}

impl Budget {
    fn new(capacity: u32) -> Self {
        let count = capacity.into();
        Self {
            capacity,
            state: Mutex::new(Tokens { count, at: None }),
        }
    }

    /// How many it holds when it is full.
    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Pays for a retry, if it can, and returns how much.
    ///
    /// What costs more than a full budget holds takes all of it, so that a small one is slow and not
    /// the same as none.
    pub(super) fn take(&self, cost: u32, now: Instant) -> Option<u32> {
        let cost = cost.min(self.capacity);
        let mut tokens = self.refilled(now);
        let is_enough = cost > 0 && tokens.count >= cost.into();
        is_enough.then(|| {
            tokens.count -= f64::from(cost);
            cost
        })
    }

    pub(super) fn give(&self, amount: u32, now: Instant) {
        let mut tokens = self.refilled(now);
        tokens.count = (tokens.count + f64::from(amount)).min(self.capacity.into());
    }

    fn refilled(&self, now: Instant) -> MutexGuard<'_, Tokens> {
        let mut tokens = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = tokens
            .at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        tokens.count = (tokens.count + since.as_secs_f64()).min(self.capacity.into());
        tokens.at = Some(now);
        tokens
    }
}

/// A budget and all who pay from it.
#[derive(Clone)]
pub(super) enum SharedBudget {
    /// Of the signers that were given it.
    Given(Arc<Budget>),
    /// Of the signers over one client and region.
    OfClient(Arc<ClientBudget>),
}

impl SharedBudget {
    pub(super) fn new(tokens: u32) -> Self {
        Self::Given(Arc::new(Budget::new(tokens)))
    }

    /// The budget of this client and its clones, in this region.
    pub(super) fn of_client(client: &Client, region: Option<&str>) -> Self {
        Self::OfClient(ClientBudget::of(client, region))
    }
}

impl Deref for SharedBudget {
    type Target = Budget;

    fn deref(&self) -> &Budget {
        match self {
            Self::Given(budget) => budget,
            Self::OfClient(shared) => &shared.budget,
        }
    }
}

/// Where the clones of a client keep what they share, and the region: a client without one is used
/// for those of the keys.
type Place = (usize, Option<Arc<str>>);

type Places = BTreeMap<Place, Weak<ClientBudget>>;

/// The budgets of all clients that signers are using. The SDK's client has no room for one, and it is
/// handed over by clones that know nothing of one another.
static PLACES: Mutex<Places> = Mutex::new(Places::new());

/// The budget of a client. Holds the client, so that its place is no other one's meanwhile.
pub(super) struct ClientBudget {
    budget: Budget,
    place: Place,
    _client: Client,
}

impl ClientBudget {
    fn of(client: &Client, region: Option<&str>) -> Arc<Self> {
        let address = std::ptr::from_ref(client.config()).addr();
        let place = (address, region.map(Arc::from));
        let mut places = places();
        // Returned and so not dropped in here, where dropping the last one would wait for itself.
        if let Some(shared) = places.get(&place).and_then(Weak::upgrade) {
            return shared;
        }
        let shared = Arc::new(Self {
            budget: Budget::new(DEFAULT_TOKENS),
            place: place.clone(),
            _client: client.clone(),
        });
        places.insert(place, Arc::downgrade(&shared));
        shared
    }
}

/// No place outlives the signers of its client.
impl Drop for ClientBudget {
    fn drop(&mut self) {
        let mut places = places();
        // Between the last signer and this line there may have come a new one.
        if places
            .get(&self.place)
            .is_some_and(|shared| shared.strong_count() == 0)
        {
            places.remove(&self.place);
        }
    }
}

fn places() -> MutexGuard<'static, Places> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SharedBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests;
