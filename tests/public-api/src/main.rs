//! Lists the public API of every published crate from rustdoc's JSON, and compares it with the
//! listings in the repository. Called by `.ci/public-api`.

use std::{collections::BTreeSet, error::Error, fs, path::Path, process::ExitCode};

use public_api::Builder;

const CRATES: [&str; 6] = [
    "couplet_core",
    "couplet",
    "couplet_bot",
    "couplet_pubsub",
    "couplet_test",
    "pubsub_conformance",
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (json, listings, write) = match arguments.as_slice() {
        [json, listings] => (json, listings, false),
        [json, listings, flag] if flag == "--write" => (json, listings, true),
        _ => return Err("usage: public_api JSON_FOLDER LISTINGS_FOLDER [--write]".into()),
    };
    let mut is_same = true;
    for name in CRATES {
        let current = listing(&Path::new(json).join(format!("{name}.json")))?;
        let path = Path::new(listings).join(format!("{}.txt", name.replace('_', "-")));
        if write {
            fs::write(&path, current)?;
            continue;
        }
        let listed = fs::read_to_string(&path).unwrap_or_default();
        is_same &= print_difference(&path, &listed, &current);
    }
    if is_same {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("the public API has changed: if that is meant, run .ci/public-api --write");
    Ok(ExitCode::FAILURE)
}

/// Returns one item per line, without the implementations that the compiler and derives add to
/// almost every type.
fn listing(json: &Path) -> Result<String, Box<dyn Error>> {
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| format!("{}: {error}", json.display()))?;
    Ok(api.to_string())
}

/// Prints the lines that were added and removed; returns whether there are none.
fn print_difference(path: &Path, listed: &str, current: &str) -> bool {
    let before: BTreeSet<&str> = listed.lines().collect();
    let after: BTreeSet<&str> = current.lines().collect();
    for line in before.difference(&after) {
        eprintln!("{}: - {line}", path.display());
    }
    for line in after.difference(&before) {
        eprintln!("{}: + {line}", path.display());
    }
    before == after
}
