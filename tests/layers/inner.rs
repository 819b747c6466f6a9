//! Each layer returns the signer inside, of any type.

use std::ops::Deref;

use kms_signer::{
    KeyType, Signer,
    layer::{
        audit::{Audit, MemorySink},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
    provider::local::LocalSigner,
};

use crate::scripted::ms;

/// Two signers that cannot be cloned.
fn regions() -> [Box<dyn Signer>; 2] {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    [Box::new(key.clone()), Box::new(key)]
}

#[test]
fn each_layer_gives_its_signer_back() {
    let regions = regions();
    let addresses: Vec<*const u8> = regions.iter().map(address).collect();
    let limit = RateLimit::per_second(1).build().unwrap();
    let [first, second] = regions;

    let first = Audit::new(Timeout::new(first, ms(1)).unwrap(), MemorySink::new());
    let second = Audit::new(Timeout::new(second, ms(1)).unwrap(), MemorySink::new());
    let regions = [first, second].map(|region| {
        let region = Hedge::after(region, ms(1)).build().unwrap();
        limit.limit(region)
    });
    let stack = Failover::builder(regions).build().unwrap();
    for (region, expected) in stack.inner().iter().zip(&addresses) {
        let signer = region.inner().inner().inner().inner();
        assert_eq!(address(signer), *expected);
    }
    let regions = stack.into_inner().into_iter();
    let regions: Vec<Box<dyn Signer>> = regions
        .map(|region| region.into_inner().into_inner().into_inner().into_inner())
        .collect();
    assert_eq!(regions.iter().map(address).collect::<Vec<_>>(), addresses);
}

/// Which of the two signers it is.
fn address(signer: &impl Deref<Target = dyn Signer>) -> *const u8 {
    std::ptr::from_ref::<dyn Signer>(&**signer).cast()
}
