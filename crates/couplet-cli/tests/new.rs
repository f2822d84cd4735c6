//! `couplet new`: every project builds, passes its own tests and runs.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

type Outcome = Result<(), Box<dyn Error>>;

fn couplet(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_couplet"));
    command.current_dir(folder).env_remove("RUST_LOG");
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the target directory of this test: shared dependencies are built once.
fn target() -> PathBuf {
    let mut target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.pop();
    target
}

/// Creates a project, always in the same folder, so that cargo can reuse an earlier build.
fn project(name: &str, flags: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = folder.join(name);
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    // Without --couplet-path: the command finds the checkout in which it was built.
    let output = couplet(folder).args(["new", name]).args(flags).output()?;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.starts_with(&format!("{name}/ is ready")),
        "{printed}"
    );
    // The versions that are built already; users get the newest ones.
    fs::copy(repository().join("Cargo.lock"), made.join("Cargo.lock"))?;
    Ok(made)
}

fn cargo(project: &Path, arguments: &[&str]) -> Result<Output, Box<dyn Error>> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(project)
        .env("CARGO_TARGET_DIR", target())
        .env_remove("RUSTFLAGS")
        .output()?;
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        errors(&output)
    );
    Ok(output)
}

/// Builds the project without warnings, runs its tests, and returns the path of the program.
fn built(project: &Path, name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let formatted = Command::new(env!("CARGO"))
        .args(["fmt", "--check"])
        .current_dir(project)
        .output()?;
    assert!(
        formatted.status.success(),
        "{}",
        String::from_utf8_lossy(&formatted.stdout)
    );
    let output = cargo(project, &["build"])?;
    assert!(
        !errors(&output).contains("warning: unused"),
        "{}",
        errors(&output)
    );
    let output = cargo(project, &["test"])?;
    // The dependencies of the tests do not change the features of what is built already.
    for rebuilt in ["Compiling tokio v", "Compiling couplet v"] {
        assert!(!errors(&output).contains(rebuilt), "{}", errors(&output));
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.contains("test result: ok") && !printed.contains("running 0 tests"),
        "{printed}"
    );
    Ok(target().join("debug").join(name))
}

/// Asserts that the program accepts the `couplet.toml` of the project.
fn assert_configured(project: &Path, program: &Path) -> Outcome {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUPLET_")) {
        command.env_remove(name);
    }
    let output = command
        .arg("--check-config")
        .env("COUPLET_SECRET", "x")
        .current_dir(project)
        .output()?;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", errors(&output));
    assert!(shown.contains("couplet.toml:3:10"), "{shown}");
    Ok(())
}

#[test]
fn a_new_bot_answers_alice_with_a_real_server() -> Outcome {
    let name = "couplet-new-bot";
    let project = project(name, &[])?;
    let program = built(&project, name)?;
    assert_configured(&project, &program)?;

    let mut dev = couplet(&project)
        .args(["dev", "--domain", "bot.localhost", "--"])
        .arg(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = dev.stdin.take().ok_or("no input")?;
    input.write_all(b"shout hello\n")?;
    drop(input);
    let output = dev.wait_with_output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(printed, "bot@bot.localhost: HELLO\n", "{}", errors(&output));
    Ok(())
}

#[test]
fn a_new_service_builds_and_reads_its_own_settings() -> Outcome {
    let name = "couplet-new-service";
    let project = project(
        name,
        &["--template", "service", "--domain", "lamps.example"],
    )?;
    let program = built(&project, name)?;
    assert_configured(&project, &program)
}

#[test]
fn a_new_pubsub_delivers_what_is_published_and_reads_its_own_settings() -> Outcome {
    let name = "couplet-new-pubsub";
    let project = project(name, &["--template", "pubsub"])?;
    let program = built(&project, name)?;
    assert_configured(&project, &program)
}

#[test]
fn the_configuration_of_the_servers_has_the_domain_and_no_secret() -> Outcome {
    let folder = tempfile::tempdir()?;
    let output = couplet(folder.path())
        .args(["new", "news", "--domain", "news.example", "--published"])
        .output()?;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let read = |file: &str| fs::read_to_string(folder.path().join("news").join(file));
    assert!(read("deploy/prosody.cfg.lua")?.contains("Component \"news.example\"\n"));
    assert!(read("deploy/ejabberd.yml")?.contains("      \"news.example\":\n        password:"));
    assert!(read("deploy/news.service")?.contains("ExecStart=/usr/local/bin/news --config"));
    assert!(read("couplet.toml")?.contains("domain = \"news.example\"\n"));
    let manifest = read("Cargo.toml")?;
    assert!(
        manifest.contains("couplet = { version = \"0."),
        "{manifest}"
    );
    // Otherwise cargo would search a workspace in the folders above.
    assert!(manifest.contains("[workspace]"), "{manifest}");
    assert!(!folder.path().join("news/secret").exists());
    Ok(())
}

#[test]
fn a_project_can_be_created_at_a_relative_path() -> Outcome {
    let folder = tempfile::tempdir()?;
    let here = folder.path().join("here");
    fs::create_dir(&here)?;
    std::os::unix::fs::symlink(repository().canonicalize()?, here.join("couplet"))?;
    let output = couplet(&here)
        .args(["new", "../bots/news", "--couplet-path", "couplet"])
        .output()?;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("cd ../bots/news\n"), "{printed}");
    let manifest = fs::read_to_string(folder.path().join("bots/news/Cargo.toml"))?;
    let crates = repository().canonicalize()?.join("crates/couplet");
    let dependency = format!("couplet = {{ path = \"{}\"", crates.display());
    assert!(manifest.contains("name = \"news\""), "{manifest}");
    assert!(manifest.contains(&dependency), "{manifest}");
    Ok(())
}

#[test]
fn an_existing_folder_is_not_changed() -> Outcome {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("news"))?;
    let output = couplet(folder.path()).args(["new", "news"]).output()?;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(errors(&output), "couplet: news exists already\n");
    assert_eq!(fs::read_dir(folder.path().join("news"))?.count(), 0);
    Ok(())
}

#[test]
fn an_invalid_name_or_domain_creates_nothing() -> Outcome {
    let folder = tempfile::tempdir()?;
    for (arguments, why) in [
        (
            &["new", "../News"][..],
            "../News: invalid name: it may contain only lower case letters",
        ),
        (&["new", "match"], "it is a keyword of Rust"),
        (
            &["new", "news", "--domain", "bot@news.example"],
            "use a domain only",
        ),
        (
            &["new", "news", "--couplet-path", "/nowhere"],
            "this is not a checkout of Couplet",
        ),
    ] {
        let output = couplet(folder.path()).args(arguments).output()?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains(why), "{}", errors(&output));
    }
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}
