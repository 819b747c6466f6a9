use alloy_dyn_abi::eip712::Resolver;
use alloy_primitives::{Address, I256, U256, address};
use alloy_sol_types::{eip712_domain, private::SolTypeValue, sol};
use serde::Serialize;

use super::*;
use crate::{
    Error, KeyType, PublicKey, Signed, Signer,
    chain::ethereum::{EthereumSigner, tests::untouchable},
    provider::local::LocalSigner,
};

sol! {
    #[derive(Debug, PartialEq, Serialize)]
    struct Permit { address owner; address spender; uint256 value; uint256 nonce; uint256 deadline; }

    #[derive(Debug, Serialize)]
    struct Item { uint8 kind; int64 change; bool is_last; bytes4 selector; bytes data; }
    #[derive(Debug, Serialize)]
    struct Empties { string text; bytes data; Item[] items; }
    #[derive(Debug, Serialize)]
    struct Basket {
        Item first; Item[] items; Item[2][] pairs; uint48[3] fixed; int256[] changes; string[] texts;
        bytes32 salt; address to; string memo; Empties empties; int8 small; uint256 large;
    }
}

fn domain() -> Eip712Domain {
    eip712_domain! {
        name: "Token",
        version: "1",
        chain_id: 1,
        verifying_contract: address!("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"),
    }
}

fn permit(value: U256) -> Permit {
    Permit {
        owner: Address::repeat_byte(1),
        spender: Address::repeat_byte(2),
        value,
        nonce: U256::ZERO,
        deadline: U256::MAX,
    }
}

fn item(seed: u8, data: Vec<u8>, change: i64) -> Item {
    Item {
        kind: seed,
        change,
        is_last: seed % 2 == 1,
        selector: [seed, 0, 1, 2].into(),
        data: data.into(),
    }
}

/// A struct that shows one value and hashes another, each with hand-written methods.
macro_rules! lying {
    ($name:ident { $($method:item)* } of $honest:ty) => {
        struct $name($honest);

        lying!(@sol_type $name, $honest);

        impl SolStruct for $name {
            const NAME: &'static str = <$honest as SolStruct>::NAME;
            $($method)*
        }
    };
    (@sol_type $name:ident, $honest:ty) => {
        impl SolTypeValue<$name> for $name {
            fn stv_to_tokens(&self) -> <$name as SolType>::Token<'_> {
                SolTypeValue::<$honest>::stv_to_tokens(&self.0)
            }
            fn stv_abi_encode_packed_to(&self, out: &mut Vec<u8>) {
                SolTypeValue::<$honest>::stv_abi_encode_packed_to(&self.0, out)
            }
            fn stv_eip712_data_word(&self) -> B256 {
                SolTypeValue::<$honest>::stv_eip712_data_word(&self.0)
            }
        }

        impl SolType for $name {
            type RustType = Self;
            type Token<'a> = <$honest as SolType>::Token<'a>;
            const SOL_NAME: &'static str = <$honest as SolType>::SOL_NAME;
            const ENCODED_SIZE: Option<usize> = <$honest as SolType>::ENCODED_SIZE;
            const PACKED_ENCODED_SIZE: Option<usize> = None;
            fn valid_token(_: &Self::Token<'_>) -> bool {
                true
            }
            fn detokenize(token: Self::Token<'_>) -> Self {
                Self(<$honest as SolType>::detokenize(token))
            }
        }
    };
}

type Text = std::borrow::Cow<'static, str>;

fn unlimited() -> Permit {
    permit(U256::MAX)
}

