//! How much of an answer is read.

/// The most bytes of an answer that are read. No answer that a signer needs has more than a few KB.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// An answer as it comes in, in one piece of at most [`MAX_ANSWER`] bytes.
///
/// One piece, because a piece of a single byte may hold on to the buffer it was read into: 64 KB of
/// them would take 10 MB.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Adds what came, if there is room for all of it.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        match piece.len() <= MAX_ANSWER.saturating_sub(self.bytes.len()) {
            true => {
                self.bytes.extend_from_slice(piece);
                Ok(())
            }
            false => Err(TooLong),
        }
    }

    /// All that came.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The answer has more bytes than [`MAX_ANSWER`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer has more than {MAX_ANSWER} bytes")]
pub(crate) struct TooLong;
