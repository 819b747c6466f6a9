use alloy_primitives::U256;

use super::*;
use crate::chain::ethereum::typed_data::shape::Shape;

fn layout(encode_type: &str) -> DynSolType {
    Shape::read(encode_type).unwrap().layout
}

/// An encoding of words, each a small number.
fn encoding(words: &[u64]) -> Vec<u8> {
    words
        .iter()
        .flat_map(|word| B256::from(U256::from(*word)).0)
        .collect()
}

#[track_caller]
fn refusal(layout: &DynSolType, encoded: &[u8]) -> String {
    match decode(layout, encoded) {
        Err(Error::InvalidPayload { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_word_has_nothing_that_its_type_does_not_hold() {
    let ones = |count: usize| U256::MAX >> (256 - count);
    let negative = |size: u64| U256::ZERO.wrapping_sub(U256::from(size));
    let first = |count: usize| U256::MAX << (256 - 8 * count);
    for (type_name, largest, too_large) in [
        ("bool", U256::ONE, U256::from(2)),
        ("uint8", ones(8), ones(8) + U256::ONE),
        ("uint248", ones(248), ones(249)),
        ("int8", U256::from(127), U256::from(128)),
        ("int8", negative(128), negative(129)),
        ("int248", ones(247), ones(248)),
        ("address", ones(160), ones(161)),
        ("bytes1", first(1), first(1) + U256::ONE),
        ("bytes31", first(31), U256::MAX),
    ] {
        let layout = layout(&format!("M({type_name} x)"));
        let decoded = decode(&layout, &B256::from(largest).0).unwrap();
        assert_eq!(layout.abi_decode(&B256::from(largest).0).unwrap(), decoded);
        let reason = refusal(&layout, &B256::from(too_large).0);
        assert!(reason.contains("does not fit its type"), "{reason}");
    }
    for type_name in ["uint256", "int256", "bytes32"] {
        decode(&layout(&format!("M({type_name} x)")), &[0xff; 32]).unwrap();
    }
}

/// alloy's decoder asks for memory for the elements that each of the inner arrays could have.
#[test]
fn an_empty_array_takes_no_memory_for_its_elements() {
    let layout = layout("M(bytes32[1099511627776][][] x)");
    layout.abi_decode(&encoding(&[32, 32, 0])).unwrap_err();
    // The offsets of the struct, of its array and of a thousand arrays, which end it.
    let mut words = vec![32, 32, 1_000];
    words.extend((0..1_000).map(|index| 32 * (1_000 + index)));
    words.extend([0; 1_000]);
    let decoded = decode(&layout, &encoding(&words)).unwrap();
    let DynSolValue::CustomStruct { tuple, .. } = decoded else {
        panic!("{decoded:?}");
    };
    let empty = DynSolValue::Array(Vec::new());
    assert_eq!(tuple, [DynSolValue::Array(vec![empty; 1_000])]);
}

/// Arrays of one array of arrays would be 2^n values of n words.
#[test]
fn no_word_is_of_two_values() {
    let layout = layout("M(string[] x)");
    let apart = [32, 32, 2, 64, 128, 1, 0, 1, 0];
    decode(&layout, &encoding(&apart)).unwrap();
    let together = [32, 32, 2, 64, 64, 1, 0];
    layout.abi_decode(&encoding(&together)).unwrap();
    refusal(&layout, &encoding(&together));
}

#[test]
fn what_is_no_encoding_is_rejected() {
    let most = B256::repeat_byte(0xff).0;
    for (encode_type, words) in [
        ("M(uint8 x)", vec![]),
        ("M(uint8 x,uint8 y)", vec![1]),
        ("M(uint8[2] x)", vec![1]),
        ("M(uint8[1099511627776] x)", vec![1]),
        ("M(uint8[] x)", vec![32, 32, 1]),
        ("M(uint8[] x)", vec![32, 64]),
        ("M(uint8[] x)", vec![32, 32, u64::MAX, 1]),
        ("M(bytes x)", vec![32, 32, 1]),
        ("M(bytes x)", vec![32, 32, u64::MAX, 1]),
        ("M(bytes x)", vec![32, 0]),
        ("M(bytes x)", vec![u64::MAX, 32, 0]),
        ("M()", vec![]),
        ("M(E[1099511627776] x)E()", vec![1]),
        ("M(E[] x)E()", vec![32, 32, u64::MAX]),
    ] {
        let layout = layout(encode_type);
        let encoded = encoding(&words);
        refusal(&layout, &encoded);
        refusal(&layout, &[&encoded[..], &[0]].concat());
        for place in 0..words.len() {
            let mut encoded = encoded.clone();
            encoded[32 * place..32 * (place + 1)].copy_from_slice(&most);
            refusal(&layout, &encoded);
        }
    }
    let not_utf8 = [&encoding(&[32, 32, 1])[..], &[0xff; 32]].concat();
    refusal(&layout("M(string x)"), &not_utf8);
    decode(&layout("M(bytes x)"), &not_utf8).unwrap();
}

const OF_ALL: &str = "M(N[] n,uint8 a,string[2][] s,N[2] m,bytes b)N(bool x,O o,int16[] i)\
                      O(address to,bytes4 f)";

fn any_value(layout: &DynSolType, seed: &mut impl Iterator<Item = u8>) -> DynSolValue {
    let mut next = || seed.next().unwrap_or_default();
    let word = U256::from(next());
    match layout {
        DynSolType::Bool => DynSolValue::Bool(word.bit(0)),
        DynSolType::Uint(bits) => DynSolValue::Uint(word, *bits),
        DynSolType::Int(bits) => DynSolValue::Int(-I256::from_raw(word), *bits),
        DynSolType::Address => DynSolValue::Address(Address::repeat_byte(next())),
        DynSolType::FixedBytes(length) => {
            let byte = next();
            let bytes = B256::new(std::array::from_fn(
                |index| if index < *length { byte } else { 0 },
            ));
            DynSolValue::FixedBytes(bytes, *length)
        }
        DynSolType::Bytes => DynSolValue::Bytes(vec![next(); usize::from(next() % 70)]),
        DynSolType::String => DynSolValue::String("ż".repeat(usize::from(next() % 40))),
        DynSolType::Array(inner) => {
            let length = next() % 3;
            DynSolValue::Array((0..length).map(|_| any_value(inner, seed)).collect())
        }
        DynSolType::FixedArray(inner, length) => {
            DynSolValue::FixedArray((0..*length).map(|_| any_value(inner, seed)).collect())
        }
        DynSolType::CustomStruct {
            name,
            prop_names,
            tuple,
        } => DynSolValue::CustomStruct {
            name: name.clone(),
            prop_names: prop_names.clone(),
            tuple: tuple.iter().map(|member| any_value(member, seed)).collect(),
        },
        other => panic!("{other:?}"),
    }
}

proptest::proptest! {
    /// Of what alloy encodes; and where both read what is no longer that, they read the same.
    #[test]
    fn an_encoding_is_read_as_alloy_reads_it(
        seed: Vec<u8>,
        changes in proptest::collection::vec((0_usize..60, 0_u8..=255), 0..3),
        cut in 0_usize..64,
    ) {
        let layout = layout(OF_ALL);
        let value = any_value(&layout, &mut seed.into_iter());
        let mut encoded = value.abi_encode();
        proptest::prop_assert_eq!(&decode(&layout, &encoded).unwrap(), &value);
        for (word, byte) in changes {
            if let Some(last) = encoded.get_mut(32 * word + 31) {
                *last = byte;
            }
        }
        for encoded in [&encoded[..], &encoded[..encoded.len().saturating_sub(cut)]] {
            if let (Ok(ours), Ok(theirs)) = (decode(&layout, encoded), layout.abi_decode(encoded)) {
                proptest::prop_assert_eq!(ours, theirs);
            }
        }
    }

    #[test]
    fn no_encoding_makes_it_panic(encoded: Vec<u8>, words in proptest::collection::vec(0_u64..400, 0..60)) {
        let layout = layout(OF_ALL);
        let _ = decode(&layout, &encoded);
        let _ = decode(&layout, &encoding(&words));
    }
}
