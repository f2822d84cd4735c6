//! A secret is for one domain.

use crate::case::{Broken, step, text};
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_ejabberd!(a_password_without_hosts_is_named);

/// ejabberd gives such a component whatever domain it asks for.
async fn a_password_without_hosts_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup().password_without_hosts()).await?;
    let told = Broken::new("a password without hosts", server.components())
        .fails_at("secrecy", "this secret opens any domain")
        .with_a("warn")
        .advises("hosts:\n    \"echo.localhost\":\n      password:")
        .ends_with(0)
        .understood()
        .await?;
    for name in ["login", "address", "routes", "second", "foreign"] {
        assert_eq!(text(&step(&told, name), "verdict"), "pass", "{told:#}");
    }
    Ok(())
}
