//! Fails tests by panicking.

/// Panics with this text.
#[expect(
    clippy::panic,
    reason = "a test fails by panicking; every user fails here"
)]
pub(crate) fn fail(why: &str) -> ! {
    panic!("{why}")
}

/// Returns the value of an `Ok`, or panics.
pub(crate) fn good<T, E: std::fmt::Display>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|error| fail(&error.to_string()))
}
