//! Step `connection`: each address accepts connections.

use crate::faulty_setup::{FaultySetup, healthy};
use crate::server::Backend;
use crate::{Outcome, setup};

#[tokio::test]
async fn a_port_where_nothing_listens_is_reported_with_the_lines_that_open_it() -> Outcome {
    FaultySetup::new("no listener at the port", "127.0.0.1:1")
        .expect("connection", "nothing listens at 127.0.0.1:1")
        .advises("component_ports = { 1 }")
        .advises("port: 1\n    ip: \"127.0.0.1\"")
        .check()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_missing_socket_is_reported_with_the_line_that_opens_it() -> Outcome {
    FaultySetup::new("no socket at the path", "unix:/nowhere/socket")
        .expect("connection", "there is no socket at /nowhere/socket")
        .advises("port: \"unix:/nowhere/socket\"")
        .check()
        .await?;
    Ok(())
}

/// Not on ejabberd 24.12: the listener crashes with each connection to its unix socket
/// (docs/servers.md, 10), and the doctor needs several in a row.
#[tokio::test]
async fn a_component_at_a_socket_of_ejabberd_is_healthy() -> Outcome {
    let server = Backend::Ejabberd.start(setup().unix_socket()).await?;
    let socket = server.socket()?;
    healthy(
        &format!("unix:{}", socket.display()),
        "",
        "share the stanzas",
    )
    .await?;
    Ok(())
}
