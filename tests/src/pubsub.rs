//! The hundred cases of `pubsub-conformance`, against whatever pubsub service a server has.

use couplet_test::Client;
use pubsub_conformance::{Account, KnownFailures, People, Report, Security, Server, Suite};

/// The address that every service under test has.
pub const SERVICE: &str = "pubsub.localhost";

/// Who may make nodes.
pub const OWNER: &str = "alice@localhost";

/// All cases, with accounts that are made on the server that listens there.
pub async fn suite(clients: &str) -> Suite {
    let mut accounts = Vec::new();
    for name in ["alice", "bob", "carol", "dave", "eve"] {
        let jid = format!("{name}@localhost");
        Client::register(clients, &jid, name)
            .await
            .expect("an account");
        accounts.push(Account::new(&jid, name));
    }
    let [owner, publisher, subscriber, stranger, outsider] =
        <[Account; 5]>::try_from(accounts).expect("five of them");
    let people = People {
        owner,
        publisher,
        subscriber,
        stranger,
        outsider: Some(outsider),
    };
    let server = Server {
        address: Some(clients.to_owned()),
        security: Security::None,
        authorities: None,
    };
    Suite::new(SERVICE, server, people)
}

/// Runs the cases; fails unless exactly the known failures fail.
pub async fn expect(suite: Suite, known: &str) -> Report {
    let known: KnownFailures = known.parse().expect("a list of known failures");
    let report = Box::pin(suite.known(known).run(|_row| {}))
        .await
        .expect("a service that answers");
    assert!(report.is_as_expected(), "{}", report.to_text());
    report
}
