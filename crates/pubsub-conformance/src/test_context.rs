//! [`TestContext`]: a service, the accounts, and the nodes of a case.

mod operations;
mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use couplet_core::element::Tree;
use tokio::time::Instant;

use crate::account::Accounts;
use crate::client::{Server, Session, login};
use crate::crash_test::CrashTest;
use crate::error::{About, CaseError, CaseResult};
use crate::expect::{Answer, Event};
use crate::request::{NS_EVENT, NS_INFO, NS_PUBSUB, element, escaped, owner, pubsub};

pub(crate) use user::{O, OUTSIDER, P, S, User, X};

/// Properties of the service that the runner cannot find out by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceLimits {
    pub(crate) subscription_limit: Option<usize>,
    pub(crate) lease_limit: Option<Duration>,
    pub(crate) payload_limit: Option<usize>,
    pub(crate) bounce_limit: Option<usize>,
    pub(crate) many_items: usize,
    pub(crate) crowd: usize,
    pub(crate) balanced: bool,
    pub(crate) crash_test: Option<CrashTest>,
}

/// A service and the accounts.
pub(crate) struct TestContext {
    pub(crate) service: String,
    pub(crate) limits: ServiceLimits,
    pub(crate) features: BTreeSet<String>,
    server: Server,
    accounts: Accounts,
    patience: Duration,
    run: String,
    named: u32,
    nodes: Vec<String>,
    /// Nodes of earlier cases, whose deletion may still be announced.
    gone: BTreeSet<String>,
    barriers: BTreeMap<User, String>,
    sessions: BTreeMap<User, Session>,
    errors: Vec<CaseError>,
}

