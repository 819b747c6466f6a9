//! Scripts for the signer inside a layer, and functions that call the layer.

use std::time::Duration;

use kms_signer::{
    Error, KeyType, Result, SignRequest, Signed, Signer,
    conformance::{ScriptedSigner, Step},
    error::{AnswerFault, SignatureFault},
};
use tokio::time::{Instant, sleep};

/// A rejection by a client-side limit further in.
pub const FULL: Step = Step::error(|| Error::queue_full(0, Duration::from_millis(1)));

/// Each error that is an alarm, as a signer returns it.
pub const ALARMS: [fn() -> Error; 4] = [
    Error::signature_not_verified,
    || Error::invalid_signature(SignatureFault::Zero),
    || Error::key_moved("pinned", "returned"),
    || Error::unusable_answer(AnswerFault::algorithm("actual", "expected")),
];

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Signs at once until a script says otherwise.
pub fn scripted() -> ScriptedSigner {
    ScriptedSigner::new(KeyType::Secp256k1).unwrap()
}

/// When each request arrived, by the paused clock.
pub fn starts(signer: &ScriptedSigner) -> Vec<Instant> {
    signer.starts().into_iter().map(Instant::from_std).collect()
}

/// The labels of the requests in the order of their arrival.
pub fn labels(signer: &ScriptedSigner) -> Vec<String> {
    let requests = signer.requests().into_iter();
    let labels = requests.map(|request| request.label().unwrap_or_default().to_owned());
    labels.collect()
}

/// Signs once, and returns the error if there was one.
pub async fn sign(signer: &impl Signer) -> Result<Signed> {
    signer.sign(&SignRequest::keccak256(b"preimage")).await
}

/// Signs in a task of its own, labelled.
pub fn spawn_sign<S: Signer + Clone + 'static>(
    signer: &S,
    label: impl ToString,
) -> tokio::task::JoinHandle<Result<Signed>> {
    let (signer, label) = (signer.clone(), label.to_string());
    tokio::spawn(async move {
        let request = SignRequest::keccak256(b"preimage").with_label(&label);
        signer.sign(&request).await
    })
}

/// Polls `sign` so many times, a millisecond apart, and drops it. Returns whether it was still
/// pending.
pub async fn sign_and_drop_after(signer: &impl Signer, polls: usize) -> bool {
    let request = SignRequest::keccak256(b"dropped");
    let mut future = signer.sign(&request);
    for _ in 0..polls {
        if futures_util::poll!(&mut future).is_ready() {
            return false;
        }
        sleep(ms(1)).await;
    }
    true
}

/// Lets every task that can run do so.
pub async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
