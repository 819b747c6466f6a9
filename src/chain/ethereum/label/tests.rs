use std::sync::Mutex;

use alloy_consensus::TxEip1559;
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, U256};

use super::*;
use crate::{Error, KeyType, PublicKey, Result, Signed, provider::local::LocalSigner};

/// Signs, numbers its receipts, and keeps the label of each request.
#[derive(Debug)]
struct Numbered {
    key: LocalSigner,
    labels: Mutex<Vec<Option<String>>>,
}

#[async_trait::async_trait]
impl Signer for Numbered {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let mut signed = self.key.sign(request).await?;
        let mut labels = self.labels.lock().unwrap();
        labels.push(request.label().map(str::to_owned));
        let number = format!("request-{}", labels.len());
        signed.receipt = signed.receipt.with_request_id(Some(number));
        Ok(signed)
    }

    async fn note_refusal(&self, request: &SignRequest<'_>, _: &Error) {
        let mut labels = self.labels.lock().unwrap();
        labels.push(request.label().map(|label| format!("rejected {label}")));
    }
}

fn account() -> EthereumSigner<Numbered> {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    let labels = Mutex::default();
    EthereumSigner::new(Numbered { key, labels }).unwrap()
}

/// The labels since the last time.
fn taken(signer: &Numbered) -> Vec<Option<String>> {
    std::mem::take(&mut *signer.labels.lock().unwrap())
}

fn transaction(chain_id: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        ..Default::default()
    }
}

fn authorization() -> Authorization {
    Authorization {
        chain_id: U256::from(1),
        address: Address::ZERO,
        nonce: 0,
    }
}

#[cfg(feature = "alloy")]
alloy_sol_types::sol! {
    #[derive(serde::Serialize)]
    struct Order { uint256 amount; }
}

#[cfg(feature = "alloy")]
fn order() -> (Order, alloy_sol_types::Eip712Domain) {
    let amount = U256::from(1);
    (
        Order { amount },
        alloy_sol_types::eip712_domain! { name: "Gateway", },
    )
}

#[tokio::test]
async fn every_own_method_takes_a_label_and_gives_the_receipt() {
    let account = account();
    let payout = account.labelled("payout 4711");
    let mut receipts = vec![
        payout.sign_message(b"message").await.unwrap().receipt,
        payout.sign_eip1559(transaction(1)).await.unwrap().receipt,
        payout
            .sign_typed_transaction(transaction(1))
            .await
            .unwrap()
            .receipt,
        payout
            .sign_authorization(authorization())
            .await
            .unwrap()
            .receipt,
    ];
    #[cfg(feature = "alloy")]
    {
        use crate::chain::ethereum::{TypedDataOpening, alloy_dyn_abi::TypedData};
        let (order, domain) = order();
        let dynamic = TypedData::from_struct(&order, Some(domain.clone()));
        let json = serde_json::to_string(&dynamic).unwrap();
        let opening = TypedDataOpening::from_json(&json).unwrap();
        for signed in [
            payout.sign_typed_data(&order, &domain).await,
            payout.sign_dynamic_typed_data(&dynamic).await,
            payout.sign_typed_data_json(&json).await,
            payout.sign_opening(opening).await,
        ] {
            receipts.push(signed.unwrap().receipt);
        }
    }
    for (index, receipt) in receipts.iter().enumerate() {
        let number = format!("request-{}", index + 1);
        assert_eq!(receipt.request_id(), Some(&*number));
    }
    let expected = vec![Some("payout 4711".to_owned()); receipts.len()];
    assert_eq!(taken(account.signer()), expected);
    // The account itself has none.
    account.sign_message(b"message").await.unwrap();
    assert_eq!(taken(account.signer()), [None]);
}

#[tokio::test]
async fn what_a_limit_rejects_has_its_label() {
    let account = account().with_chain_id(1);
    let result = account
        .labelled("payout")
        .sign_eip1559(transaction(5))
        .await;
    result.unwrap_err();
    assert_eq!(
        taken(account.signer()),
        [Some("rejected payout".to_owned())]
    );
}

