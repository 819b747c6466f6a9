//! Whether what a sink failed of passes by itself.

use std::{error::Error as StdError, io};

use crate::error::AuditFault;

/// Judges a sink's error by the first [`io::Error`] in its chain that has a kind.
pub(super) fn fault_of(error: &(dyn StdError + 'static)) -> AuditFault {
    let mut next = Some(error);
    // Bounded, since such a chain may in principle be circular.
    for _ in 0..16 {
        let Some(error) = next else { break };
        next = match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() != io::ErrorKind::Other => {
                return fault_of_kind(error.kind());
            }
            // Its `source` would skip the error that it wraps.
            Some(error) => error
                .get_ref()
                .map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    AuditFault::Permanent
}

/// What is not listed is permanent: a caller that retries in vain does more harm than one that
/// alerts an operator for something that has passed.
fn fault_of_kind(kind: io::ErrorKind) -> AuditFault {
    use io::ErrorKind::*;
    match kind {
        // Something else had the file, the system's memory or its table of files for a moment.
        TimedOut | WouldBlock | Interrupted | ResourceBusy | Deadlock | OutOfMemory => {
            AuditFault::Temporary
        }
        // A file that is opened anew for each record, as ours is, is another one the next time.
        StaleNetworkFileHandle | UnexpectedEof => AuditFault::Temporary,
        // The way to a sink on another host. A local port may be short for a while as well.
        ConnectionRefused | ConnectionReset | ConnectionAborted | NotConnected | BrokenPipe
        | HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable => {
            AuditFault::Temporary
        }
        // A full disk too: records are not deleted by themselves.
        _ => AuditFault::Permanent,
    }
}

#[cfg(test)]
mod tests;
