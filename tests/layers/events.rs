//! The events of the layers. See `kms_signer::telemetry` for their names.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, Once},
};

use kms_signer::{
    conformance::Step,
    error::KeyStoreFault,
    layer::{failover::Failover, hedge::Hedge, rate_limit::RateLimit},
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

use crate::scripted::{ALARMS, ms, scripted, sign};

/// Keeps the events of this crate, as text.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target().starts_with("kms_signer") {
            let mut text = format!("{} {}", metadata.level(), metadata.target());
            event.record(&mut Fields(&mut text));
            self.0.lock().unwrap().push(text);
        }
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

/// Listens on every thread. Otherwise `tracing` could register a call site as one without a
/// listener while another test starts, and remember that.
fn watch_every_call_site() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
}

/// Runs work on this thread under the paused clock, and returns its events.
fn events(work: impl Future<Output = ()>) -> Vec<String> {
    watch_every_call_site();
    let events = Events::default();
    let subscriber = tracing_subscriber::registry().with(events.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || runtime.block_on(work));
    std::mem::take(&mut events.0.lock().unwrap())
}

#[test]
fn each_failure_and_each_change_of_a_circuit() {
    let seen = events(async {
        let key = scripted();
        let regions = [0, 1].map(|at| key.replica(&at.to_string()));
        regions[0].then([Step::fail(KeyStoreFault::Timeout)]);
        let signer = Failover::builder(regions.clone())
            .failures(1)
            .open_for(ms(100))
            .build()
            .unwrap();
        sign(&signer).await.unwrap();
        tokio::time::sleep(ms(100)).await;
        sign(&signer).await.unwrap();
        regions[0].then([Step::fail(KeyStoreFault::Disabled)]);
        sign(&signer).await.unwrap();
    });
    assert_eq!(
        seen,
        [
            "WARN kms_signer::failover message=circuit signer=0 state=open",
            "WARN kms_signer::failover message=failed over from=0 to=1 error=\"timeout\"",
            "WARN kms_signer::failover message=circuit signer=0 state=closed",
            "WARN kms_signer::failover message=failed over from=0 to=1 error=\"disabled\"",
        ]
    );
}

/// The event has the fields that identify the call.
#[test]
fn an_alarm_is_loud_in_each_layer_that_could_hide_it() {
    let seen = events(async {
        let inner = scripted();
        inner.then([Step::error(ALARMS[0]).after(ms(60)), Step::hang()]);
        let signer = Hedge::after(inner.clone(), ms(50))
            .max_extra(1.0)
            .build()
            .unwrap();
        let signer = Failover::builder([signer]).build().unwrap();
        sign(&signer).await.unwrap_err();
        // The caller reports errors that are no alarm.
        inner.then([Step::fail(KeyStoreFault::Disabled)]);
        sign(&signer).await.unwrap_err();
    });
    let alarm = |layer: &str| {
        format!(
            "ERROR kms_signer::alarm message=alarm layer=\"{layer}\" \
             error=\"signature_not_verified\" key=\"scripted\""
        )
    };
    assert_eq!(
        seen,
        [
            "DEBUG kms_signer::hedge message=hedged".to_owned(),
            alarm("hedge"),
            alarm("failover"),
        ]
    );
}

#[test]
fn a_second_attempt() {
    let seen = events(async {
        let inner = scripted();
        inner.then([Step::sign().after(ms(60)), Step::hang()]);
        let signer = Hedge::after(inner, ms(50)).max_extra(1.0).build().unwrap();
        sign(&signer).await.unwrap();
        sign(&signer).await.unwrap();
    });
    assert_eq!(seen, ["DEBUG kms_signer::hedge message=hedged"]);
}

#[test]
fn a_pause_and_its_length() {
    let asked = Step::fail(KeyStoreFault::Throttled).retry_after(ms(400));
    let seen = events(async {
        let inner = scripted();
        inner.then([asked]);
        let signer = RateLimit::per_second(10).build().unwrap().limit(inner);
        sign(&signer).await.unwrap_err();
        sign(&signer).await.unwrap();
    });
    let [paused] = &seen[..] else {
        panic!("{seen:?}")
    };
    let prefix = "DEBUG kms_signer::rate_limit message=paused wait_us=";
    let wait_us: u64 = paused.strip_prefix(prefix).unwrap().parse().unwrap();
    assert!((400_000..=500_000).contains(&wait_us), "{wait_us}");
}
