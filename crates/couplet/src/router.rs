//! Finds the handler of a stanza by kind, type and the name of its payload.
//!
//! disco#info is generated from this table; there must be no second list.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Debug,
    future::Future,
    sync::Arc,
};

use couplet_core::{
    element::Element,
    framer::Skipped,
    message::{Content, Message, MessageType},
    presence::{Presence, PresenceType},
    stanza::{IqType, Kind, Stanza},
    stanza_error::StanzaError,
};
use foldhash::fast::FixedState;
use xso::{FromXml, fromxml::XmlNameMatcher};

use crate::{
    handler::{IntoResponse, IqHandler, MessageHandler, PresenceHandler},
    incoming::{Incoming, Iq},
    reflections::Reflections,
    route::{Middleware, Registration, Route},
    shared::Shared,
};

/// The handlers of a component.
#[derive(Default)]
pub(crate) struct Router {
    gets: Table,
    sets: Table,
    iq_fallback: Option<Arc<Route>>,
    messages: TypedRoutes<MessageType>,
    chat: Option<Arc<Route>>,
    /// The chat handler for messages whose sender asks for an acknowledgement.
    acknowledged_chat: Option<Arc<Route>>,
    encrypted: Option<Arc<Route>>,
    presences: TypedRoutes<PresenceType>,
    /// Takes the subscriptions and probes that no other handler takes.
    subscriptions: Option<Arc<Route>>,
    over_limit: Option<OverLimit>,
    /// Whether chat messages without a handler are rejected.
    pub(crate) refuses_texts: bool,
}

/// Chooses the error for a stanza that was skipped.
type OverLimit = Box<dyn Fn(&Skipped) -> Option<StanzaError> + Send + Sync>;

impl Router {
    pub(crate) fn add_iq<R, H>(&mut self, type_: IqType, handler: H, registration: Registration)
    where
        R: FromXml + Send + 'static,
        H: IqHandler<R>,
    {
        let route = Route::iq::<R, H>(handler, registration);
        let (table, what) = match type_ {
            IqType::Set => (&mut self.sets, "set requests"),
            _ => (&mut self.gets, "get requests"),
        };
        table.add(key_of::<R>(), route, what);
    }

    pub(crate) fn set_iq_fallback<H, Answered, R>(&mut self, handler: H, registration: Registration)
    where
        H: Fn(Incoming<Iq>) -> Answered + Send + Sync + 'static,
        Answered: Future<Output = Result<R, StanzaError>> + Send + 'static,
        R: IntoResponse + Send + 'static,
    {
        let route = Route::iq_fallback(handler, registration);
        claim(&mut self.iq_fallback, route, || "other requests".to_owned());
    }

    pub(crate) fn add_message<H: MessageHandler>(
        &mut self,
        at: RouteKey<MessageType>,
        handler: H,
        registration: Registration,
    ) {
        self.messages
            .add(at, Route::message(handler, registration), "messages");
    }

    pub(crate) fn set_chat<H: MessageHandler>(&mut self, handler: H, registration: Registration) {
        claim(
            &mut self.chat,
            Route::message(handler, registration),
            || "chats".to_owned(),
        );
    }

    pub(crate) fn has_chat(&self) -> bool {
        self.chat.is_some()
    }

    /// Sets the handler of encrypted chats.
    pub(crate) fn set_encrypted<H: MessageHandler>(&mut self, handler: H) {
        self.encrypted = Some(Arc::new(Route::message(handler, Registration::built_in())));
    }

    /// Calls `before` when the chat handler begins with a message whose sender asks for an acknowledgement.
    pub(crate) fn precede_acknowledged_chats(
        &mut self,
        before: impl Fn(&Stanza, &Shared) + Send + Sync + 'static,
    ) {
        let chat = self.chat.as_ref();
        self.acknowledged_chat = chat.map(|route| Arc::new(route.preceded_by(before)));
    }

    /// Sets the handler of subscriptions and probes that no other handler takes.
    pub(crate) fn set_subscriptions<H: PresenceHandler>(&mut self, handler: H) {
        let registration = Registration::built_in();
        self.subscriptions = Some(Arc::new(Route::presence(handler, registration)));
    }

    pub(crate) fn add_presence<H: PresenceHandler>(
        &mut self,
        at: RouteKey<PresenceType>,
        handler: H,
        registration: Registration,
    ) {
        self.presences
            .add(at, Route::presence(handler, registration), "presence");
    }

