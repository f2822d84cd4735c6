//! Step `secret`: it can be read, by no other user, and has no stray spaces.

use crate::faulty_setup::{FaultySetup, config_file, secret_file};
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

on_every_server!(a_file_that_is_missing_or_readable_by_others_is_reported);

async fn a_file_that_is_missing_or_readable_by_others_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = &server.components();
    FaultySetup::new("no secret file", components)
        .file(config_file(
            components,
            "secret_file = \"nowhere/secret\"\n",
        ))
        .expect("secret", "the secret file nowhere/secret cannot be read")
        .exit_code(2)
        .check()
        .await?;
    let folder = tempfile::tempdir()?;
    let two_lines = secret_file(&folder, &format!("{SECRET}\nand a comment\n"), 0o644)?;
    FaultySetup::new("a file of two lines that every user can read", components)
        .file(config_file(
            components,
            &format!("secret_file = {two_lines:?}\n"),
        ))
        .expect("secret", "found")
        .verdict("warn")
        .advises("more than one line")
        .advises("chmod 600")
        .exit_code(1)
        .check()
        .await?;
    Ok(())
}
