//! Step `tls`; only ejabberd offers TLS to components.

use crate::faulty_setup::{FaultySetup, config_file, healthy, step, text};
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

on_every_prosody!(a_server_without_tls_is_reported);
on_every_ejabberd!(
    a_server_without_tls_is_reported,
    a_certificate_that_is_not_trusted_is_reported,
    a_trusted_certificate_is_healthy,
);

async fn a_server_without_tls_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = server.components();
    FaultySetup::new("TLS at a port without it", format!("tls://{components}"))
        .expect("tls", "TLS")
        .advises(format!("set server = \"{components}\""))
        .check()
        .await?;
    Ok(())
}

async fn a_certificate_that_is_not_trusted_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup().tls()).await?;
    let (encrypted, authority) = server.encrypted()?;
    let encrypted = format!("tls://{encrypted}");
    FaultySetup::new("an authority that is not trusted here", &encrypted)
        .expect(
            "tls",
            "is not trusted for localhost: no authority that is trusted here has signed it",
        )
        .advises("tls.ca_file (COUPLET_TLS_CA_FILE)")
        .check()
        .await?;
    let other_name = config_file(
        &encrypted,
        &format!("secret = {SECRET:?}\n[tls]\nname = \"xmpp.example\"\nca_file = {authority:?}\n"),
    );
    FaultySetup::new("another name in the certificate", &encrypted)
        .file(other_name)
        .expect("tls", "is not trusted for xmpp.example")
        .advises("tls.name (COUPLET_TLS_NAME)")
        .check()
        .await?;
    Ok(())
}

async fn a_trusted_certificate_is_healthy(backend: Backend) -> Outcome {
    let server = backend.start(setup().tls()).await?;
    let (encrypted, authority) = server.encrypted()?;
    let tls = format!("[tls]\nca_file = {authority:?}\n");
    let report = healthy(&format!("tls://{encrypted}"), &tls, "share the stanzas").await?;
    let message = text(&step(&report, "tls"), "message");
    let is_trusted = message.starts_with("the certificate is trusted for localhost, for another 2");
    assert!(is_trusted && message.ends_with(" days"), "{message}");
    Ok(())
}
