use alloy_dyn_abi::eip712::Resolver;

use super::*;
use crate::Error;

#[track_caller]
fn refusal(encode_type: &str) -> String {
    match Shape::read(encode_type) {
        Err(Error::InvalidPayload { source, .. }) => source.to_string(),
        Err(error) => panic!("{error:?}"),
        Ok(shape) => panic!("{encode_type}: {}", shape.encode_type),
    }
}

/// The examples of EIP-712, definition of encodeType.
#[test]
fn an_encode_type_is_read_as_it_was_written() {
    for text in [
        "Mail(address from,address to,string contents)",
        "Transaction(Person from,Person to,Asset tx)Asset(address token,uint256 amount)\
         Person(address wallet,string name)",
        "M()",
        "M(N[2][] n)N(bytes32 x)",
        "M(A3 a,A_b[] b,Aa c,A[3] d)A(int8 x)A3(B b)A_b(string[][2] s,bytes b)Aa(A3[] x,A3 y)B(bytes4 z)",
    ] {
        let shape = Shape::read(text).unwrap();
        assert_eq!(&*shape.encode_type, text);
        // As alloy reads it.
        let mut resolver = Resolver::default();
        resolver.ingest_string(text).unwrap();
        let primary = text.split_once('(').unwrap().0;
        assert_eq!(shape.layout, resolver.resolve(primary).unwrap());
        for (name, type_hash) in &shape.type_hashes {
            assert_eq!(*type_hash, resolver.type_hash(name).unwrap(), "{name}");
        }
    }
    // In another order than EIP-712 has it, which gives another hash.
    let shape = Shape::read("M(B b,A a)B(bool x)A(bool x)").unwrap();
    assert_eq!(&*shape.encode_type, "M(B b,A a)A(bool x)B(bool x)");
}

/// alloy's resolver panics on some of these, and would take long for others.
#[test]
fn what_is_no_encode_type_is_rejected() {
    for text in [
        "",
        "M",
        "(",
        ")",
        "M(",
        "M)",
        "M(bool)",
        "M(bool x",
        "M(bool x)N",
        "M(bool x)N(",
        "M(bool x)M(bool x)",
        "M(,)",
        "M(bool x,)",
        " M(bool x)",
        "M (bool x)",
        "M( bool x)",
        "1(bool x)",
        "M(1 x)",
        "M(bool[ x)",
        "M((bool) x)",
        "bool(bool x)",
        "M(N n)",
        "M(bool x)N(bool y)",
        "M(M m)",
        "M(N n)N(M m)",
        "M(uint x)",
        "M(function f)",
        "M(bool x,bool x)",
        "EIP712Domain(string name)",
        "żółć(bool x)",
        "\u{0}(bool x)",
    ] {
        refusal(text);
    }
    let doubling: String = (0..200)
        .map(|index| format!("T{index}(T{0}[] a,T{0}[] b)", index + 1))
        .collect();
    let reason = refusal(&format!("{doubling}T200(bool x)"));
    assert!(reason.contains("more than"), "{reason}");
    let reason = refusal(&"x".repeat(bounds::MAX_BYTES + 1));
    assert!(reason.contains("bytes in its encodeType"), "{reason}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String, noise in "[MN(),\\[\\] a-c0-9]{0,60}") {
        let _ = Shape::read(&text);
        let _ = Shape::read(&noise);
        let _ = Shape::read(&format!("M({noise} x)"));
        let _ = Shape::read(&format!("M(bool x){noise}"));
    }
}

#[test]
fn an_account_keeps_a_bounded_number_of_shapes() {
    let shapes = Shapes::default();
    let name = |index: usize| format!("M{index}(bool x)");
    for index in (0..2 * MAX_SHAPES).chain(0..2 * MAX_SHAPES) {
        assert_eq!(&*shapes.of(&name(index)).unwrap().encode_type, name(index));
        assert!(shapes.0.lock().unwrap().len() <= MAX_SHAPES);
    }
    let again = shapes.clone().of(&name(0)).unwrap();
    assert!(Arc::ptr_eq(&again, &shapes.of(&name(0)).unwrap()));
    assert!(shapes.of("M(").is_err());
}
