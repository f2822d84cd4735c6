//! The secret and its file.

use crate::case::{Broken, config_file, secret_file};
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

on_every_server!(a_file_that_is_missing_or_open_to_others_is_named);

async fn a_file_that_is_missing_or_open_to_others_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = &server.components();
    Broken::new("no secret file", components)
        .file(config_file(
            components,
            "secret_file = \"nowhere/secret\"\n",
        ))
        .fails_at("secret", "the secret file nowhere/secret cannot be read")
        .ends_with(2)
        .understood()
        .await?;
    let folder = tempfile::tempdir()?;
    let two_lines = secret_file(&folder, &format!("{SECRET}\nand a comment\n"), 0o644)?;
    Broken::new("a file of two lines that everybody may read", components)
        .file(config_file(
            components,
            &format!("secret_file = {two_lines:?}\n"),
        ))
        .fails_at("secret", "found")
        .with_a("warn")
        .advises("more than one line")
        .advises("chmod 600")
        .ends_with(1)
        .understood()
        .await?;
    Ok(())
}
