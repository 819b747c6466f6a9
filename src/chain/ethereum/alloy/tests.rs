use alloy_consensus::{TxEnvelope, TypedTransaction};
use alloy_network::{
    AnyNetwork, AnyTypedTransaction, Ethereum, EthereumWallet, Network,
    NetworkTransactionBuilder as _, NetworkWallet, TransactionBuilderError, TxSigner,
    UnknownTypedTransaction,
};
use alloy_primitives::keccak256;
use alloy_signer::Signer as AlloySigner;

use super::*;
use crate::chain::ethereum::tests::{eip155_transaction, eip155_wallet};

#[tokio::test]
async fn every_sign_method_recovers_to_the_address() {
    let wallet = eip155_wallet();
    let alloy: &(dyn AlloySigner + Send + Sync) = &wallet;
    let hash = keccak256("hash");
    let signature = alloy.sign_hash(&hash).await.unwrap();
    assert_eq!(
        signature.recover_address_from_prehash(&hash).unwrap(),
        alloy.address()
    );
    let signature = alloy.sign_message(b"message").await.unwrap();
    assert_eq!(
        signature.recover_address_from_msg(b"message").unwrap(),
        alloy.address()
    );
}

#[tokio::test]
async fn a_wallet_signs_what_the_signer_signs() {
    let signer = eip155_wallet();
    let wallet = EthereumWallet::from(signer.clone());
    let tx: TypedTransaction = eip155_transaction(Some(1)).into();
    let from_wallet: TxEnvelope = NetworkWallet::<Ethereum>::sign_transaction(&wallet, tx.clone())
        .await
        .unwrap();
    let direct = signer.sign_typed_transaction(tx).await.unwrap();
    assert_eq!(from_wallet, direct.envelope);
}

#[tokio::test]
async fn the_error_comes_back_out_of_alloy() {
    let signer = eip155_wallet().with_chain_id(1);
    let mut tx = eip155_transaction(Some(5));
    let error = TxSigner::sign_transaction(&signer, &mut tx)
        .await
        .unwrap_err();
    let error = Error::from_alloy(&error).unwrap();
    assert!(
        matches!(
            error,
            Error::Refused { rule, reason, .. }
                if rule == "chain_id" && reason.contains("for chain 5 ")
        ),
        "{error}"
    );
    let foreign = alloy_signer::Error::message("not ours");
    assert!(Error::from_alloy(&foreign).is_none());
}

/// Any network's `TransactionBuilderError`: transparent, and of a type unknown to this crate.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct OfAForeignNetwork(alloy_signer::Error);

/// alloy's provider wraps the wallet's error, which wraps the signer's, which wraps ours.
#[tokio::test]
async fn the_error_comes_back_out_of_every_wrapper() {
    let signer = eip155_wallet().with_chain_id(1);
    let mut of_signer = Vec::new();
    for _ in 0..4 {
        let mut tx = eip155_transaction(Some(5));
        of_signer.push(
            TxSigner::sign_transaction(&signer, &mut tx)
                .await
                .unwrap_err(),
        );
    }
    let mut next = || of_signer.pop().unwrap();
    let wrapped: [Box<dyn StdError>; 6] = [
        Box::new(next()),
        Box::new(TransactionBuilderError::<Ethereum>::Signer(next())),
        Box::new(TransactionBuilderError::<AnyNetwork>::Signer(next())),
        Box::new(OfAForeignNetwork(next())),
        // A signer that is not alloy's may box it as it is.
        Box::new(refused()),
        Box::new(alloy_signer::Error::other(refused())),
    ];
    for error in wrapped {
        let found = Error::from_alloy(&*error);
        assert!(matches!(found, Some(Error::Refused { .. })), "{error:?}");
        assert_eq!(error.to_string(), refused().to_string());
    }
}

fn refused() -> Error {
    let limit = crate::chain::ethereum::chain_ids::ChainIds::from(Some(1));
    limit.check(Some(5)).unwrap_err()
}

/// The whole way: a request of either network, its builder, a wallet, and the signer.
#[tokio::test]
async fn the_error_comes_back_out_of_a_wallet_of_either_network() {
    async fn check<N: Network>(tx: N::UnsignedTx)
    where
        EthereumWallet: NetworkWallet<N>,
    {
        let wallet = EthereumWallet::from(eip155_wallet().with_chain_id(1));
        let request = N::TransactionRequest::from(tx);
        let error = request.build(&wallet).await.err().unwrap();
        let found = Error::from_alloy(&error);
        assert!(matches!(found, Some(Error::Refused { .. })), "{error:?}");
    }
    let tx = TypedTransaction::from(eip155_transaction(Some(5)));
    check::<Ethereum>(tx.clone()).await;
    check::<AnyNetwork>(tx.into()).await;
}

/// alloy itself panics when it encodes such a transaction.
#[tokio::test]
async fn a_transaction_of_a_type_that_alloy_does_not_know_is_refused() {
    let json = serde_json::json!({"type": "0x7e", "nonce": "0x0", "gas": "0x0", "input": "0x"});
    let unknown: UnknownTypedTransaction = serde_json::from_value(json).unwrap();
    for signer in [
        eip155_wallet(),
        eip155_wallet().with_chain_id(1),
        eip155_wallet().with_chain_ids([1]),
    ] {
        let wallet = EthereumWallet::from(signer.clone());
        let tx = AnyTypedTransaction::Unknown(unknown.clone());
        let error = NetworkWallet::<AnyNetwork>::sign_transaction(&wallet, tx)
            .await
            .unwrap_err();
        let error = Error::from_alloy(&error).unwrap();
        assert!(matches!(error, Error::InvalidPayload { .. }), "{error:?}");
        let source = error.source().unwrap().to_string();
        assert!(source.contains("0x7e"), "{source}");
        // One that it knows is signed.
        let tx = TypedTransaction::from(eip155_transaction(Some(1)));
        let mut tx = AnyTypedTransaction::Ethereum(tx);
        signer.sign_transaction(&mut tx).await.unwrap();
    }
}

#[test]
fn the_chain_id_is_that_of_alloy() {
    let mut signer = eip155_wallet();
    assert_eq!(AlloySigner::chain_id(&signer), None);
    AlloySigner::set_chain_id(&mut signer, Some(5));
    assert_eq!(AlloySigner::chain_id(&signer), Some(5));
    // The same call compiles against alloy's trait, which narrows, and against the inherent method,
    // which replaces.
    let signer = AlloySigner::with_chain_id(signer, Some(5)).with_chain_id(Some(7));
    assert_eq!(AlloySigner::chain_id(&signer), Some(7));
    assert_eq!(AlloySigner::chain_id(&signer.with_chain_ids([1, 2])), None);
}
