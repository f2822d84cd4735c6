//! What the doctor found: one finding per step, for a person or for a program.
//!
//! Deliberately absent: how anything is found.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

/// What can be examined, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    Config,
    Secret,
    Name,
    Connection,
    Tls,
    Stream,
    Instances,
    Login,
    Address,
    Routes,
    Host,
    Neighbours,
    Size,
    Second,
    Foreign,
    Secrecy,
}

impl Step {
    const ALL: [Step; 16] = [
        Step::Config,
        Step::Secret,
        Step::Name,
        Step::Connection,
        Step::Tls,
        Step::Stream,
        Step::Instances,
        Step::Login,
        Step::Address,
        Step::Routes,
        Step::Host,
        Step::Neighbours,
        Step::Size,
        Step::Second,
        Step::Foreign,
        Step::Secrecy,
    ];

    fn name(self) -> &'static str {
        match self {
            Step::Config => "config",
            Step::Secret => "secret",
            Step::Name => "name",
            Step::Connection => "connection",
            Step::Tls => "tls",
            Step::Stream => "stream",
            Step::Instances => "instances",
            Step::Login => "login",
            Step::Address => "address",
            Step::Routes => "routes",
            Step::Host => "host",
            Step::Neighbours => "neighbours",
            Step::Size => "size",
            Step::Second => "second",
            Step::Foreign => "foreign",
            Step::Secrecy => "secrecy",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Pass,
    /// It works, but a person should know.
    Warn,
    Fail,
    /// There is nothing to examine in this set-up.
    Skipped,
    /// It could have done harm, and nobody allowed it.
    NotTried,
    NotReached,
}

/// What one step showed: a line that tells, and below it what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    verdict: Verdict,
    told: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    advice: String,
}

impl Finding {
    pub(super) fn pass(told: impl Into<String>) -> Finding {
        Finding::new(Verdict::Pass, told, "")
    }

