//! TLS, which only ejabberd speaks with components.

use crate::case::{Broken, config_file, healthy, step, text};
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

on_every_prosody!(a_server_that_speaks_none_is_named);
on_every_ejabberd!(
    a_server_that_speaks_none_is_named,
    a_certificate_that_is_not_trusted_is_named,
    a_trusted_certificate_is_healthy,
);

async fn a_server_that_speaks_none_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = server.components();
    Broken::new("TLS where none is spoken", format!("tls://{components}"))
        .fails_at("tls", "TLS")
        .advises(format!("set server = \"{components}\""))
        .understood()
        .await?;
    Ok(())
}

async fn a_certificate_that_is_not_trusted_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup().tls()).await?;
    let (encrypted, authority) = server.encrypted()?;
    let encrypted = format!("tls://{encrypted}");
    Broken::new("an authority that is not trusted here", &encrypted)
        .fails_at(
            "tls",
            "is not trusted for localhost: no authority that is trusted here has signed it",
        )
        .advises("tls.ca_file (COUPLET_TLS_CA_FILE)")
        .understood()
        .await?;
    let other_name = config_file(
        &encrypted,
        &format!("secret = {SECRET:?}\n[tls]\nname = \"xmpp.example\"\nca_file = {authority:?}\n"),
    );
    Broken::new("another name in the certificate", &encrypted)
        .file(other_name)
        .fails_at("tls", "is not trusted for xmpp.example")
        .advises("tls.name (COUPLET_TLS_NAME)")
        .understood()
        .await?;
    Ok(())
}

async fn a_trusted_certificate_is_healthy(backend: Backend) -> Outcome {
    let server = backend.start(setup().tls()).await?;
    let (encrypted, authority) = server.encrypted()?;
    let tls = format!("[tls]\nca_file = {authority:?}\n");
    let told = healthy(&format!("tls://{encrypted}"), &tls, "dealt out").await?;
    let certificate = text(&step(&told, "tls"), "told");
    let is_told =
        certificate.starts_with("the certificate is trusted for localhost, for another 2");
    assert!(is_told && certificate.ends_with(" days"), "{certificate}");
    Ok(())
}
