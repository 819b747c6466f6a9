//! Errors that are made without their constructors.

use super::{assert_seen, findings};

const RULE: &str = "errors are made by constructors";

const LIB: (&str, &str) = ("lib.rs", "+ pub mod error; pub use error::Error;");
const ERROR: (&str, &str) = (
    "error.rs",
    "pub use self::fault::KeyFault;
     mod fault { pub enum KeyFault { Spec { actual: u8 } } }
     pub enum Error { Moved { to: u8 } }
     impl Error { pub fn moved(to: u8) -> Self { Self::Moved { to } } }",
);

#[test]
fn a_literal_of_an_error_is_seen() {
    for code in [
        "fn f() { let e = crate::Error::Moved { to: 1 }; }",
        "use crate::error::Error as E; fn f() { g(E::Moved { to: 1 }); }",
        "use crate::Error; fn f() { h().map_err(|_| Error::Moved { to: 1 }); }",
        "use crate::error::*; fn f() { g(Error::Moved { to: 1 }); }",
        "use crate::Error::Moved; fn f() { g(Moved { to: 1 }); }",
        "use crate::error::KeyFault; fn f() { g(KeyFault::Spec { actual: 1 }); }",
    ] {
        let code = format!("+ {code}");
        assert_seen(RULE, &[LIB, ERROR, ("layer/hedge.rs", &code)]);
    }
    for code in [
        "fn f() { crate::Error::moved(1); }",
        "use crate::Error; fn f(e: Error) -> bool { match e { Error::Moved { .. } => true } }",
        "use crate::Error; fn f(e: Error) -> bool { matches!(e, Error::Moved { .. }) }",
        "#[cfg(test)] fn f() { g(crate::Error::Moved { to: 1 }); }",
    ] {
        let code = format!("+ {code}");
        assert_eq!(
            findings(&[LIB, ERROR, ("layer/hedge.rs", &code)]),
            [],
            "{code}"
        );
    }
}
