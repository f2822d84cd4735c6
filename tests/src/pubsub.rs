//! The hundred cases of `pubsub-conformance`, against the pubsub service of a server.

use std::path::Path;
use std::time::Duration;

use couplet_test::Client;
use pubsub_conformance::{Account, Accounts, KnownFailures, Report, Security, Server, Suite};

use crate::pubsub_service::Service;

/// The address of every service under test.
pub const SERVICE: &str = "pubsub.localhost";

/// The account that may create nodes.
pub const OWNER: &str = "alice@localhost";

/// Maximum number of subscriptions of one user; case 99 needs fifty.
const SUBSCRIPTIONS: usize = 60;

/// Maximum lease in seconds.
const LEASE: u64 = 3_600;

/// Maximum payload in bytes.
const PAYLOAD: usize = 30_000;

/// Number of bounces that end a subscription.
const BOUNCES: usize = 10;

/// Starts our service at the component port of a server, with all the limits that cases request.
pub fn ours(server: &str) -> Service {
    let mut service = Service::beside(server);
    let creators = "alice@localhost,bob@localhost,carol@localhost,dave@localhost";
    service.set("COUPLET_PUBSUB_CREATORS", creators);
    let limits = format!("{{subscriptions={SUBSCRIPTIONS},lease={LEASE},payload_bytes={PAYLOAD}}}");
    service.set("COUPLET_PUBSUB_LIMITS", &limits);
    service
}

/// Sets the limits of [`ours`] in the suite.
pub fn limited(suite: Suite) -> Suite {
    suite
        .subscription_limit(SUBSCRIPTIONS)
        .lease_limit(Duration::from_secs(LEASE))
        .payload_limit(PAYLOAD)
        .bounce_limit(BOUNCES)
}

/// Returns all cases, with accounts that are registered on the server.
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

/// Returns case 1, for users who log in over TLS and trust this authority.
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
