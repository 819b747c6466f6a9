//! Whether a sink's failure is temporary.

use std::{error::Error as StdError, io};

use crate::error::AuditFault;

/// Judges a sink's error by the first [`io::Error`] in its chain that says more than `Other`.
pub(super) fn fault_of(error: &(dyn StdError + 'static)) -> AuditFault {
    let mut next = Some(error);
    // Bounded, since such a chain may in principle be circular.
    for _ in 0..16 {
        let Some(error) = next else { break };
        next = match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() != io::ErrorKind::Other => {
                return fault_of_io(error.kind());
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

/// A cause that is not listed is permanent: a caller that retries without effect does more harm
/// than one that alerts an operator too early.
fn fault_of_io(cause: io::ErrorKind) -> AuditFault {
    use io::ErrorKind::*;
    match cause {
        // Something else had the file, the system's memory or its table of files for a moment.
        TimedOut | WouldBlock | Interrupted | ResourceBusy | Deadlock | OutOfMemory => {
            AuditFault::Temporary
        }
        // Our file is opened for each record, so the next attempt may get another one.
        StaleNetworkFileHandle | UnexpectedEof => AuditFault::Temporary,
        // The connection to a sink on another host, or no local port for a while.
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
