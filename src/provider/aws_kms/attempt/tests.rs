use aws_smithy_runtime_api::client::interceptors::OverriddenHooks;

use super::*;

/// Each further hook would cost every signature some hundred instructions.
#[test]
fn interceptors_are_called_for_the_hooks_they_use() {
    let clock = Clock::default().for_attempt(None);
    let observer = Observer {
        sent: Arc::default(),
        observed: Arc::default(),
        clock,
    };
    let hooks = observer.overridden_hooks();
    assert!(hooks.contains(OverriddenHooks::READ_BEFORE_TRANSMIT));
    assert!(!hooks.contains(OverriddenHooks::READ_BEFORE_EXECUTION));
    let hooks = StopBeforeSending.overridden_hooks();
    assert!(hooks.contains(OverriddenHooks::READ_AFTER_SIGNING));
    assert!(!hooks.contains(OverriddenHooks::READ_BEFORE_EXECUTION));
}
