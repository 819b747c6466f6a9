use std::{sync::mpsc, thread, time::Duration};

use serde_json::{Map, json};

use super::*;
use crate::chain::ethereum::typed_data::{TypedDataOpening, check, tests::of_one_member};

fn typed_data(types: Value, message: Value) -> TypedData {
    let json = json!({"types": types, "primaryType": "T0", "domain": {}, "message": message});
    serde_json::from_value(json).unwrap()
}

/// `count` types of which each names the next one `times` times; the last one has a `uint8`.
fn chain(count: usize, times: usize, suffix: &str) -> Value {
    let types = (0..count).map(|index| {
        let members = match index + 1 == count {
            true => json!([{"name": "x", "type": "uint8"}]),
            false => (0..times)
                .map(|member| {
                    let next = format!("T{}{suffix}", index + 1);
                    json!({"name": format!("m{member}"), "type": next})
                })
                .collect(),
        };
        (format!("T{index}"), members)
    });
    Value::Object(types.collect())
}

#[track_caller]
fn refusal(payload: &TypedData) -> String {
    match check(payload) {
        Err(Error::InvalidPayload { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Written out, the last of these has 2^249 fields: only a check that reads each type once returns.
#[test]
fn types_that_double_are_refused_in_linear_time() {
    let (done, checked) = mpsc::channel();
    thread::spawn(move || {
        for count in [14, 22, 40, 250] {
            let message = json!({"m0": [], "m1": []});
            let reason = refusal(&typed_data(chain(count, 2, "[]"), message));
            done.send(reason).unwrap();
        }
    });
    for _ in 0..4 {
        let reason = checked.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(reason.contains("more than"), "{reason}");
    }
}

#[test]
fn types_have_at_most_4096_fields_written_out() {
    // The sum of 2^1 to 2^11, and the 2^11 fields of the last type, is 6142; one level less, 3070.
    let message = || json!({"m0": [], "m1": []});
    let reason = refusal(&typed_data(chain(12, 2, ""), message()));
    assert!(reason.contains("4096 fields"), "{reason}");
    let reason = refusal(&typed_data(chain(11, 2, ""), message()));
    assert!(reason.contains("must be an object"), "{reason}");
}

#[test]
fn types_are_at_most_16_levels_deep() {
    let nested = |levels: usize| (1..levels).fold(json!({"x": 1}), |inner, _| json!({"m0": inner}));
    check(&typed_data(chain(16, 1, ""), nested(16))).unwrap();
    let reason = refusal(&typed_data(chain(17, 1, ""), json!({"m0": {}})));
    assert!(reason.contains("16 levels of structs"), "{reason}");
}

#[test]
fn types_have_at_most_32_levels_of_arrays() {
    let nested = (0..32).fold(json!(1), |inner, _| json!([inner]));
    check(&of_one_member(&format!("uint8{}", "[]".repeat(32)), nested)).unwrap();
    let reason = refusal(&of_one_member(
        &format!("uint8{}", "[]".repeat(33)),
        json!([]),
    ));
    assert!(reason.contains("32 levels of arrays"), "{reason}");
    // Those of several types add up, and structs between them do not count.
    let message = |arrays: &str| {
        let types = json!({
            "T0": [{"name": "m0", "type": format!("T1{arrays}")}],
            "T1": [{"name": "m0", "type": format!("uint8{}", "[]".repeat(16))}],
        });
        typed_data(types, json!({"m0": []}))
    };
    check(&message(&"[]".repeat(16))).unwrap();
    let reason = refusal(&message(&"[]".repeat(17)));
    assert!(reason.contains("32 levels of arrays"), "{reason}");
}

#[test]
fn a_type_that_contains_itself_is_refused() {
    for types in [
        json!({"T0": [{"name": "m0", "type": "T0[]"}]}),
        json!({"T0": [{"name": "m0", "type": "T1"}], "T1": [{"name": "m0", "type": "T0[2]"}]}),
        json!({
            "T0": [{"name": "m0", "type": "T1"}], "T1": [{"name": "m0", "type": "T2"}],
            "T2": [{"name": "m0", "type": "T1[]"}],
        }),
    ] {
        let reason = refusal(&typed_data(types, json!({"m0": []})));
        assert!(reason.contains("contains itself"), "{reason}");
    }
    // Twice beside one another is no circle.
    let types = json!({
        "T0": [{"name": "a", "type": "T1"}, {"name": "b", "type": "T1"}], "T1": [],
    });
    check(&typed_data(types, json!({"a": {}, "b": {}}))).unwrap();
}

#[test]
fn there_are_at_most_256_types_with_names_of_128_bytes() {
    let types = |count: usize| {
        let leaves = 1..count;
        let members: Vec<Value> = leaves
            .clone()
            .map(|index| json!({"name": format!("m{index}"), "type": format!("T{index}[]")}))
            .collect();
        let mut types: Map<String, Value> = leaves
            .clone()
            .map(|index| (format!("T{index}"), json!([])))
            .collect();
        types.insert("T0".into(), members.into());
        let message: Map<String, Value> = leaves
            .map(|index| (format!("m{index}"), json!([])))
            .collect();
        typed_data(types.into(), message.into())
    };
    check(&types(256)).unwrap();
    assert!(refusal(&types(257)).contains("256 types"));

    let named = |length: usize| {
        let name = "n".repeat(length);
        let types = json!({"T0": [{"name": name, "type": "bool"}]});
        typed_data(types, json!({name: true}))
    };
    check(&named(128)).unwrap();
    assert!(refusal(&named(129)).contains("128 bytes in the name"));
}

#[test]
fn there_are_at_most_128_kib() {
    let text = |length: usize| of_one_member("string", json!("t".repeat(length)));
    check(&text(MAX_BYTES - 100)).unwrap();
    assert!(refusal(&text(MAX_BYTES)).contains("131072 bytes"));
    // Also where nothing is signed: in what the type does not have, in types, in the domain.
    let mut unsigned = of_one_member("bool", json!(true));
    unsigned.message["more"] = json!("t".repeat(MAX_BYTES));
    assert!(refusal(&unsigned).contains("131072 bytes"));
    let mut domain = of_one_member("bool", json!(true));
    domain.domain.name = Some("t".repeat(MAX_BYTES).into());
    assert!(refusal(&domain).contains("131072 bytes"));
    let members: Vec<Value> = (0..2_000)
        .map(|index| json!({"name": format!("{index:0>100}"), "type": "bool"}))
        .collect();
    let types = json!({"T0": members});
    assert!(refusal(&typed_data(types, json!({}))).contains("131072 bytes"));
}

#[test]
fn a_message_is_at_most_48_levels_deep_also_where_it_is_not_signed() {
    let mut payload = of_one_member("bool", json!(true));
    payload.message["more"] = (0..47).fold(json!(1), |inner, _| json!([inner]));
    check(&payload).unwrap();
    payload.message["more"] = (0..48).fold(json!(1), |inner, _| json!({"a": inner}));
    assert!(refusal(&payload).contains("48 levels of values"));
}

#[test]
fn there_are_at_most_4096_values() {
    // The message and the array are values too.
    let array = |length: usize| of_one_member("uint8[]", vec![1; length].into());
    check(&array(4094)).unwrap();
    assert!(refusal(&array(4095)).contains("4096 values"));
}

/// Each type is described once, and not again for each struct.
#[test]
fn many_structs_of_large_types_are_hashed_as_alloy_hashes_them() {
    let members: Vec<Value> = (0..400)
        .map(|index| json!({"name": format!("{index:0>100}"), "type": "bool"}))
        .collect();
    let types = json!({
        "T0": [{"name": "all", "type": "Small[]"}],
        "Small": [{"name": "none", "type": "Large[]"}],
        "Large": members,
    });
    let payload = |structs: usize| {
        typed_data(
            types.clone(),
            json!({"all": vec![json!({"none": []}); structs]}),
        )
    };
    let hash = |payload: &TypedData| {
        let opening = TypedDataOpening::from_typed_data(payload).unwrap();
        opening.signing_hash()
    };
    let small = payload(8);
    assert_eq!(hash(&small), small.eip712_signing_hash().unwrap());
    assert_ne!(hash(&payload(2_000)), hash(&payload(2_001)));
}
