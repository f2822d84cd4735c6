//! [`FaultySetup`]: a setup with one fault, and what `couplet doctor` must report about it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{DOMAIN, Outcome, SECRET};

/// A setup with one fault, and the expected report.
pub(crate) struct FaultySetup {
    what: &'static str,
    server: String,
    domain: &'static str,
    secret: &'static str,
    /// The text of `couplet.toml`, instead of variables.
    file: Option<String>,
    flags: Vec<String>,
    step: &'static str,
    verdict: &'static str,
    exit_code: i32,
    message: &'static str,
    advice: Vec<String>,
    not_advised: Vec<&'static str>,
}

impl FaultySetup {
    pub(crate) fn new(what: &'static str, server: impl Into<String>) -> FaultySetup {
        FaultySetup {
            what,
            server: server.into(),
            domain: DOMAIN,
            secret: SECRET,
            file: None,
            flags: Vec::new(),
            step: "login",
            verdict: "fail",
            exit_code: 1,
            message: "",
            advice: Vec::new(),
            not_advised: Vec::new(),
        }
    }

    pub(crate) fn domain(self, domain: &'static str) -> FaultySetup {
        FaultySetup { domain, ..self }
    }

    pub(crate) fn secret(self, secret: &'static str) -> FaultySetup {
        FaultySetup { secret, ..self }
    }

    pub(crate) fn file(self, text: impl Into<String>) -> FaultySetup {
        let file = Some(text.into());
        FaultySetup { file, ..self }
    }

    pub(crate) fn flag(mut self, flag: impl Into<String>) -> FaultySetup {
        self.flags.push(flag.into());
        self
    }

    pub(crate) fn expect(self, step: &'static str, message: &'static str) -> FaultySetup {
        FaultySetup {
            step,
            message,
            ..self
        }
    }

    pub(crate) fn exit_code(self, exit_code: i32) -> FaultySetup {
        FaultySetup { exit_code, ..self }
    }

    pub(crate) fn verdict(self, verdict: &'static str) -> FaultySetup {
        FaultySetup { verdict, ..self }
    }

    pub(crate) fn advises(mut self, words: impl Into<String>) -> FaultySetup {
        self.advice.push(words.into());
        self
    }

    /// Asserts that the advice does not contain these words.
    pub(crate) fn does_not_advise(mut self, words: &'static str) -> FaultySetup {
        self.not_advised.push(words);
        self
    }

    /// Runs the doctor, asserts the expected results and returns the report.
    pub(crate) async fn check(self) -> Result<Value, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let mut command = doctor(folder.path());
        if let Some(text) = &self.file {
            fs::write(folder.path().join("couplet.toml"), text)?;
        } else {
            command
                .env("COUPLET_DOMAIN", self.domain)
                .env("COUPLET_SERVER", &self.server)
                .env("COUPLET_SECRET", self.secret);
        }
        let output = command.arg("--json").args(&self.flags).output().await?;
        let report = read(&output)?;
        let step = step(&report, self.step);
        let what = self.what;
        let of = |key| text(&step, key);
        assert_eq!(of("verdict"), self.verdict, "{what}: {report:#}");
        assert_eq!(
            output.status.code(),
            Some(self.exit_code),
            "{what}: {report:#}"
        );
        assert!(of("message").contains(self.message), "{what}: {report:#}");
        let advice = of("advice");
        for words in &self.advice {
            assert!(
                flat(&advice).contains(&flat(words)),
                "{what}: no {words:?} in {report:#}"
            );
        }
        for words in &self.not_advised {
            assert!(!advice.contains(words), "{what}: {words:?} in {report:#}");
        }
        if self.verdict == "fail" {
            let steps = steps(&report);
            let failed = steps.iter().filter(|one| text(one, "verdict") == "fail");
            assert_eq!(failed.count(), 1, "{what}: {report:#}");
        }
        Ok(report)
    }
}

pub(crate) fn doctor(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_couplet"));
    command
        .arg("doctor")
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .kill_on_drop(true);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUPLET_")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn read(output: &Output) -> Result<Value, Box<dyn Error>> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "");
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub(crate) fn steps(report: &Value) -> Vec<Value> {
    let steps = report.get("steps").and_then(Value::as_array);
    steps.cloned().unwrap_or_default()
}

pub(crate) fn step(report: &Value, name: &str) -> Value {
    let mut steps = steps(report).into_iter();
    steps
        .find(|step| text(step, "step") == name)
        .unwrap_or_default()
}

pub(crate) fn text(of: &Value, key: &str) -> String {
    let text = of.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Removes the indentation.
pub(crate) fn flat(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join("\n")
}

pub(crate) fn secret_file(
    folder: &TempDir,
    text: &str,
    mode: u32,
) -> Result<PathBuf, Box<dyn Error>> {
    use std::os::unix::fs::PermissionsExt;

    let path = folder.path().join("secret");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    Ok(path)
}

pub(crate) fn config_file(server: &str, more: &str) -> String {
    format!("domain = {DOMAIN:?}\nserver = {server:?}\n{more}")
}

/// The steps in the order in which the doctor checks and reports them.
const STEPS: [&str; 16] = [
    "config",
    "secret",
    "name",
    "connection",
    "tls",
    "stream",
    "instances",
    "login",
    "address",
    "routes",
    "host",
    "neighbours",
    "size",
    "second",
    "foreign",
    "secrecy",
];

/// Asserts that no step of a healthy setup reports anything, and that the step `second` has this message.
pub(crate) async fn healthy(
    components: &str,
    more: &str,
    second: &str,
) -> Result<Value, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    secret_file(&folder, &format!("{SECRET}\n"), 0o600)?;
    let config = config_file(components, &format!("secret_file = \"secret\"\n{more}"));
    fs::write(folder.path().join("couplet.toml"), config)?;
    let output = doctor(folder.path()).arg("--json").output().await?;
    let report = read(&output)?;
    for one in steps(&report) {
        let verdict = text(&one, "verdict");
        assert!(matches!(verdict.as_str(), "pass" | "skipped"), "{report:#}");
    }
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let names: Vec<String> = steps(&report).iter().map(|one| text(one, "step")).collect();
    assert_eq!(names, STEPS);
    let message = text(&step(&report, "second"), "message");
    assert!(message.contains(second), "{report:#}");

    let output = doctor(folder.path()).output().await?;
    let lines = String::from_utf8(output.stdout)?;
    assert!(
        lines.ends_with(&format!("{DOMAIN} at {components} is healthy\n")),
        "{lines}"
    );
    assert_eq!(lines.matches("FAIL").count(), 0, "{lines}");
    Ok(report)
}

/// Runs the doctor with this domain, whose form may differ from the form that the server uses.
pub(crate) async fn healthy_as(domain: &str, components: &str) -> Outcome {
    let folder = tempfile::tempdir()?;
    let output = doctor(folder.path())
        .env("COUPLET_DOMAIN", domain)
        .env("COUPLET_SERVER", components)
        .env("COUPLET_SECRET", SECRET)
        .arg("--json")
        .output()
        .await?;
    let report = read(&output)?;
    for name in ["stream", "login", "address", "host", "neighbours"] {
        let verdict = text(&step(&report, name), "verdict");
        assert!(matches!(verdict.as_str(), "pass" | "skipped"), "{report:#}");
    }
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    Ok(())
}
