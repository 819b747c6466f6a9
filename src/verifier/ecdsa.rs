//! ECDSA through the nonce point: one computation gives the verdict and the recovery id.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use k256::elliptic_curve::{
    AffinePoint, BatchNormalize, CurveArithmetic, FieldBytes, ProjectivePoint, Scalar,
    ff::{Field as _, PrimeField as _},
    group::{CurveAffine as _, Group as _},
    ops::{Invert as _, MulByGeneratorVartime as _, Reduce},
    point::AffineCoordinates as _,
    scalar::IsHigh as _,
};

use super::multiples::Multiples;
use crate::{Error, RawSignature, Result, error::SignatureFault, signature::Scalars};

/// After how many verified signatures a key gets its table. The table costs as much as it saves on
/// 16 signatures on secp256k1, and on 4 on P-256.
const HOT_AFTER: u32 = 16;

/// How many tables of keys may exist at a time: 8 MB. When they are taken, other hot keys verify
/// without a table until one is dropped.
pub(super) const MAX_TABLES: usize = 64;

/// Verifies the signatures of one key.
///
/// All data here is public, signature and key alike, so variable time is fine.
pub(super) struct EcdsaVerifier<C: EcdsaCurve> {
    public_key: AffinePoint<C>,
    verified: AtomicU32,
    table: OnceLock<Table<C>>,
}

/// The parts of an accepted signature.
pub(super) struct Accepted {
    pub(super) scalars: Scalars,
    pub(super) y_is_odd: bool,
    pub(super) x_is_reduced: bool,
}

impl<C> EcdsaVerifier<C>
where
    C: EcdsaCurve,
    FieldBytes<C>: From<[u8; 32]> + Into<[u8; 32]>,
{
    pub(super) fn new(public_key: AffinePoint<C>) -> Self {
        Self {
            public_key,
            verified: AtomicU32::new(0),
            table: OnceLock::new(),
        }
    }

    pub(super) fn is_hot(&self) -> bool {
        self.table.get().is_some()
    }

    /// Verifies a signature (SEC 1 §4.1.4) and returns what recovery needs (SEC 1 §4.1.6).
    ///
    /// It computes the nonce point R = (z/s)·G + (r/s)·Q once: x gives the verdict, and y the
    /// recovery id, so it never has to recover and compare candidate keys. It makes `s` low first,
    /// so that R is the point of the returned form and no parity has to be flipped.
    pub(super) fn accept(&self, digest: &[u8; 32], raw: RawSignature<'_>) -> Result<Accepted> {
        let scalars = Scalars::decode(raw).map_err(refused)?;
        let r = scalar_in_range::<C>(scalars.r())?;
        let s = scalar_in_range::<C>(scalars.s())?;
        let s = if bool::from(s.is_high()) { -s } else { s };

        let z = <Scalar<C> as Reduce<FieldBytes<C>>>::reduce(&(*digest).into());
        // Always `Some`, since `s` is not zero.
        let s_inverse = Option::<Scalar<C>>::from(s.invert_vartime()).ok_or_else(not_verified)?;
        let nonce_point = self.generator_and_key(&(z * s_inverse), &(r * s_inverse));
        if bool::from(nonce_point.is_identity()) {
            return Err(not_verified());
        }
        let [nonce_point] = ProjectivePoint::<C>::batch_normalize_vartime(&[nonce_point]);
        let x = nonce_point.x();
        if <Scalar<C> as Reduce<FieldBytes<C>>>::reduce(&x) != r {
            return Err(not_verified());
        }
        self.count();
        Ok(Accepted {
            x_is_reduced: x.into() != *scalars.r(),
            y_is_odd: nonce_point.y_is_odd().into(),
            scalars: Scalars::new(*scalars.r(), s.to_repr().into()),
        })
    }

    /// `a·G + b·Q`.
    fn generator_and_key(&self, a: &Scalar<C>, b: &Scalar<C>) -> ProjectivePoint<C> {
        match self.table.get() {
            Some(table) => {
                let of_key = table
                    .multiples
                    .add_multiple(b, ProjectivePoint::<C>::identity());
                C::generator_multiples().add_multiple(a, of_key)
            }
            None => ProjectivePoint::<C>::mul_by_generator_and_mul_add_vartime(
                a,
                b,
                &self.public_key.into(),
            ),
        }
    }

    /// Counts a verified signature of a cold key. Every [`HOT_AFTER`]th builds a table if a place
    /// is free.
    ///
    /// Signatures that do not verify do not count. A caller who chooses digests, or replays
    /// signatures, can still make ones that verify and so take a place; that costs one table for
    /// each verifier.
    fn count(&self) {
        if self.is_hot() {
            return;
        }
        let verified = self
            .verified
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        if verified.is_multiple_of(HOT_AFTER) {
            self.heat();
        }
    }

    /// Builds the table, unless it exists already or every place is taken.
    pub(super) fn heat(&self) {
        if self.is_hot() {
            return;
        }
        if let Some(place) = PLACES.take() {
            // Before the key's own table, so that no signature waits for this one: until the key's
            // table is set, other threads verify without it.
            C::generator_multiples();
            // If two threads get here at once, the second drops its table.
            let _ = self.table.set(Table {
                multiples: Multiples::new(&self.public_key, C::KEY_WINDOW),
                _place: place,
            });
        }
    }
}

