//! The cases for layers: signers around a signer.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use tokio::time::sleep;

use super::{
    ScriptedSigner, SignerSuite, Step,
    report::{CASE_TIMEOUT, Checked, Report, Run, failed, require, shown},
    requests,
};
use crate::{
    Error, KeyType, Receipt, SignRequest, Signed, Signer,
    error::KeyStoreFault,
    health::{Health, KeyState},
};

const LABELS: [Option<&str>; 2] = [None, Some("payout 4711")];

/// An error of each verdict, as a signer inside may return it.
const FAILURES: [Step; 7] = [
    Step::fail(KeyStoreFault::Unavailable),
    Step::fail(KeyStoreFault::Throttled).retry_after(Duration::from_millis(7)),
    Step::error(|| {
        let error = Error::refused("quota", "value_per_hour", "it is spent", "retry later");
        error.with_retry_after(Duration::from_secs(60))
    }),
    Step::fail(KeyStoreFault::Disabled),
    Step::fail(KeyStoreFault::InvalidRequest),
    Step::error(Error::signature_not_verified),
    Step::error(|| Error::Cancelled),
];

/// Checks that a layer keeps the contract of a wrapper: see the tables in
/// [`conformance`](super).
///
/// The function builds the layer around the signer it gets. Use settings that admit 64 requests at
/// the same time, and timeouts of at least some seconds. Give clones of the signer to a layer over
/// several signers. The suite calls the function once for each case, with a fresh signer.
pub struct LayerSuite<F> {
    name: String,
    build: F,
    timeout: Duration,
}

impl<F, S> LayerSuite<F>
where
    F: Fn(ScriptedSigner) -> S,
    S: Signer + 'static,
{
    /// Makes a suite for the layers that `build` makes. The name is for the report.
    pub fn new(name: impl Into<String>, build: F) -> Self {
        Self {
            name: name.into(),
            build,
            timeout: CASE_TIMEOUT,
        }
    }

    /// Sets how long one case may take, 60 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs every case with a key of each type, and then those of [`SignerSuite`].
    pub async fn run(&self) -> Report {
        let mut report = Report::default();
        for key_type in requests::KEY_TYPES {
            report.append(self.run_with(key_type).await);
        }
        report
    }

    async fn run_with(&self, key_type: KeyType) -> Report {
        let mut run = Run::new(format!("{} {key_type}", self.name), self.timeout);
        run.case("public_key_is_delegated", self.public_key(key_type))
            .await;
        run.case("requests_arrive_unchanged", self.requests(key_type))
            .await;
        run.case("signatures_return_unchanged", self.signatures(key_type))
            .await;
        run.case("errors_return_unchanged", self.errors(key_type))
            .await;
        run.case("refusals_are_passed_on", self.refusals(key_type))
            .await;
        run.case("checks_are_passed_on", self.checks(key_type))
            .await;
        run.case("dropping_reaches_the_signer", self.dropping(key_type))
            .await;
        // As a case, since the function that builds the layer may panic.
        let mut suite = None;
        let mut built = Run::new(format!("{} {key_type}", self.name), self.timeout);
        let building = async {
            suite = Some(self.signer_suite(key_type)?);
            Ok(())
        };
        built.case("signatures_verify", building).await;
        let mut report = run.finish();
        report.append(match suite {
            Some(suite) => suite.run().await,
            None => built.finish(),
        });
        report
    }

    async fn public_key(&self, key_type: KeyType) -> Checked {
        let (inner, layer) = self.layer(key_type)?;
        require(
            layer.public_key() == inner.public_key(),
            "the public key of the signer inside",
            || format!("{:?}", layer.public_key()),
        )
    }

    async fn requests(&self, key_type: KeyType) -> Checked {
        let (inner, layer) = self.layer(key_type)?;
        for (request, _) in requests::requests(key_type, b"preimage") {
            for label in LABELS {
                let request = labelled(request.clone(), label);
                sign(&layer, &request).await?;
                let Some(arrived) = inner.requests().pop() else {
                    return Err(failed("a request to the signer inside", "none"));
                };
                same_request(&request, &arrived, key_type)?;
            }
        }
        Ok(())
    }

    async fn signatures(&self, key_type: KeyType) -> Checked {
        let (inner, layer) = self.layer(key_type)?;
        for (request, _) in requests::requests(key_type, b"preimage") {
            let returned = sign(&layer, &request).await?;
            let made = sign(&inner, &request).await?;
            require(
                made.signature.as_bytes() == returned.signature.as_bytes(),
                "the signature of the signer inside",
                || "another one".into(),
            )?;
            same_receipt(Some(&made.receipt), Some(&returned.receipt))?;
        }
        Ok(())
    }

    async fn errors(&self, key_type: KeyType) -> Checked {
        for step in FAILURES {
            let (inner, layer) = self.layer(key_type)?;
            inner.otherwise(step);
            let (request, _) = requests::any_key(b"preimage");
            let Err(made) = inner.sign(&request).await else {
                return Err(failed("an error of the script", "a signature"));
            };
            match layer.sign(&request).await {
                Ok(_) => {
                    let expected = format!("the signer's own {}", shown(&made));
                    return Err(failed(expected, "a signature"));
                }
                Err(returned) => same_error(&made, &returned)?,
            }
        }
        Ok(())
    }

    async fn refusals(&self, key_type: KeyType) -> Checked {
        let (inner, layer) = self.layer(key_type)?;
        let error = Error::Cancelled;
        let (request, _) = requests::any_key(b"preimage");
        let request = labelled(request, Some("payout 4711"));
        layer.note_refusal(&request, &error).await;
        let Some(refusal) = inner.refusals().pop() else {
            return Err(failed("note_refusal of the signer inside", "no call of it"));
        };
        same_request(&request, &refusal.request, key_type)?;
        require(
            refusal.error == error.name(),
            "the error of the caller",
            || refusal.error.into(),
        )?;
        let calls = inner.calls();
        require(calls == 0, "no signature for a refusal", || {
            format!("{calls} calls of sign")
        })
    }

    async fn checks(&self, key_type: KeyType) -> Checked {
        let (inner, layer) = self.layer(key_type)?;
        let health = layer.check().await;
        require(inner.checks() > 0, "check of the signer inside", || {
            "no call of it".into()
        })?;
        require(health.is_ready(), "a ready signer", || health.to_string())?;

        inner.set_health(disabled);
        let health = layer.check().await;
        require(
            !health.is_ready(),
            "a signer that is not ready, as the one inside",
            || health.to_string(),
        )?;
        let is_reported = health.errors().any(|error| error.name() == "disabled");
        require(is_reported, "the error of the signer inside", || {
            health.to_string()
        })
    }

    async fn dropping(&self, key_type: KeyType) -> Checked {
        let (inner, layer) = self.layer(key_type)?;
        inner.otherwise(Step::hang());
        let (request, _) = requests::any_key(b"dropped");
        let arrived = pin!(until(|| inner.in_flight() > 0));
        if let Either::Left((answer, _)) = select(layer.sign(&request), arrived).await {
            let got = answer.map_or_else(|error| shown(&error), |_| "a signature".into());
            return Err(failed("to wait while the signer inside hangs", got));
        }
        // The outer future is dropped by now. A second is enough for any task to notice.
        let ended = pin!(until(|| inner.in_flight() == 0));
        let second = pin!(sleep(Duration::from_secs(1)));
        match select(ended, second).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => Err(failed(
                "the future inside dropped with the one outside",
                format!("{} in flight a second later", inner.in_flight()),
            )),
        }
    }

    fn signer_suite(&self, key_type: KeyType) -> Checked<SignerSuite> {
        let (inner, layer) = self.layer(key_type)?;
        let (failing, failing_layer) = self.layer(key_type)?;
        failing.otherwise(Step::fail(KeyStoreFault::Unavailable));
        let calls = move || u64::try_from(inner.calls()).unwrap_or(u64::MAX);
        Ok(SignerSuite::new(self.name.clone(), layer)
            .timeout(self.timeout)
            .count_calls(calls)
            .failing(failing_layer))
    }

    fn layer(&self, key_type: KeyType) -> Checked<(ScriptedSigner, S)> {
        let inner = ScriptedSigner::new(key_type);
        let inner = inner.map_err(|error| failed("a key", shown(&error)))?;
        let inner = inner.with_receipt(receipt());
        let layer = (self.build)(inner.clone());
        Ok((inner, layer))
    }
}