    /// Adds middleware around all handlers registered so far.
    pub(crate) fn set_layers(&mut self, layers: Vec<Arc<dyn Middleware>>) {
        if layers.is_empty() {
            return;
        }
        let layers: Arc<[_]> = layers.into();
        let tables = [&mut self.gets, &mut self.sets]
            .into_iter()
            .chain(self.messages.with.values_mut())
            .chain(self.presences.with.values_mut());
        let routes = tables
            .flat_map(|table| table.routes.values_mut())
            .chain(self.messages.of.values_mut())
            .chain(self.presences.of.values_mut())
            .chain(&mut self.messages.fallback)
            .chain(&mut self.presences.fallback)
            .chain(&mut self.chat)
            .chain(&mut self.iq_fallback);
        for route in routes.filter_map(Arc::get_mut) {
            route.set_layers(&layers);
        }
    }

    pub(crate) fn set_over_limit(
        &mut self,
        refuse: impl Fn(&Skipped) -> Option<StanzaError> + Send + Sync + 'static,
    ) {
        self.over_limit = Some(Box::new(refuse));
    }

    /// Returns the error that the application chose for a skipped stanza.
    pub(crate) fn refuse_skipped(&self, skipped: &Skipped) -> Option<StanzaError> {
        self.over_limit.as_ref()?(skipped)
    }

    /// Returns whether this request already has a handler.
    pub(crate) fn serves<T: FromXml>(&self, type_: IqType) -> bool {
        self.requests(type_).routes.contains_key(&key_of::<T>())
    }

    fn requests(&self, type_: IqType) -> &Table {
        match type_ {
            IqType::Set => &self.sets,
            _ => &self.gets,
        }
    }

    /// Returns the handler for this stanza. `key` is a scratch buffer.
    pub(crate) fn route(
        &self,
        stanza: &Stanza,
        reflections: &Reflections,
        key: &mut String,
    ) -> Option<&Arc<Route>> {
        match stanza.kind() {
            Kind::Iq => {
                let table = self.requests(IqType::of(stanza)?);
                let payload = stanza.payloads().next()?;
                table.find(payload, key).or(self.iq_fallback.as_ref())
            }
            Kind::Message => {
                let message = Message::from(stanza.clone());
                self.messages
                    .find(message.type_(), stanza, key)
                    .or_else(|| self.chat_route(&message, reflections))
            }
            Kind::Presence => {
                let type_ = Presence::from(stanza.clone()).type_()?;
                let found = self.presences.find(type_, stanza, key);
                found.or_else(|| self.other_presence_route(type_))
            }
        }
    }

    /// Returns whether this message is rejected if it has no handler. (RFC 6121, 8.5.1)
    pub(crate) fn refuses(&self, stanza: &Stanza) -> bool {
        if !self.refuses_texts || stanza.kind() != Kind::Message || stanza.is_from_own_domain() {
            return false;
        }
        let message = Message::from(stanza.clone());
        let is_text = matches!(message.type_(), MessageType::Chat | MessageType::Normal);
        is_text && message.content() != Content::Other
    }

    /// Returns the namespaces of the registered payloads, sorted. (XEP-0030, 3.1)
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        let tables = [&self.gets, &self.sets]
            .into_iter()
            .chain(self.messages.with.values())
            .chain(self.presences.with.values());
        tables
            .flat_map(|table| table.routes.keys())
            .filter_map(|key| key.split('\0').next())
            .filter(|ns| !ns.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn other_presence_route(&self, type_: PresenceType) -> Option<&Arc<Route>> {
        let (fallback, subscriptions) = (&self.presences.fallback, &self.subscriptions);
        match type_ {
            PresenceType::Error => None,
            PresenceType::Subscribe | PresenceType::Unsubscribe | PresenceType::Probe => {
                fallback.as_ref().or(subscriptions.as_ref())
            }
            _ => fallback.as_ref(),
        }
    }

    /// Returns the handler of chat messages for a text to the component that is not from itself.
    /// Errors need a handler of their own, and reflections of the component's own messages get
    /// none.
    fn chat_route(&self, message: &Message, reflections: &Reflections) -> Option<&Arc<Route>> {
        let own = match message.type_() {
            MessageType::Chat | MessageType::Normal => {
                if message.stanza().is_from_own_domain() {
                    None
                } else {
                    let scan = message.scan();
                    match scan.content {
                        Content::Text if scan.receipt || scan.displayed => {
                            self.acknowledged_chat.as_ref().or(self.chat.as_ref())
                        }
                        Content::Text => self.chat.as_ref(),
                        Content::Encrypted => self.encrypted.as_ref(),
                        Content::Other => None,
                    }
                }
            }
            MessageType::Groupchat if reflections.contain(message.stanza()) => return None,
            MessageType::Groupchat | MessageType::Headline => None,
            MessageType::Error => return None,
        };
        own.or(self.messages.fallback.as_ref())
    }
}

/// The route of a message or presence handler.
pub(crate) enum RouteKey<T> {
    /// A payload of this name, for one type or for any but `error`.
    With(Option<T>, String),
    /// One type.
    Of(T),
    /// Stanzas without another handler.
    Fallback,
}

impl<T> RouteKey<T> {
    pub(crate) fn with<P: FromXml>(type_: Option<T>) -> RouteKey<T> {
        RouteKey::With(type_, key_of::<P>())
    }
}

/// The routes of messages, or of presence.
struct TypedRoutes<T> {
    with: HashMap<Option<T>, Table>,
    of: HashMap<T, Arc<Route>>,
    fallback: Option<Arc<Route>>,
}

impl<T: Copy + Debug + Eq + std::hash::Hash> TypedRoutes<T> {
    fn add(&mut self, at: RouteKey<T>, route: Route, what: &str) {
        match at {
            RouteKey::With(type_, key) => {
                let of_type = type_.map(|type_| format!("{what} of type {type_:?}"));
                let what = of_type.as_deref().unwrap_or(what);
                self.with.entry(type_).or_default().add(key, route, what);
            }
            RouteKey::Of(type_) => {
                let mut held = self.of.remove(&type_);
                claim(&mut held, route, || format!("{what} of type {type_:?}"));
                self.of.extend(held.map(|route| (type_, route)));
            }
            RouteKey::Fallback => claim(&mut self.fallback, route, || format!("other {what}")),
        }
    }