impl TestContext {
    pub(crate) fn new(
        service: String,
        server: Server,
        accounts: Accounts,
        limits: ServiceLimits,
        patience: Duration,
        run: String,
    ) -> TestContext {
        TestContext {
            service,
            limits,
            features: BTreeSet::new(),
            server,
            accounts,
            patience,
            run,
            named: 0,
            nodes: Vec::new(),
            gone: BTreeSet::new(),
            barriers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    /// Logs in all accounts, so that no event is missed.
    pub(crate) async fn connect_all(&mut self) -> CaseResult {
        for user in [O, P, S, X] {
            self.session(user).await?;
        }
        Ok(())
    }

    /// Drops all sessions, as a lost connection does.
    pub(crate) fn disconnect_all(&mut self) {
        self.sessions.clear();
        self.barriers.clear();
    }

    /// Returns the timeout for one response or event.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Reads the features of the service, once for all cases.
    pub(crate) async fn discover(&mut self) -> CaseResult {
        let query = format!("<query xmlns='{NS_INFO}'/>");
        let answer = self.get(O, &query).await?;
        let info = answer.payload("query", NS_INFO)?;
        self.features = info
            .children()
            .filter(|child| child.is("feature", NS_INFO))
            .filter_map(|feature| feature.attr("var").map(|var| var.into_owned()))
            .collect();
        Ok(())
    }

    /// Returns whether the service announces this pubsub feature.
    pub(crate) fn announces(&self, feature: &str) -> bool {
        self.features
            .contains(&format!("http://jabber.org/protocol/pubsub#{feature}"))
    }

    /// Ends the case as refused if the response is the error for an unsupported feature that is not
    /// announced.
    pub(crate) fn unless_refused(&self, answer: &Answer, feature: &str) -> CaseResult {
        if answer.unsupported_feature().as_deref() != Some(feature) || self.announces(feature) {
            return Ok(());
        }
        answer.unsupported(feature)?;
        Err(CaseError::Refused {
            feature: feature.to_owned(),
            received: answer.received(),
        })
    }

    /// Records a failed check, and continues.
    pub(crate) fn line(&mut self, checked: CaseResult) {
        self.errors.extend(checked.err());
    }

    /// Returns the recorded errors since the last call.
    pub(crate) fn errors(&mut self) -> Vec<CaseError> {
        std::mem::take(&mut self.errors)
    }

    /// Returns the bare JID of a user.
    pub(crate) fn bare(&self, user: User) -> String {
        let account = self.accounts.account(user);
        account.map_or_else(String::new, |account| account.jid().to_owned())
    }

    /// Returns the full JID of a user's resource.
    pub(crate) async fn full(&mut self, user: User) -> CaseResult<String> {
        Ok(self.session(user).await?.jid().to_owned())
    }

    /// Returns the session of a user; logs in if there is none.
    pub(crate) async fn session(&mut self, user: User) -> CaseResult<&mut Session> {
        if !self.sessions.contains_key(&user) {
            let session = self.another_session(user).await?;
            self.sessions.insert(user, session);
        }
        let session = self.sessions.get_mut(&user);
        session.ok_or_else(|| CaseError::NotRun("no session".to_owned()))
    }

    /// Returns a new session, owned by the caller.
    pub(crate) async fn another_session(&self, user: User) -> CaseResult<Session> {
        let account = self.accounts.account(user);
        let account = account.ok_or_else(|| CaseError::NotRun(user.missing()))?;
        let resource = format!("{}-{}", self.run, user.resource());
        login(&self.server, account, &resource, self.patience).await
    }

    /// Sends a get to the service.
    pub(crate) async fn get(&mut self, user: User, payload: &str) -> CaseResult<Answer> {
        self.request(user, "get", payload).await
    }

    /// Sends a set to the service.
    pub(crate) async fn set(&mut self, user: User, payload: &str) -> CaseResult<Answer> {
        self.request(user, "set", payload).await
    }

    pub(crate) async fn request(
        &mut self,
        user: User,
        kind: &str,
        payload: &str,
    ) -> CaseResult<Answer> {
        let service = self.service.clone();
        let session = self.session(user).await?;
        let tree = session.request(kind, Some(&service), payload).await?;
        Ok(Answer::new(tree))
    }

    /// Sends a stanza of a user to the service; `{to}` is replaced by its address.
    pub(crate) async fn send(&mut self, user: User, stanza: &str) -> CaseResult {
        let stanza = stanza.replace("{to}", &escaped(&self.service));
        self.session(user).await?.send(&stanza).await
    }

    /// Returns the next message of the service to a user.
    pub(crate) async fn event(&mut self, user: User) -> CaseResult<Event> {
        let deadline = Instant::now() + self.patience;
        let (service, gone) = (self.service.clone(), self.gone.clone());
        let session = self.session(user).await?;
        let found = session.message(deadline, |tree| is_of_this_case(tree, &service, &gone));
        let found = found.await?;
        found
            .map(Event::new)
            .ok_or_else(|| CaseError::unmet("an event", "none in time"))
    }

    /// Returns the next messages of the service to a user, until `enough` returns true or nothing
    /// more arrives.
    pub(crate) async fn events(
        &mut self,
        user: User,
        enough: impl Fn(&[Event]) -> bool,
    ) -> CaseResult<Vec<Event>> {
        let mut events = Vec::new();
        while !enough(&events) {
            match self.event(user).await {
                Ok(event) => events.push(event),
                Err(_) => break,
            }
        }
        Ok(events)
    }

    /// Returns all messages of the service to a user that are in flight and unread.
    ///
    /// Uses a barrier, not a sleep: an event of a second node, requested now, arrives after them.
    /// Twice, because a service may serve its nodes in turns. For events that must not arrive;
    /// [`TestContext::event`] waits for those that must.
    pub(crate) async fn drain_events(&mut self, user: User) -> CaseResult<Vec<Event>> {
        for _ in 0..2 {
            self.pass_barrier(user).await?;
        }
        let (service, gone) = (self.service.clone(), self.gone.clone());
        let session = self.session(user).await?;
        let rest = session.take(|tree| is_of_this_case(tree, &service, &gone));
        Ok(rest.into_iter().map(Event::new).collect())
    }

    async fn pass_barrier(&mut self, user: User) -> CaseResult {
        let barrier = self.barrier(user).await?;
        let answer = self.publishes(O, &barrier, "").await?;
        answer.is_ok().about("the barrier")?;
        let deadline = Instant::now() + self.patience;
        let service = self.service.clone();
        let session = self.session(user).await?;
        let is_barrier = |tree: &Tree| is_of(tree, &service) && tree.as_str().contains(&barrier);
        let received = session.message(deadline, is_barrier).await?;
        received.map(|_| ()).ok_or_else(|| {
            CaseError::unmet("the event of a second node, as a barrier", "none in time")
        })
    }

    /// Checks that no message of the service to a user is in flight.
    pub(crate) async fn expect_no_event(&mut self, user: User) -> CaseResult {
        let rest = self.drain_events(user).await?;
        match rest.first() {
            None => Ok(()),
            Some(event) => Err(CaseError::unmet("no more events", event.received())),
        }
    }

    async fn barrier(&mut self, user: User) -> CaseResult<String> {
        if let Some(barrier) = self.barriers.get(&user) {
            return Ok(barrier.clone());
        }
        let barrier = self.node(&[]).await?;
        let jid = self.full(user).await?;
        let subscribe = element("subscribe", &[("node", &barrier), ("jid", &jid)], "");
        let answer = self.set(user, &pubsub(&subscribe)).await?;
        answer.is_ok().map_err(|error| error.about("the barrier"))?;
        self.barriers.insert(user, barrier.clone());
        Ok(barrier)
    }

    /// Returns an unused name of a node, which is deleted at the end of the case.
    pub(crate) fn name(&mut self) -> String {
        self.named += 1;
        let name = format!("{}-{}", self.run, self.named);
        self.remember(&name);
        name
    }

    /// Registers a node to delete at the end of the case.
    pub(crate) fn remember(&mut self, node: &str) {
        self.nodes.push(node.to_owned());
    }

    /// Deletes the nodes of the case and drops all sessions.
    pub(crate) async fn clean(&mut self) {
        for node in std::mem::take(&mut self.nodes) {
            let delete = owner(&element("delete", &[("node", &node)], ""));
            let service = self.service.clone();
            let Ok(session) = self.session(O).await else {
                break;
            };
            // Some of the nodes were not created, and some are deleted already.
            let _gone_anyway = session.request("set", Some(&service), &delete).await;
            self.gone.insert(node);
        }
        self.barriers.clear();
        self.sessions.clear();
        self.errors.clear();
    }
}

/// Returns whether it is a message of the service and not a response.
fn is_of(tree: &Tree, service: &str) -> bool {
    let root = tree.root();
    root.attr("from").as_deref() == Some(service) && root.attr("type").as_deref() != Some("error")
}

/// Returns whether a message belongs to this case: it is neither the deletion of an earlier node
/// nor the announcement of an affiliation, which XEP-0060, 8.9.4, leaves to the service.
fn is_of_this_case(tree: &Tree, service: &str, gone: &BTreeSet<String>) -> bool {
    let about = |ns: &str, name: &str| tree.root().child(name, ns)?.children().next();
    let old = about(NS_EVENT, "event").and_then(|child| child.attr("node"));
    let affiliation =
        about(NS_PUBSUB, "pubsub").is_some_and(|child| child.name() == "affiliations");
    is_of(tree, service) && !affiliation && !old.is_some_and(|node| gone.contains(node.as_ref()))
}

/// Returns a random number for names.
pub(crate) fn random_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // `RandomState` is the only source of randomness in the standard library.
    RandomState::new().build_hasher().finish()
}
