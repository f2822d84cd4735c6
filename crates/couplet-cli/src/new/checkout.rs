//! Where the crates are that a new project is built against.
//!
//! Deliberately absent: fetching them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, context};

/// The checkout that this command was built in, on the machine where that was.
const BUILT_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The crates of the checkout that `--couplet-path` names.
pub(super) fn given(path: &Path) -> Result<String, Failure> {
    crates_of(path).map_err(|why| {
        let shown = path.display();
        Failure::misuse(format!("--couplet-path {shown}: {why}"))
    })
}

/// The crates of the checkout around the current directory, or else of the one that this command
/// was built in.
pub(super) fn found() -> Result<String, Failure> {
    let here = std::env::current_dir().map_err(context("finding the current directory"))?;
    found_from(&here, Path::new(BUILT_IN))
}

fn found_from(here: &Path, built_in: &Path) -> Result<String, Failure> {
    let mut candidates = here.ancestors().chain([built_in]);
    let checkout = candidates.find(|path| is_checkout(path)).ok_or_else(|| {
        Failure::misuse(
            "there is no checkout of Couplet around the current directory, and the one that this \
             command was built in is gone: name one with --couplet-path DIR, or depend on the \
             published version with --published",
        )
    })?;
    crates_of(checkout).map_err(|why| Failure::misuse(format!("{}: {why}", checkout.display())))
}

/// The folder of the crates, as it can be written into a manifest.
fn crates_of(checkout: &Path) -> Result<String, String> {
    if !is_checkout(checkout) {
        return Err("there is no checkout of Couplet".to_owned());
    }
    let crates: PathBuf =
        fs::canonicalize(checkout.join("crates")).map_err(|why| why.to_string())?;
    match crates.to_str() {
        Some(crates) if !crates.contains(['"', '\\']) => Ok(crates.to_owned()),
        _ => Err("the path cannot be written into a manifest".to_owned()),
    }
}

fn is_checkout(path: &Path) -> bool {
    ["couplet", "couplet-test"]
        .iter()
        .all(|name| path.join("crates").join(name).join("Cargo.toml").is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::found_from;

    fn checkout(at: &Path) {
        for name in ["couplet", "couplet-test"] {
            let folder = at.join("crates").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("Cargo.toml"), "").unwrap();
        }
    }

    #[test]
    fn the_checkout_around_comes_before_the_one_built_in() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (around, built_in) = (folder.join("around"), folder.join("built"));
        checkout(&around);
        checkout(&built_in);
        let inside = around.join("examples/mine");
        fs::create_dir_all(&inside).unwrap();
        let crates = |path: &Path| path.join("crates").to_str().unwrap().to_owned();
        assert_eq!(found_from(&inside, &built_in).unwrap(), crates(&around));
        assert_eq!(found_from(&folder, &built_in).unwrap(), crates(&built_in));
    }

    #[test]
    fn without_a_checkout_it_says_what_to_give() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let why = found_from(folder.path(), &gone).unwrap_err().to_string();
        assert!(why.contains("--couplet-path DIR"), "{why}");
        assert!(why.contains("--published"), "{why}");
    }
}
