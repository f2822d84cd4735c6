//! What answers at the port.

use crate::case::Broken;
use crate::server::Backend;
use crate::stranger::Stranger;
use crate::{Outcome, setup};

/// What Prosody says while it stops, and where a Component has no secret.
const STOPPING: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' id='5c7cbd46-2ed4-4a62-a8f2-6c9e7bdbdd14' \
    from='echo.localhost'><stream:error><system-shutdown \
    xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
const NO_SECRET: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' id='5c7cbd46-2ed4-4a62-a8f2-6c9e7bdbdd14' \
    from='echo.localhost'><stream:error><not-authorized \
    xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

on_every_prosody!(
    the_port_for_clients_is_told_from_the_one_for_components,
    the_domain_of_the_server_itself_is_named,
);
on_every_ejabberd!(
    the_port_for_clients_is_told_from_the_one_for_components,
    the_domain_of_the_server_itself_is_named,
    a_port_that_expects_tls_is_named,
);

async fn the_port_for_clients_is_told_from_the_one_for_components(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (ours, others) = backend.lines_and_other();
    Broken::new("the port for clients", server.clients())
        .fails_at(
            "stream",
            "this port is for clients or servers, not for components",
        )
        .advises(ours)
        .without(others)
        .understood()
        .await?;
    Ok(())
}

async fn the_domain_of_the_server_itself_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (_, others) = backend.lines_and_other();
    let components = server.components();
    let port = components.rsplit_once(':').map_or("", |(_, port)| port);
    let case = Broken::new("the domain of the server itself", &components).domain("localhost");
    let case = match backend.is_prosody() {
        true => case
            .fails_at("stream", "host-unknown")
            .advises("a VirtualHost is no component")
            .advises(format!("component_ports = {{ {port} }}")),
        false => case
            .fails_at("stream", "the domain is one of its own")
            .advises("such as echo.localhost")
            .advises(format!("port: {port}")),
    };
    case.advises("echo.localhost")
        .without("Component \"localhost\"")
        .without(others)
        .understood()
        .await?;
    Ok(())
}

/// 24.12 answers with an alert of TLS; 23.01 closes the connection, so the doctor has to try.
async fn a_port_that_expects_tls_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup().tls()).await?;
    let (encrypted, _) = server.encrypted()?;
    let plain = Broken::new("a plain stream where TLS is spoken", &encrypted)
        .fails_at("stream", "expects TLS from the first byte")
        .advises(format!("Set server = \"tls://{encrypted}\""));
    let plain = match backend {
        Backend::Ejabberd => plain.advises("Its greeting was tried"),
        _ => plain,
    };
    plain.understood().await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_stops_just_now_needs_no_other_configuration() -> Outcome {
    let stopping = Stranger::says(STOPPING, "stream").await?;
    Broken::new("a server that stops just now", &stopping.server)
        .fails_at(
            "stream",
            "it ends connections at the moment (system-shutdown)",
        )
        .advises("no fault of the configuration")
        .without("component_secret")
        .without("ejabberd_service")
        .understood()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_component_of_prosody_without_a_secret_is_named() -> Outcome {
    let no_secret = Stranger::says(NO_SECRET, "stream").await?;
    Broken::new(
        "Prosody without a secret for the component",
        &no_secret.server,
    )
    .fails_at(
        "stream",
        "this component has no secret there (not-authorized)",
    )
    .advises("this Component has no component_secret")
    .without("ejabberd")
    .understood()
    .await?;
    Ok(())
}

#[tokio::test]
async fn what_is_no_xmpp_server_is_quoted() -> Outcome {
    let web = Stranger::says("HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n\r\n").await?;
    let ssh = Stranger::says("SSH-2.0-OpenSSH_9.2\r\n", "stream").await?;
    for (stranger, told) in [
        (
            web,
            "is no XMPP server: it said \"HTTP/1.1 400 Bad Request\"",
        ),
        (ssh, "is no XMPP server: it said \"SSH-2.0-OpenSSH_9.2\""),
    ] {
        Broken::new("the port of another service", &stranger.server)
            .fails_at("stream", told)
            .advises("usually 5347")
            .understood()
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_port_that_says_nothing_may_be_that_of_another_service() -> Outcome {
    let silent = Stranger::says("", "never").await?;
    Broken::new("a port that says nothing", &silent.server)
        .flag("--timeout=3s")
        .fails_at("stream", "nothing came within 3s")
        .advises("it may be the port of another service")
        .understood()
        .await?;
    Ok(())
}
