//! Values of all types, in every way that JSON text may write them.

use serde_json::json;

use super::{Readers, Verdict};

/// A message with one member. The value is text, because JSON values would lose how it was written.
fn of_one_member(member_type: &str, value: &str) -> String {
    let mut types = json!({
        "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
        "M": [{"name": "x", "type": member_type}],
    });
    if member_type.starts_with("Pair") {
        types["Pair"] = json!([{"name": "a", "type": "uint8"}, {"name": "b", "type": "bool"}]);
    }
    let domain = json!({"chainId": 1});
    format!(r#"{{"types":{types},"primaryType":"M","domain":{domain},"message":{{"x":{value}}}}}"#)
}

const TYPES: [&str; 22] = [
    "bool",
    "uint8",
    "uint256",
    "int8",
    "int128",
    "int256",
    "bytes",
    "bytes2",
    "bytes4",
    "bytes32",
    "address",
    "string",
    "bool[]",
    "uint8[]",
    "uint8[2]",
    "uint8[2][]",
    "int8[1]",
    "bytes[]",
    "address[1]",
    "string[]",
    "Pair",
    "Pair[]",
];

/// As they may appear in JSON text.
const VALUES: [&str; 113] = [
    "true",
    "false",
    "null",
    r#""true""#,
    r#""false""#,
    r#""""#,
    r#""0""#,
    r#""1""#,
    "0",
    "1",
    "-1",
    "-0",
    "127",
    "128",
    "-128",
    "-129",
    "255",
    "256",
    "1.0",
    "1.5",
    "1e2",
    "1e400",
    "9007199254740991",
    "-9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551615",
    "-9223372036854775808",
    "123456789012345678901234567890",
    r#""-1""#,
    r#""-0""#,
    r#""+1""#,
    r#""007""#,
    r#""-007""#,
    r#""127""#,
    r#""128""#,
    r#""-128""#,
    r#""-129""#,
    r#""255""#,
    r#""256""#,
    r#"" 1""#,
    r#""1 ""#,
    r#""\n1""#,
    r#""1_0""#,
    r#""_1""#,
    r#""_""#,
    r#""-""#,
    r#""--1""#,
    r#""- 1""#,
    r#""1e1""#,
    r#""1.0""#,
    r#""١""#,
    r#""Infinity""#,
    r#""0x""#,
    r#""0x0""#,
    r#""0x1""#,
    r#""0x01""#,
    r#""0x0_1""#,
    r#""0x1_0""#,
    r#""0x_""#,
    r#""0x7f""#,
    r#""0x80""#,
    r#""0xff""#,
    r#""0xFF""#,
    r#""0XFF""#,
    r#""0x100""#,
    r#""-0x1""#,
    r#""-0x80""#,
    r#""0x-1""#,
    r#""0x+1""#,
    r#""ff""#,
    r#""0b11""#,
    r#""0o17""#,
    r#""0xg1""#,
    // 2^127, 2^128, and what lies beside 2^255 and 2^256, each in decimal and, from there, in hexadecimal.
    r#""170141183460469231731687303715884105728""#,
    r#""-170141183460469231731687303715884105728""#,
    r#""340282366920938463463374607431768211456""#,
    r#""57896044618658097711785492504343953926634992332820282019728792003956564819967""#,
    r#""57896044618658097711785492504343953926634992332820282019728792003956564819968""#,
    r#""-57896044618658097711785492504343953926634992332820282019728792003956564819968""#,
    r#""-57896044618658097711785492504343953926634992332820282019728792003956564819969""#,
    r#""115792089237316195423570985008687907853269984665640564039457584007913129639935""#,
    r#""115792089237316195423570985008687907853269984665640564039457584007913129639936""#,
    r#""0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff""#,
    r#""0x8000000000000000000000000000000000000000000000000000000000000000""#,
    r#""0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff""#,
    r#""0x10000000000000000000000000000000000000000000000000000000000000000""#,
    r#""0x000000000000000000000000000000000000000000000000000000000000000001""#,
    r#""ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff""#,
    r#""0x12""#,
    r#""0x123""#,
    r#""0x1234""#,
    r#""0X1234""#,
    r#""1234""#,
    r#""0x12345678""#,
    r#""0xaBcD""#,
    r#""0x12 34""#,
    r#""0x123456789a""#,
    // Addresses: with a checksum, in lower and in upper case, with a wrong checksum, and otherwise.
    r#""0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826""#,
    r#""0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826""#,
    r#""0xCD2A3D9F938E13CD947EC05ABC7FE734DF8DD826""#,
    r#""0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826""#,
    r#""CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826""#,
    r#""0XCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826""#,
    r#""0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD8""#,
    r#""XE65GB6LDNXYOFTX0NSV3FUWKOWIXAMJK36""#,
    r#""żółć 🦀""#,
    r#""\ud83e\udd80""#,
    "[]",
    r#"[1,"0x2"]"#,
    r#"["0x1_0"]"#,
    r#"[[1,2],[3,4]]"#,
    r#"{"a":1,"b":true}"#,
];

/// Both libraries accept these and this crate does not: no program writes them as JSON, and alloy
/// rejects most of them too.
const ODD: [&str; 13] = [
    "-0",
    r#""-0""#,
    "1.0",
    "1e2",
    r#""+1""#,
    r#"" 1""#,
    r#""1 ""#,
    r#""\n1""#,
    r#""0b11""#,
    r#""0o17""#,
    r#""0XFF""#,
    r#""0X1234""#,
    r#""0XCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826""#,
];

#[tokio::test]
async fn a_value_is_signed_as_two_libraries_read_it_or_not_at_all() {
    let mut readers = Readers::new();
    let mut signed = 0;
    for member_type in TYPES {
        for value in VALUES {
            match readers.verdict(&of_one_member(member_type, value)).await {
                Verdict::Signed => signed += 1,
                Verdict::Refused => {}
                // In JavaScript each value is true or false: "false" is true.
                Verdict::TooStrict => assert!(
                    ODD.contains(&value) || member_type.starts_with("bool"),
                    "{member_type}: {value}"
                ),
            }
        }
    }
    assert!(signed > 200, "only {signed} were signed");
}
