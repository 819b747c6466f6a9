//! The size limit of an answer.

/// The longest answer that is read, in bytes. An answer that a signer needs has at most a few KB.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// Collects an answer into one piece of at most [`MAX_ANSWER`] bytes.
///
/// It copies, because a piece of a single byte may keep the whole buffer it was read into alive:
/// 64 KB in such pieces would take 10 MB.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Adds a piece, or fails if it exceeds the limit.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        match piece.len() <= MAX_ANSWER.saturating_sub(self.bytes.len()) {
            true => {
                self.bytes.extend_from_slice(piece);
                Ok(())
            }
            false => Err(TooLong),
        }
    }

    /// All bytes that were added.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The answer has more bytes than [`MAX_ANSWER`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer has more than {MAX_ANSWER} bytes")]
pub(crate) struct TooLong;
