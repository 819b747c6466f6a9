//! The layers through their public API, around scripted signers and under tokio's paused clock.

mod events;
mod failover;
mod health;
mod hedge;
mod inner;
mod nested;
mod rate_limit;
mod scripted;
mod settings;
#[cfg(feature = "metrics")]
mod telemetry;
mod timeout;
