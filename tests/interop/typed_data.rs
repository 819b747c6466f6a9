//! What this crate makes of typed data, against ethers and MetaMask's eth-sig-util: a hash that all
//! three have in common, or a refusal.

use alloy_primitives::B256;
use kms_signer::{Error, KeyType, chain::ethereum::EthereumSigner, provider::local::LocalSigner};
use serde_json::{Value, json};

use crate::tools::Oracle;

/// Asks this crate and the two libraries.
struct Readers {
    account: EthereumSigner<LocalSigner>,
    oracles: [Oracle; 2],
}

#[derive(Debug, PartialEq)]
enum Verdict {
    /// Signed, over the hash that both libraries have.
    Signed,
    /// Not signed, and the libraries do not agree on a hash either.
    Refused,
    /// Not signed, although both libraries have the same hash.
    TooStrict,
}

impl Readers {
    fn new() -> Self {
        let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
        Self {
            account: EthereumSigner::new(key).unwrap(),
            oracles: Oracle::of_typed_data(),
        }
    }

    async fn verdict(&mut self, json: &str) -> Verdict {
        let question = json!({"op": "hash_typed_data", "json": json});
        let mut hashes: Vec<Option<B256>> = Vec::new();
        for oracle in &mut self.oracles {
            let answer = oracle.consult(&question).await;
            hashes.push(serde_json::from_value(answer["hash"].clone()).unwrap());
        }
        let agreed = hashes[0].filter(|hash| hashes[1] == Some(*hash));
        match self.account.sign_typed_data_json(json).await {
            Ok(signature) => {
                let hash = agreed.unwrap_or_else(|| panic!("signed {json}: {hashes:?}"));
                let signer = signature.recover_address_from_prehash(&hash).unwrap();
                assert_eq!(signer, self.account.address(), "{json}: {hashes:?}");
                Verdict::Signed
            }
            Err(Error::InvalidPayload { .. }) => match agreed {
                Some(_) => Verdict::TooStrict,
                None => Verdict::Refused,
            },
            Err(error) => panic!("{json}: {error:?}"),
        }
    }
}

