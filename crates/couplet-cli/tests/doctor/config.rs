//! Step `config`: the file, the environment and the flags are valid.

use crate::faulty_setup::{FaultySetup, config_file};
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

on_every_server!(an_unknown_key_and_an_unknown_table_are_reported);

async fn an_unknown_key_and_an_unknown_table_are_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = &server.components();
    FaultySetup::new("a typo in the file", components)
        .file(config_file(
            components,
            "secret = \"x\"\n[limits]\nhandler = 7\n",
        ))
        .expect(
            "config",
            "unknown key `limits.handler`; did you mean `limits.handlers`?",
        )
        .advises("accepted in [limits]")
        .exit_code(2)
        .check()
        .await?;
    FaultySetup::new("a typo in the name of a table", components)
        .file(config_file(
            components,
            &format!("secret = {SECRET:?}\n[limit]\nhandlers = 7\n"),
        ))
        .expect("config", "echo.localhost at")
        .verdict("warn")
        .advises("did you mean [limits]?")
        .exit_code(0)
        .check()
        .await?;
    Ok(())
}
