use super::*;
use crate::{Error, chain::ethereum::typed_data::tests::JSON};

#[track_caller]
fn refusal(json: &str) -> String {
    match parse_typed_data(json) {
        Err(Error::InvalidPayload { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The example of EIP-712 with one part of its text replaced.
#[track_caller]
fn changed(from: &str, to: &str) -> String {
    assert!(JSON.contains(from), "{from}");
    JSON.replacen(from, to, 1)
}

#[test]
fn a_key_that_appears_twice_is_refused() {
    for (from, to, key) in [
        (
            r#""chainId": 1"#,
            r#""chainId": 1, "chainId": 5"#,
            "chainId",
        ),
        (
            r#""contents": "Hello, Bob!""#,
            r#""contents": "a", "contents": "b""#,
            "contents",
        ),
        // The same key, written otherwise.
        (
            r#""contents": "Hello, Bob!""#,
            r#""contents": "a", "\u0063ontents": "b""#,
            "contents",
        ),
        (
            r#""primaryType": "Mail""#,
            r#""primaryType": "Mail", "primaryType": "Person""#,
            "primaryType",
        ),
        (r#""Person": ["#, r#""Person": [], "Person": ["#, "Person"),
        (
            r#"{"name": "from", "type""#,
            r#"{"name": "from", "name": "to", "type""#,
            "name",
        ),
        // Where nothing is signed.
        (
            r#""contents": "Hello, Bob!""#,
            r#""contents": "a", "x": [[{"y": 1, "y": 1}]]"#,
            "y",
        ),
    ] {
        let reason = refusal(&changed(from, to));
        let expected = format!("the key {key} appears twice");
        assert!(reason.contains(&expected), "{reason}");
    }
}

#[test]
fn the_domain_is_complete_and_has_one_meaning() {
    for (from, to) in [
        // In no library's domain, or only in its message.
        (r#""chainId": 1"#, r#""chainId": 1, "chainid": 56"#),
        // Written in a way that libraries read differently.
        (r#""chainId": 1"#, r#""chainId": "0x0_1""#),
        (r#""chainId": 1"#, r#""chainId": "0x""#),
        (r#""chainId": 1"#, r#""chainId": 1.0"#),
        (r#""chainId": 1"#, r#""chainId": null"#),
        (r#""version": "1""#, r#""version": 1"#),
        (r#": "0xCcCCccccCCCCcCCCCCC"#, r#": "0xcCCCccccCCCCcCCCCCC"#),
        (r#": "0xCcCCccccCCCCcCCCCCC"#, r#": "CcCCccccCCCCcCCCCCC"#),
        (r#""chainId": 1"#, r#""chainId": 1, "salt": "0x00""#),
    ] {
        let reason = refusal(&changed(from, to));
        assert!(reason.contains("domain"), "{reason}");
    }
}

/// JavaScript would read another number. Also where nothing is signed, since this looks at the text.
#[test]
fn a_number_past_2_53_is_refused() {
    for number in [
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551615",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "1e30",
    ] {
        for (from, to) in [
            (r#""chainId": 1"#, format!(r#""chainId": {number}"#)),
            (
                r#""contents": "Hello, Bob!""#,
                format!(r#""contents": "a", "x": [{number}]"#),
            ),
        ] {
            let reason = refusal(&changed(from, &to));
            assert!(reason.contains("which JavaScript rounds"), "{reason}");
        }
    }
    for number in ["9007199254740991", "-9007199254740991"] {
        let to = format!(r#""contents": "a", "x": {number}"#);
        parse_typed_data(&changed(r#""contents": "Hello, Bob!""#, &to)).unwrap();
    }
    parse_typed_data(&changed(
        r#""chainId": 1"#,
        r#""chainId": 9007199254740991"#,
    ))
    .unwrap();
}

#[test]
fn every_part_has_to_be_there() {
    for part in ["types", "primaryType", "domain", "message"] {
        let mut json: Value = serde_json::from_str(JSON).unwrap();
        json.as_object_mut().unwrap().remove(part);
        assert_eq!(refusal(&json.to_string()), format!("it has no {part}"));
    }
    let mut json: Value = serde_json::from_str(JSON).unwrap();
    let types = json["types"].as_object_mut().unwrap();
    types.remove("EIP712Domain");
    assert!(refusal(&json.to_string()).contains("EIP712Domain"));
}

/// alloy drops such a type, and eth-sig-util would use it.
#[test]
fn a_type_whose_name_is_an_array_is_refused() {
    let reason = refusal(&changed(r#""Person": ["#, r#""Person[]": [], "Person": ["#));
    assert!(reason.contains("Person[] cannot be the name"), "{reason}");
}

#[test]
fn what_is_no_typed_data_is_refused() {
    let deep = "[".repeat(MAX_BYTES - 1);
    let long = " ".repeat(MAX_BYTES + 1);
    let trailing = format!("{JSON} {{}}");
    for text in [
        "",
        "null",
        "[]",
        "1",
        r#""text""#,
        "{",
        &deep,
        &long,
        &trailing,
    ] {
        refusal(text);
    }
    // Of foreign text, an error shows a little.
    let forged = format!(r#"{{"a\nINFO": 1, "a\nINFO": {}}}"#, "1".repeat(1_000));
    let reason = refusal(&forged);
    assert!(reason.len() < 400 && !reason.contains('\n'), "{reason}");
}

/// A later part is not read as a change of an earlier one.
#[test]
fn other_members_of_the_whole_are_ignored() {
    let json = changed(
        r#""primaryType": "Mail""#,
        r#""primaryType": "Mail", "id": 1"#,
    );
    assert_eq!(
        parse_typed_data(&json).unwrap(),
        parse_typed_data(JSON).unwrap()
    );
}

/// serde_json reads JSON text out of a string below such a key, if a crate asks for its feature
/// `raw_value`, as alloy does. Other libraries see an object that has that key.
#[test]
fn a_key_that_serde_json_keeps_for_itself_is_refused() {
    let raw = |text: &str| {
        let text = serde_json::to_string(text).unwrap();
        format!(r#"{{"$serde_json::private::RawValue": {text}}}"#)
    };
    for (from, inner) in [
        (r#""Hello, Bob!""#, r#""Hello, Bob!""#),
        (r#""Hello, Bob!""#, r#"{"x": 1, "x": 2}"#),
        (r#""chainId": 1"#, "9007199254740993"),
    ] {
        let to = match from.split_once(": ") {
            Some((key, _)) => format!("{key}: {}", raw(inner)),
            None => raw(inner),
        };
        let reason = refusal(&changed(from, &to));
        assert!(reason.contains("serde_json"), "{reason}");
    }
    // Each of them would be read as deep as serde_json goes, which together exceeds a thread's stack.
    let levels = 120;
    let nested = (0..13).fold("1".to_owned(), |inner, _| {
        format!(
            "{}{}{}",
            "[".repeat(levels),
            raw(&inner),
            "]".repeat(levels)
        )
    });
    refusal(&changed(r#""Hello, Bob!""#, &nested));
}

/// serde_json gives a number as an object of its text, if a crate asks for its feature
/// `arbitrary_precision`.
#[test]
fn a_number_is_the_same_when_serde_json_gives_its_text() {
    use serde::de::value::{Error, MapDeserializer};
    let read = |text: &'static str| {
        let number = [("$serde_json::private::Number", text)].into_iter();
        Unambiguous::deserialize(MapDeserializer::<_, Error>::new(number))
    };
    for text in ["0", "-5", "9007199254740991", "-9007199254740991"] {
        assert!(read(text).is_ok(), "{text}");
    }
    for text in [
        "9007199254740993",
        "-9007199254740993",
        "1e400",
        "NaN",
        "x",
        "",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}