    pub(super) fn warn(told: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Verdict::Warn, told, advice)
    }

    pub(super) fn fail(told: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Verdict::Fail, told, advice)
    }

    pub(super) fn skipped(told: impl Into<String>) -> Finding {
        Finding::new(Verdict::Skipped, told, "")
    }

    pub(super) fn not_tried(told: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Verdict::NotTried, told, advice)
    }

    /// A failure in the words of the framework's errors: the first line tells, the rest advises.
    pub(super) fn of_error(error: &impl ToString) -> Finding {
        let text = error.to_string();
        let (told, advice) = text.split_once('\n').unwrap_or((&text, ""));
        let unindented = |line| str::strip_prefix(line, "  ").unwrap_or(line);
        let advice: Vec<&str> = advice.lines().map(unindented).collect();
        Finding::fail(told, advice.join("\n"))
    }

    pub(super) fn too_slow(limit: Duration) -> Finding {
        Finding::fail(
            format!("nothing came within {}", humantime::format_duration(limit)),
            "A server that is overloaded may need longer: try --timeout 1m",
        )
    }

    /// One more piece of advice.
    pub(super) fn and(mut self, advice: &str) -> Finding {
        if !self.advice.is_empty() {
            self.advice.push('\n');
        }
        self.advice.push_str(advice);
        self
    }

    pub(super) fn has_passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    pub(super) fn has_failed(&self) -> bool {
        self.verdict == Verdict::Fail
    }

    fn new(verdict: Verdict, told: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding {
            verdict,
            told: told.into(),
            advice: advice.into().trim_matches('\n').to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    AsLines,
    AsJson,
}

/// All findings.
#[derive(Debug)]
pub(super) struct Chart {
    shown: Shown,
    subject: String,
    findings: Vec<(Step, Finding)>,
}

impl Chart {
    pub(super) fn new(shown: Shown) -> Chart {
        Chart {
            shown,
            subject: String::new(),
            findings: Vec::new(),
        }
    }

    /// Says whom this is about, once that is known.
    pub(super) fn is_about(&mut self, subject: String) {
        self.subject = subject;
    }

    /// Writes a finding down, and gives back what the step brought.
    pub(super) fn note<T>(
        &mut self,
        step: Step,
        (finding, value): (Finding, Option<T>),
    ) -> Option<T> {
        if self.shown == Shown::AsLines {
            let _nobody_reads_it_then = show(step, &finding);
        }
        self.findings.push((step, finding));
        value
    }

    /// Adds what was not reached, and tells how it is.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        for step in Step::ALL {
            if !self.findings.iter().any(|(known, _)| *known == step) {
                let finding = Finding::new(Verdict::NotReached, "not reached", "");
                self.findings.push((step, finding));
            }
        }
        let written = match self.shown {
            Shown::AsLines => self.write_end(&mut io::stdout().lock()),
            Shown::AsJson => self.write_json(&mut io::stdout().lock()),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    fn write_end(&self, out: &mut impl Write) -> io::Result<()> {
        let missed = self.names(Verdict::NotReached);
        if !missed.is_empty() {
            writeln!(out, "-     not reached: {missed}")?;
        }
        writeln!(out, "\n{}", self.summary())?;
        out.flush()
    }

    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, &self.as_json())?;
        writeln!(out)?;
        out.flush()
    }

    pub(super) fn exit_code(&self) -> u8 {
        let is_misuse = |step| matches!(step, Step::Config | Step::Secret);
        let mut failed = self.steps(Verdict::Fail).peekable();
        match failed.peek() {
            Some(step) if is_misuse(*step) => 2,
            Some(_) => 1,
            None if self.steps(Verdict::NotTried).next().is_some() => 3,
            None => 0,
        }
    }

    fn steps(&self, verdict: Verdict) -> impl Iterator<Item = Step> {
        let wanted = self
            .findings
            .iter()
            .filter(move |(_, found)| found.verdict == verdict);
        wanted.map(|(step, _)| *step)
    }

    fn names(&self, verdict: Verdict) -> String {
        let names: Vec<&str> = self.steps(verdict).map(Step::name).collect();
        names.join(", ")
    }

    fn summary(&self) -> String {
        let subject = match self.subject.as_str() {
            "" => "the component",
            subject => subject,
        };
        match (self.exit_code(), self.names(Verdict::Warn)) {
            (0, warned) if warned.is_empty() => format!("{subject} is healthy"),
            (0, warned) => format!("{subject} works; worth a look: {warned}"),
            (3, _) => format!("{subject}: nothing failed so far, but the login was not tried"),
            _ => format!("{subject} is not healthy: {}", self.names(Verdict::Fail)),
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let steps: Vec<serde_json::Value> = self
            .findings
            .iter()
            .map(|(step, finding)| {
                serde_json::json!({
                    "step": step,
                    "verdict": finding.verdict,
                    "told": finding.told,
                    "advice": finding.advice,
                })
            })
            .collect();
        serde_json::json!({
            "subject": self.subject,
            "summary": self.summary(),
            "exit_code": self.exit_code(),
            "steps": steps,
        })
    }
}

fn show(step: Step, finding: &Finding) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let verdict = match finding.verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
        Verdict::NotTried => "stop",
        Verdict::Skipped | Verdict::NotReached => "-",
    };
    writeln!(out, "{verdict:4}  {:10}  {}", step.name(), finding.told)?;
    for line in finding.advice.lines() {
        match line {
            "" => writeln!(out)?,
            line => writeln!(out, "{:18}{line}", "")?,
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::{Chart, Finding, Shown, Step};

    fn code(findings: &[(Step, Finding)]) -> u8 {
        let mut chart = Chart::new(Shown::AsJson);
        for (step, finding) in findings {
            chart.note(*step, (finding.clone(), None::<()>));
        }
        chart.exit_code()
    }

    #[test]
    fn the_exit_code_tells_a_slip_from_a_fault_and_both_from_nothing_tried() {
        let warn = (Step::Size, Finding::warn("small", ""));
        let fail = (Step::Login, Finding::fail("no", ""));
        let slip = (Step::Secret, Finding::fail("no", ""));
        let stop = (Step::Instances, Finding::not_tried("no", ""));
        assert_eq!(code(&[]), 0);
        assert_eq!(code(std::slice::from_ref(&warn)), 0);
        assert_eq!(code(&[warn.clone(), fail.clone()]), 1);
        assert_eq!(code(&[slip]), 2);
        assert_eq!(code(&[warn, stop.clone()]), 3);
        assert_eq!(code(&[stop, fail]), 1);
    }

    #[test]
    fn an_error_of_the_framework_is_told_by_its_first_line() {
        let finding = Finding::of_error(&"it failed\n  Do this\n\n    and that");
        assert_eq!(finding, Finding::fail("it failed", "Do this\n\n  and that"));
    }
}
