//! Each test starts itself again as a child process, which runs a component with `App`.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use super::{App, Subcommand};
use crate::config::Server;
use crate::error::{Error, Rejected};

const ARGUMENTS: &str = "PLAYED_ARGUMENTS";
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the component if this is the child process.
fn play() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    let app = App::new()
        .version("9.9.9")
        .arguments(arguments.split_whitespace())
        .subcommand(
            Subcommand::new("count", "say how many there are")
                .operand("WHAT", "of what")
                .flag("slowly", "until it is stopped"),
            async |_config, arguments, shutdown| {
                println!("ready: counting {:?}", arguments.operand());
                if arguments.flag() {
                    let late = tokio::time::timeout(DEADLINE, shutdown.requested()).await;
                    late.map_err(|_| Error::Misuse("no signal arrived".to_owned()))?;
                }
                println!("asked to stop: {}", shutdown.is_requested());
                Ok(())
            },
        );
    let code = app.code(async |config, shutdown| {
        if config.domain.starts_with("refused") {
            let server = Server::default();
            return Err(Rejected::new(&config.domain, server, "host-unknown", None).into());
        }
        println!("ready");
        let late = tokio::time::timeout(DEADLINE, shutdown.requested()).await;
        late.map_err(|_| Error::Misuse("no signal arrived".to_owned()))?;
        println!("stopping");
        if config.domain.starts_with("stubborn") {
            // Blocks the only thread of the runtime.
            std::thread::park_timeout(DEADLINE);
        }
        Ok(())
    });
    std::process::exit(i32::from(code));
}

fn command(test: &str, arguments: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", &format!("app::tests::{test}")])
        .env_clear()
        .env("COUPLET_SECRET", "hunter2")
        .env(ARGUMENTS, format!("/bin/echo {arguments}"))
        .stdin(Stdio::null());
    command
}

fn output(test: &str, arguments: &str) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(test, arguments).output().unwrap();
    let out = String::from_utf8(stdout).unwrap();
    let err = String::from_utf8(stderr).unwrap();
    assert!(
        !out.contains("hunter2") && !err.contains("hunter2"),
        "{out}{err}"
    );
    (status.code().unwrap(), out, err)
}

struct Played {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Played {
    fn start(mut command: Command) -> Played {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Played { child, out }
    }

    fn until(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "no {word}");
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn code(mut self) -> i32 {
        std::io::copy(&mut self.out.by_ref(), &mut std::io::sink()).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn a_signal_requests_a_graceful_shutdown() {
    play();
    for name in ["-TERM", "-INT"] {
        let test = "a_signal_requests_a_graceful_shutdown";
        let mut played = Played::start(command(test, "--domain echo.localhost"));
        played.until("ready");
        played.signal(name);
        played.until("stopping");
        assert_eq!(played.code(), 0);
    }
}

#[test]
fn a_subcommand_needs_no_server_and_is_listed() {
    play();
    let test = "a_subcommand_needs_no_server_and_is_listed";
    let (code, out, _) = output(test, "count stars");
    assert_eq!(code, 0);
    assert!(out.contains("counting Some(\"stars\")"), "{out}");
    assert!(out.contains("asked to stop: false"), "{out}");
    let (code, out, _) = output(test, "--help");
    assert_eq!(code, 0);
    assert!(out.contains("say how many there are"), "{out}");
    let (code, _, err) = output(test, "count stars planets");
    assert_eq!(code, 2);
    assert!(err.contains("'planets'"), "{err}");
    let mut played = Played::start(command(test, "count --slowly"));
    played.until("ready");
    played.signal("-INT");
    played.until("asked to stop: true");
    assert_eq!(played.code(), 0);
}

#[test]
fn a_hangup_applies_the_filter_and_logs_what_needs_a_restart() {
    play();
    let test = "a_hangup_applies_the_filter_and_logs_what_needs_a_restart";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("couplet.toml");
    std::fs::write(&file, "domain = \"echo.localhost\"\n").unwrap();
    let mut command = command(test, &format!("--config {}", file.display()));
    let mut played = Played::start({
        command.stderr(Stdio::piped());
        command
    });
    let mut log = BufReader::new(played.child.stderr.take().unwrap());
    let mut assert_logged = |words: &str| {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "no {words}");
            assert!(!line.contains("DEBUG"), "{line}");
        }
    };
    played.until("ready");
    std::fs::write(&file, "domain = \"echo.localhost\"\n[log]\nfilter = 5\n").unwrap();
    played.signal("-HUP");
    assert_logged("the configuration was not reloaded");
    let new = "domain = \"other.localhost\"\n[log]\nfilter = \"couplet=warn\"\n";
    std::fs::write(&file, new).unwrap();
    played.signal("-HUP");
    assert_logged("setting changed; it takes effect after a restart");
    // From now on no line of level INFO is logged, including the end of the reload.
    played.signal("-TERM");
    played.until("stopping");
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.matches("INFO").count(), 1, "{rest}");
    assert!(rest.contains("setting changed and applied"), "{rest}");
    assert_eq!(played.code(), 0);
}

