//! The structure of every crate: a module uses only modules declared below it in `lib.rs`, files
//! stay short, and no file has a name such as `utils`.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Maximum lines of a file without its tests and documentation: well-documented code need not be
/// split for that.
const CEILING: usize = 400;

const DRAWERS: [&str; 7] = [
    "utils", "util", "common", "helpers", "manager", "base", "misc",
];

struct File {
    /// The path below `src`, without the extension: `config/check`.
    path: String,
    text: String,
}

/// Returns the sources of every crate, `lib.rs` (or `main.rs`) first.
fn crates() -> Vec<(String, Vec<File>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let source = entry.unwrap().path().join("src");
        if !source.exists() {
            continue;
        }
        let mut files = Vec::new();
        read(&source, &source, &mut files);
        files.sort_by_key(|file| {
            (
                !matches!(file.path.as_str(), "lib" | "main"),
                file.path.clone(),
            )
        });
        let name = source.parent().unwrap().file_name().unwrap().to_owned();
        found.push((name.into_string().unwrap(), files));
    }
    assert!(found.len() >= 3, "the crates were not found");
    found
}

fn read(source: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(source, &path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let below = path.strip_prefix(source).unwrap().with_extension("");
            let text = fs::read_to_string(&path).unwrap();
            files.push(File {
                path: below.to_str().unwrap().to_owned(),
                text,
            });
        }
    }
}

/// Returns the code of a file without its tests and comments.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            leave_out_item(&mut lines, line);
            continue;
        }
        let line = line.split("//").next().unwrap_or_default();
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// Skips the item after an attribute: to the end of its block by its indentation, or one line.
fn leave_out_item<'a>(lines: &mut impl Iterator<Item = &'a str>, attribute: &str) {
    let indent = &attribute[..attribute.len() - attribute.trim_start().len()];
    for line in lines.by_ref() {
        let begins = !line.trim_start().starts_with("#[");
        if begins && line.trim_end().ends_with(';') {
            return;
        }
        if begins {
            break;
        }
    }
    let end = [format!("{indent}}}"), format!("{indent}}};")];
    for line in lines {
        if end.iter().any(|end| line == end) {
            return;
        }
    }
}

/// Returns the modules of the crate in their order.
fn modules(root: &str) -> Vec<String> {
    let declared = code(root);
    declared
        .lines()
        .filter_map(|line| {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            line.strip_prefix("mod ")?
                .strip_suffix(';')
                .map(str::to_owned)
        })
        .collect()
}

/// Returns the first names after `crate::`, however deep the braces of a `use` are.
fn used(code: &str, root: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(root) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':')) {
            continue;
        }
        let rest = &code[at + root.len()..];
        match rest.strip_prefix('{') {
            None => names.push(first_name(rest)),
            Some(group) => names.extend(split_group(group).iter().map(|part| first_name(part))),
        }
    }
    names
}