/// A message with one member; the value is text, since JSON values would have lost how it was written.
fn of_one_member(member_type: &str, value: &str) -> String {
    let types = json!({
        "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
        "M": [{"name": "x", "type": member_type}],
        "Pair": [{"name": "a", "type": "uint8"}, {"name": "b", "type": "bool"}],
    });
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

/// As they may stand in JSON text.
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

/// Both libraries read these, and this crate does not: they are not what JSON is written with, and
/// alloy refuses most of them too.
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

/// A whole, of the text of its parts.
fn whole(types: &str, primary: &str, domain: &str, message: &str) -> String {
    format!(
        r#"{{"types":{types},"primaryType":"{primary}","domain":{domain},"message":{message}}}"#
    )
}

#[tokio::test]
async fn types_are_signed_as_two_libraries_read_them_or_not_at_all() {
    use Verdict::{Refused, Signed, TooStrict};
    let cases = [
        // Structs in structs and arrays, in another order than that of their names, and one unused.
        (
            r#""M":[{"name":"z","type":"Z[2][]"},{"name":"a","type":"A"}],"A":[{"name":"b","type":"B"}],
               "B":[{"name":"x","type":"uint8[][]"}],"Z":[{"name":"b","type":"B[]"}],"Unused":[]"#,
            r#"{"z":[[{"b":[]},{"b":[{"x":[[1],[]]}]}]],"a":{"b":{"x":[]}},"more":1}"#,
            Signed,
        ),
        (r#""M":[]"#, "{}", Signed),
        (r#""M":[{"name":"x","type":"bool"}]"#, "{}", Refused),
        // The names of types.
        (r#""M":[{"name":"x","type":"uint"}]"#, r#"{"x":1}"#, Refused),
        (
            r#""M":[{"name":"x","type":"int[]"}]"#,
            r#"{"x":[1]}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"uint08"}]"#,
            r#"{"x":1}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"uint7"}]"#,
            r#"{"x":1}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"bytes0"}]"#,
            r#"{"x":"0x"}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"bytes33"}]"#,
            r#"{"x":"0x"}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"function"}]"#,
            r#"{"x":"0x000000000000000000000000000000000000000000000000"}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"(uint8,bool)"}]"#,
            r#"{"x":[1,true]}"#,
            Refused,
        ),
        (r#""M":[{"name":"x","type":"A.B"}]"#, r#"{"x":1}"#, Refused),
        (r#""M":[{"name":"x","type":"N"}]"#, r#"{"x":{}}"#, Refused),
        (
            r#""M":[{"name":"x","type":"uint8[0]"}]"#,
            r#"{"x":[]}"#,
            TooStrict,
        ),
        // A struct with the name of an elementary type.
        (
            r#""M":[{"name":"x","type":"uint8"}],"uint8":[{"name":"y","type":"bool"}]"#,
            r#"{"x":1}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"uint"}],"uint":[{"name":"y","type":"bool"}]"#,
            r#"{"x":{"y":true}}"#,
            TooStrict,
        ),
        (
            r#""M":[{"name":"x","type":"__proto__"}],"__proto__":[{"name":"y","type":"bool"}]"#,
            r#"{"x":{"y":true}}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"A[]"}],"A[]":[],"A":[]"#,
            r#"{"x":[{}]}"#,
            Refused,
        ),
        // eth-sig-util knows letters, digits and _ alone.
        (
            r#""M":[{"name":"x","type":"A:B"}],"A:B":[{"name":"y","type":"bool"}]"#,
            r#"{"x":{"y":true}}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"A$"},{"name":"y","type":"A"}],"A$":[],"A":[]"#,
            r#"{"x":{},"y":{}}"#,
            Refused,
        ),
        // Circles.
        (r#""M":[{"name":"x","type":"M[]"}]"#, r#"{"x":[]}"#, Refused),
        (
            r#""M":[{"name":"x","type":"N"}],"N":[{"name":"y","type":"M[]"}]"#,
            r#"{"x":{"y":[]}}"#,
            Refused,
        ),
        // The names of members.
        (
            r#""M":[{"name":"x","type":"bool"},{"name":"x","type":"bool"}]"#,
            r#"{"x":true}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x y","type":"bool"}]"#,
            r#"{"x y":true}"#,
            Signed,
        ),
        (
            r#""M":[{"name":"x,bool y","type":"bool"}]"#,
            r#"{"x,bool y":true}"#,
            TooStrict,
        ),
        // The last one counts everywhere, and whoever looks may see the first one.
        (
            r#""M":[{"name":"x","type":"bool"}]"#,
            r#"{"x":false,"x":true}"#,
            TooStrict,
        ),
    ];
    let mut readers = Readers::new();
    for (types, message, expected) in cases {
        let types = format!(r#"{{"EIP712Domain":[{{"name":"name","type":"string"}}],{types}}}"#);
        let json = whole(&types, "M", r#"{"name":"App"}"#, message);
        assert_eq!(readers.verdict(&json).await, expected, "{json}");
    }
    // Such a name can be that of a message.
    let types = r#"{"EIP712Domain":[],"App:Order":[{"name":"x","type":"bool"}]}"#;
    let json = whole(types, "App:Order", "{}", r#"{"x":true}"#);
    assert_eq!(readers.verdict(&json).await, Signed);
    // The structs of its members are not found.
    let types = r#"{"EIP712Domain":[],"App:Order":[{"name":"x","type":"A"}],"A":[]}"#;
    let json = whole(types, "App:Order", "{}", r#"{"x":{}}"#);
    assert_eq!(readers.verdict(&json).await, Refused);
}

#[tokio::test]
async fn a_domain_is_signed_as_two_libraries_read_it_or_not_at_all() {
    use Verdict::{Refused, Signed, TooStrict};
    let full = r#""name":"App","version":"1","chainId":1,
        "verifyingContract":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
        "salt":"0x0101010101010101010101010101010101010101010101010101010101010101""#;
    let with = |from: &str, to: &str| {
        assert!(full.contains(from));
        full.replace(from, to)
    };
    let all = ["name", "version", "chainId", "verifyingContract", "salt"];
    let cases = [
        (all.to_vec(), full.to_owned(), Signed),
        (vec![], String::new(), Signed),
        (vec!["chainId"], r#""chainId":1"#.into(), Signed),
        (vec!["chainId"], r#""chainId":"1""#.into(), Signed),
        (vec!["chainId"], r#""chainId":"0x01""#.into(), Signed),
        (
            vec!["chainId"],
            r#""chainId":"9007199254740993""#.into(),
            Signed,
        ),
        (
            vec!["chainId"],
            r#""chainId":9007199254740993"#.into(),
            Refused,
        ),
        (vec!["chainId"], r#""chainId":"0x""#.into(), Refused),
        (vec!["chainId"], r#""chainId":"0x0_1""#.into(), Refused),
        (vec!["chainId"], r#""chainId":"1_0""#.into(), Refused),
        (vec!["chainId"], r#""chainId":null"#.into(), Refused),
        (vec!["chainId"], r#""chainId":1.0"#.into(), TooStrict),
        (
            vec!["chainId"],
            r#""chainId":1,"chainid":5"#.into(),
            Refused,
        ),
        (vec!["name"], r#""name":"App","more":"x""#.into(), Refused),
        (vec!["name"], r#""name":5"#.into(), Refused),
        (all.to_vec(), with("0xCD2a", "0xcD2a"), Refused),
        (all.to_vec(), with("0xCD2a", "CD2a"), Refused),
        (all.to_vec(), with("0x0101", "0x01"), Refused),
        (all.to_vec(), with("0x0101", "0101"), Refused),
        // Declared otherwise than it is: too much, too little, in another order.
        (all.to_vec(), r#""chainId":1"#.into(), Refused),
        (vec!["name"], full.to_owned(), Refused),
        (
            vec!["version", "name"],
            r#""name":"App","version":"1""#.into(),
            Refused,
        ),
    ];
    let mut readers = Readers::new();
    for (declared, domain, expected) in cases {
        let declared: Vec<Value> = declared
            .into_iter()
            .map(|name| match name {
                "chainId" => json!({"name": name, "type": "uint256"}),
                "verifyingContract" => json!({"name": name, "type": "address"}),
                "salt" => json!({"name": name, "type": "bytes32"}),
                _ => json!({"name": name, "type": "string"}),
            })
            .collect();
        let types = json!({"EIP712Domain": declared, "M": [{"name": "x", "type": "bool"}]});
        let domain = format!("{{{domain}}}");
        let json = whole(&types.to_string(), "M", &domain, r#"{"x":true}"#);
        assert_eq!(readers.verdict(&json).await, expected, "{json}");
    }
    // eth-sig-util hashes an empty domain then.
    let types = r#"{"M":[{"name":"x","type":"bool"}]}"#;
    let json = whole(types, "M", r#"{"chainId":1}"#, r#"{"x":true}"#);
    assert_eq!(readers.verdict(&json).await, Refused);
}
