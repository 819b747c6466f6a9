//! Providers: signers over a key store. A provider knows no chain and never chooses a hash.

#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "local")]
pub mod local;
