//! Labels on requests, and where receipts go.

use std::{fmt, sync::Arc};

use super::EthereumSigner;
use crate::{Receipt, SignRequest, Signer};

/// What an account notes about each signature.
#[derive(Clone, Default)]
pub(super) struct Notes {
    label: Option<Arc<str>>,
    on_receipt: Option<Arc<Observer>>,
}

type Observer = dyn Fn(&Receipt) + Send + Sync;

impl<S: Signer> EthereumSigner<S> {
    /// This account with a label on each request: what the signature is for, such as an order, a
    /// payout or a job. An audit record has the label, and the key store does not see it.
    ///
    /// The view has every method of the account, and alloy's traits. It borrows the signer and costs
    /// little: make one for each signature. What must own its signer, such as alloy's
    /// `EthereumWallet`, takes a clone [`with_label`](Self::with_label).
    ///
    /// ```
    /// # async fn example(
    /// #     wallet: kms_signer::chain::ethereum::EthereumSigner<&dyn kms_signer::Signer>,
    /// # ) -> kms_signer::Result<()> {
    /// let signed = wallet.labelled("payout 4711").sign_message(b"message").await?;
    /// println!("{}", signed.receipt);
    /// # Ok(())
    /// # }
    /// ```
    pub fn labelled(&self, label: impl Into<Arc<str>>) -> EthereumSigner<&S> {
        EthereumSigner {
            signer: &self.signer,
            address: self.address,
            chain_ids: self.chain_ids.clone(),
            #[cfg(feature = "alloy")]
            bare_hashes: self.bare_hashes,
            #[cfg(feature = "alloy")]
            shapes: self.shapes.clone(),
            notes: self.notes.clone(),
        }
        .with_label(label)
    }

    /// Puts this label on each request of this account. Replaces any earlier label. See
    /// [`labelled`](Self::labelled).
    #[must_use]
    pub fn with_label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.notes.label = Some(label.into());
        self
    }

    /// Calls `observer` with the receipt of each signature, right before it is returned.
    ///
    /// Use it with alloy's traits, which return the signature alone; this account's own methods return
    /// the receipt. `observer` runs once for each signature, on the task that signs: send the receipt
    /// elsewhere and do not block. It is not called for an error, which has a receipt of its own
    /// ([`Error::receipt`](crate::Error::receipt), after `Error::from_alloy`), nor if the future is
    /// dropped before.
    ///
    /// The observer belongs to this value, its clones and its views. Replaces any earlier observer. To
    /// know which receipt belongs to which signature, give each label an observer of its own:
    ///
    /// ```
    /// # #[cfg(feature = "alloy")]
    /// # async fn example(
    /// #     wallet: kms_signer::chain::ethereum::EthereumSigner<&dyn kms_signer::Signer>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use kms_signer::chain::ethereum::alloy_signer;
    ///
    /// let (sender, receipts) = std::sync::mpsc::channel();
    /// let payout = wallet.labelled("payout 4711").on_receipt(move |receipt| {
    ///     let _ = sender.send(receipt.clone());
    /// });
    /// let signature = alloy_signer::Signer::sign_message(&payout, b"message").await?;
    /// println!("payout 4711: {}", receipts.try_recv()?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_receipt(mut self, observer: impl Fn(&Receipt) + Send + Sync + 'static) -> Self {
        self.notes.on_receipt = Some(Arc::new(observer));
        self
    }
}

impl Notes {
    pub(super) fn label<'a>(&'a self, request: SignRequest<'a>) -> SignRequest<'a> {
        match &self.label {
            Some(label) => request.with_label(label),
            None => request,
        }
    }

    pub(super) fn hand_over(&self, receipt: &Receipt) {
        if let Some(observer) = &self.on_receipt {
            observer(receipt);
        }
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes")
            .field("has_label", &self.label.is_some())
            .field("has_observer", &self.on_receipt.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests;
