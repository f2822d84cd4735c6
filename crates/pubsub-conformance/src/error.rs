//! Why a case did not pass.
//!
//! There is no error type for each operation: a table shows what was expected and what was
//! received.

/// The result of a step of a case.
pub(crate) type CaseResult<T = ()> = Result<T, CaseError>;

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CaseError {
    /// The response differs from the expected one.
    Unmet { expected: String, received: String },
    /// The service reports that it does not have this feature, in the words of the XEP.
    Refused { feature: String, received: String },
    /// The runner lacks something that the case needs.
    NotRun(String),
}

impl CaseError {
    pub(crate) fn unmet(expected: impl Into<String>, received: impl Into<String>) -> CaseError {
        CaseError::Unmet {
            expected: expected.into(),
            received: received.into(),
        }
    }

    /// Adds the line of a case to the error.
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

/// Adds the line of a case to the error of a check.
pub(crate) trait About {
    fn about(self, line: &str) -> Self;
}

impl<T> About for CaseResult<T> {
    fn about(self, line: &str) -> Self {
        self.map_err(|error| error.about(line))
    }
}

/// Returns an error with the expected and the received if the condition is false.
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
