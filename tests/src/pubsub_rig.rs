//! [`Rig`]: a real server, the pubsub program, a publisher and a second user.

use couplet_core::element::Tree;
use couplet_test::{Backend, Client, Ejabberd, Prosody, Setup};

use crate::pubsub::SERVICE;
use crate::pubsub_service::{SECRET, Service};
use crate::pubsub_sink;

/// The node of the tests.
pub const NODE: &str = "news";

const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
const RSM: &str = "http://jabber.org/protocol/rsm";
const DISCO: &str = "http://jabber.org/protocol/disco#info";

/// A real server.
pub enum Server {
    /// A Prosody.
    Prosody(Prosody),
    /// An ejabberd.
    Ejabberd(Ejabberd),
}

impl Server {
    async fn start(backend: Backend) -> Server {
        let setup = Setup::component(SERVICE, SECRET).and_component(pubsub_sink::DOMAIN, SECRET);
        match backend {
            Backend::Ejabberd => Server::Ejabberd(Ejabberd::start(setup).await.expect("ejabberd")),
            Backend::Prosody | Backend::Memory => {
                Server::Prosody(Prosody::start(setup).await.expect("Prosody"))
            }
        }
    }

    /// Returns the address for components.
    pub fn components(&self) -> String {
        match self {
            Server::Prosody(server) => server.component_addr(),
            Server::Ejabberd(server) => server.component_addr(),
        }
    }

    /// Kills it as a power failure would.
    pub fn kill(&mut self) {
        match self {
            Server::Prosody(server) => server.kill(),
            Server::Ejabberd(server) => server.kill(),
        }
    }

    /// Starts it again, on the same ports.
    pub async fn restart(&mut self) {
        match self {
            Server::Prosody(server) => server.restart().await.expect("Prosody"),
            Server::Ejabberd(server) => server.restart().await.expect("ejabberd"),
        }
    }

    async fn user(&self, name: &str) -> Client {
        let user = match self {
            Server::Prosody(server) => server.user(name).await,
            Server::Ejabberd(server) => server.user(name).await,
        };
        user.expect("a login")
    }
}

/// What tests of the program need.
pub struct Rig {
    /// Dropped last.
    pub server: Server,
    /// The program.
    pub service: Service,
    /// Owns the node.
    pub alice: Client,
    /// Sends requests.
    pub bob: Client,
    asked: u32,
}

impl Rig {
    /// Starts a rig with a node.
    pub async fn on(backend: Backend, set_up: impl FnOnce(&mut Service)) -> Rig {
        let server = Server::start(backend).await;
        let mut service = Service::beside(&server.components());
        set_up(&mut service);
        service.start().await;
        let (alice, bob) = (server.user("alice").await, server.user("bob").await);
        let mut rig = Rig {
            server,
            service,
            alice,
            bob,
            asked: 0,
        };
        let create = format!("<create node='{NODE}'/>");
        let answer = rig.sets(&create).await;
        assert_eq!(condition(&answer), "", "{}", answer.as_str());
        rig
    }

    /// Alice and Bob log in again.
    pub async fn users_return(&mut self) {
        self.alice = self.server.user("alice").await;
        self.bob = self.server.user("bob").await;
    }

    /// Returns the response to a request of Alice.
    pub async fn sets(&mut self, request: &str) -> Tree {
        let payload = format!("<pubsub xmlns='{PUBSUB}'>{request}</pubsub>");
        self.asks("set", &payload).await
    }

    /// Returns the response to a request of Alice as an owner.
    pub async fn owns(&mut self, kind: &str, request: &str) -> Tree {
        let payload = format!("<pubsub xmlns='{OWNER}'>{request}</pubsub>");
        self.asks(kind, &payload).await
    }

    /// Returns the response when Alice publishes an item.
    pub async fn publishes(&mut self, item: u32) -> Tree {
        self.publishes_with(item, "").await
    }

    /// Returns the response when Alice publishes an item with this text.
    pub async fn publishes_with(&mut self, item: u32, text: &str) -> Tree {
        self.sets(&publishing(item, text)).await
    }

    /// Publishes without waiting for the response.
    pub async fn posts(&mut self, item: u32) {
        self.alice.send_raw(posting(item)).await.expect("a server");
    }