impl<F> fmt::Debug for LayerSuite<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerSuite")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn disabled() -> Health {
    let error = Error::key_store(KeyStoreFault::Disabled, "enable it", "the script says so");
    Health {
        state: Ok(KeyState::Disabled),
        may_sign: Err(error),
        ..Health::default()
    }
}

/// A receipt with every field set.
fn receipt() -> Receipt {
    Receipt::new("C_Sign", "scripted")
        .with_pinned_key(Some(Arc::from("pinned")))
        .with_region(Some(Arc::from("eu-central-1")))
        .with_request_id(Some("request 1".into()))
        .with_attempts(3)
        .with_elapsed(Duration::from_millis(12))
}

fn labelled<'a>(request: SignRequest<'a>, label: Option<&'a str>) -> SignRequest<'a> {
    match label {
        Some(label) => request.with_label(label),
        None => request,
    }
}

async fn sign(signer: &impl Signer, request: &SignRequest<'_>) -> Checked<Signed> {
    let signed = signer.sign(request).await;
    signed.map_err(|error| failed(format!("a signature for {request:?}"), shown(&error)))
}

/// Waits until the condition holds. Under tokio's paused clock the time advances whenever nothing
/// else can run.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(1)).await;
    }
}

fn same_request(sent: &SignRequest<'_>, arrived: &SignRequest<'_>, key_type: KeyType) -> Checked {
    require(arrived.kind() == sent.kind(), "the same kind", || {
        format!("{} for {}", arrived.kind(), sent.kind())
    })?;
    require(arrived.label() == sent.label(), "the same label", || {
        format!("{:?} for {:?}", arrived.label(), sent.label())
    })?;
    let is_same = arrived.preimage() == sent.preimage();
    require(is_same, "the same preimage", || "another one".into())?;
    let inputs = [sent, arrived].map(|request| request.input_for(key_type).ok());
    let [sent, arrived] = inputs;
    require(sent == arrived, "the same bytes to sign", || {
        "others".into()
    })
}

fn same_receipt(made: Option<&Receipt>, returned: Option<&Receipt>) -> Checked {
    require(made == returned, "the receipt of the signer inside", || {
        format!("{returned:?} for {made:?}")
    })
}

fn same_error(made: &Error, returned: &Error) -> Checked {
    let question = |error: &Error| {
        (
            error.name(),
            error.code().map(str::to_owned),
            error.rule().map(str::to_owned),
            error.verdict(),
            error.retry_after(),
        )
    };
    require(
        question(made) == question(returned),
        &format!("the signer's own {}", shown(made)),
        || shown(returned),
    )?;
    same_receipt(made.receipt(), returned.receipt())
}
