//! The operations by name.

use std::fmt;

/// One list, so that every operation has a name, a counter and a reader.
macro_rules! operations {
    ($($name:ident)+) => {
        /// The operations of the KMS API that are emulated.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $(
                #[doc = concat!(
                    "[`", stringify!($name), "`](https://docs.aws.amazon.com/kms/latest/APIReference/API_",
                    stringify!($name), ".html)"
                )]
                $name,
            )+
        }

        impl Operation {
            pub(super) const ALL: &[Self] = &[$(Self::$name,)+];

            /// KMS's name for it, for example `Sign`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

operations! {
    CancelKeyDeletion
    CreateAlias
    CreateKey
    DeleteAlias
    DescribeKey
    DisableKey
    EnableKey
    GetPublicKey
    ListAliases
    ListKeys
    ScheduleKeyDeletion
    Sign
    UpdateAlias
    Verify
}

impl Operation {
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|operation| operation.as_str() == name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
