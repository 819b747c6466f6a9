use alloy_consensus::{Transaction, TxLegacy};
use alloy_eips::{eip2718::Typed2718, eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, ChainId, TxKind, U256};
use alloy_rlp::BufMut;

use super::*;
use crate::{KeyType, provider::local::LocalSigner};

/// A legacy transaction whose signing hash is not that of its signing encoding, as chains with
/// transaction types of their own may have.
#[derive(Debug)]
struct Foreign(TxLegacy);

impl Typed2718 for Foreign {
    fn ty(&self) -> u8 {
        0x71
    }
}

macro_rules! delegate {
    ($($name:ident($($argument:ident: $type:ty)?) -> $returned:ty;)+) => {
        impl Transaction for Foreign {$(
            fn $name(&self $(, $argument: $type)?) -> $returned {
                self.0.$name($($argument)?)
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
        SignableTransaction::<Signature>::set_chain_id(&mut self.0, chain_id);
    }

    fn encode_for_signing(&self, out: &mut dyn BufMut) {
        SignableTransaction::<Signature>::encode_for_signing(&self.0, out);
    }

    fn payload_len_for_signature(&self) -> usize {
        SignableTransaction::<Signature>::payload_len_for_signature(&self.0)
    }

    fn signature_hash(&self) -> B256 {
        B256::repeat_byte(0x71)
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
    let result = wallet.sign_signable(&mut Foreign(tx)).await;
    assert!(
        matches!(result, Err(Error::InvalidPayload { .. })),
        "{result:?}"
    );
}
