//! [`Broken`]: a set-up with one fault, and what `couplet doctor` has to say about it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{DOMAIN, Outcome, SECRET};

/// A set-up with one fault, and what has to be said about it.
pub(crate) struct Broken {
    what: &'static str,
    server: String,
    domain: &'static str,
    secret: &'static str,
    /// `couplet.toml`, in place of the environment.
    file: Option<String>,
    flags: Vec<String>,
    step: &'static str,
    verdict: &'static str,
    code: i32,
    told: &'static str,
    advice: Vec<String>,
    not_advised: Vec<&'static str>,
}

impl Broken {
    pub(crate) fn new(what: &'static str, server: impl Into<String>) -> Broken {
        Broken {
            what,
            server: server.into(),
            domain: DOMAIN,
            secret: SECRET,
            file: None,
            flags: Vec::new(),
            step: "login",
            verdict: "fail",
            code: 1,
            told: "",
            advice: Vec::new(),
            not_advised: Vec::new(),
        }
    }

    pub(crate) fn domain(self, domain: &'static str) -> Broken {
        Broken { domain, ..self }
    }

    pub(crate) fn secret(self, secret: &'static str) -> Broken {
        Broken { secret, ..self }
    }

    pub(crate) fn file(self, text: impl Into<String>) -> Broken {
        let file = Some(text.into());
        Broken { file, ..self }
    }

    pub(crate) fn flag(mut self, flag: impl Into<String>) -> Broken {
        self.flags.push(flag.into());
        self
    }

    pub(crate) fn fails_at(self, step: &'static str, told: &'static str) -> Broken {
        Broken { step, told, ..self }
    }

    pub(crate) fn ends_with(self, code: i32) -> Broken {
        Broken { code, ..self }
    }

    pub(crate) fn with_a(self, verdict: &'static str) -> Broken {
        Broken { verdict, ..self }
    }

    pub(crate) fn advises(mut self, words: impl Into<String>) -> Broken {
        self.advice.push(words.into());
        self
    }

    /// The advice must not have these words.
    pub(crate) fn without(mut self, words: &'static str) -> Broken {
        self.not_advised.push(words);
        self
    }

    pub(crate) async fn understood(self) -> Result<Value, Box<dyn Error>> {
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
        let told = read(&output)?;
        let step = step(&told, self.step);
        let what = self.what;
        let of = |key| text(&step, key);
        assert_eq!(of("verdict"), self.verdict, "{what}: {told:#}");
        assert_eq!(output.status.code(), Some(self.code), "{what}: {told:#}");
        assert!(of("told").contains(self.told), "{what}: {told:#}");
        let advice = of("advice");
        for words in &self.advice {
            assert!(
                flat(&advice).contains(&flat(words)),
                "{what}: no {words:?} in {told:#}"
            );
        }
        for words in &self.not_advised {
            assert!(!advice.contains(words), "{what}: {words:?} in {told:#}");
        }
        if self.verdict == "fail" {
            let steps = steps(&told);
            let failed = steps.iter().filter(|one| text(one, "verdict") == "fail");
            assert_eq!(failed.count(), 1, "{what}: {told:#}");
        }
        Ok(told)
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

pub(crate) fn steps(told: &Value) -> Vec<Value> {
    let steps = told.get("steps").and_then(Value::as_array);
    steps.cloned().unwrap_or_default()
}

pub(crate) fn step(told: &Value, name: &str) -> Value {
    let mut steps = steps(told).into_iter();
    steps
        .find(|step| text(step, "step") == name)
        .unwrap_or_default()
}

pub(crate) fn text(of: &Value, key: &str) -> String {
    let text = of.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Without the indentation, which is another one for each heading.
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
    let told = read(&output)?;
    for one in steps(&told) {
        let verdict = text(&one, "verdict");
        assert!(matches!(verdict.as_str(), "pass" | "skipped"), "{told:#}");
    }
    assert_eq!(output.status.code(), Some(0), "{told:#}");
    let told_second = text(&step(&told, "second"), "told");
    assert!(told_second.contains(second), "{told:#}");

    let output = doctor(folder.path()).output().await?;
    let lines = String::from_utf8(output.stdout)?;
    assert!(
        lines.ends_with(&format!("{DOMAIN} at {components} is healthy\n")),
        "{lines}"
    );
    assert_eq!(lines.matches("FAIL").count(), 0, "{lines}");
    Ok(told)
}

/// Its own domain is known by the form in which servers name it.
pub(crate) async fn healthy_as(domain: &str, components: &str) -> Outcome {
    let folder = tempfile::tempdir()?;
    let output = doctor(folder.path())
        .env("COUPLET_DOMAIN", domain)
        .env("COUPLET_SERVER", components)
        .env("COUPLET_SECRET", SECRET)
        .arg("--json")
        .output()
        .await?;
    let told = read(&output)?;
    for name in ["stream", "login", "address", "host", "neighbours"] {
        let verdict = text(&step(&told, name), "verdict");
        assert!(matches!(verdict.as_str(), "pass" | "skipped"), "{told:#}");
    }
    assert_eq!(output.status.code(), Some(0), "{told:#}");
    Ok(())
}
