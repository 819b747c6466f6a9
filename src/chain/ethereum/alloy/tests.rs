use alloy_consensus::{TxEnvelope, TypedTransaction};
use alloy_network::{EthereumWallet, NetworkWallet, TxSigner};
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
    let from_wallet: TxEnvelope =
        NetworkWallet::<alloy_network::Ethereum>::sign_transaction(&wallet, tx.clone())
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
            Error::ChainIdRefused {
                requested: Some(5),
                ..
            }
        ),
        "{error}"
    );
    let foreign = alloy_signer::Error::message("not ours");
    assert!(Error::from_alloy(&foreign).is_none());
}

/// alloy's provider wraps the wallet's error, which wraps the signer's, which wraps ours.
#[test]
fn the_error_comes_back_out_of_every_wrapper() {
    use alloy_network::{AnyNetwork, Ethereum, TransactionBuilderError};
    let ours = || alloy_signer::Error::other(Error::InvalidDigestLength { actual: 31 });
    let wrapped: [Box<dyn std::error::Error>; 3] = [
        Box::new(Error::InvalidDigestLength { actual: 31 }),
        Box::new(TransactionBuilderError::<Ethereum>::Signer(ours())),
        Box::new(TransactionBuilderError::<AnyNetwork>::Signer(ours())),
    ];
    for error in wrapped {
        let found = Error::from_alloy(&*error);
        assert!(
            matches!(found, Some(Error::InvalidDigestLength { actual: 31 })),
            "{error:?}"
        );
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
