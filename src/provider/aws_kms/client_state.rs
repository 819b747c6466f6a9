//! What all signers over one SDK client share, however they came by the client.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_sdk_kms::Client;

use super::clock::Clock;
use crate::call::Budget;

/// The tokens of a budget that the user did not set.
const DEFAULT_TOKENS: u32 = 100;

/// Where the clones of a client keep what they share, and the region: a client without one is used
/// for those of the keys.
type Place = (usize, Option<Arc<str>>);

type Places = BTreeMap<Place, Weak<ClientState>>;

/// The states of all clients that signers are using. The SDK's client has no room for one, and it is
/// handed over by clones that know nothing of one another.
static PLACES: Mutex<Places> = Mutex::new(Places::new());

/// The state of a client. Holds the client, so that its place is no other one's meanwhile.
pub(super) struct ClientState {
    budget: Budget,
    clock: Clock,
    is_loading: AtomicBool,
    place: Place,
    _client: Client,
}

impl ClientState {
    /// The state of this client and its clones, in this region.
    pub(super) fn of(client: &Client, region: Option<&str>) -> Arc<Self> {
        let address = std::ptr::from_ref(client.config()).addr();
        let place = (address, region.map(Arc::from));
        let mut places = places();
        // Returned and so not dropped in here, where dropping the last one would wait for itself.
        if let Some(shared) = places.get(&place).and_then(Weak::upgrade) {
            return shared;
        }
        let shared = Arc::new(Self {
            budget: Budget::new(DEFAULT_TOKENS),
            clock: Clock::default(),
            is_loading: AtomicBool::new(false),
            place: place.clone(),
            _client: client.clone(),
        });
        places.insert(place, Arc::downgrade(&shared));
        shared
    }

    /// What retries are paid from, unless the user set a budget.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// How KMS's clock differs.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Begins to load credentials in the background; `None` while that is being done already.
    pub(super) fn begin_loading(self: &Arc<Self>) -> Option<Loading> {
        let was_loading = self.is_loading.swap(true, Ordering::AcqRel);
        (!was_loading).then(|| Loading(self.clone()))
    }
}

/// Ends the loading of credentials when it is dropped.
pub(super) struct Loading(Arc<ClientState>);

impl Drop for Loading {
    fn drop(&mut self) {
        self.0.is_loading.store(false, Ordering::Release);
    }
}

/// No place outlives the signers of its client.
impl Drop for ClientState {
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

impl fmt::Debug for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientState")
            .field("budget", &self.budget)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
