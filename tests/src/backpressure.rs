//! The server does not read.

use std::time::Duration;

use couplet::{Config, Outgoing, SendErrorKind};
use couplet_test::TestServer;

use crate::apps::{echo, is_echoed};

/// The server reads nothing: senders wait, get an error, and may continue later.
pub async fn what_a_server_does_not_read_is_bounded(server: &mut TestServer) {
    let impatient = |mut config: Config| {
        config.limits.outgoing_stanza_bytes = 32 << 10;
        config.limits.outgoing_bytes = 256 << 10;
        config.timing.send = Duration::from_millis(100);
        config.timing.dead_after = Duration::from_secs(24 * 3600);
        echo(config)
    };
    let component = server.run(impatient).await;
    let mut alice = server.user("alice").await;
    let (to, text) = (alice.address().parse().unwrap(), "x".repeat(16 << 10));
    server.in_memory().await.stop_reading();
    let mut sent = 0;
    let refused = loop {
        match component.handle().send(Outgoing::chat(&to, &text)).await {
            Ok(_) => sent += 1,
            Err(refused) => break refused,
        }
        assert!(sent < 1000, "it takes everything");
    };
    assert_eq!(*refused.why(), SendErrorKind::Full);
    server.in_memory().await.read_on();
    for _ in 0..sent {
        alice.next_chat().await;
    }
    is_echoed(&mut alice).await;
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}
