use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy, TypedTransaction,
    transaction::SignerRecoverable as _,
};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{TxKind, U256, address, b256, bytes, hex};

use super::*;
use crate::{Signed, provider::local::LocalSigner};

pub(super) fn wallet(secret: &str) -> EthereumSigner<LocalSigner> {
    let secret = hex::decode(secret).unwrap();
    let signer = LocalSigner::from_bytes(KeyType::Secp256k1, &secret).unwrap();
    EthereumSigner::new(signer).unwrap()
}

/// EIP-155's example key: 32 bytes of 0x46.
pub(super) fn eip155_wallet() -> EthereumSigner<LocalSigner> {
    wallet(&"46".repeat(32))
}

pub(super) fn eip155_transaction(chain_id: Option<u64>) -> TxLegacy {
    TxLegacy {
        chain_id,
        nonce: 9,
        gas_price: 20_000_000_000,
        gas_limit: 21_000,
        to: TxKind::Call(address!("3535353535353535353535353535353535353535")),
        value: U256::from(10u64).pow(U256::from(18)),
        input: Default::default(),
    }
}

/// web3.js 1.x documentation (`web3.eth.accounts`), go-ethereum's `crypto` test key, and EIP-155.
#[test]
fn known_keys_have_their_known_addresses() {
    for (secret, address) in [
        (
            "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
            "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23",
        ),
        (
            "289c2857d4598e37fb9647507e47a309d6133539bf21a8b9cb6df88fd5232032",
            "0x970E8128AB834E8EAC17Ab8E3812F010678CF791",
        ),
        (
            &"46".repeat(32),
            "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F",
        ),
    ] {
        assert_eq!(wallet(secret).address().to_string(), address);
    }
}

/// The public key of `src/verifier/tests.rs`, made with OpenSSL; its address by eth-keys (PyPI).
#[test]
fn an_exported_public_key_has_the_address_that_eth_keys_gives() {
    let spki = hex!(
        "3056301006072a8648ce3d020106052b8104000a0342000458164ed32025bc612716810e64def6183aa7c651"
        "d268031c491c6af1a6f49e67dc65c7b24e7fa6a35a2676b5fd4c80c5f68cc44d13e2ac0c47dc7a680c975752"
    );
    let public_key = PublicKey::from_spki_der(&spki).unwrap();
    assert_eq!(
        address_of(&public_key).unwrap().to_string(),
        "0x55A504470D4b43C5C36bf2B1ec45e7194C5A9b55"
    );
}

#[test]
fn a_key_on_another_curve_is_refused() {
    for key_type in [KeyType::P256, KeyType::Ed25519] {
        let result = EthereumSigner::new(LocalSigner::random(key_type).unwrap());
        match result {
            Err(Error::KeyTypeMismatch { expected, actual }) => {
                assert_eq!((expected, actual), (KeyType::Secp256k1, key_type));
            }
            other => panic!("{key_type}: {other:?}"),
        }
    }
}

/// The example of EIP-155, complete: address, signing hash, v, r, s and raw bytes.
#[tokio::test]
async fn eip_155_example() {
    let tx = eip155_transaction(Some(1));
    assert_eq!(
        tx.signature_hash(),
        b256!("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53")
    );
    let signed = eip155_wallet().sign_typed_transaction(tx).await.unwrap();
    assert_eq!(
        signed.raw,
        bytes!(
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080"
            "25a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
            "a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
        )
    );
    assert_eq!(signed.hash, keccak256(&signed.raw));
    let v = V::Eip155 { chain_id: 1 };
    assert_eq!(to_rsv(signed.envelope.signature(), v).unwrap()[64], 37);
}

/// web3.js 1.x documentation, `web3.eth.accounts.sign("Some data", …)`.
#[tokio::test]
async fn eip_191_vector_of_web3_js() {
    let wallet = wallet("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318");
    let signature = wallet.sign_message(b"Some data").await.unwrap().signature;
    assert_eq!(
        hex::encode(to_rsv(&signature, V::Electrum).unwrap()),
        "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd\
         6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
    );
}