fn first_name(path: &str) -> String {
    path.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// Splits `a::b, c::{d, e}}...` up to the brace that ends the group.
fn split_group(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Returns violations of the rule: modules that use one declared above them, or the crate's root.
fn upward(files: &[File]) -> Vec<String> {
    let order = modules(&files[0].text);
    let mut broken = Vec::new();
    for file in &files[1..] {
        // A binary beside a library uses the library's public API.
        if file.path == "main" {
            continue;
        }
        let parts: Vec<&str> = file.path.split('/').collect();
        if parts.last() == Some(&"tests") {
            continue;
        }
        let Some(here) = order.iter().position(|module| module == parts[0]) else {
            broken.push(format!("{}.rs belongs to no module of the root", file.path));
            continue;
        };
        let code = code(&file.text);
        let up = "super::".repeat(parts.len());
        let names = ["crate::".to_owned(), up]
            .map(|root| used(&code, &root))
            .concat();
        for name in names {
            match order.iter().position(|module| *module == name) {
                Some(there) if there >= here => {}
                Some(_) => broken.push(format!(
                    "{}.rs uses {name}, which stands above it",
                    file.path
                )),
                None => broken.push(format!("{}.rs takes {name} from the root", file.path)),
            }
        }
    }
    broken
}

/// Returns the lines that count for the ceiling.
fn length(text: &str) -> usize {
    let without_tests = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    let is_doc = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("///") || line.starts_with("//!")
    };
    without_tests.lines().filter(|line| !is_doc(line)).count()
}

#[test]
fn a_module_uses_only_modules_declared_below_it() {
    let mut broken = Vec::new();
    for (name, files) in crates() {
        broken.extend(
            upward(&files)
                .into_iter()
                .map(|what| format!("{name}: {what}")),
        );
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn no_file_is_longer_than_its_ceiling() {
    let mut too_long = Vec::new();
    for (name, files) in crates() {
        for file in files {
            let is_tests = file.path.ends_with("/tests");
            let lines = length(&file.text);
            if !is_tests && lines > CEILING {
                too_long.push(format!("{name}: {}.rs has {lines} lines", file.path));
            }
        }
    }
    assert_eq!(too_long, Vec::<String>::new());
}

/// Names that are no longer used; `crates/couplet/src/manual/words.md` lists the current ones.
const GIVEN_UP: [&str; 38] = [
    "Actor",
    "Circular",
    "Desk",
    "Door",
    "FromResult",
    "Gate",
    "House",
    "IntoResult",
    "Launch",
    "Ledger",
    "Liveness",
    "Mailing",
    "NotSent",
    "Operate",
    "Party",
    "PeerError",
    "Refusal",
    "Seat",
    "Stage",
    "Switchboard",
    "Unsendable",
    "Wire",
    "acting_as",
    "actor",
    "alongside",
    "cure",
    "door",
    "house",
    "inbox",
    "ledger",
    "liveness",
    "mailing",
    "operate",
    "party",
    "seat",
    "stage",
    "standing",
    "switchboard",
];

#[test]
fn no_name_is_one_that_was_given_up() {
    let mut found = Vec::new();
    for (name, files) in crates() {
        for file in files {
            for (number, line) in file.text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                let names = code.split(|c: char| !c.is_alphanumeric() && c != '_');
                let given_up = names.filter(|word| GIVEN_UP.contains(word));
                found.extend(
                    given_up.map(|word| format!("{name}: {}.rs:{}: {word}", file.path, number + 1)),
                );
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_file_is_a_drawer() {
    for (name, files) in crates() {
        for file in files {
            let word = file.path.rsplit('/').next().unwrap();
            assert!(!DRAWERS.contains(&word), "{name}: {}.rs", file.path);
        }
    }
}

fn planted(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<File> = files
        .iter()
        .map(|(path, text)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    upward(&files)
}

#[test]
fn a_planted_violation_is_found_in_every_form() {
    let lib = (
        "lib",
        "//! Doc.\n\npub mod top;\n#[cfg(unix)]\nmod middle;\nmod low;\n",
    );
    let law = "low.rs uses top, which stands above it";
    for text in [
        "use crate::top::Top;",
        "use crate::{\n    low::Own,\n    top::{Top, More},\n};",
        "use super::top::Top;",
        "fn f() -> crate::top::Top {}",
        "#[cfg(test)]\nmod tests {\n    use crate::low;\n}\nuse crate::top::Top;",
        "#[cfg(test)]\nuse crate::middle;\nuse crate::top::Top;",
    ] {
        assert_eq!(planted(&[lib, ("low", text)]), [law], "{text}");
    }
    let nested = planted(&[lib, ("low/deep", "use super::super::middle::M;")]);
    assert_eq!(nested, ["low/deep.rs uses middle, which stands above it"]);
    let root = planted(&[lib, ("low", "use crate::Top;")]);
    assert_eq!(root, ["low.rs takes Top from the root"]);
    let stray = planted(&[lib, ("stray", "")]);
    assert_eq!(stray, ["stray.rs belongs to no module of the root"]);
}

#[test]
fn what_is_allowed_is_not_found() {
    let lib = (
        "lib",
        "mod top;\nmod middle;\nmod low;\npub use crate::top::Top;\n",
    );
    for (path, text) in [
        (
            "top",
            "use crate::{low::L, middle};\nuse couplet_core::top::X;",
        ),
        (
            "middle",
            "/// See [`crate::top`].\n// crate::top\nuse crate::low::L;\nuse self::x::Y;",
        ),
        (
            "low",
            "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::top::Top;\n    use super::*;\n}\n",
        ),
        ("low/deep", "use super::Low;\nuse crate::low::Own;"),
        ("low/tests", "use crate::top::Top;"),
    ] {
        assert_eq!(
            planted(&[lib, (path, text)]),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

#[test]
fn the_ceiling_counts_code_and_nothing_else() {
    let code = "fn f() {}\n".repeat(CEILING);
    let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &code + "}\n";
    assert_eq!(length(&format!("//! Doc.\n{code}\n{tests}")), CEILING);
    assert_eq!(
        length(&format!("{code}/// Doc.\nfn g() {{}}\n")),
        CEILING + 1
    );
}