#[cfg(feature = "ops")]
#[test]
fn health_without_ops_listen_says_what_to_set() {
    play();
    let test = "health_without_ops_listen_says_what_to_set";
    let (code, _, err) = output(test, "--domain echo.localhost health");
    assert_eq!(code, 2);
    assert!(err.contains("ops.listen is not set"), "{err}");
    // No service listens on port 9.
    let (code, _, err) = output(test, "health --url http://127.0.0.1:9/readyz");
    assert_eq!(code, 1);
    assert!(
        err.contains("not ready: http://127.0.0.1:9/readyz: "),
        "{err}"
    );
}

#[test]
fn a_second_signal_ends_at_once_even_a_blocked_runtime() {
    play();
    for threads in ["1", "2"] {
        let test = "a_second_signal_ends_at_once_even_a_blocked_runtime";
        let arguments = format!("--domain stubborn.localhost --threads {threads}");
        let mut played = Played::start(command(test, &arguments));
        played.until("ready");
        played.signal("-TERM");
        played.until("stopping");
        played.signal("-INT");
        assert_eq!(played.code(), 130);
    }
}

#[test]
fn a_fault_of_the_configuration_ends_with_code_2_and_names_the_program() {
    play();
    let test = "a_fault_of_the_configuration_ends_with_code_2_and_names_the_program";
    let (code, _, err) = output(test, "--domain echo.localhost --threads none");
    assert_eq!(code, 2);
    let line = "echo: --threads: runtime.threads = \"none\" is not a whole number\n";
    assert!(err.contains(line), "{err}");
}

#[test]
fn a_refused_login_ends_with_code_2_and_prints_the_lines_to_paste() {
    play();
    let test = "a_refused_login_ends_with_code_2_and_prints_the_lines_to_paste";
    let (code, _, err) = output(test, "--domain refused.localhost");
    assert_eq!(code, 2);
    assert!(
        err.contains("    Component \"refused.localhost\"\n"),
        "{err}"
    );
    let (code, _, err) = output(test, "--domain refused.localhost --log-format json");
    assert_eq!(code, 2);
    let line = err.lines().last().unwrap();
    assert!(
        line.starts_with('{') && line.contains("\"exit_code\":2"),
        "{err}"
    );
}

#[test]
fn the_configuration_can_be_checked_without_running() {
    play();
    let test = "the_configuration_can_be_checked_without_running";
    let (code, out, _) = output(test, "--domain echo.localhost --check-config");
    assert_eq!(code, 0);
    assert!(
        out.contains("domain = \"echo.localhost\"  # --domain\n"),
        "{out}"
    );
    assert!(
        out.contains("secret = \"[secret]\"  # COUPLET_SECRET\n"),
        "{out}"
    );
    assert!(
        out.contains("\n[limits]\nstanza_bytes = \"512KiB\"  # default\n"),
        "{out}"
    );
    assert!(!out.contains("ready"), "{out}");
    let (code, _, err) = output(test, "--check-config");
    assert_eq!(code, 2);
    assert!(err.contains("echo: domain is not set\n"), "{err}");
    let mut bad = command(test, "--domain echo.localhost --check-config");
    let bad = bad.env("RUST_LOG", "couplet=loud").output().unwrap();
    assert_eq!(bad.status.code(), Some(2));
}

#[test]
fn the_help_names_every_flag_and_every_variable() {
    play();
    let (code, out, _) = output("the_help_names_every_flag_and_every_variable", "--help");
    assert_eq!(code, 0);
    for setting in crate::config::settings() {
        assert!(out.contains(&setting.variable()), "{out}");
        let flag = setting.flag().map(|flag| format!("--{flag} "));
        assert!(flag.is_none_or(|flag| out.contains(&flag)), "{out}");
    }
}

#[test]
fn the_version_is_the_program_s_and_couplet_s() {
    play();
    let (code, out, _) = output("the_version_is_the_program_s_and_couplet_s", "--version");
    assert_eq!(code, 0);
    let line = concat!("echo 9.9.9 (couplet ", env!("CARGO_PKG_VERSION"), ")\n");
    assert!(out.contains(line), "{out}");
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    play();
    let test = "a_secret_on_the_command_line_is_refused_and_not_repeated";
    for arguments in ["--secret=hunter2", "--secret hunter2"] {
        let (code, _, err) = output(test, arguments);
        assert_eq!(code, 2);
        assert!(err.contains("--secret-file"), "{err}");
    }
}