pub(super) fn one_of_each_type(chain_id: u64) -> Vec<TypedTransaction> {
    let to = address!("3535353535353535353535353535353535353535");
    let authorization = Authorization {
        chain_id: U256::from(chain_id),
        address: to,
        nonce: 0,
    };
    let authorization = authorization.into_signed(Signature::test_signature());
    vec![
        TxLegacy {
            chain_id: Some(chain_id),
            ..Default::default()
        }
        .into(),
        TxEip2930 {
            chain_id,
            ..Default::default()
        }
        .into(),
        TxEip1559 {
            chain_id,
            ..Default::default()
        }
        .into(),
        TxEip4844 {
            chain_id,
            to,
            ..Default::default()
        }
        .into(),
        TxEip7702 {
            chain_id,
            to,
            authorization_list: vec![authorization],
            ..Default::default()
        }
        .into(),
    ]
}

#[tokio::test]
async fn every_type_is_signed_over_its_own_hash_and_recovers_to_the_sender() {
    let wallet = eip155_wallet();
    for tx in one_of_each_type(137) {
        let hash = tx.signature_hash();
        let signed = wallet.sign_typed_transaction(tx).await.unwrap();
        let recovered = signed
            .envelope
            .signature()
            .recover_address_from_prehash(&hash)
            .unwrap();
        assert_eq!(
            recovered,
            wallet.address(),
            "{:?}",
            signed.envelope.tx_type()
        );
        assert_eq!(signed.from, wallet.address());
        assert_eq!(signed.envelope.recover_signer().unwrap(), signed.from);
        assert_eq!(
            signed.hash,
            keccak256(&signed.raw),
            "{:?}",
            signed.envelope.tx_type()
        );
        assert!(
            signed.envelope.signature().normalize_s().is_none(),
            "s is high"
        );
    }
}

/// A signer that fails the test when it is asked: what is refused must be refused before. It keeps
/// what it is to take note of.
#[derive(Debug)]
pub(super) struct Untouchable {
    key: PublicKey,
    refusals: std::sync::Mutex<Vec<Refusal>>,
}

/// The rule, or else the kind of the error, and what would have been signed.
pub(super) type Refusal = (&'static str, Option<Vec<u8>>);

#[async_trait::async_trait]
impl Signer for Untouchable {
    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        panic!("the key store was asked to sign {request:?}");
    }

    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        let preimage = request.preimage().map(<[u8]>::to_vec);
        let name = match error.rule() {
            Some("chain_id") => "chain_id",
            Some("bare_hash") => "bare_hash",
            _ => error.name(),
        };
        self.refusals.lock().unwrap().push((name, preimage));
    }
}

pub(super) fn untouchable() -> EthereumSigner<Untouchable> {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    EthereumSigner::new(Untouchable {
        key: key.public_key().clone(),
        refusals: Default::default(),
    })
    .unwrap()
}

impl EthereumSigner<Untouchable> {
    /// The refusals since the last time.
    pub(super) fn refusals(&self) -> Vec<Refusal> {
        std::mem::take(&mut *self.signer.refusals.lock().unwrap())
    }
}

/// 2^64 + 1 must not pass for 1.
#[tokio::test]
async fn an_authorization_for_a_chain_id_of_more_than_64_bits_is_refused() {
    for wallet in [untouchable(), untouchable().with_chain_id(1)] {
        for chain_id in [
            U256::from(1u128 << 64),
            U256::from((1u128 << 64) + 1),
            U256::MAX,
        ] {
            let authorization = Authorization {
                chain_id,
                address: Address::ZERO,
                nonce: 0,
            };
            let hash = authorization.signature_hash();
            let result = wallet.sign_authorization(authorization).await;
            assert!(
                matches!(result, Err(Error::InvalidPayload { .. })),
                "{result:?}"
            );
            let refusals = wallet.refusals();
            let [("invalid_payload", Some(preimage))] = refusals.as_slice() else {
                panic!("{refusals:?}");
            };
            assert_eq!(keccak256(preimage), hash);
        }
    }
}

/// alloy computes the hash and recovers; nonce 0 and chain 0 are where others have erred.
#[tokio::test]
async fn authorizations_recover_to_the_authority() {
    let wallet = eip155_wallet();
    for chain_id in [0, 1, u64::MAX] {
        for nonce in [0, 1, 127, 128, u64::MAX] {
            let authorization = Authorization {
                chain_id: U256::from(chain_id),
                address: address!("3535353535353535353535353535353535353535"),
                nonce,
            };
            let signed = wallet
                .sign_authorization(authorization.clone())
                .await
                .unwrap();
            let signed = signed.authorization;
            assert_eq!(signed.recover_authority().unwrap(), wallet.address());
            assert_eq!(signed.inner(), &authorization);
        }
    }
}

