//! Why a case did not pass.
//!
//! Deliberately absent: a type of error per operation: whoever reads a table wants to know what was
//! expected and what came.

/// What a step of a case gives.
pub(crate) type CaseResult<T = ()> = Result<T, CaseError>;

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CaseError {
    /// Something else came.
    Unmet { expected: String, received: String },
    /// The service says that it does not have this feature, in the XEP's words.
    Refused { feature: String, received: String },
    /// Something that the case needs was not given to the runner.
    NotRun(String),
}

impl CaseError {
    pub(crate) fn unmet(expected: impl Into<String>, received: impl Into<String>) -> CaseError {
        CaseError::Unmet {
            expected: expected.into(),
            received: received.into(),
        }
    }

    /// The same, said to be about one line of a case.
    pub(crate) fn about(self, line: &str) -> CaseError {
        match self {
            CaseError::Unmet { expected, received } => CaseError::Unmet {
                expected: format!("{line}: {expected}"),
                received,
            },
            other => other,
        }
    }
}

/// Names the line of a case that a check is about.
pub(crate) trait About {
    fn about(self, line: &str) -> Self;
}

impl<T> About for CaseResult<T> {
    fn about(self, line: &str) -> Self {
        self.map_err(|error| error.about(line))
    }
}

/// Holds, or tells what came instead.
pub(crate) fn check(
    condition: bool,
    expected: impl Into<String>,
    received: impl Into<String>,
) -> CaseResult {
    if condition {
        return Ok(());
    }
    Err(CaseError::unmet(expected, received))
}
