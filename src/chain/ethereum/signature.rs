//! The 65-byte forms of an Ethereum signature.

use alloy_primitives::{Signature, U256};

use crate::{Error, KeyType, Result, Signature as CoreSignature, error::EncodingFault};

/// Rejects other curves, and the one signature in 2^127 that Ethereum cannot express.
impl TryFrom<&CoreSignature> for Signature {
    type Error = Error;

    fn try_from(signature: &CoreSignature) -> Result<Self> {
        match signature.as_secp256k1() {
            // `ecrecover` has two values of v and so no way to say that x was reduced.
            Some(signature) if signature.x_is_reduced() => {
                Err(Error::unencodable_signature(EncodingFault::ReducedX))
            }
            Some(signature) => Ok(Self::new(
                U256::from_be_bytes(*signature.r()),
                U256::from_be_bytes(*signature.s()),
                signature.y_is_odd(),
            )),
            None => Err(Error::key_type_mismatch(
                KeyType::Secp256k1,
                signature.key_type(),
            )),
        }
    }
}

/// How the recovery id is written into the last byte of a 65-byte signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum V {
    /// 0 or 1: `yParity` of typed transactions, go-ethereum's `crypto.Sign`.
    Parity,
    /// 27 or 28: `personal_sign`, `ecrecover`, and contracts that use it.
    Electrum,
    /// `chain_id × 2 + 35 + parity` (EIP-155): legacy transactions.
    Eip155 {
        /// The chain id.
        chain_id: u64,
    },
}

impl V {
    /// The number itself. For EIP-155 it may exceed a byte, and `None` means it exceeds 64 bits.
    pub fn value(self, y_is_odd: bool) -> Option<u64> {
        let parity = u64::from(y_is_odd);
        match self {
            Self::Parity => Some(parity),
            Self::Electrum => Some(27 + parity),
            Self::Eip155 { chain_id } => chain_id.checked_mul(2)?.checked_add(35 + parity),
        }
    }
}

/// Writes alloy's form of a signature as 65 bytes: `r` (32, big-endian), `s` (32, big-endian),
/// `v` (1).
///
/// ```
/// # async fn example(
/// #     wallet: kms_signer::chain::ethereum::EthereumSigner<&dyn kms_signer::Signer>,
/// # ) -> kms_signer::Result<()> {
/// use kms_signer::chain::ethereum::{V, to_rsv};
///
/// let signature = wallet.sign_message(b"message").await?.signature;
/// let for_ecrecover: [u8; 65] = to_rsv(&signature, V::Electrum)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::UnencodableSignature`] when an EIP-155 `v` does not fit into a byte, which is so for
/// half of the signatures on chain 110 and all of them beyond: there, `v` is a number inside a
/// transaction ([`V::value`]).
pub fn to_rsv(signature: &Signature, v: V) -> Result<[u8; 65]> {
    let v = v
        .value(signature.v())
        .and_then(|v| u8::try_from(v).ok())
        .ok_or_else(|| Error::unencodable_signature(EncodingFault::VTooLarge))?;
    let mut bytes = [0; 65];
    let (r, rest) = bytes.split_at_mut(32);
    let (s, last) = rest.split_at_mut(32);
    r.copy_from_slice(&signature.r().to_be_bytes::<32>());
    s.copy_from_slice(&signature.s().to_be_bytes::<32>());
    last.fill(v);
    Ok(bytes)
}