/// The table of a hot key.
struct Table<C: CurveArithmetic> {
    multiples: Multiples<C>,
    _place: Place,
}

/// The places for tables in this process.
static PLACES: Places = Places::new(MAX_TABLES);

/// Limits the tables of the process, so that memory stays bounded whatever the number of keys.
struct Places {
    free: AtomicUsize,
}

impl Places {
    const fn new(count: usize) -> Self {
        Self {
            free: AtomicUsize::new(count),
        }
    }

    /// Takes a place, if one is free.
    fn take(&'static self) -> Option<Place> {
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(1)
            })
            .ok()
            .map(|_| Place { of: self })
    }
}

/// A place for one table. Dropping it frees the place.
struct Place {
    of: &'static Places,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.free.fetch_add(1, Ordering::Relaxed);
    }
}

/// A curve with everything that verification needs.
pub(super) trait EcdsaCurve: CurveArithmetic<
    ProjectivePoint: BatchNormalize<[ProjectivePoint<Self>], Output = Vec<AffinePoint<Self>>>
                         + BatchNormalize<[ProjectivePoint<Self>; 1], Output = [AffinePoint<Self>; 1]>,
>
{
    /// Bits per digit of a key's table: the widest that is built within a millisecond and fits in
    /// 128 KB.
    const KEY_WINDOW: usize;

    /// Bits per digit of the generator's table, which the first hot key builds. More bits make that
    /// one call slower and the others a little faster.
    const GENERATOR_WINDOW: usize;

    /// The multiples of the generator, for every key on this curve.
    fn generator_multiples() -> &'static Multiples<Self>;
}

macro_rules! ecdsa_curve {
    ($($curve:ty, $key_window:literal, $generator_window:literal;)+) => {$(
        impl EcdsaCurve for $curve {
            const KEY_WINDOW: usize = $key_window;
            const GENERATOR_WINDOW: usize = $generator_window;

            fn generator_multiples() -> &'static Multiples<Self> {
                static MULTIPLES: OnceLock<Multiples<$curve>> = OnceLock::new();
                MULTIPLES.get_or_init(|| {
                    Multiples::new(&AffinePoint::<Self>::generator(), Self::GENERATOR_WINDOW)
                })
            }
        }
    )+};
}

ecdsa_curve! {
    k256::Secp256k1, 6, 7;
    // Its additions take twice the time.
    p256::NistP256, 5, 6;
}

fn scalar_in_range<C>(bytes: &[u8; 32]) -> Result<Scalar<C>>
where
    C: CurveArithmetic,
    FieldBytes<C>: From<[u8; 32]>,
{
    let scalar = Option::<Scalar<C>>::from(Scalar::<C>::from_repr((*bytes).into()))
        .ok_or_else(|| refused(SignatureFault::OutOfRange))?;
    match bool::from(scalar.is_zero()) {
        true => Err(refused(SignatureFault::Zero)),
        false => Ok(scalar),
    }
}

pub(super) fn refused(fault: SignatureFault) -> Error {
    Error::invalid_signature(fault)
}

pub(super) fn not_verified() -> Error {
    Error::signature_not_verified()
}

#[cfg(test)]
mod tests;
