//! What an Ethereum account gives to the layers around its key: labels, and openings of typed data.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kms_signer::{
    PublicKey, Result, SignRequest, Signed, Signer, async_trait,
    chain::ethereum::{
        EthereumSigner, TypedDataOpening,
        alloy_consensus::TxEip1559,
        alloy_eips::eip7702::Authorization,
        alloy_primitives::{Address, U256},
        alloy_signer,
    },
    layer::{failover::Failover, hedge::Hedge, rate_limit::RateLimit, timeout::Timeout},
    provider::local::LocalSigner,
};

use crate::{in_memory, local};

const PERMIT: &str = r#"{
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Permit": [{"name": "spender", "type": "address"}, {"name": "value", "type": "uint256"}]
    },
    "primaryType": "Permit",
    "domain": {"name": "Token", "chainId": 1},
    "message": {"spender": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "value": "5"}
}"#;

#[tokio::test]
async fn records_have_the_label_of_every_way_to_sign() {
    let (signer, sink) = in_memory(local());
    let account = EthereumSigner::new(signer).unwrap().with_chain_id(1);
    let transaction = |chain_id| TxEip1559 {
        chain_id,
        ..Default::default()
    };
    let authorization = Authorization {
        chain_id: U256::from(1),
        address: Address::ZERO,
        nonce: 0,
    };
    account.labelled("a").sign_message(b"").await.unwrap();
    let b = account.labelled("b").sign_eip1559(transaction(1)).await;
    let c = account.labelled("c");
    let c = c.sign_authorization(authorization).await;
    let d = account.labelled("d").sign_typed_data_json(PERMIT).await;
    alloy_signer::Signer::sign_message(&account.labelled("e"), b"")
        .await
        .unwrap();
    account
        .labelled("f")
        .sign_eip1559(transaction(5))
        .await
        .unwrap_err();
    let records = sink.records();
    let labels: Vec<_> = records
        .iter()
        .map(|record| record.label.as_deref().unwrap())
        .collect();
    assert_eq!(labels, ["a", "b", "c", "d", "e", "f"]);
    // The receipt equals that of the record.
    for (record, receipt) in
        records[1..]
            .iter()
            .zip([b.unwrap().receipt, c.unwrap().receipt, d.unwrap().receipt])
    {
        let elapsed = u64::try_from(receipt.elapsed().as_micros()).unwrap();
        assert_eq!(record.elapsed_us, Some(elapsed));
        assert_eq!(record.key.as_deref(), Some(receipt.key()));
    }
}

/// A signer inside a layer, and the openings that reached it.
#[derive(Clone, Debug)]
struct Inner(LocalSigner, Arc<Mutex<Vec<TypedDataOpening>>>);

#[async_trait]
impl Signer for Inner {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let opening = request.opening::<TypedDataOpening>();
        self.1.lock().unwrap().extend(opening.cloned());
        self.0.sign(request).await
    }
}

#[tokio::test]
async fn every_layer_passes_the_opening_on() {
    let inner = Inner(local(), Default::default());
    let limit = RateLimit::per_second(1_000).build().unwrap();
    let hedge = Hedge::after(inner.clone(), Duration::from_secs(60));
    let hedge = hedge.build().unwrap();
    let failover = Failover::builder([inner.clone(), inner.clone()]);
    let failover = failover.build().unwrap();
    let timeout = Timeout::new(inner.clone(), Duration::from_secs(60)).unwrap();
    let layers: [(&str, Box<dyn Signer>); 6] = [
        ("Arc", Box::new(Arc::new(inner.clone()))),
        ("audit", Box::new(in_memory(inner.clone()).0)),
        ("hedge", Box::new(hedge)),
        ("rate_limit", Box::new(limit.limit(inner.clone()))),
        ("failover", Box::new(failover)),
        ("timeout", Box::new(timeout)),
    ];
    let expected = TypedDataOpening::from_json(PERMIT).unwrap();
    for (name, layer) in layers {
        let account = EthereumSigner::new(layer).unwrap();
        account.sign_typed_data_json(PERMIT).await.unwrap();
        let seen = std::mem::take(&mut *inner.1.lock().unwrap());
        assert_eq!(seen, std::slice::from_ref(&expected), "{name}");
    }
}