#[test]
fn v_has_three_encodings() {
    let [even, odd] = [false, true]
        .map(|y_is_odd| Signature::new(U256::from(0x11u64), U256::from(0x22u64), y_is_odd));
    for (v, expected) in [
        (V::Parity, [0, 1]),
        (V::Electrum, [27, 28]),
        (V::Eip155 { chain_id: 1 }, [37, 38]),
        (V::Eip155 { chain_id: 109 }, [253, 254]),
    ] {
        for (signature, expected) in [even, odd].iter().zip(expected) {
            let bytes = to_rsv(signature, v).unwrap();
            assert_eq!(
                (bytes[31], bytes[63], bytes[64]),
                (0x11, 0x22, expected),
                "{v:?}"
            );
            assert!(
                bytes[..31]
                    .iter()
                    .chain(&bytes[32..63])
                    .all(|byte| *byte == 0)
            );
        }
    }
    // 110 × 2 + 35 = 255 is the last that fits, and only with an even y.
    assert_eq!(to_rsv(&even, V::Eip155 { chain_id: 110 }).unwrap()[64], 255);
    for (signature, chain_id) in [(odd, 110), (even, 111), (even, 137), (even, u64::MAX)] {
        let result = to_rsv(&signature, V::Eip155 { chain_id });
        assert!(
            matches!(result, Err(Error::UnencodableSignature { .. })),
            "{chain_id}"
        );
    }
    assert_eq!(V::Eip155 { chain_id: 137 }.value(true), Some(310));
    assert_eq!(V::Eip155 { chain_id: u64::MAX }.value(false), None);
}

/// Signs with a local key and remembers the preimages it was shown.
#[derive(Debug)]
struct Recorder {
    key: LocalSigner,
    preimages: std::sync::Mutex<Vec<Option<Vec<u8>>>>,
}

#[async_trait::async_trait]
impl Signer for Recorder {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let preimage = request.preimage().map(<[u8]>::to_vec);
        self.preimages.lock().unwrap().push(preimage);
        self.key.sign(request).await
    }
}

fn recorder() -> EthereumSigner<Recorder> {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    EthereumSigner::new(Recorder {
        key,
        preimages: Default::default(),
    })
    .unwrap()
}

impl EthereumSigner<Recorder> {
    #[track_caller]
    fn assert_shown(&self, expected: Option<Vec<u8>>) {
        let shown = std::mem::take(&mut *self.signer.preimages.lock().unwrap());
        assert_eq!(shown, [expected]);
    }
}

/// What a policy will judge: the very bytes of each standard.
#[tokio::test]
async fn every_method_shows_the_signer_its_preimage() {
    let wallet = recorder();

    wallet.sign_message(b"hello").await.unwrap();
    wallet.assert_shown(Some(b"\x19Ethereum Signed Message:\n5hello".to_vec()));

    for tx in one_of_each_type(1) {
        wallet.sign_typed_transaction(tx.clone()).await.unwrap();
        wallet.assert_shown(Some(tx.encoded_for_signing()));
    }
    let tx = TxEip1559 {
        chain_id: 1,
        ..Default::default()
    };
    wallet.sign_eip1559(tx.clone()).await.unwrap();
    wallet.assert_shown(Some(tx.encoded_for_signing()));

    // EIP-7702: 05 ‖ rlp([chain id 1, address, nonce 0]).
    let authorization = Authorization {
        chain_id: U256::from(1),
        address: Address::repeat_byte(7),
        nonce: 0,
    };
    wallet.sign_authorization(authorization).await.unwrap();
    let address = [7; 20];
    wallet.assert_shown(Some(
        [&[0x05, 0xd7, 0x01, 0x94], &address[..], &[0x80]].concat(),
    ));
}