lying!(LiesInData {
    fn eip712_components() -> Vec<Text> { Vec::new() }
    fn eip712_root_type() -> Text { Permit::eip712_root_type() }
    fn eip712_encode_data(&self) -> Vec<u8> { unlimited().eip712_encode_data() }
} of Permit);
lying!(LiesInHashStruct {
    fn eip712_components() -> Vec<Text> { Vec::new() }
    fn eip712_root_type() -> Text { Permit::eip712_root_type() }
    fn eip712_encode_data(&self) -> Vec<u8> { self.0.eip712_encode_data() }
    fn eip712_hash_struct(&self) -> B256 { unlimited().eip712_hash_struct() }
} of Permit);
lying!(LiesInSigningHash {
    fn eip712_components() -> Vec<Text> { Vec::new() }
    fn eip712_root_type() -> Text { Permit::eip712_root_type() }
    fn eip712_encode_data(&self) -> Vec<u8> { self.0.eip712_encode_data() }
    fn eip712_signing_hash(&self, domain: &Eip712Domain) -> B256 {
        unlimited().eip712_signing_hash(domain)
    }
} of Permit);
lying!(LiesInTypeHash {
    fn eip712_components() -> Vec<Text> { Vec::new() }
    fn eip712_root_type() -> Text { Permit::eip712_root_type() }
    fn eip712_encode_data(&self) -> Vec<u8> { self.0.eip712_encode_data() }
    fn eip712_type_hash(&self) -> B256 { keccak256("Transfer(address to)") }
} of Permit);
lying!(LiesInType {
    fn eip712_components() -> Vec<Text> { Vec::new() }
    fn eip712_root_type() -> Text { "Harmless(uint256 value)".into() }
    fn eip712_encode_data(&self) -> Vec<u8> { self.0.eip712_encode_data() }
} of Permit);
lying!(HasNoType {
    fn eip712_components() -> Vec<Text> { Vec::new() }
    fn eip712_root_type() -> Text { "1(".into() }
    fn eip712_encode_data(&self) -> Vec<u8> { self.0.eip712_encode_data() }
} of Permit);

// Its hash is honest, of a value that contracts cut to 1.
lying!(TooWide {
    fn eip712_components() -> Vec<Text> { Vec::new() }
    fn eip712_root_type() -> Text {
        Text::from(Permit::eip712_root_type().replace("uint256 value", "uint8 value"))
    }
    fn eip712_encode_data(&self) -> Vec<u8> { self.0.eip712_encode_data() }
} of Permit);

