//! [`Report`]: one finding per step, as lines for a person or as JSON for a program.

use std::io::{self, Write};
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

/// The steps, in the order in which `steps.rs` checks them. `--help` lists them with these comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    /// the file, the environment and the flags are valid
    Config,
    /// the secret can be read, by no other user, and has no stray spaces
    Secret,
    /// the name of the server has addresses
    Name,
    /// each address accepts connections
    Connection,
    /// the certificate is trusted, for this name, and does not expire soon
    Tls,
    /// a server that accepts components answers
    Stream,
    /// no running instance would be disturbed by the next steps
    Instances,
    /// the server knows the domain, and the secret is the same
    Login,
    /// the server lets the component send from its addresses
    Address,
    /// all stanzas to the domain arrive here
    Routes,
    /// which server it is, and whether the domain above answers
    Host,
    /// stanzas to other components do not arrive here
    Neighbours,
    /// the server accepts the largest stanza that the component may send
    Size,
    /// what the server does with a second instance
    Second,
    /// the server rejects stanzas from foreign domains
    Foreign,
    /// the secret is valid for this domain only
    Secrecy,
}

impl Step {
    /// Returns the steps with what each of them checks, one per line.
    pub(super) fn list() -> String {
        let steps = Step::value_variants()
            .iter()
            .filter_map(Step::to_possible_value);
        let line = |step: clap::builder::PossibleValue| {
            let what = step.get_help().map(ToString::to_string);
            format!("    {:11} {}\n", step.get_name(), what.unwrap_or_default())
        };
        steps.map(line).collect()
    }

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Pass,
    /// The step passed, but the operator should know about something.
    Warn,
    Fail,
    /// Nothing to check in this setup.
    Skipped,
    /// Not checked, because it could disturb another instance and was not allowed.
    NotTried,
    NotReached,
}

/// The result of a step: one line, and advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    verdict: Verdict,
    message: String,
    advice: String,
}

/// The return value of a step: its finding and the value that later steps need. `Err` is a finding
/// after which later steps cannot run.
pub(super) type Checked<T> = Result<(Finding, T), Finding>;

impl Finding {
    pub(super) fn pass(message: impl Into<String>) -> Finding {
        Finding::new(Verdict::Pass, message, "")
    }

