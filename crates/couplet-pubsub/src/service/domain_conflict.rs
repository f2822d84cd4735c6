//! Detects a service of the server itself with the domain of this one. (docs/servers.md)
//!
//! It cannot prove that there is none. ejabberd sends each stanza to one of the two at random;
//! Prosody has one service for each domain and rejects the login of a second.

use couplet::{Handle, Jid, Shutdown};
use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult};

/// Number of queries: each is routed to one of the two.
const QUERIES: usize = 8;

/// Queries the domain when the component is online for the first time, and logs a warning.
pub(super) async fn check(handle: Handle, shutdown: Shutdown) {
    tokio::select! {
        () = shutdown.requested() => {}
        () = ask(&handle) => {}
    }
}

async fn ask(handle: &Handle) {
    drop(handle.broadcast().await);
    let domain = Jid::from(handle.address().to_domain());
    for _ in 0..QUERIES {
        let answer = handle.get(&domain, DiscoInfoQuery { node: None }).await;
        let Ok(answer) = answer else { return };
        if is_another(&answer) {
            tracing::warn!(
                %domain,
                "the server answers for this domain too: ejabberd's own mod_pubsub has it, and \
                 each of the two gets a part of the stanzas; give it another host in ejabberd.yml \
                 (modules: mod_pubsub: hosts) or remove it, and restart ejabberd; `couplet doctor` \
                 shows more"
            );
            return;
        }
    }
}

/// Returns whether this is a pubsub service that cannot be one of ours, of any version.
fn is_another(answer: &DiscoInfoResult) -> bool {
    let mut identities = answer.identities.iter();
    let is_pubsub = identities.any(|one| one.category == "pubsub" && one.type_ == "service");
    let ours = format!("{}#leased-subscription", crate::codec::NS);
    is_pubsub && !answer.features.contains(&ours)
}

#[cfg(test)]
mod tests {
    use couplet::Component;
    use couplet_test::Server;
    use xmpp_parsers::disco::Identity;

    use super::*;
    use crate::Pubsub;

    fn answer(features: &[&str]) -> DiscoInfoResult {
        DiscoInfoResult {
            node: None,
            identities: vec![Identity {
                category: "pubsub".to_owned(),
                type_: "service".to_owned(),
                lang: None,
                name: Some("ejabberd/mod_pubsub".to_owned()),
            }],
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
            extensions: Vec::new(),
        }
    }

    #[test]
    fn a_pubsub_service_without_leased_subscriptions_is_another() {
        let publish = "http://jabber.org/protocol/pubsub#publish";
        assert!(is_another(&answer(&[publish])));
        let mut component = answer(&[publish]);
        component.identities.clear();
        assert!(!is_another(&component), "an echo has no such identity");
    }

    #[tokio::test(start_paused = true)]
    async fn this_service_is_not_taken_for_another() {
        let pubsub = Pubsub::memory();
        let server = Server::start(|config| Component::new(config).extend(&pubsub)).await;
        let handle = server.handle();
        let domain = Jid::from(handle.address().to_domain());
        let own = handle.get(&domain, DiscoInfoQuery { node: None }).await;
        assert!(!is_another(&own.unwrap()));
    }
}
