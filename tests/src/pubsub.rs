//! The hundred cases of `pubsub-conformance`, against whatever pubsub service a server has.

use std::path::Path;
use std::time::Duration;

use couplet_test::Client;
use pubsub_conformance::{Account, Accounts, KnownFailures, Report, Security, Server, Suite};

use crate::pubsub_service::Service;

/// The address that every service under test has.
pub const SERVICE: &str = "pubsub.localhost";

/// Who may make nodes.
pub const OWNER: &str = "alice@localhost";

/// How many subscriptions one user may have; case 99 needs fifty.
const SUBSCRIPTIONS: usize = 60;

/// The longest lease in seconds.
const LEASE: u64 = 3_600;

/// The largest payload in bytes.
const PAYLOAD: usize = 30_000;

/// Beyond it a subscriber counts as gone for good.
const BOUNCES: usize = 10;

/// A service of ours beside the server that listens there for components, with all the limits that
/// cases ask for.
pub fn ours(server: &str) -> Service {
    let mut service = Service::beside(server);
    let creators = "alice@localhost,bob@localhost,carol@localhost,dave@localhost";
    service.set("COUPLET_PUBSUB_CREATORS", creators);
    let limits = format!("{{subscriptions={SUBSCRIPTIONS},lease={LEASE},payload_bytes={PAYLOAD}}}");
    service.set("COUPLET_PUBSUB_LIMITS", &limits);
    service
}

/// Tells the cases about the limits of [`ours`].
pub fn limited(suite: Suite) -> Suite {
    suite
        .subscription_limit(SUBSCRIPTIONS)
        .lease_limit(Duration::from_secs(LEASE))
        .payload_limit(PAYLOAD)
        .bounce_limit(BOUNCES)
}

/// All cases, with accounts that are made on the server that listens there.
pub async fn suite(clients: &str) -> Suite {
    let server = Server {
        address: Some(clients.to_owned()),
        security: Security::None,
        authorities: None,
    };
    Suite::new(SERVICE, server, accounts(clients).await)
}

async fn accounts(clients: &str) -> Accounts {
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
    Accounts {
        owner,
        publisher,
        subscriber,
        stranger,
        outsider: Some(outsider),
    }
}

/// Case 1, by users who log in over TLS and trust this authority.
pub async fn first_case_over_tls(clients: &str, authority: &Path) -> Suite {
    let server = Server {
        address: Some(clients.to_owned()),
        security: Security::StartTls,
        authorities: Some(authority.to_owned()),
    };
    Suite::new(SERVICE, server, accounts(clients).await).only([1])
}

/// Runs the cases; fails unless exactly the known failures fail.
pub async fn expect(suite: Suite, known: &str) -> Report {
    let known: KnownFailures = known.parse().expect("a list of known failures");
    let report = Box::pin(suite.known(known).run(|row| {
        let millis = row.took.as_millis();
        println!("{} {} in {millis} ms", row.number, row.outcome.word());
    }))
    .await
    .expect("a service that answers");
    assert!(report.is_as_expected(), "{}", report.to_text());
    report
}
