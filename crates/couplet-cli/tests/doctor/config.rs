//! Slips in the configuration.

use crate::case::{Broken, config_file};
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

on_every_server!(an_unknown_key_and_an_unknown_table_are_named);

async fn an_unknown_key_and_an_unknown_table_are_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = &server.components();
    Broken::new("a typo in the file", components)
        .file(config_file(
            components,
            "secret = \"x\"\n[limits]\nhandler = 7\n",
        ))
        .fails_at(
            "config",
            "unknown key `limits.handler`; did you mean `limits.handlers`?",
        )
        .advises("accepted in [limits]")
        .ends_with(2)
        .understood()
        .await?;
    Broken::new("a typo in the name of a table", components)
        .file(config_file(
            components,
            &format!("secret = {SECRET:?}\n[limit]\nhandlers = 7\n"),
        ))
        .fails_at("config", "echo.localhost at")
        .with_a("warn")
        .advises("did you mean [limits]?")
        .ends_with(0)
        .understood()
        .await?;
    Ok(())
}