async fn assert_refused<T: SolStruct + Send + Sync>(payload: T, reason: &str, is_noted: bool) {
    let wallet = untouchable();
    let own = wallet.sign_typed_data(&payload, &domain()).await.err();
    let preimages = wallet.refusals();
    let through_alloy = alloy_signer::Signer::sign_typed_data(&wallet, &payload, &domain()).await;
    let through_alloy = through_alloy.unwrap_err();
    for error in [
        &own.unwrap(),
        Error::from_alloy(&through_alloy).unwrap(),
        &TypedDataOpening::from_struct(&payload, &domain()).unwrap_err(),
    ] {
        let Error::InvalidPayload { source, .. } = error else {
            panic!("{reason}: {error:?}");
        };
        assert!(source.to_string().contains(reason), "{source}");
        assert!(!error.is_retryable());
    }
    // What is noted is what the values hash to, not what the struct says.
    let honest = permit(U256::from(1)).eip712_hash_struct();
    match preimages.as_slice() {
        [("invalid_payload", Some(preimage))] if is_noted => {
            let separator = domain().separator();
            let expected = [&[0x19, 0x01], &separator[..], &honest[..]].concat();
            assert_eq!(preimage, &expected, "{reason}");
        }
        [] if !is_noted => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_struct_whose_hash_is_not_that_of_its_values_is_refused() {
    let shown = || permit(U256::from(1));
    let reason = "the signing hash of this SolStruct is not that of its values";
    assert_refused(LiesInData(shown()), reason, true).await;
    assert_refused(LiesInHashStruct(shown()), reason, true).await;
    assert_refused(LiesInSigningHash(shown()), reason, true).await;
    assert_refused(LiesInTypeHash(shown()), reason, true).await;
    assert_refused(HasNoType(shown()), "its encodeType is not one", false).await;
    let reason = "does not fit its type";
    assert_refused(TooWide(permit(U256::from(257))), reason, false).await;
    let exact = TooWide(permit(U256::from(255)));
    TypedDataOpening::from_struct(&exact, &domain()).unwrap();
    // Another type for the same bytes: they are read by it, and the hash is not the one it has.
    let wallet = untouchable();
    let result = wallet
        .sign_typed_data(&LiesInType(shown()), &domain())
        .await;
    assert!(
        matches!(result, Err(Error::InvalidPayload { .. })),
        "{result:?}"
    );
}

/// What a signer finds in its request.
#[derive(Debug)]
struct Layer(LocalSigner, std::sync::Mutex<Vec<TypedDataOpening>>);

#[async_trait::async_trait]
impl Signer for Layer {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let owned = request.clone().into_owned();
        let openings = owned.opening::<TypedDataOpening>();
        self.1.lock().unwrap().extend(openings.cloned());
        self.0.sign(request).await
    }
}

#[tokio::test]
async fn a_layer_reads_the_opening_whichever_way_typed_data_came() {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    let wallet = EthereumSigner::new(Layer(key, Default::default())).unwrap();
    let permit = permit(U256::from(5));
    let dynamic = TypedData::from_struct(&permit, Some(domain()));
    let json = serde_json::to_string(&dynamic).unwrap();
    let opening = TypedDataOpening::from_struct(&permit, &domain()).unwrap();

    let alloy: &(dyn alloy_signer::Signer + Send + Sync) = &wallet;
    let signatures = [
        wallet
            .sign_typed_data(&permit, &domain())
            .await
            .unwrap()
            .signature,
        wallet
            .sign_dynamic_typed_data(&dynamic)
            .await
            .unwrap()
            .signature,
        wallet.sign_typed_data_json(&json).await.unwrap().signature,
        wallet
            .sign_opening(opening.clone())
            .await
            .unwrap()
            .signature,
        alloy_signer::Signer::sign_typed_data(&wallet, &permit, &domain())
            .await
            .unwrap(),
        alloy.sign_dynamic_typed_data(&dynamic).await.unwrap(),
    ];
    let seen = wallet.signer().1.lock().unwrap().clone();
    assert_eq!(seen.len(), signatures.len());
    for (seen, signature) in seen.iter().zip(signatures) {
        assert_eq!(seen, &opening);
        let hash = seen.signing_hash();
        assert_eq!(hash, permit.eip712_signing_hash(&domain()));
        let signer = signature.recover_address_from_prehash(&hash).unwrap();
        assert_eq!(signer, wallet.address());
    }
    wallet.sign_message(b"message").await.unwrap();
    assert_eq!(wallet.signer().1.lock().unwrap().len(), signatures.len());
}

#[test]
fn an_opening_shows_the_domain_types_and_values() {
    let opening = TypedDataOpening::from_struct(&permit(U256::from(5)), &domain()).unwrap();
    assert_eq!(opening.domain(), &domain());
    assert_eq!(opening.domain_separator(), domain().separator());
    assert_eq!(opening.primary_type(), "Permit");
    // EIP-2612.
    let encode_type = "Permit(address owner,address spender,uint256 value,uint256 nonce,\
                       uint256 deadline)";
    assert_eq!(opening.encode_type(), encode_type);
    assert_eq!(
        keccak256(opening.encode_type()),
        "0x6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9"
            .parse::<B256>()
            .unwrap()
    );
    assert_eq!(
        opening.struct_hash(),
        permit(U256::from(5)).eip712_hash_struct()
    );
    let value = DynSolValue::Uint(U256::from(5), 256);
    assert_eq!(opening.member("value"), Some(&value));
    assert_eq!(opening.member("amount"), None);
    assert!(
        matches!(opening.message(), DynSolValue::CustomStruct { tuple, .. } if tuple.len() == 5)
    );
    let shown = format!("{opening:?}");
    assert!(
        shown.contains("Permit") && !shown.contains("0202"),
        "{shown}"
    );

    let hash = opening.signing_hash();
    let request = opening.into_request();
    assert_eq!(keccak256(request.preimage().unwrap()), hash);
}

/// alloy hashes structs and JSON by code of its own.
#[track_caller]
fn assert_one_opening<T: SolStruct + Serialize>(payload: &T, domain: &Eip712Domain) {
    let opening = TypedDataOpening::from_struct(payload, domain).unwrap();
    let dynamic = TypedData::from_struct(payload, Some(domain.clone()));
    assert_eq!(
        opening,
        TypedDataOpening::from_typed_data(&dynamic).unwrap()
    );
    assert_eq!(
        opening.signing_hash(),
        dynamic.eip712_signing_hash().unwrap()
    );
    assert_eq!(opening.signing_hash(), payload.eip712_signing_hash(domain));
    // Of the values that it shows, and nothing else.
    let resolver = Resolver::from_struct::<T>();
    let word = resolver.eip712_data_word(opening.message()).unwrap();
    assert_eq!(opening.struct_hash(), word);
}

#[test]
fn a_domain_may_lack_any_field() {
    let full = Eip712Domain {
        salt: Some(B256::repeat_byte(7)),
        ..domain()
    };
    for lacking in 0..32 {
        let mut domain = full.clone();
        let lacks = |bit: u32| lacking & (1 << bit) != 0;
        domain.name = domain.name.filter(|_| !lacks(0));
        domain.version = domain.version.filter(|_| !lacks(1));
        domain.chain_id = domain.chain_id.filter(|_| !lacks(2));
        domain.verifying_contract = domain.verifying_contract.filter(|_| !lacks(3));
        domain.salt = domain.salt.filter(|_| !lacks(4));
        assert_one_opening(&permit(U256::from(5)), &domain);
    }
}

#[test]
fn a_struct_may_have_many_values() {
    let items = (0..3_000)
        .map(|index| item(index as u8, vec![1], -1))
        .collect();
    let payload = Empties {
        text: "x".repeat(1 << 18),
        data: Default::default(),
        items,
    };
    let opening = TypedDataOpening::from_struct(&payload, &domain()).unwrap();
    assert_eq!(
        opening.signing_hash(),
        payload.eip712_signing_hash(&domain())
    );
}

type Items = Vec<(u8, Vec<u8>, i64)>;

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn a_struct_and_its_json_have_one_opening(
        items in proptest::collection::vec(proptest::prelude::any::<(u8, Vec<u8>, i64)>(), 0..4),
        fixed: [u32; 3],
        changes: Vec<i128>,
        texts in proptest::collection::vec(".{0,20}", 0..4),
        salt: [u8; 32],
        memo in ".{0,80}",
        small: i8,
        large: [u64; 4],
        is_named: bool,
    ) {
        let all = |items: &Items| -> Vec<Item> {
            items.iter().map(|(seed, data, change)| item(*seed, data.clone(), *change)).collect()
        };
        let pair = || [item(1, vec![], i64::MIN), item(2, vec![0; 33], i64::MAX)];
        let basket = Basket {
            first: item(7, vec![1, 2, 3], -1),
            pairs: items.iter().map(|_| pair()).collect(),
            fixed: fixed.map(alloy_primitives::aliases::U48::from),
            changes: changes.iter().map(|change| I256::try_from(*change).unwrap()).collect(),
            texts,
            salt: salt.into(),
            to: Address::from_slice(&salt[..20]),
            memo,
            empties: Empties {
                text: String::new(),
                data: Default::default(),
                items: all(&items),
            },
            small,
            large: U256::from_limbs(large),
            items: all(&items),
        };
        let domain = match is_named {
            true => domain(),
            false => Eip712Domain::default(),
        };
        assert_one_opening(&basket, &domain);
    }
}
