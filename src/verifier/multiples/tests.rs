use k256::elliptic_curve::{group::CurveAffine as _, ops::Reduce};
use proptest::prelude::*;

use super::*;
use crate::verifier::ecdsa::{EcdsaCurve, MAX_TABLES};

const WINDOWS: [usize; 7] = [2, 3, 5, 6, 7, 8, 10];

/// 0, 1, 2, n − 1, n − 2, and numbers whose digits are all equal, half a window, or all carries.
fn edges<S: k256::elliptic_curve::ff::PrimeField<Repr: From<[u8; 32]>>>() -> Vec<S> {
    let mut scalars = vec![S::ZERO, S::ONE, S::ONE.double(), -S::ONE, -S::ONE.double()];
    for byte in [0x11, 0x55, 0x77, 0x7f, 0x80, 0x88, 0xaa, 0xee] {
        scalars.extend(Option::<S>::from(S::from_repr([byte; 32].into())));
    }
    for bit in 0..256 {
        let mut power = [0; 32];
        power[31 - bit / 8] = 1 << (bit % 8);
        let power = Option::<S>::from(S::from_repr(power.into())).unwrap();
        scalars.extend([power, -power, power - S::ONE]);
    }
    scalars
}

macro_rules! check_edges {
    ($curve:ident, $parameters:ty) => {
        for window in WINDOWS {
            let seven = $curve::Scalar::from(7u64);
            let point = ($curve::ProjectivePoint::GENERATOR * seven).to_affine();
            let multiples = Multiples::<$parameters>::new(&point, window);
            let sum = $curve::ProjectivePoint::GENERATOR;
            for scalar in edges::<$curve::Scalar>() {
                assert_eq!(
                    multiples.add_multiple(&scalar, sum),
                    sum + $curve::ProjectivePoint::from(point) * scalar,
                    "window {window}, scalar {scalar:?}"
                );
            }
        }
    };
}

#[test]
fn edge_scalars_are_multiplied_as_the_curve_crate_does() {
    check_edges!(k256, k256::Secp256k1);
    check_edges!(p256, p256::NistP256);
}

/// The figures that the documentation of `Verifier` gives.
#[test]
fn tables_stay_within_their_memory() {
    // Two coordinates (five words in k256, four in p256) and a flag. With debug assertions, as
    // here, k256 carries more.
    fn check<C: EcdsaCurve>(point: usize) {
        let size = |window| {
            let generator = AffinePoint::<C>::generator();
            Multiples::<C>::new(&generator, window).points.capacity() * point
        };
        let of_key = size(C::KEY_WINDOW);
        assert!(of_key <= 128 * 1024, "{of_key} bytes");
        assert!(of_key * MAX_TABLES <= 8 * 1024 * 1024, "{of_key} bytes");
        let of_generator = size(C::GENERATOR_WINDOW);
        assert!(of_generator <= 256 * 1024, "{of_generator} bytes");
    }
    check::<k256::Secp256k1>(88);
    check::<p256::NistP256>(72);
}

#[test]
fn a_sum_that_cancels_is_the_identity() {
    let generator = k256::AffinePoint::generator();
    let multiples = Multiples::<k256::Secp256k1>::new(&generator, 6);
    let sum = multiples.add_multiple(&-k256::Scalar::ONE, generator.into());
    assert_eq!(sum, k256::ProjectivePoint::IDENTITY);

    let generator = p256::AffinePoint::generator();
    let multiples = Multiples::<p256::NistP256>::new(&generator, 5);
    let sum = multiples.add_multiple(&-p256::Scalar::ONE, generator.into());
    assert_eq!(sum, p256::ProjectivePoint::IDENTITY);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_scalar_is_multiplied_as_the_curve_crate_does(
        bytes: [u8; 32],
        key in 1u64..,
        window in 2usize..9,
    ) {
        let scalar = <k256::Scalar as Reduce<k256::FieldBytes>>::reduce(&bytes.into());
        let point = k256::ProjectivePoint::GENERATOR * k256::Scalar::from(key);
        let multiples = Multiples::<k256::Secp256k1>::new(&point.to_affine(), window);
        let sum = k256::ProjectivePoint::IDENTITY;
        prop_assert_eq!(multiples.add_multiple(&scalar, sum), point * scalar);
    }
}
