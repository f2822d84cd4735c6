//! Which handler a stanza belongs to: by kind, type and the name of its payload.
//!
//! disco#info is a view of this table, never a second list. Deliberately absent: running anything.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
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
    route::Route,
};

/// The handlers of a component.
#[derive(Default)]
pub(crate) struct Router {
    gets: Table,
    sets: Table,
    iq_fallback: Option<Arc<Route>>,
    messages: Kindred<MessageType>,
    chat: Option<Arc<Route>>,
    encrypted: Option<Arc<Route>>,
    presences: Kindred<PresenceType>,
    over_limit: Option<OverLimit>,
    /// Whether texts that no handler takes are refused.
    pub(crate) refuses_texts: bool,
}

/// Chooses the error for a stanza that was skipped.
type OverLimit = Box<dyn Fn(&Skipped) -> Option<StanzaError> + Send + Sync>;

impl Router {
    pub(crate) fn add_iq<H: IqHandler>(
        &mut self,
        type_: IqType,
        handler: H,
        limit: Option<Duration>,
    ) {
        let route = Arc::new(Route::iq(handler, limit));
        match type_ {
            IqType::Set => self.sets.add::<H::Request>(route),
            _ => self.gets.add::<H::Request>(route),
        }
    }

    pub(crate) fn set_iq_fallback<H, Answered, R, E>(&mut self, handler: H, limit: Option<Duration>)
    where
        H: Fn(Incoming<Iq>) -> Answered + Send + Sync + 'static,
        Answered: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoResponse + Send + 'static,
        E: Into<StanzaError>,
    {
        self.iq_fallback = Some(Arc::new(Route::iq_fallback(handler, limit)));
    }

    pub(crate) fn add_message<H: MessageHandler>(
        &mut self,
        at: Place<MessageType>,
        handler: H,
        limit: Option<Duration>,
    ) {
        self.messages.add(at, Route::message(handler, limit));
    }

    pub(crate) fn set_chat<H: MessageHandler>(&mut self, handler: H, limit: Option<Duration>) {
        self.chat = Some(Arc::new(Route::message(handler, limit)));
    }

    pub(crate) fn has_chat(&self) -> bool {
        self.chat.is_some()
    }

    /// What takes the chats that are encrypted.
    pub(crate) fn set_encrypted<H: MessageHandler>(&mut self, handler: H) {
        self.encrypted = Some(Arc::new(Route::message(handler, None)));
    }

    pub(crate) fn add_presence<H: PresenceHandler>(
        &mut self,
        at: Place<PresenceType>,
        handler: H,
        limit: Option<Duration>,
    ) {
        self.presences.add(at, Route::presence(handler, limit));
    }

    pub(crate) fn set_over_limit(
        &mut self,
        refuse: impl Fn(&Skipped) -> Option<StanzaError> + Send + Sync + 'static,
    ) {
        self.over_limit = Some(Box::new(refuse));
    }

    /// The error that the app chose for a stanza that was skipped.
    pub(crate) fn refuse_skipped(&self, skipped: &Skipped) -> Option<StanzaError> {
        self.over_limit.as_ref()?(skipped)
    }

    /// Whether the app or a feature already serves this request.
    pub(crate) fn serves<T: FromXml>(&self, type_: IqType) -> bool {
        let table = if type_ == IqType::Set {
            &self.sets
        } else {
            &self.gets
        };
        table.routes.contains_key(&key_of::<T>())
    }

    /// The handler for this stanza. `key` is a buffer.
    pub(crate) fn route(
        &self,
        stanza: &Stanza,
        reflections: &Reflections,
        key: &mut String,
    ) -> Option<&Arc<Route>> {
        match stanza.kind() {
            Kind::Iq => {
                let table = if IqType::of(stanza)? == IqType::Set {
                    &self.sets
                } else {
                    &self.gets
                };
                let payload = stanza.payloads().next()?;
                table.find(payload, key).or(self.iq_fallback.as_ref())
            }
            Kind::Message => {
                let message = Message::from(stanza.clone());
                self.messages
                    .find(message.type_(), stanza, key)
                    .or_else(|| self.talk(&message, reflections))
            }
            Kind::Presence => {
                let type_ = Presence::from(stanza.clone()).type_()?;
                let found = self.presences.find(type_, stanza, key);
                found.or_else(|| {
                    self.presences
                        .fallback
                        .as_ref()
                        .filter(|_| type_ != PresenceType::Error)
                })
            }
        }
    }

    /// Whether this is a text that is refused when no handler takes it. (RFC 6121, 8.5.1)
    pub(crate) fn refuses(&self, stanza: &Stanza) -> bool {
        if !self.refuses_texts || stanza.kind() != Kind::Message || stanza.is_from_own_domain() {
            return false;
        }
        let message = Message::from(stanza.clone());
        let is_talk = matches!(message.type_(), MessageType::Chat | MessageType::Normal);
        is_talk && message.content() != Content::Other
    }

    /// The namespaces that something is served in, sorted. (XEP-0030, 3.1)
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

    /// A chat is a text to the component that is not from itself. An error goes nowhere without a
    /// handler for it, nor does what the component itself said in a room.
    fn talk(&self, message: &Message, reflections: &Reflections) -> Option<&Arc<Route>> {
        let own = match message.type_() {
            MessageType::Chat | MessageType::Normal => {
                if message.stanza().is_from_own_domain() {
                    None
                } else {
                    match message.content() {
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

/// Where a message or presence handler is mounted.
pub(crate) enum Place<T> {
    /// With a payload of this name, in one type or in any but `error`.
    With(Option<T>, String),
    /// In one type.
    Of(T),
    /// Where nothing else fits.
    Fallback,
}

impl<T> Place<T> {
    pub(crate) fn with<P: FromXml>(type_: Option<T>) -> Place<T> {
        Place::With(type_, key_of::<P>())
    }
}

/// The routes of messages, or of presences.
struct Kindred<T> {
    with: HashMap<Option<T>, Table>,
    of: HashMap<T, Arc<Route>>,
    fallback: Option<Arc<Route>>,
}

impl<T: Copy + Eq + std::hash::Hash> Kindred<T> {
    fn add(&mut self, at: Place<T>, route: Route) {
        let route = Arc::new(route);
        match at {
            Place::With(type_, key) => {
                self.with
                    .entry(type_)
                    .or_default()
                    .routes
                    .insert(key, route);
            }
            Place::Of(type_) => {
                self.of.insert(type_, route);
            }
            Place::Fallback => self.fallback = Some(route),
        }
    }

    /// The most exact first: type and payload, payload, type. Errors only where asked for.
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

impl<T> Default for Kindred<T> {
    fn default() -> Kindred<T> {
        Kindred {
            with: HashMap::new(),
            of: HashMap::new(),
            fallback: None,
        }
    }
}

/// Routes by the name of a payload; the key is "namespace NUL name", either part possibly empty
/// for "any".
#[derive(Default)]
struct Table {
    /// What is in it is the app's: no stranger can fill it with what collides.
    routes: HashMap<String, Arc<Route>, FixedState>,
}

impl Table {
    fn add<T: FromXml>(&mut self, route: Arc<Route>) {
        self.routes.insert(key_of::<T>(), route);
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

fn key_of<T: FromXml>() -> String {
    match T::xml_name_matcher() {
        XmlNameMatcher::Specific(ns, name) => format!("{ns}\0{name}"),
        XmlNameMatcher::InNamespace(ns) => format!("{ns}\0"),
        XmlNameMatcher::Any => "\0".to_owned(),
    }
}