#[cfg(feature = "alloy")]
#[tokio::test]
async fn every_method_of_alloy_shows_the_signer_its_preimage_but_sign_hash() {
    use alloy_dyn_abi::TypedData;
    use alloy_network::TxSigner;
    use alloy_signer::Signer as AlloySigner;
    use alloy_sol_types::{SolStruct as _, eip712_domain, sol};

    sol! {
        #[derive(serde::Serialize)]
        struct Order { uint256 amount; }
    }
    let wallet = recorder();
    let order = Order {
        amount: U256::from(1),
    };
    let domain = eip712_domain! { name: "Gateway", chain_id: 1, };
    let typed_data = TypedData::from_struct(&order, Some(domain.clone()));
    let separator = domain.separator();
    let expected = [
        &[0x19, 0x01],
        separator.as_slice(),
        order.eip712_hash_struct().as_slice(),
    ]
    .concat();

    AlloySigner::sign_message(&wallet, b"hello").await.unwrap();
    wallet.assert_shown(Some(b"\x19Ethereum Signed Message:\n5hello".to_vec()));
    AlloySigner::sign_typed_data(&wallet, &order, &domain)
        .await
        .unwrap();
    wallet.assert_shown(Some(expected.clone()));
    AlloySigner::sign_dynamic_typed_data(&wallet, &typed_data)
        .await
        .unwrap();
    wallet.assert_shown(Some(expected.clone()));
    wallet.sign_typed_data(&order, &domain).await.unwrap();
    wallet.assert_shown(Some(expected.clone()));
    wallet.sign_dynamic_typed_data(&typed_data).await.unwrap();
    wallet.assert_shown(Some(expected));
    let mut tx = eip155_transaction(Some(1));
    TxSigner::sign_transaction(&wallet, &mut tx).await.unwrap();
    wallet.assert_shown(Some(tx.encoded_for_signing()));
    AlloySigner::sign_hash(&wallet, &keccak256("hash"))
        .await
        .unwrap();
    wallet.assert_shown(None);
}

/// Answers every request with one signature, whatever was asked.
#[derive(Debug)]
struct Canned(PublicKey, crate::Signature);

#[async_trait::async_trait]
impl Signer for Canned {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    async fn sign(&self, _: &SignRequest<'_>) -> Result<Signed> {
        Ok(Signed::new(self.1.clone(), Receipt::new("Sign", "canned")))
    }
}

/// r = 2 for a nonce point with x = n + 2, over the digest 42…42, and the key that makes it valid.
/// Computed as in `a_reduced_x_gives_recovery_ids_2_and_3` of the verifier.
#[tokio::test]
async fn a_signature_with_a_reduced_x_is_not_written_down() {
    use k256::elliptic_curve::{PrimeField as _, point::DecompressPoint as _};
    let order = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let digest = [0x42; 32];
    let (small, nonce_point) = (1u8..60)
        .find_map(|small| {
            let mut x = order;
            x[31] += small;
            let point = k256::AffinePoint::decompress(&x.into(), 0.into()).into_option()?;
            Some((small, point))
        })
        .unwrap();
    let (r, s) = (
        k256::Scalar::from(u64::from(small)),
        k256::Scalar::from(7u64),
    );
    let z = <k256::Scalar as k256::elliptic_curve::ops::Reduce<k256::FieldBytes>>::reduce(
        &digest.into(),
    );
    let public_point = (k256::ProjectivePoint::from(nonce_point) * s
        - k256::ProjectivePoint::GENERATOR * z)
        * r.invert().unwrap();
    let key = k256::PublicKey::from_affine(public_point.to_affine()).unwrap();
    let key = PublicKey::from_bytes(KeyType::Secp256k1, &key.to_sec1_bytes()).unwrap();
    let raw = [r.to_repr(), s.to_repr()].concat();
    let signature = crate::Verifier::new(key.clone())
        .accept(
            &crate::KeyInput::EcdsaPrehash(&digest),
            crate::RawSignature::Fixed(&raw),
        )
        .unwrap();

    let wallet = EthereumSigner::new(Canned(key, signature)).unwrap();
    let result = wallet.sign_message(b"anything").await;
    assert!(
        matches!(result, Err(Error::UnencodableSignature { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_signature_of_another_key_is_refused() {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    let request = SignRequest::keccak256(b"preimage");
    for other in [KeyType::Secp256k1, KeyType::P256] {
        let other = LocalSigner::random(other).unwrap();
        let foreign = other.sign(&request).await.unwrap().signature;
        let wallet = EthereumSigner::new(Canned(key.public_key().clone(), foreign)).unwrap();
        let error = wallet.sign_message(b"anything").await.unwrap_err();
        assert!(
            matches!(error, Error::SignedByAnotherKey { .. }),
            "{error:?}"
        );
        assert_eq!(error.receipt().unwrap().key(), "canned");
    }
}
