//! How a test is told that it has failed.
//!
//! Deliberately absent: errors to handle. Actors and servers serve tests, where nobody would.

/// Ends the test with these words.
#[expect(
    clippy::panic,
    reason = "a test fails by panicking; every user fails here"
)]
pub(crate) fn fail(why: &str) -> ! {
    panic!("{why}")
}

/// What came out well, or the end of the test.
pub(crate) fn good<T, E: std::fmt::Display>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|error| fail(&error.to_string()))
}