    pub(super) fn warn(message: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Verdict::Warn, message, advice)
    }

    pub(super) fn fail(message: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Verdict::Fail, message, advice)
    }

    pub(super) fn skipped(message: impl Into<String>) -> Finding {
        Finding::new(Verdict::Skipped, message, "")
    }

    pub(super) fn not_tried(message: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(Verdict::NotTried, message, advice)
    }

    /// Creates a failure from an error of the framework: the first line is the message, the rest
    /// the advice.
    pub(super) fn from_error(error: &impl ToString) -> Finding {
        let text = error.to_string();
        let (message, advice) = text.split_once('\n').unwrap_or((&text, ""));
        let unindented = |line| str::strip_prefix(line, "  ").unwrap_or(line);
        let advice: Vec<&str> = advice.lines().map(unindented).collect();
        Finding::fail(message, advice.join("\n"))
    }

    pub(super) fn timed_out(limit: Duration) -> Finding {
        Finding::fail(
            format!("no response within {}", humantime::format_duration(limit)),
            "An overloaded server may need longer: try --timeout 1m",
        )
    }

    /// Adds lines to the advice.
    pub(super) fn with_advice(mut self, advice: &str) -> Finding {
        if !self.advice.is_empty() {
            self.advice.push('\n');
        }
        self.advice.push_str(advice);
        self
    }

    pub(super) fn has_passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    fn new(verdict: Verdict, message: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding {
            verdict,
            message: message.into(),
            advice: advice.into().trim_matches('\n').to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportFormat {
    /// One line per step, printed after the step.
    Lines,
    /// One JSON object, printed at the end.
    Json,
}

/// All findings.
#[derive(Debug)]
pub(super) struct Report {
    format: ReportFormat,
    subject: String,
    findings: Vec<StepFinding>,
}

#[derive(Debug, Serialize)]
struct StepFinding {
    step: Step,
    #[serde(flatten)]
    finding: Finding,
}

impl Report {
    pub(super) fn new(format: ReportFormat) -> Report {
        Report {
            format,
            subject: "the component".to_owned(),
            findings: Vec::new(),
        }
    }

    /// Sets the name of the examined component.
    pub(super) fn set_subject(&mut self, subject: String) {
        self.subject = subject;
    }

    /// Records the result of a step and returns its value; `None` ends the examination.
    pub(super) fn add<T>(&mut self, step: Step, checked: Checked<T>) -> Option<T> {
        let (finding, value) = match checked {
            Ok((finding, value)) => (finding, Some(value)),
            Err(finding) => (finding, None),
        };
        if self.format == ReportFormat::Lines {
            let _closed_output = print(step, &finding);
        }
        self.findings.push(StepFinding { step, finding });
        value
    }

    /// Records the steps that were not reached, and prints the summary or the JSON object.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        for step in Step::value_variants().iter().copied() {
            if !self.findings.iter().any(|known| known.step == step) {
                let finding = Finding::new(Verdict::NotReached, "not reached", "");
                self.findings.push(StepFinding { step, finding });
            }
        }
        let mut out = io::stdout().lock();
        let written = match self.format {
            ReportFormat::Lines => self.write_summary(&mut out),
            ReportFormat::Json => self.write_json(&mut out),
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self.steps(Verdict::Fail).next() {
            Some(Step::Config | Step::Secret) => 2,
            Some(_) => 1,
            None if self.steps(Verdict::NotTried).next().is_some() => 3,
            None => 0,
        }
    }

    fn write_summary(&self, out: &mut impl Write) -> io::Result<()> {
        let missed = self.names(Verdict::NotReached);
        if !missed.is_empty() {
            writeln!(out, "-     not reached: {missed}")?;
        }
        writeln!(out, "\n{}", self.summary())
    }

    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let report = serde_json::json!({
            "subject": self.subject,
            "summary": self.summary(),
            "exit_code": self.exit_code(),
            "steps": self.findings,
        });
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)
    }

    fn steps(&self, verdict: Verdict) -> impl Iterator<Item = Step> {
        let matching = self
            .findings
            .iter()
            .filter(move |known| known.finding.verdict == verdict);
        matching.map(|known| known.step)
    }

    fn names(&self, verdict: Verdict) -> String {
        let names: Vec<String> = self.steps(verdict).map(Step::name).collect();
        names.join(", ")
    }

    fn summary(&self) -> String {
        let subject = &self.subject;
        match (self.exit_code(), self.names(Verdict::Warn)) {
            (0, warned) if warned.is_empty() => format!("{subject} is healthy"),
            (0, warned) => format!("{subject} works, with warnings: {warned}"),
            (3, _) => format!("{subject}: nothing failed, but the login was not tried"),
            _ => format!("{subject} is not healthy: {}", self.names(Verdict::Fail)),
        }
    }
}

fn print(step: Step, finding: &Finding) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let verdict = match finding.verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
        Verdict::NotTried => "stop",
        Verdict::Skipped | Verdict::NotReached => "-",
    };
    writeln!(out, "{verdict:4}  {:10}  {}", step.name(), finding.message)?;
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
    use super::{Finding, Report, ReportFormat, Step};

    fn exit_code(findings: &[(Step, Finding)]) -> u8 {
        let mut report = Report::new(ReportFormat::Json);
        for (step, finding) in findings {
            report.add::<()>(*step, Err(finding.clone()));
        }
        report.exit_code()
    }

    #[test]
    fn the_exit_code_distinguishes_a_wrong_setting_a_fault_and_a_login_not_tried() {
        let warn = (Step::Size, Finding::warn("small", ""));
        let fail = (Step::Login, Finding::fail("no", ""));
        let wrong_setting = (Step::Secret, Finding::fail("no", ""));
        let not_tried = (Step::Instances, Finding::not_tried("no", ""));
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(std::slice::from_ref(&warn)), 0);
        assert_eq!(exit_code(&[warn.clone(), fail.clone()]), 1);
        assert_eq!(exit_code(&[wrong_setting]), 2);
        assert_eq!(exit_code(&[warn, not_tried.clone()]), 3);
        assert_eq!(exit_code(&[not_tried, fail]), 1);
    }

    #[test]
    fn the_first_line_of_an_error_is_the_message_and_the_rest_the_advice() {
        let finding = Finding::from_error(&"it failed\n  Do this\n\n    and that");
        assert_eq!(finding, Finding::fail("it failed", "Do this\n\n  and that"));
    }

    #[test]
    fn the_help_lists_every_step_with_its_name() {
        let list = Step::list();
        assert_eq!(list.lines().count(), 16);
        assert!(list.starts_with("    config      the file"), "{list}");
        assert!(list.contains("\n    tls         the certificate"), "{list}");
    }
}
