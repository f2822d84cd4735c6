//! Sequences of requests, as XML, on the store in memory, for what tests of single decisions cannot
//! show.

mod entities;
mod owners;

use std::sync::Arc;

use couplet::{IqType, Jid};
use couplet_core::{
    element::{Scope, Tree},
    xml_writer::XmlWriter,
};

use super::Engine;
use crate::{
    codec, memory,
    policy::Rules,
    pubsub_error::PubsubError,
    reply::Reply,
    store::{Claim, Cursor, Store, StoreError},
    timestamp::Timestamp,
};

const OWNER: &str = "hamlet@denmark.lit";
const OTHER: &str = "francisco@denmark.lit";
const START: i64 = 1_000_000;

/// A service without a component around it.
struct Service {
    store: Arc<dyn Store>,
    engine: Engine,
    now: Timestamp,
}

impl Service {
    fn new() -> Service {
        let store = memory::store();
        let rules = Arc::new(Rules::default());
        Service {
            engine: Engine::new(
                Arc::clone(&store),
                rules,
                crate::engine::fixtures::bare("pubsub.shakespeare.lit"),
            ),
            store,
            now: Timestamp(START),
        }
    }

    /// Creates a service with a node of this configuration.
    async fn with_node(fields: &[(&str, &str)]) -> Service {
        let service = Service::new();
        let create = format!("<create node='n'/><configure>{}</configure>", form(fields));
        service.set(OWNER, &create).await.unwrap();
        service
    }

    /// Returns the payload of the result, or the conditions of the error.
    async fn context(&self, from: &str, type_: IqType, xml: String) -> Result<String, String> {
        let from = Jid::new(from).unwrap();
        let tree = Tree::parse(xml, &Scope::client()).unwrap();
        let request = codec::read(tree.root(), type_, &from).map_err(describe)?;
        let reply = self.engine.answer(&from, request, self.now).await;
        let reply: Reply = reply.map_err(describe)?;
        if let Some(error) = codec::unchanged(&reply) {
            return Err(written(|xml| error.write(xml)));
        }
        Ok(written(|xml| codec::write(&reply, xml)))
    }

    async fn get(&self, from: &str, content: &str) -> Result<String, String> {
        let xml = format!("<pubsub xmlns='{}'>{content}</pubsub>", codec::NS);
        self.context(from, IqType::Get, xml).await
    }

    async fn set(&self, from: &str, content: &str) -> Result<String, String> {
        let xml = format!("<pubsub xmlns='{}'>{content}</pubsub>", codec::NS);
        self.context(from, IqType::Set, xml).await
    }

    async fn owner_set(&self, from: &str, content: &str) -> Result<String, String> {
        let xml = format!("<pubsub xmlns='{}'>{content}</pubsub>", codec::NS_OWNER);
        self.context(from, IqType::Set, xml).await
    }

    async fn subscribe(&self, jid: &str) -> Result<String, String> {
        self.set(jid, &format!("<subscribe node='n' jid='{jid}'/>"))
            .await
    }

    async fn publish(&self, id: &str) -> Result<String, String> {
        let item = format!("<item id='{id}'><entry xmlns='urn:e'>{id}</entry></item>");
        self.set(OWNER, &format!("<publish node='n'>{item}</publish>"))
            .await
    }

    /// Delivers all announcements, and returns recipients and contents.
    async fn delivered(&self) -> Vec<(String, String)> {
        let claim = Claim {
            instance: "one".to_owned(),
            now: self.now,
            until: Timestamp(self.now.0 + 1_000),
            max: 100,
        };
        let mut delivered = Vec::new();
        for _ in 0..100 {
            let jobs = self.store.claim(claim.clone()).await.unwrap();
            if jobs.is_empty() {
                return delivered;
            }
            for job in jobs {
                let none: Option<&Cursor> = None;
                for to in self.store.recipients(&job, none, 100).await.unwrap() {
                    delivered.push((to.jid, job.announcement.content.clone()));
                }
                self.store.finish(job.id, "one").await.unwrap();
            }
        }
        panic!("there is no end to it: {delivered:?}");
    }

    /// Returns the contents for this recipient.
    async fn delivered_to(&self, jid: &str) -> Vec<String> {
        let all = self.delivered().await.into_iter();
        all.filter(|(to, _)| to == jid)
            .map(|(_, content)| content)
            .collect()
    }
}

fn written(write: impl FnOnce(&mut XmlWriter<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut XmlWriter::new(&mut out));
    String::from_utf8(out).unwrap()
}

/// Returns the error as XML.
fn describe(error: PubsubError) -> String {
    let error = codec::stanza_error(error);
    written(|xml| error.write(xml))
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields: String = fields
        .iter()
        .map(|(var, value)| format!("<field var='{var}'><value>{value}</value></field>"))
        .collect();
    format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
}

#[track_caller]
fn assert_tells(answer: Result<String, String>, parts: &[&str]) {
    let text = answer.unwrap_or_else(|error| error);
    for part in parts {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn only_a_store_that_fails_counts_as_a_failure_and_load_does_not() {
    let why = || "why".to_owned();
    for (error, failure) in [
        (StoreError::Busy(why()), Some("busy")),
        (StoreError::Broken(why()), Some("broken")),
        (StoreError::Contended(why()), None),
        (StoreError::UnknownCursor, None),
    ] {
        assert_eq!(PubsubError::from(error).store_failure, failure);
    }
}
