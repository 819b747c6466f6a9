use std::fmt;

use io::ErrorKind::*;

use super::*;
use crate::error::{
    AuditFault::{Permanent, Temporary},
    BoxError,
};

/// Every kind of the standard library that is stable, but `Other`, which says nothing.
const KINDS: [(io::ErrorKind, AuditFault); 39] = [
    (NotFound, Permanent),
    (PermissionDenied, Permanent),
    (ConnectionRefused, Temporary),
    (ConnectionReset, Temporary),
    (HostUnreachable, Temporary),
    (NetworkUnreachable, Temporary),
    (ConnectionAborted, Temporary),
    (NotConnected, Temporary),
    (AddrInUse, Permanent),
    (AddrNotAvailable, Temporary),
    (NetworkDown, Temporary),
    (BrokenPipe, Temporary),
    (AlreadyExists, Permanent),
    (WouldBlock, Temporary),
    (NotADirectory, Permanent),
    (IsADirectory, Permanent),
    (DirectoryNotEmpty, Permanent),
    (ReadOnlyFilesystem, Permanent),
    (StaleNetworkFileHandle, Temporary),
    (InvalidInput, Permanent),
    (InvalidData, Permanent),
    (TimedOut, Temporary),
    (WriteZero, Permanent),
    (StorageFull, Permanent),
    (NotSeekable, Permanent),
    (QuotaExceeded, Permanent),
    (FileTooLarge, Permanent),
    (ResourceBusy, Temporary),
    (ExecutableFileBusy, Permanent),
    (Deadlock, Temporary),
    (CrossesDevices, Permanent),
    (TooManyLinks, Permanent),
    (InvalidFilename, Permanent),
    (ArgumentListTooLong, Permanent),
    (Interrupted, Temporary),
    (Unsupported, Permanent),
    (UnexpectedEof, Temporary),
    (OutOfMemory, Temporary),
    (Other, Permanent),
];

/// An error around another one, as a library has it.
#[derive(Debug)]
struct Wrapped(BoxError);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database failed")
    }
}

impl StdError for Wrapped {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn each_kind_is_judged_wherever_it_is_in_the_chain() {
    for (kind, expected) in KINDS {
        let error = io::Error::from(kind);
        assert_eq!(fault_of(&error), expected, "{kind:?}");
        let wrapped = Wrapped(Box::new(io::Error::other(Wrapped(Box::new(error)))));
        assert_eq!(fault_of(&wrapped), expected, "{kind:?} wrapped");
    }
}

#[test]
fn what_says_nothing_of_itself_is_permanent() {
    let text: BoxError = "the disk is gone".into();
    assert_eq!(fault_of(&*text), Permanent);
    let mut deep: BoxError = Box::new(io::Error::from(TimedOut));
    for _ in 0..100 {
        deep = Box::new(Wrapped(deep));
    }
    assert_eq!(fault_of(&*deep), Permanent);
}
