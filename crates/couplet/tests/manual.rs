//! The manual matches the code: its tables are the code's, its headings are tests.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use couplet::config::{Setting, Sources, settings};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    let path = root().join(format!("crates/couplet/src/manual/{name}.md"));
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Returns the text in code fences of this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// Returns a heading as the name of a test.
fn snake(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || *c == ' ');
    kept.collect::<String>().to_lowercase().replace(' ', "_")
}

fn headings(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect()
}

/// Returns the page of settings as the table in the code has it.
fn settings_page() -> String {
    let row = |setting: &Setting| {
        let flag = setting.flag().map(|flag| format!(", `--{flag}`"));
        let default = match setting.default() {
            default if default.is_empty() => "none".to_owned(),
            default => format!("`{default}`"),
        };
        format!(
            "| `{}` | {} | {default} | {} | `{}`{} |\n",
            setting.name(),
            setting.meaning(),
            // Brackets would make a link.
            setting.accepted().replace('[', "\\["),
            setting.variable(),
            flag.unwrap_or_default(),
        )
    };
    let rows: String = settings().iter().map(row).collect();
    format!(
        "Every setting: in `couplet.toml`, in the environment, on the command line.\n\
         \n\
         A flag overrides a variable, a variable the file, and the file the default. A key with a dot\n\
         is in a table: `limits.depth` is `depth` below `[limits]`. An unknown key or variable, and a value\n\
         that is not accepted, are errors with file, line and what is accepted. `--check-config` prints\n\
         the effective values and their origins. `COUPLET_CONFIG` or `--config` names another file.\n\
         \n\
         `COUPLET_DOMAIN`, a secret and possibly `COUPLET_SERVER` are enough. The secret may also be the systemd\n\
         credential `couplet-secret` or `secret`. For the reasons of the defaults see [defaults](super::defaults).\n\
         \n\
         Quotation marks, white space and invisible characters around a name, an address or a path are errors, around a\n\
         secret a warning; a byte order mark at the start of a file is ignored. Variables that Kubernetes sets for a\n\
         service named `couplet-...` (`COUPLET_..._SERVICE_HOST` and the like) are not settings. Sections of an\n\
         application are read in the same way: [`Section`](crate::config::Section).\n\
         \n\
         | setting | meaning | default | accepted | variable, flag |\n|---|---|---|---|---|\n{rows}\n\
         This page is checked against [`settings`](crate::config::settings()).\n"
    )
}

#[test]
fn the_page_of_settings_is_the_table_of_settings() {
    let expected = settings_page();
    let path = root().join("crates/couplet/src/manual/settings.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        page("settings") == expected,
        "the settings have changed: BLESS=1 cargo test -p couplet --test manual writes the page anew"
    );
}

#[test]
fn every_guarantee_is_a_heading_and_a_test_of_the_same_name() {
    let path = root().join("tests/src/guarantees.rs");
    let scenarios = fs::read_to_string(&path)
        .unwrap_or_else(|why| panic!("the scenarios {}: {why}", path.display()));
    let page = page("guarantees");
    let headings = headings(&page);
    assert_eq!(headings.len(), 8, "{headings:?}");
    for heading in headings {
        let name = snake(heading);
        assert!(
            page.contains(&format!("`{name}`")),
            "`{heading}` does not name its test"
        );
        assert!(
            scenarios.contains(&format!("fn {name}(")),
            "there is no scenario {name} for `{heading}`"
        );
    }
}

#[test]
fn the_readme_lists_the_guarantees_of_the_manual() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for heading in headings(&page("guarantees")) {
        let anchor = snake(heading).replace('_', "-");
        let line = format!("[{heading}.](crates/couplet/src/manual/guarantees.md#{anchor})");
        assert!(readme.contains(&line), "the README lacks {line}");
    }
}

#[test]
fn every_setting_that_a_page_names_exists() {
    let names: BTreeSet<&str> = settings().iter().map(Setting::name).collect();
    let tables: BTreeSet<&str> = settings().iter().filter_map(Setting::table).collect();
    for name in [
        "guarantees",
        "how_to",
        "conditions",
        "defaults",
        "life_of_a_stanza",
        "metrics",
        "what_costs_what",
    ] {
        let page = page(name);
        let words = page.split('`').skip(1).step_by(2);
        for word in words {
            let word = word.split(' ').next().unwrap_or_default();
            let is_key = word
                .split_once('.')
                .is_some_and(|(table, _)| tables.contains(table));
            assert!(!is_key || names.contains(word), "{name}.md: `{word}`");
        }
    }
}

#[test]
fn every_configuration_in_the_recipes_can_be_loaded() {
    let blocks = blocks(&page("how_to"), "toml");
    assert!(blocks.len() >= 3, "{blocks:?}");
    for block in blocks {
        let file = tempfile::NamedTempFile::new().unwrap();
        // Loading checks that the CA file exists, but not its content.
        let block = block.replace("/etc/couplet/ca.pem", file.path().to_str().unwrap());
        fs::write(file.path(), &block).unwrap();
        let loaded = Sources::none()
            .file(file.path())
            .variable("COUPLET_DOMAIN", "echo.localhost")
            .variable("COUPLET_SECRET", "x")
            .load();
        assert!(loaded.is_ok(), "{}\n{block}", loaded.unwrap_err());
    }
}

/// Returns the texts of all files that may cite a page.
fn texts() -> Vec<(PathBuf, String)> {
    let folders = ["crates", "tests", "deploy", "benches", "examples", "docs"];
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_ours = !name.starts_with('.') && name != "target" && name != "node_modules";
        if path.is_dir() && is_ours {
            let entries = fs::read_dir(&path).unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if ["rs", "md", "sh"]
            .iter()
            .any(|ending| path.extension() == Some(ending.as_ref()))
        {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

#[test]
fn every_section_about_servers_that_is_cited_exists() {
    let page = fs::read_to_string(root().join("docs/servers.md")).unwrap();
    let mut cited = 0;
    for (path, text) in texts() {
        for rest in text.split("servers.md, ").skip(1) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let heading = format!("\n## {digits}. ");
            let path = path.display();
            assert!(
                digits.is_empty() || page.contains(&heading),
                "{path} cites section {digits}"
            );
            cited += usize::from(!digits.is_empty());
        }
    }
    assert!(cited > 40, "{cited}");
}

#[test]
fn every_test_that_the_page_about_servers_names_exists() {
    let page = fs::read_to_string(root().join("docs/servers.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let named: BTreeSet<&str> = quoted
        .filter(|name| name.matches('_').count() > 3 && !name.contains('.'))
        .collect();
    assert!(named.len() > 15, "{named:?}");
    let texts = texts();
    for name in named {
        let (function, entry) = (format!("fn {name}("), format!("    {name}:\n"));
        let exists = texts
            .iter()
            .any(|(_, text)| text.contains(&function) || text.contains(&entry));
        assert!(exists, "no test is called {name}");
    }
}

#[test]
fn every_file_that_the_page_about_architecture_names_exists() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let named: BTreeSet<&str> = quoted.filter(|name| name.contains('/')).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(root().join(name).exists(), "there is no {name}");
    }
}
