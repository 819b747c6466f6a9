use alloy_consensus::{Transaction, TxLegacy};
use alloy_eips::{eip2718::Typed2718, eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, ChainId, TxKind, U256};
use alloy_rlp::BufMut;

use super::*;
use crate::{KeyType, chain::ethereum::tests::untouchable, provider::local::LocalSigner};

/// A legacy transaction with what the transaction types of other chains may have: a signing hash
/// that is not that of the signing encoding, or no place for a chain id.
#[derive(Debug, Default)]
struct Foreign {
    tx: TxLegacy,
    hash: Option<B256>,
    takes_no_chain_id: bool,
}

impl Typed2718 for Foreign {
    fn ty(&self) -> u8 {
        0x71
    }
}

macro_rules! delegate {
    ($($name:ident($($argument:ident: $type:ty)?) -> $returned:ty;)+) => {
        impl Transaction for Foreign {$(
            fn $name(&self $(, $argument: $type)?) -> $returned {
                self.tx.$name($($argument)?)
            }
        )+}
    };
}

delegate! {
    chain_id() -> Option<ChainId>;
    nonce() -> u64;
    gas_limit() -> u64;
    gas_price() -> Option<u128>;
    max_fee_per_gas() -> u128;
    max_priority_fee_per_gas() -> Option<u128>;
    max_fee_per_blob_gas() -> Option<u128>;
    priority_fee_or_price() -> u128;
    effective_gas_price(base_fee: Option<u64>) -> u128;
    is_dynamic_fee() -> bool;
    kind() -> TxKind;
    is_create() -> bool;
    value() -> U256;
    input() -> &Bytes;
    access_list() -> Option<&AccessList>;
    blob_versioned_hashes() -> Option<&[B256]>;
    authorization_list() -> Option<&[SignedAuthorization]>;
}

impl SignableTransaction<Signature> for Foreign {
    fn set_chain_id(&mut self, chain_id: ChainId) {
        if !self.takes_no_chain_id {
            SignableTransaction::<Signature>::set_chain_id(&mut self.tx, chain_id);
        }
    }

    fn encode_for_signing(&self, out: &mut dyn BufMut) {
        SignableTransaction::<Signature>::encode_for_signing(&self.tx, out);
    }

    fn payload_len_for_signature(&self) -> usize {
        SignableTransaction::<Signature>::payload_len_for_signature(&self.tx)
    }

    fn signature_hash(&self) -> B256 {
        let encoding = SignableTransaction::<Signature>::encoded_for_signing(self);
        self.hash.unwrap_or_else(|| keccak256(encoding))
    }
}

#[tokio::test]
async fn a_type_with_a_hash_of_its_own_is_refused() {
    let signer = LocalSigner::random(KeyType::Secp256k1).unwrap();
    let wallet = EthereumSigner::new(signer).unwrap();
    let mut tx = TxLegacy {
        to: TxKind::Call(Address::ZERO),
        ..Default::default()
    };
    wallet.sign_signable(&mut tx).await.unwrap();
    let mut foreign = Foreign {
        tx,
        ..Default::default()
    };
    wallet.sign_signable(&mut foreign).await.unwrap();
    foreign.hash = Some(B256::repeat_byte(0x71));
    let wallet = untouchable();
    let result = wallet.sign_signable(&mut foreign).await;
    assert!(
        matches!(result, Err(Error::InvalidPayload { .. })),
        "{result:?}"
    );
    let encoding = SignableTransaction::<Signature>::encoded_for_signing(&foreign);
    assert_eq!(wallet.refusals(), [("invalid_payload", Some(encoding))]);
}

/// Its signature would be valid on every chain.
#[tokio::test]
async fn a_type_without_a_place_for_the_chain_id_is_refused_under_a_limit() {
    let foreign = || Foreign {
        takes_no_chain_id: true,
        ..Default::default()
    };
    let signer = LocalSigner::random(KeyType::Secp256k1).unwrap();
    let unlimited = EthereumSigner::new(signer).unwrap();
    unlimited.sign_signable(&mut foreign()).await.unwrap();
    for limited in [
        unlimited.clone().with_chain_id(1),
        unlimited.with_chain_ids([1]),
    ] {
        let result = limited.sign_signable(&mut foreign()).await;
        assert!(
            matches!(
                &result,
                Err(Error::Refused { reason, .. }) if reason.contains("every chain at once")
            ),
            "{result:?}"
        );
    }
}