    /// Finds the most specific route: type and payload, payload, type. An error only matches its
    /// own type.
    fn find(&self, type_: T, stanza: &Stanza, key: &mut String) -> Option<&Arc<Route>> {
        let by_payload = |type_: Option<T>, key: &mut String| {
            let table = self.with.get(&type_)?;
            stanza
                .payloads()
                .find_map(|payload| table.find(payload, key))
        };
        let mut found = by_payload(Some(type_), key);
        if found.is_none() && !stanza.is_answer() {
            found = by_payload(None, key);
        }
        found.or_else(|| self.of.get(&type_))
    }
}

impl<T> Default for TypedRoutes<T> {
    fn default() -> TypedRoutes<T> {
        TypedRoutes {
            with: HashMap::new(),
            of: HashMap::new(),
            fallback: None,
        }
    }
}

/// Routes by the name of a payload. The key is "namespace NUL name", where an empty part matches
/// any.
#[derive(Default)]
struct Table {
    /// The keys come from the application, so no peer can cause collisions.
    routes: HashMap<String, Arc<Route>, FixedState>,
}

impl Table {
    fn add(&mut self, key: String, route: Route, what: &str) {
        let mut held = self.routes.remove(&key);
        claim(&mut held, route, || match key.split_once('\0') {
            Some(("", _)) | None => format!("{what} with any payload"),
            Some((ns, "")) => format!("{what} with a payload in {ns}"),
            Some((ns, name)) => format!("{what} with the payload <{name} xmlns='{ns}'/>"),
        });
        self.routes.extend(held.map(|route| (key, route)));
    }

    fn find(&self, payload: Element<'_>, key: &mut String) -> Option<&Arc<Route>> {
        if self.routes.is_empty() {
            return None;
        }
        key.clear();
        key.push_str(payload.ns());
        key.push('\0');
        let ns_wide = key.len();
        key.push_str(payload.name());
        self.routes.get(key.as_str()).or_else(|| {
            key.truncate(ns_wide);
            self.routes
                .get(key.as_str())
                .or_else(|| self.routes.get("\0"))
        })
    }
}

/// Registers this handler for the route.
///
/// # Panics
///
/// Another handler is registered for the route and may not be replaced: an error in the program
/// that shows when it starts.
#[expect(
    clippy::panic,
    reason = "an error in the program that shows when it starts"
)]
fn claim(held: &mut Option<Arc<Route>>, route: Route, what: impl FnOnce() -> String) {
    if let Some(held) = held.as_ref().filter(|_| !route.registration.scope.replaces) {
        panic!(
            "two handlers for {}: one is registered {}, the other {}; register the second with \
             `Component::replace` if it is meant to replace the first",
            what(),
            held.registration,
            route.registration
        );
    }
    *held = Some(Arc::new(route));
}

fn key_of<T: FromXml>() -> String {
    match T::xml_name_matcher() {
        XmlNameMatcher::Specific(ns, name) => format!("{ns}\0{name}"),
        XmlNameMatcher::InNamespace(ns) => format!("{ns}\0"),
        XmlNameMatcher::Any => "\0".to_owned(),
    }
}
