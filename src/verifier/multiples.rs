//! Multiples of one point, so that multiplying it needs additions only.

use std::slice;

use k256::elliptic_curve::{
    AffinePoint, BatchNormalize, CurveArithmetic, ProjectivePoint, Scalar, ff::PrimeField as _,
    group::Group as _,
};

/// Scalars have 32 bytes on every curve here.
const SCALAR_BITS: usize = 256;

/// A table of multiples of a point P for signed digits of `window` bits.
///
/// A scalar is the sum of dᵢ·2^(window·i) with −2^(window−1) < dᵢ ≤ 2^(window−1). Row i holds
/// 1·2^(window·i)·P to 2^(window−1)·2^(window·i)·P, so each digit costs one addition (or
/// subtraction), and no doubling is left. Which entries are read depends on the scalar, which is
/// why tables serve public data only.
pub(super) struct Multiples<C: CurveArithmetic> {
    window: usize,
    /// The rows, one after the other.
    points: Vec<AffinePoint<C>>,
}

impl<C> Multiples<C>
where
    C: CurveArithmetic,
    ProjectivePoint<C>: BatchNormalize<[ProjectivePoint<C>], Output = Vec<AffinePoint<C>>>,
{
    /// The multiples of `point`, which is not the identity, for a window of 2 to 16 bits.
    pub(super) fn new(point: &AffinePoint<C>, window: usize) -> Self {
        // The digit of the last row is a carry or has room for one.
        let rows = SCALAR_BITS / window + 1;
        let mut points = Vec::with_capacity(rows * row_len(window));
        let mut base = ProjectivePoint::<C>::from(*point);
        for _ in 0..rows {
            let mut row = vec![base];
            for count in 2..=row_len(window) {
                // Doubling is cheaper than adding, and every second multiple is a double.
                row.push(match row.get(count / 2 - 1) {
                    Some(half) if count % 2 == 0 => half.double(),
                    _ => row.last().map_or(base, |last| base + last),
                });
            }
            base = row.last().map_or(base, |last| last.double());
            points.append(&mut row);
        }
        Self {
            window,
            // The order of the group is prime, so none of these is the identity.
            points: ProjectivePoint::<C>::batch_normalize_vartime(&points),
        }
    }
}

impl<C: CurveArithmetic> Multiples<C> {
    /// `sum + scalar·P`.
    pub(super) fn add_multiple(
        &self,
        scalar: &Scalar<C>,
        mut sum: ProjectivePoint<C>,
    ) -> ProjectivePoint<C> {
        let scalar = scalar.to_repr();
        let mut bits = Bits::of(scalar.as_ref());
        let mut carry = 0;
        for row in self.points.chunks(row_len(self.window)) {
            let digit = bits.take(self.window) + carry;
            if digit <= row.len() {
                carry = 0;
                if let Some(multiple) = digit.checked_sub(1).and_then(|at| row.get(at)) {
                    sum += multiple;
                }
            } else {
                carry = 1;
                let negated = 2 * row.len() - digit;
                if let Some(multiple) = negated.checked_sub(1).and_then(|at| row.get(at)) {
                    sum -= multiple;
                }
            }
        }
        sum
    }
}

/// A digit is positive or negative, so that a row needs half as many multiples as it has values.
fn row_len(window: usize) -> usize {
    1 << (window - 1)
}

/// The bits of a big-endian number, least significant first.
struct Bits<'a> {
    bytes: std::iter::Rev<slice::Iter<'a, u8>>,
    buffer: usize,
    len: usize,
}

impl<'a> Bits<'a> {
    fn of(number: &'a [u8]) -> Self {
        Self {
            bytes: number.iter().rev(),
            buffer: 0,
            len: 0,
        }
    }

    /// The next `count` bits, as a number; zeros after the last.
    fn take(&mut self, count: usize) -> usize {
        while self.len < count {
            let byte = self.bytes.next().copied().unwrap_or(0);
            self.buffer |= usize::from(byte) << self.len;
            self.len += 8;
        }
        let bits = self.buffer & ((1 << count) - 1);
        self.buffer >>= count;
        self.len -= count;
        bits
    }
}

#[cfg(test)]
mod tests;
