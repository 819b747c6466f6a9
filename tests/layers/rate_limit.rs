mod limits;
mod queue;
mod throttling;