    /// Alice and Bob publish `each` items. Returns how many were acknowledged.
    pub async fn both_publish(&mut self, first: u32, each: u32) -> usize {
        for item in first..first + each {
            self.posts(item).await;
            self.bob
                .send_raw(posting(item + each))
                .await
                .expect("a server");
        }
        let mut acknowledged = 0;
        for _ in 0..each {
            for user in [&mut self.alice, &mut self.bob] {
                let answer = user.next_from("iq", SERVICE).await.expect("an answer");
                acknowledged += usize::from(condition(&answer).is_empty());
            }
        }
        acknowledged
    }

    /// Bob requests disco#info and gets a response.
    pub async fn is_answered(&mut self) {
        self.asked += 1;
        let query = format!(
            "<iq type='get' to='{SERVICE}' id='{}'><query xmlns='{DISCO}'/></iq>",
            self.asked
        );
        self.bob.send_raw(query).await.expect("a server");
        let answer = self.bob.next_from("iq", SERVICE).await.expect("an answer");
        assert_eq!(condition(&answer), "", "{}", answer.as_str());
    }

    /// Returns the numbers of the stored items, in the order of the node.
    pub async fn stored(&mut self) -> Vec<u32> {
        // Only the ids: all payloads are more than a server may accept at once.
        let mut stored: Vec<u32> = Vec::new();
        loop {
            let after = stored
                .last()
                .map_or(String::new(), |last| format!("<after>{last}</after>"));
            let answer = self.lists(&after).await;
            if !after.is_empty() && condition(&answer) == "item-not-found" {
                // The cursor was removed meanwhile: starts again. (XEP-0059, 2.2)
                stored.clear();
                continue;
            }
            let query = answer.root().child("query", DISCO_ITEMS);
            let query = query.unwrap_or_else(|| panic!("no items: {}", answer.as_str()));
            let names = query.children().filter_map(|item| item.attr("name"));
            let page: Vec<u32> = names.map(|id| id.parse().expect("one of ours")).collect();
            if page.is_empty() {
                return stored;
            }
            stored.extend(page);
        }
    }

    /// Returns the response to Alice's request for the ids of all items.
    pub async fn lists(&mut self, page: &str) -> Tree {
        let payload = format!(
            "<query xmlns='{DISCO_ITEMS}' node='{NODE}'><set xmlns='{RSM}'><max>100</max>{page}</set></query>"
        );
        self.asks("get", &payload).await
    }

    /// Returns the response to Alice's request for all items.
    pub async fn items(&mut self) -> Tree {
        let payload = format!("<pubsub xmlns='{PUBSUB}'><items node='{NODE}'/></pubsub>");
        self.asks("get", &payload).await
    }

    async fn asks(&mut self, kind: &str, payload: &str) -> Tree {
        self.asked += 1;
        let id = self.asked.to_string();
        let request = format!("<iq type='{kind}' to='{SERVICE}' id='{id}'>{payload}</iq>");
        self.alice.send_raw(request).await.expect("a server");
        loop {
            let answer = self.alice.next_from("iq", SERVICE).await;
            let answer = answer.expect("an answer");
            // Responses to posted items arrive too.
            if answer.root().attr("id").as_deref() == Some(&id) {
                return answer;
            }
        }
    }
}

/// Returns the condition of an error, such as `resource-constraint`; empty for a result.
pub fn condition(answer: &Tree) -> String {
    error(answer).1
}

/// Returns the type of an error.
pub fn kind(answer: &Tree) -> String {
    error(answer).0
}

fn error(answer: &Tree) -> (String, String) {
    let mut children = answer.root().children();
    let Some(error) = children.find(|child| child.name() == "error") else {
        return Default::default();
    };
    let condition = error.children().next();
    (
        error.attr("type").unwrap_or_default().into_owned(),
        condition
            .map_or("error", |condition| condition.name())
            .to_owned(),
    )
}

fn posting(item: u32) -> String {
    format!(
        "<iq type='set' to='{SERVICE}' id='item-{item}'><pubsub xmlns='{PUBSUB}'>{}</pubsub></iq>",
        publishing(item, "")
    )
}

fn publishing(item: u32, text: &str) -> String {
    format!(
        "<publish node='{NODE}'><item id='{item}'><entry xmlns='urn:example:entry'>{text}</entry></item></publish>"
    )
}
