//! Every scenario is in the list, and so runs on a server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MODULES: [&str; 16] = [
    "addresses",
    "backpressure",
    "bot",
    "contact",
    "features",
    "guarantees",
    "handle",
    "hostile",
    "keepalive",
    "login",
    "manners",
    "messages",
    "overload",
    "reconnect",
    "routing",
    "shutdown",
];

#[test]
fn every_scenario_is_in_the_list() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = fs::read_to_string(sources.join("list.rs")).unwrap();
    let listed: BTreeSet<&str> = list.lines().map(str::trim).collect();
    for module in MODULES {
        let text = fs::read_to_string(sources.join(module).with_extension("rs")).unwrap();
        let scenarios: Vec<&str> = text.lines().filter_map(scenario).collect();
        assert!(!scenarios.is_empty(), "{module}: {scenarios:?}");
        for name in scenarios {
            assert!(listed.contains(name), "{module}::{name} is in no list");
        }
    }
}

/// Returns the name of the scenario that a line defines: a function, or an entry of the hostile
/// table.
fn scenario(line: &str) -> Option<&str> {
    let function = line
        .strip_prefix("pub async fn ")
        .and_then(|rest| rest.split_once('('));
    let entry = line
        .strip_prefix("    ")
        .and_then(|rest| rest.strip_suffix(':'))
        .filter(|name| name.contains('_') && name.chars().all(|c| c == '_' || c.is_alphanumeric()));
    function.map(|(name, _)| name).or(entry)
}

#[test]
fn the_names_are_found_in_both_forms() {
    assert_eq!(
        scenario("pub async fn one_is_enough(server: &mut TestServer) {"),
        Some("one_is_enough")
    );
    assert_eq!(
        scenario("    a_bogus_show_is_told:"),
        Some("a_bogus_show_is_told")
    );
    assert_eq!(scenario("        other: x"), None);
}