#[test]
fn debug_shows_no_label() {
    let account = account().with_label("payout 4711").on_receipt(|_| {});
    let shown = format!("{account:?}");
    assert!(!shown.contains("4711"), "{shown}");
}

#[tokio::test]
async fn the_last_label_counts_and_the_observer_stays() {
    let (sender, receipts) = std::sync::mpsc::channel();
    let account = account()
        .with_label("batch")
        .on_receipt(move |receipt| sender.send(receipt.clone()).unwrap());
    account.sign_message(b"").await.unwrap();
    let item = account.labelled("item 1");
    let signed = item.labelled("item 2").sign_message(b"").await.unwrap();
    let labels = ["batch", "item 2"].map(|label| Some(label.to_owned()));
    assert_eq!(taken(account.signer()), labels);
    let received: Vec<Receipt> = receipts.try_iter().collect();
    assert_eq!(received.len(), 2);
    assert_eq!(received[1], signed.receipt);
}

/// Through alloy, of many labelled accounts at once, each observer gets the receipts of its label.
#[cfg(feature = "alloy")]
#[tokio::test]
async fn through_alloy_the_observer_of_a_label_gets_its_receipts() {
    use crate::chain::ethereum::{
        alloy_dyn_abi::TypedData,
        alloy_network::{Ethereum, EthereumWallet, NetworkWallet, TxSigner},
        alloy_signer::Signer as AlloySigner,
    };
    let account = account();
    let (order, domain) = order();
    let dynamic = TypedData::from_struct(&order, Some(domain.clone()));
    let payouts = (0..20).map(|index| {
        let (account, order, domain, dynamic) = (&account, &order, &domain, &dynamic);
        async move {
            let receipts = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&receipts);
            let payout = account
                .labelled(format!("payout {index}"))
                .on_receipt(move |receipt| seen.lock().unwrap().push(receipt.clone()));
            AlloySigner::sign_hash(&payout, &[1; 32].into())
                .await
                .unwrap();
            tokio::task::yield_now().await;
            AlloySigner::sign_message(&payout, b"").await.unwrap();
            AlloySigner::sign_typed_data(&payout, order, domain)
                .await
                .unwrap();
            tokio::task::yield_now().await;
            AlloySigner::sign_dynamic_typed_data(&payout, dynamic)
                .await
                .unwrap();
            TxSigner::sign_transaction(&payout, &mut transaction(1))
                .await
                .unwrap();
            let receipts = receipts.lock().unwrap().clone();
            (index, receipts)
        }
    });
    let payouts = futures_util::future::join_all(payouts).await;
    let labels = taken(account.signer());
    assert_eq!(labels.len(), 100);
    for (index, receipts) in payouts {
        assert_eq!(receipts.len(), 5);
        for receipt in receipts {
            let number = receipt.request_id().unwrap().strip_prefix("request-");
            let number: usize = number.unwrap().parse().unwrap();
            assert_eq!(labels[number - 1], Some(format!("payout {index}")));
        }
    }

    // A wallet of alloy's owns its signer.
    let account = account_behind_a_pointer(account);
    let (sender, receipts) = std::sync::mpsc::channel();
    let payout = account
        .clone()
        .with_label("payout")
        .on_receipt(move |receipt| sender.send(receipt.clone()).unwrap());
    let wallet = EthereumWallet::from(payout);
    NetworkWallet::<Ethereum>::sign_transaction(&wallet, transaction(1).into())
        .await
        .unwrap();
    assert_eq!(taken(account.signer()), [Some("payout".to_owned())]);
    assert_eq!(receipts.try_iter().count(), 1);
}

#[cfg(feature = "alloy")]
fn account_behind_a_pointer(account: EthereumSigner<Numbered>) -> EthereumSigner<Arc<Numbered>> {
    EthereumSigner::new(Arc::new(account.into_signer())).unwrap()
}

/// Errors have receipts of their own.
#[tokio::test]
async fn an_error_calls_no_observer() {
    let account = account().with_chain_id(1).on_receipt(|_| panic!("called"));
    let account = account.with_label("payout");
    account.sign_eip1559(transaction(5)).await.unwrap_err();
    drop(account.sign_message(b"never polled"));
}
