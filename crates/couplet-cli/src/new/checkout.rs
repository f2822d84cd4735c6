//! The checkout of Couplet on which a new project depends.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, context};

/// The checkout in which this command was built, on the machine that built it.
const BUILT_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Returns the folder of crates in the checkout of `--couplet-path`.
pub(super) fn named(path: &Path) -> Result<String, Failure> {
    crates_of(path).map_err(|why| {
        let shown = path.display();
        Failure::misuse(format!("--couplet-path {shown}: {why}"))
    })
}

/// Returns the folder of crates in the checkout that contains the current directory, or else in the one
/// in which this command was built.
pub(super) fn found() -> Result<String, Failure> {
    let here = std::env::current_dir().map_err(context("finding the current directory"))?;
    found_from(&here, Path::new(BUILT_IN))
}

fn found_from(here: &Path, built_in: &Path) -> Result<String, Failure> {
    let mut candidates = here.ancestors().chain([built_in]);
    let checkout = candidates.find(|path| is_checkout(path)).ok_or_else(|| {
        Failure::misuse(
            "the current directory is in no checkout of Couplet, and the checkout in which this command \
             was built no longer exists: name one with --couplet-path DIR, or depend on the published \
             version with --published",
        )
    })?;
    crates_of(checkout).map_err(|why| Failure::misuse(format!("{}: {why}", checkout.display())))
}

/// Returns the folder of crates, if a manifest can contain its path.
fn crates_of(checkout: &Path) -> Result<String, String> {
    if !is_checkout(checkout) {
        return Err("this is not a checkout of Couplet".to_owned());
    }
    let crates: PathBuf =
        fs::canonicalize(checkout.join("crates")).map_err(|why| why.to_string())?;
    match crates.to_str() {
        Some(crates) if !crates.contains(['"', '\\']) => Ok(crates.to_owned()),
        _ => Err("the path has a quotation mark or a backslash, or is not UTF-8".to_owned()),
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
    fn the_checkout_of_the_current_directory_takes_precedence() {
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
    fn without_a_checkout_the_error_names_the_flags() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let why = found_from(folder.path(), &gone).unwrap_err().to_string();
        assert!(why.contains("--couplet-path DIR"), "{why}");
        assert!(why.contains("--published"), "{why}");
    }
}
