//! The state that all signers over one SDK client share: retry budget, clock, loading of
//! credentials.

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

/// The address of the configuration that the clones of a client share, and the region: a client
/// without a region is used in the regions of its keys' ARNs.
type Place = (usize, Option<Arc<str>>);

type Places = BTreeMap<Place, Weak<ClientState>>;

/// The states of all clients that signers are using. They are kept here because the SDK's client
/// cannot hold one, and signers get clones of it independently.
static PLACES: Mutex<Places> = Mutex::new(Places::new());

/// The state of a client. Holds the client, so that no other client gets its address.
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
        // Return it rather than drop it here: dropping the last one would lock the map again.
        if let Some(shared) = places.get(&place).and_then(Weak::upgrade) {
            return shared;
        }
        let shared = Arc::new(Self {
            budget: Budget::default(),
            clock: Clock::default(),
            is_loading: AtomicBool::new(false),
            place: place.clone(),
            _client: client.clone(),
        });
        places.insert(place, Arc::downgrade(&shared));
        shared
    }

    /// The budget that pays for retries, unless the user set one.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The difference to KMS's clock.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a load of credentials in the background; `None` if one is running already.
    pub(super) fn begin_loading(self: &Arc<Self>) -> Option<Loading> {
        let was_loading = self.is_loading.swap(true, Ordering::AcqRel);
        (!was_loading).then(|| Loading(self.clone()))
    }
}

/// A running load of credentials, until it is dropped.
pub(super) struct Loading(Arc<ClientState>);

impl Drop for Loading {
    fn drop(&mut self) {
        self.0.is_loading.store(false, Ordering::Release);
    }
}

/// Removes the map's entry with the last signer of the client.
impl Drop for ClientState {
    fn drop(&mut self) {
        let mut places = places();
        // A new signer may have been made since the last one was dropped.
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
