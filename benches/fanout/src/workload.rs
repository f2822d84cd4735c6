//! The workload of a pubsub service, and its results.

use std::{io, time::Duration};

use crate::{clock, raw_stream::RawStream};

const NS: &str = "http://jabber.org/protocol/pubsub";

/// Maximum number of concurrent subscription requests.
const AT_ONCE: usize = 64;

/// The number of subscriptions that are timed together.
const PART: usize = 1_000;

/// The interval of pings during the fan-out.
const PING_EVERY: Duration = Duration::from_millis(5);

/// A service and its users.
pub(crate) struct Workload<'w> {
    pub(crate) stream: &'w mut RawStream,
    /// The domain of the service.
    pub(crate) service: &'w str,
    /// The domain of publishers and subscribers.
    pub(crate) users: &'w str,
}

/// Notifications, and pings sent meanwhile.
#[derive(Debug, Default)]
pub(crate) struct FanoutResult {
    pub(crate) notifications: u64,
    pub(crate) took: Duration,
    /// The bytes of a received notification.
    pub(crate) bytes: u64,
    pub(crate) waits: Vec<Duration>,
}

/// A number of operations and their duration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throughput {
    pub(crate) count: u64,
    pub(crate) took: Duration,
}

impl Throughput {
    pub(crate) fn rate(self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

impl Workload<'_> {
    /// Creates a node with open publish model.
    pub(crate) fn create(&mut self, node: &str) -> io::Result<()> {
        let field =
            |name: &str, value: &str| format!("<field var='{name}'><value>{value}</value></field>");
        let form = format!(
            "<x xmlns='jabber:x:data' type='submit'>{}{}</x>",
            field("FORM_TYPE", "http://jabber.org/protocol/pubsub#node_config"),
            field("pubsub#publish_model", "open")
        );
        self.ask(
            "owner",
            "c",
            &format!("<create node='{node}'/><configure>{form}</configure>"),
        );
        self.answered(1)
    }

    /// Subscribes, and returns the time of each thousand.
    pub(crate) fn subscribe(&mut self, node: &str, many: usize) -> io::Result<Vec<Duration>> {
        let begun = clock::now();
        let mut parts = Vec::new();
        let (mut asked, mut done) = (0, 0);
        while done < many {
            while asked < many && asked - done < AT_ONCE {
                let who = format!("reader{asked}");
                let jid = format!("{who}@{}", self.users);
                self.ask(
                    &who,
                    "s",
                    &format!("<subscribe node='{node}' jid='{jid}'/>"),
                );
                asked += 1;
            }
            for answer in self.stream.read_responses()? {
                refused(answer.refused)?;
                done += 1;
                if done % PART == 0 || done == many {
                    parts.push(begun.elapsed());
                }
            }
        }
        Ok(parts)
    }

    /// Publishes one item after the other, the next when half of the subscribers have the last one,
    /// and sends pings meanwhile.
    pub(crate) fn fan_out(
        &mut self,
        node: &str,
        readers: u64,
        items: u64,
        payload: &str,
    ) -> io::Result<FanoutResult> {
        self.stream.quiet()?;
        let all = readers * items;
        let mut fanout = FanoutResult::default();
        let (mut published, mut open) = (0, false);
        let begun = clock::now();
        let mut asked = begun;
        while self.stream.messages < all || open {
            if published < items && self.stream.messages + readers / 2 >= published * readers {
                let item = format!(
                    "<publish node='{node}'><item id='i{published}'>{payload}</item></publish>"
                );
                self.ask("owner", "i", &item);
                published += 1;
            }
            if !open && asked.elapsed() >= PING_EVERY && self.stream.messages < all {
                let (users, service) = (self.users, self.service);
                self.stream.queue(&format!("<iq type='get' id='ping' from='someone@{users}/x' to='{service}'><ping xmlns='urn:xmpp:ping'/></iq>"));
                (asked, open) = (clock::now(), true);
            }
            for answer in self.stream.read_responses()? {
                if answer.id == "ping" {
                    fanout.waits.push(asked.elapsed());
                    (asked, open) = (clock::now(), false);
                } else {
                    refused(answer.refused)?;
                }
            }
            if fanout.took.is_zero() && self.stream.messages >= all {
                fanout.took = begun.elapsed();
            }
        }
        if self.stream.messages > all {
            let text = format!("{} notifications, not {all}", self.stream.messages);
            return Err(io::Error::other(text));
        }
        fanout.notifications = all;
        fanout.bytes = self.stream.bytes / all.max(1);
        fanout.waits.sort_unstable();
        Ok(fanout)
    }

    /// Publishes with concurrent publishers, each with one outstanding item, for a while.
    pub(crate) fn publish(
        &mut self,
        node: &str,
        publishers: usize,
        time: Duration,
        payload: &str,
    ) -> io::Result<Throughput> {
        self.stream.quiet()?;
        let mut next = 0_u64;
        let mut ask = |workload: &mut Self, publisher: &str| {
            let who = format!("publisher{publisher}");
            let item =
                format!("<publish node='{node}'><item id='{next}'>{payload}</item></publish>");
            next += 1;
            workload.ask(&who, publisher, &item);
        };
        for publisher in 0..publishers {
            ask(self, &publisher.to_string());
        }
        let warm = time / 4;
        let begun = clock::now();
        let (mut counting, mut count, mut open) = (begun, 0, publishers);
        let mut took = Duration::ZERO;
        while open > 0 {
            let answers = self.stream.read_responses()?;
            let elapsed = begun.elapsed();
            if elapsed < warm {
                counting = clock::now();
            } else if took.is_zero() {
                count += answers.len() as u64;
            }
            if took.is_zero() && elapsed >= time {
                took = counting.elapsed();
            }
            for answer in answers {
                refused(answer.refused)?;
                if took.is_zero() {
                    ask(self, &answer.id);
                } else {
                    open -= 1;
                }
            }
        }
        Ok(Throughput { count, took })
    }

    fn ask(&mut self, who: &str, id: &str, what: &str) {
        let (users, service) = (self.users, self.service);
        self.stream.queue(&format!("<iq type='set' id='{id}' from='{who}@{users}/x' to='{service}'><pubsub xmlns='{NS}'>{what}</pubsub></iq>"));
    }

    fn answered(&mut self, mut many: usize) -> io::Result<()> {
        while many > 0 {
            for answer in self.stream.read_responses()? {
                refused(answer.refused)?;
                many -= 1;
            }
        }
        Ok(())
    }
}

/// Returns a payload of this size.
pub(crate) fn payload(bytes: usize) -> String {
    let text = "x".repeat(bytes.saturating_sub(31));
    format!("<entry xmlns='urn:x:y:z'>{text}</entry>")
}

fn refused(answer: Option<String>) -> io::Result<()> {
    answer.map_or(Ok(()), |text| Err(io::Error::other(text)))
}
