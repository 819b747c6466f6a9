//! Compares this crate's reading of typed data with ethers and MetaMask's eth-sig-util: all three
//! agree on the hash, also of what the opening shows, or this crate rejects it.

use alloy_primitives::B256;
use kms_signer::{
    Error, KeyType,
    chain::ethereum::{EthereumSigner, TypedDataOpening},
    provider::local::LocalSigner,
};
use serde_json::{Value, json};

use crate::tools::Oracle;

mod opening;
mod payloads;
mod values;

/// Asks this crate and the two libraries.
struct Readers {
    account: EthereumSigner<LocalSigner>,
    oracles: [Oracle; 2],
}

#[derive(Debug, PartialEq)]
enum Verdict {
    /// This crate signs, and both libraries have the same hash.
    Signed,
    /// This crate does not sign, and the libraries disagree about the hash too.
    Refused,
    /// This crate does not sign, although both libraries have the same hash.
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

    /// The hash that each library has.
    async fn hashes(&mut self, json: &str) -> Vec<Option<B256>> {
        let question = json!({"op": "hash_typed_data", "json": json});
        let mut hashes = Vec::new();
        for oracle in &mut self.oracles {
            let answer = oracle.consult(&question).await;
            hashes.push(serde_json::from_value(answer["hash"].clone()).unwrap());
        }
        hashes
    }

    async fn verdict(&mut self, json: &str) -> Verdict {
        let hashes = self.hashes(json).await;
        let agreed = hashes[0].filter(|hash| hashes[1] == Some(*hash));
        match self.account.sign_typed_data_json(json).await {
            Ok(signed) => {
                let hash = agreed.unwrap_or_else(|| panic!("signed {json}: {hashes:?}"));
                let signer = signed
                    .signature
                    .recover_address_from_prehash(&hash)
                    .unwrap();
                assert_eq!(signer, self.account.address(), "{json}: {hashes:?}");
                // What the opening shows has that hash too, in both libraries.
                let opening = TypedDataOpening::from_json(json).unwrap();
                assert_eq!(opening.signing_hash(), hash, "{json}");
                let shown = opening::rewritten(&opening);
                assert_eq!(self.hashes(&shown).await, [Some(hash); 2], "{shown}");
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

/// A whole document, from the text of its parts.
fn whole(types: &str, primary: &str, domain: &str, message: &str) -> String {
    format!(
        r#"{{"types":{types},"primaryType":"{primary}","domain":{domain},"message":{message}}}"#
    )
}

#[tokio::test]
async fn types_are_signed_as_two_libraries_read_them_or_not_at_all() {
    use Verdict::{Refused, Signed, TooStrict};
    let cases = [
        // Structs in structs and arrays, in an order other than alphabetical.
        (
            r#""M":[{"name":"z","type":"Z[2][]"},{"name":"a","type":"A"}],"A":[{"name":"b","type":"B"}],
               "B":[{"name":"x","type":"uint8[][]"}],"Z":[{"name":"b","type":"B[]"}]"#,
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
        // eth-sig-util knows only letters, digits and _.
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
        // ethers rejects unused types.
        (
            r#""M":[{"name":"x","type":"bool"}],"U":[]"#,
            r#"{"x":true}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"bool"}],"U":[{"name":"y","type":"Missing"}]"#,
            r#"{"x":true}"#,
            Refused,
        ),
        // It takes A as the primary type.
        (
            r#""M":[{"name":"x","type":"string"}],"A":[{"name":"m","type":"M"},{"name":"x","type":"string"}]"#,
            r#"{"x":"1","m":{"x":"2"}}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"x","type":"EIP712Domain"}]"#,
            r#"{"x":{"name":"App"}}"#,
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
        // A wallet of ethers signs true.
        (
            r#""M":[{"name":"__proto__","type":"bool"}]"#,
            r#"{"__proto__":false}"#,
            Refused,
        ),
        (
            r#""M":[{"name":"constructor","type":"bool"}]"#,
            r#"{"constructor":false}"#,
            Signed,
        ),
        (
            r#""M":[{"name":"x","type":"bool"}]"#,
            r#"{"x":true,"__proto__":{"x":false}}"#,
            Signed,
        ),
        // The last one counts everywhere, and a reader may see the first one.
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
    // A member of the message can have such a name.
    let types = r#"{"EIP712Domain":[],"App:Order":[{"name":"x","type":"bool"}]}"#;
    let json = whole(types, "App:Order", "{}", r#"{"x":true}"#);
    assert_eq!(readers.verdict(&json).await, Signed);
    for (primary, more) in [
        // It does not find the structs of its members.
        (
            "App:Order",
            r#""App:Order":[{"name":"x","type":"A"}],"A":[]"#,
        ),
        // It finds another type, or a property of every JavaScript object.
        (
            "App:Order",
            r#""App:Order":[{"name":"x","type":"bool"}],"App":[{"name":"y","type":"bool"}]"#,
        ),
        (
            "EIP712Domain:Order",
            r#""EIP712Domain:Order":[{"name":"x","type":"bool"}]"#,
        ),
        (
            "constructor:Order",
            r#""constructor:Order":[{"name":"x","type":"bool"}]"#,
        ),
        ("__proto__$", r#""__proto__$":[{"name":"x","type":"bool"}]"#),
        // ethers has no message without a type.
        ("EIP712Domain", r#""Unused":[]"#),
    ] {
        let types = format!(r#"{{"EIP712Domain":[],{more}}}"#);
        let message = match more.contains("bool") {
            true => r#"{"x":true}"#,
            false => r#"{"x":{}}"#,
        };
        let json = whole(&types, primary, "{}", message);
        assert_eq!(readers.verdict(&json).await, Refused, "{json}");
    }
    let json = whole(r#"{"EIP712Domain":[]}"#, "EIP712Domain", "{}", "{}");
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
        // Declared differently from its contents: too much, too little, in another order.
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
    // eth-sig-util then hashes an empty domain.
    let types = r#"{"M":[{"name":"x","type":"bool"}]}"#;
    let json = whole(types, "M", r#"{"chainId":1}"#, r#"{"x":true}"#);
    assert_eq!(readers.verdict(&json).await, Refused);
}
