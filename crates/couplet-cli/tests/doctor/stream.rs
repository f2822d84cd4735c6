//! Step `stream`: a server that accepts components answers.

use crate::fake_service::FakeService;
use crate::faulty_setup::FaultySetup;
use crate::server::Backend;
use crate::{Outcome, setup};

/// What Prosody sends while it shuts down, and for a Component without a secret.
const STOPPING: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' id='5c7cbd46-2ed4-4a62-a8f2-6c9e7bdbdd14' \
    from='echo.localhost'><stream:error><system-shutdown \
    xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
const NO_SECRET: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' id='5c7cbd46-2ed4-4a62-a8f2-6c9e7bdbdd14' \
    from='echo.localhost'><stream:error><not-authorized \
    xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

on_every_prosody!(
    the_port_for_clients_is_reported,
    the_domain_of_the_server_itself_is_reported,
);
on_every_ejabberd!(
    the_port_for_clients_is_reported,
    the_domain_of_the_server_itself_is_reported,
    a_port_that_expects_tls_is_reported,
);

async fn the_port_for_clients_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (ours, others) = backend.snippet_and_other_server();
    FaultySetup::new("the port for clients", server.clients())
        .expect(
            "stream",
            "this port is for clients or servers, not for components",
        )
        .advises(ours)
        .does_not_advise(others)
        .check()
        .await?;
    Ok(())
}

async fn the_domain_of_the_server_itself_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (_, others) = backend.snippet_and_other_server();
    let components = server.components();
    let port = components.rsplit_once(':').map_or("", |(_, port)| port);
    let case = FaultySetup::new("the domain of the server itself", &components).domain("localhost");
    let case = match backend.is_prosody() {
        true => case
            .expect("stream", "host-unknown")
            .advises("a VirtualHost is no component")
            .advises(format!("component_ports = {{ {port} }}")),
        false => case
            .expect("stream", "the domain is one of the server's own")
            .advises("such as echo.localhost")
            .advises(format!("port: {port}")),
    };
    case.advises("echo.localhost")
        .does_not_advise("Component \"localhost\"")
        .does_not_advise(others)
        .check()
        .await?;
    Ok(())
}

/// 24.12 answers with a TLS alert; 23.01 closes the connection, so the doctor must try TLS.
async fn a_port_that_expects_tls_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup().tls()).await?;
    let (encrypted, _) = server.encrypted()?;
    let plain = FaultySetup::new("no TLS at a port that expects it", &encrypted)
        .expect("stream", "expects TLS from the first byte")
        .advises(format!("Set server = \"tls://{encrypted}\""));
    let plain = match backend {
        Backend::Ejabberd => plain.advises("The server answers a TLS handshake"),
        _ => plain,
    };
    plain.check().await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_shutting_down_needs_no_other_configuration() -> Outcome {
    let stopping = FakeService::sends(STOPPING, "stream").await?;
    FaultySetup::new("a server that is shutting down", &stopping.server)
        .expect(
            "stream",
            "the server is not accepting connections at the moment (system-shutdown)",
        )
        .advises("no fault of the configuration")
        .does_not_advise("component_secret")
        .does_not_advise("ejabberd_service")
        .check()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_component_of_prosody_without_a_secret_is_reported() -> Outcome {
    let no_secret = FakeService::sends(NO_SECRET, "stream").await?;
    FaultySetup::new(
        "Prosody without a secret for the component",
        &no_secret.server,
    )
    .expect(
        "stream",
        "the server has no secret for this component (not-authorized)",
    )
    .advises("this Component has no component_secret")
    .does_not_advise("ejabberd")
    .check()
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_not_an_xmpp_server_is_quoted() -> Outcome {
    let web = FakeService::sends("HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n\r\n").await?;
    let ssh = FakeService::sends("SSH-2.0-OpenSSH_9.2\r\n", "stream").await?;
    for (service, message) in [
        (
            web,
            "is not an XMPP server: it sent \"HTTP/1.1 400 Bad Request\"",
        ),
        (
            ssh,
            "is not an XMPP server: it sent \"SSH-2.0-OpenSSH_9.2\"",
        ),
    ] {
        FaultySetup::new("the port of another service", &service.server)
            .expect("stream", message)
            .advises("usually 5347")
            .check()
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_silent_port_may_be_that_of_another_service() -> Outcome {
    let silent = FakeService::sends("", "never").await?;
    FaultySetup::new("a silent port", &silent.server)
        .flag("--timeout=3s")
        .expect("stream", "no response within 3s")
        .advises("it may be the port of another service")
        .check()
        .await?;
    Ok(())
}
