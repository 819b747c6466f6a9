//! The limit of an account to chains, by everything that signs.

use alloy_consensus::{SignableTransaction as _, Transaction as _, TxEip1559};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, U256};

use super::*;
use crate::chain::ethereum::tests::{
    eip155_transaction, eip155_wallet, one_of_each_type, untouchable,
};

#[tokio::test]
async fn another_chain_is_refused_before_the_key_store_is_asked() {
    let limited = [
        (untouchable().with_chain_id(1), "chain 1"),
        (untouchable().with_chain_ids([1, 5]), "chains 1, 5"),
        (untouchable().with_chain_ids([]), "no chain at all"),
    ];
    for (wallet, chain_ids) in limited {
        for tx in one_of_each_type(137) {
            match wallet.sign_typed_transaction(tx).await {
                Err(error @ Error::Refused { .. }) => assert_eq!(
                    error.to_string(),
                    format!(
                        "chain limit rejected the request (chain_id): it is for chain 137 and the \
                         signer is limited to {chain_ids}; correct the chain id, or allow it on the \
                         signer"
                    )
                ),
                other => panic!("{other:?}"),
            }
        }
        let authorization = Authorization {
            chain_id: U256::from(137),
            address: Address::ZERO,
            nonce: 0,
        };
        // Chain 0 is every chain.
        for chain_id in [U256::from(137), U256::ZERO] {
            let authorization = Authorization {
                chain_id,
                ..authorization.clone()
            };
            let result = wallet.sign_authorization(authorization).await;
            assert!(
                matches!(&result, Err(Error::Refused { rule, .. }) if rule == "chain_id"),
                "{result:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_legacy_transaction_without_chain_id_depends_on_the_limit() {
    // No limit: signed as it is, valid on every chain.
    let signed = eip155_wallet()
        .sign_typed_transaction(eip155_transaction(None))
        .await
        .unwrap();
    assert_eq!(signed.envelope.chain_id(), None);
    // One chain: given that chain id, as alloy's signers do.
    let wallet = eip155_wallet().with_chain_id(1);
    let signed = wallet
        .sign_typed_transaction(eip155_transaction(None))
        .await
        .unwrap();
    assert_eq!(signed.envelope.chain_id(), Some(1));
    // A list: refused, even with 0 on it, which is the id of a chain that is not in use.
    for list in [vec![1, 5], vec![0, 1]] {
        let wallet = untouchable().with_chain_ids(list);
        let result = wallet
            .sign_typed_transaction(eip155_transaction(None))
            .await;
        let error = result.unwrap_err();
        assert!(
            matches!(&error, Error::Refused { reason, .. } if reason.contains("every chain at once")),
            "{error}"
        );
    }
}

/// A forgotten chain id is 0, which is not "every chain".
#[tokio::test]
async fn a_typed_transaction_with_chain_id_0_asks_for_chain_0() {
    let wallet = untouchable().with_chain_id(1);
    let error = wallet.sign_eip1559(TxEip1559::default()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused { reason, .. } if reason.contains("for chain 0 ")),
        "{error}"
    );
}

#[tokio::test]
async fn the_signer_takes_note_of_what_is_refused() {
    let wallet = untouchable().with_chain_ids([1, 5]);
    let tx = eip155_transaction(Some(137));
    let preimage = tx.encoded_for_signing();
    wallet.sign_typed_transaction(tx).await.unwrap_err();
    assert_eq!(wallet.refusals(), [("chain_id", Some(preimage))]);

    let authorization = Authorization {
        chain_id: U256::ZERO,
        address: Address::repeat_byte(7),
        nonce: 0,
    };
    // 05 ‖ rlp([chain id 0, address, nonce 0]).
    let preimage = [&[0x05, 0xd7, 0x80, 0x94], &[7; 20][..], &[0x80]].concat();
    wallet.sign_authorization(authorization).await.unwrap_err();
    assert_eq!(wallet.refusals(), [("chain_id", Some(preimage))]);
}

#[cfg(feature = "alloy")]
mod through_alloy {
    use alloy_network::TxSigner;
    use alloy_primitives::{B256, keccak256};
    use alloy_signer::Signer as AlloySigner;

    use super::*;

    #[tokio::test]
    async fn typed_data_for_another_chain_is_refused() {
        use alloy_sol_types::{Eip712Domain, sol};
        sol! {
            struct Permit {
                address owner;
            }
        }
        let permit = Permit {
            owner: Address::ZERO,
        };
        let domain = |chain_id: Option<U256>| Eip712Domain {
            chain_id,
            ..Default::default()
        };
        let beyond = U256::from(1u128 << 64);
        for wallet in [
            eip155_wallet().with_chain_id(5),
            eip155_wallet().with_chain_ids([5, 6]),
        ] {
            // No chain is named, as in a message.
            for chain_id in [Some(U256::from(5)), None] {
                let result = wallet.sign_typed_data(&permit, &domain(chain_id)).await;
                result.unwrap();
            }
            let foreign = domain(Some(U256::from(9)));
            let result = wallet.sign_typed_data(&permit, &foreign);
            let result = result.await;
            assert!(
                matches!(&result, Err(Error::Refused { reason, .. }) if reason.contains("for chain 9 ")),
                "{result:?}"
            );
            let foreign = domain(Some(beyond));
            let result = wallet.sign_typed_data(&permit, &foreign);
            assert!(matches!(result.await, Err(Error::InvalidPayload { .. })));

            let json = r#"{
                "types": {
                    "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
                    "Permit": [{"name": "owner", "type": "address"}]
                },
                "primaryType": "Permit",
                "domain": {"chainId": 9},
                "message": {"owner": "0x0000000000000000000000000000000000000000"}
            }"#;
            let payload: alloy_dyn_abi::TypedData = serde_json::from_str(json).unwrap();
            let result = wallet.sign_dynamic_typed_data(&payload).await;
            assert!(
                matches!(&result, Err(Error::Refused { rule, .. }) if rule == "chain_id"),
                "{result:?}"
            );
        }
        let unlimited = eip155_wallet();
        for chain_id in [U256::from(9), beyond] {
            let domain = domain(Some(chain_id));
            unlimited.sign_typed_data(&permit, &domain).await.unwrap();
        }
    }

    /// alloy's own way to sign an authorization is `sign_hash(&authorization.signature_hash())`.
    #[tokio::test]
    async fn a_limited_signer_refuses_bare_hashes_unless_they_are_allowed() {
        let authorization = Authorization {
            chain_id: U256::ZERO,
            address: Address::repeat_byte(1),
            nonce: 0,
        };
        let hash = authorization.signature_hash();
        for wallet in [
            untouchable().with_chain_id(1),
            untouchable().with_chain_ids([1, 5]),
            untouchable().with_chain_ids([]),
        ] {
            let error = wallet.sign_hash(&hash).await.unwrap_err();
            let error = Error::from_alloy(&error).unwrap();
            assert!(
                matches!(error, Error::Refused { rule, .. } if rule == "bare_hash"),
                "{error:?}"
            );
            assert!(!error.is_retryable());
            for name in ["sign_authorization", "allow_bare_hashes"] {
                assert!(error.to_string().contains(name), "{error}");
            }
            assert_eq!(wallet.refusals(), [("bare_hash", None)]);
        }
        for wallet in [
            eip155_wallet(),
            eip155_wallet().with_chain_id(1).allow_bare_hashes(),
            eip155_wallet().allow_bare_hashes().with_chain_ids([1, 5]),
        ] {
            let signature = wallet.sign_hash(&hash).await.unwrap();
            let signed = authorization.clone().into_signed(signature);
            assert_eq!(signed.recover_authority().unwrap(), wallet.address());
        }
        // Every other method is still limited.
        let wallet = untouchable().with_chain_id(1).allow_bare_hashes();
        let result = wallet.sign_authorization(authorization).await;
        assert!(
            matches!(&result, Err(Error::Refused { rule, .. }) if rule == "chain_id"),
            "{result:?}"
        );
    }

    #[tokio::test]
    async fn the_signer_takes_note_of_refused_typed_data() {
        use alloy_sol_types::{Eip712Domain, SolStruct as _, sol};
        sol! {
            struct Permit { address owner; }
        }
        let wallet = untouchable().with_chain_id(1);
        let permit = Permit {
            owner: Address::ZERO,
        };
        let domain = Eip712Domain {
            chain_id: Some(U256::from(9)),
            ..Default::default()
        };
        wallet.sign_typed_data(&permit, &domain).await.unwrap_err();
        let (separator, hash): (B256, B256) = (domain.separator(), permit.eip712_hash_struct());
        let preimage = [&[0x19, 0x01], &separator[..], &hash[..]].concat();
        assert_eq!(wallet.refusals(), [("chain_id", Some(preimage))]);
    }

    /// What a signer signs after alloy's `set_chain_id`: chain ids, or every chain.
    #[tokio::test]
    async fn alloy_narrows_a_limit_and_never_widens_it() {
        const ASKED: [Option<u64>; 4] = [Some(1), Some(5), Some(6), None];
        let unlimited = || eip155_wallet();
        let one = || eip155_wallet().with_chain_id(5);
        let list = || eip155_wallet().with_chain_ids([5, 6]);
        let none = || eip155_wallet().with_chain_ids([]);
        type Ids<'a> = &'a [Option<u64>];
        let cases: [(fn() -> _, Ids<'_>, _, Ids<'_>); 11] = [
            (unlimited, &[None], None, &ASKED),
            (unlimited, &[Some(5)], Some(5), &[Some(5)]),
            // Once narrowed, that is the limit.
            (unlimited, &[Some(5), Some(6)], None, &[]),
            (unlimited, &[Some(5), None], Some(5), &[Some(5)]),
            (one, &[Some(5)], Some(5), &[Some(5)]),
            (one, &[None], Some(5), &[Some(5)]),
            (one, &[Some(6)], None, &[]),
            (list, &[Some(6)], Some(6), &[Some(6)]),
            (list, &[None], None, &[Some(5), Some(6)]),
            (list, &[Some(1)], None, &[]),
            (none, &[Some(1)], None, &[]),
        ];
        for (index, (wallet, set, chain_id, signed)) in cases.into_iter().enumerate() {
            let mut wallet = wallet();
            for chain_id in set {
                wallet.set_chain_id(*chain_id);
            }
            assert_eq!(AlloySigner::chain_id(&wallet), chain_id, "case {index}");
            for asked in ASKED {
                let mut tx = eip155_transaction(asked);
                let result = wallet.sign_transaction(&mut tx).await;
                // A legacy transaction without a chain id gets the only one there is.
                let expected = match (asked, chain_id) {
                    (None, Some(_)) => true,
                    _ => signed.contains(&asked),
                };
                assert_eq!(result.is_ok(), expected, "case {index}: {asked:?}");
                if expected {
                    assert_eq!(tx.chain_id(), asked.or(chain_id), "case {index}");
                }
            }
            let is_unlimited = signed.contains(&None);
            let result = wallet.sign_hash(&keccak256("hash")).await;
            assert_eq!(result.is_ok(), is_unlimited, "case {index}");
        }
        // The account's own methods replace a limit.
        let mut wallet = list();
        wallet.set_chain_id(Some(1));
        let wallet = wallet.with_chain_id(1);
        assert_eq!(AlloySigner::chain_id(&wallet), Some(1));
    }
}
