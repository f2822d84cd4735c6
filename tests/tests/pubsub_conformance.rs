//! The conformance runner itself, on the pubsub services that Prosody and ejabberd bring along:
//! the control of what it says about ours.

use couplet_test::{Ejabberd, Prosody, Setup};
use couplet_tests::pubsub::{OWNER, SERVICE, expect, suite};

const PROSODY: &str = include_str!("../../crates/pubsub-conformance/known/prosody.txt");
const EJABBERD: &str = include_str!("../../crates/pubsub-conformance/known/ejabberd.txt");

fn setup() -> Setup {
    Setup::component("unused.localhost", "unused").own_pubsub(SERVICE, OWNER)
}

#[tokio::test]
async fn prosody_s_own_service_fails_what_it_is_known_to_fail() {
    let prosody = Prosody::start(setup()).await.unwrap();
    // Each publish reads and writes the whole node there: 5,000 items would take many minutes.
    let suite = suite(&prosody.client_addr()).await.many_items(200);
    let report = expect(suite, PROSODY).await;
    assert!(report.count("pass") >= 33, "{}", report.to_text());
}

#[tokio::test]
async fn ejabberd_s_own_service_fails_what_it_is_known_to_fail() {
    let ejabberd = Ejabberd::start(setup()).await.unwrap();
    let report = expect(suite(&ejabberd.client_addr()).await, EJABBERD).await;
    assert!(report.count("pass") >= 52, "{}", report.to_text());
}
