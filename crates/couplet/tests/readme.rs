//! The README matches the code: its echo is the example, and its snippets are those of the errors.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{fs, path::PathBuf};

use couplet::error::{ejabberd_snippet, prosody_snippet};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

fn block(language: &str) -> String {
    let readme = readme();
    let fence = format!("```{language}\n");
    let mut parts = readme.split(&fence).skip(1);
    let block = parts.next().unwrap_or_else(|| panic!("no {fence}"));
    assert!(parts.next().is_none(), "more than one {fence}");
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn its_echo_is_the_example_and_is_short() {
    let example = fs::read_to_string(root().join("examples/echo/src/main.rs")).unwrap();
    // The example's own tests are not part of the echo.
    let echo = example.split("\n#[cfg(test)]").next().unwrap();
    assert_eq!(block("rust").trim_end(), echo.trim_end());
    assert!(echo.lines().count() <= 25);
}

#[test]
fn its_lines_for_the_servers_are_those_of_the_errors() {
    let server = "localhost:5347".parse().unwrap();
    assert_eq!(block("lua"), prosody_snippet("echo.example.org", &server));
    assert_eq!(block("yaml"), ejabberd_snippet("echo.example.org", &server));
}

#[test]
fn its_variables_are_settings() {
    let shell = block("sh");
    let names: Vec<&str> = shell
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("COUPLET_"))
        .collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let known = couplet::config::settings()
            .iter()
            .any(|s| s.variable() == name);
        assert!(known, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn its_two_commands_exist_and_are_executable() {
    use std::os::unix::fs::PermissionsExt;

    for command in ["deploy/quickstart.sh", "tests/run.sh"] {
        assert!(readme().contains(command), "{command}");
        let mode = fs::metadata(root().join(command))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o111, 0o111, "{command} has mode {mode:o}");
    }
}

/// Links to headings are checked with the manual; links to other sites are not checked.
#[test]
fn every_file_it_links_to_exists() {
    let readme = readme();
    let links = readme
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap());
    let files: Vec<&str> = links
        .filter(|link| !link.starts_with("http"))
        .map(|link| link.split('#').next().unwrap())
        .collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        assert!(root().join(file).exists(), "{file}");
    }
}
