//! Why a case did not pass.
//!
//! Deliberately absent: a type of error per operation: whoever reads a table wants to know what was
//! expected and what came.

/// What a step of a case gives.
pub(crate) type Checked<T = ()> = Result<T, Fault>;

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Something else came.
    Unmet { expected: String, came: String },
    /// The service says that it does not have this feature, in the XEP's words.
    Refused { feature: String, came: String },
    /// Something that the case needs was not given to the runner.
    NotRun(String),
}

impl Fault {
    pub(crate) fn unmet(expected: impl Into<String>, came: impl Into<String>) -> Fault {
        Fault::Unmet {
            expected: expected.into(),
            came: came.into(),
        }
    }

    /// The same, said to be about one line of a case.
    pub(crate) fn about(self, line: &str) -> Fault {
        match self {
            Fault::Unmet { expected, came } => Fault::Unmet {
                expected: format!("{line}: {expected}"),
                came,
            },
            other => other,
        }
    }
}

/// Names the line of a case that a check is about.
pub(crate) trait About {
    fn about(self, line: &str) -> Self;
}

impl<T> About for Checked<T> {
    fn about(self, line: &str) -> Self {
        self.map_err(|fault| fault.about(line))
    }
}

/// Holds, or tells what came instead.
pub(crate) fn holds(
    condition: bool,
    expected: impl Into<String>,
    came: impl Into<String>,
) -> Checked {
    if condition {
        return Ok(());
    }
    Err(Fault::unmet(expected, came))
}
