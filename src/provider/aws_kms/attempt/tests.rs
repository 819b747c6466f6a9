use std::time::Duration;

use aws_sdk_kms::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::interceptors::OverriddenHooks;

use super::*;

/// Settings as a caller's client has them.
fn handed_over() -> config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .retry_config(RetryConfig::adaptive())
}

/// Which settings attempts over a client with this configuration override.
fn overridden(client: &Config) -> [bool; 3] {
    let overrides = adjusted(client, config::Builder::new()).build();
    [
        overrides.retry_config().is_some(),
        overrides.stalled_stream_protection().is_some(),
        overrides.timeout_config().is_some(),
    ]
}

#[test]
fn attempts_override_the_settings_of_a_client_that_was_handed_over() {
    let client = handed_over().build();
    assert_eq!(overridden(&client), [true, true, true]);
    let overrides = adjusted(&client, config::Builder::new()).build();
    assert_eq!(overrides.retry_config(), Some(&RetryConfig::disabled()));
    let protection = overrides.stalled_stream_protection().unwrap();
    assert!(!protection.is_enabled());
}

#[test]
fn attempts_override_nothing_of_a_client_that_was_made_for_them() {
    let config = handed_over();
    let client = adjusted(&config.clone().build(), config).build();
    assert_eq!(overridden(&client), [false, false, false]);
}

/// Neither the time that a client gives attempts nor its other timeouts are replaced.
#[test]
fn timeouts_of_a_client_stay() {
    const OWN: Duration = Duration::from_secs(7);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(OWN);
    let client = handed_over().timeout_config(timeouts.build()).build();
    assert_eq!(overridden(&client), [true, true, false]);

    let timeouts = TimeoutConfig::builder().connect_timeout(OWN);
    let config = handed_over().timeout_config(timeouts.build());
    let client = adjusted(&config.clone().build(), config).build();
    let timeouts = client.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(OWN));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(FAR));
}

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
