//! ECDSA by the nonce point: one computation for the verdict and the recovery id.

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

/// How many signatures of a key are verified before its table is built. On secp256k1 the table
/// costs about as much as it saves on that many, on P-256 a quarter of it.
const HOT_AFTER: u32 = 16;

/// The most tables of keys that exist at a time: 8 MB of them. A service with more hot keys than
/// this verifies the signatures of the others without a table, until one is dropped.
pub(super) const MAX_TABLES: usize = 64;

/// Verifies the signatures of one key.
///
/// Everything here is public, signature and key alike, so that variable time is fine.
pub(super) struct EcdsaVerifier<C: EcdsaCurve> {
    public_key: AffinePoint<C>,
    verified: AtomicU32,
    table: OnceLock<Table<C>>,
}

/// What the released signature consists of.
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

    /// Verifies a signature (SEC 1 §4.1.4) and keeps what recovery needs (SEC 1 §4.1.6).
    ///
    /// The nonce point R = (z/s)·G + (r/s)·Q is computed once. Its x gives the verdict and its y
    /// the recovery id, so no candidate key is ever recovered and compared. `s` is made low
    /// beforehand: R then is the point that belongs to the released form, with no parity to flip.
    pub(super) fn accept(&self, digest: &[u8; 32], raw: RawSignature<'_>) -> Result<Accepted> {
        let scalars = Scalars::decode(raw).map_err(refused)?;
        let r = scalar_in_range::<C>(scalars.r())?;
        let s = scalar_in_range::<C>(scalars.s())?;
        let s = if bool::from(s.is_high()) { -s } else { s };

        let z = <Scalar<C> as Reduce<FieldBytes<C>>>::reduce(&(*digest).into());
        // Always there, as s is not zero.
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

    /// Counts a signature of a cold key. Every [`HOT_AFTER`]th looks for a place for a table and, if
    /// one is free, builds it.
    ///
    /// What did not verify does not count. Whoever chooses digests, or replays, can still make
    /// signatures that verify, and so take a place; that costs one table for each verifier.
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

    /// Builds the table, unless it is there already or every place is taken.
    pub(super) fn heat(&self) {
        if self.is_hot() {
            return;
        }
        if let Some(place) = PLACES.take() {
            // Before the key's own, so that no signature has to wait for it: until then the key is
            // cold to the other threads.
            C::generator_multiples();
            // Of two threads that should come here at once, one is too late and drops its table.
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

/// How many tables may exist at a time, so that memory stays bounded however many keys there are.
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

/// A place for one table; free again when dropped.
struct Place {
    of: &'static Places,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.free.fetch_add(1, Ordering::Relaxed);
    }
}

/// A curve with all that verification needs.
pub(super) trait EcdsaCurve: CurveArithmetic<
    ProjectivePoint: BatchNormalize<[ProjectivePoint<Self>], Output = Vec<AffinePoint<Self>>>
                         + BatchNormalize<[ProjectivePoint<Self>; 1], Output = [AffinePoint<Self>; 1]>,
>
{
    /// Bits a digit of a key's table: the widest for which it is built within a millisecond and
    /// stays within 128 KB.
    const KEY_WINDOW: usize;

    /// Bits a digit of the generator's table, which is built when the first key gets hot: more
    /// make that one signature longer and the others a little shorter.
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
    Error::InvalidSignature {
        fault,
        receipt: None,
    }
}

pub(super) fn not_verified() -> Error {
    Error::SignatureNotVerified { receipt: None }
}

#[cfg(test)]
mod tests;
