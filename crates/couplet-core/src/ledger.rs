//! Questions asked and not yet answered, and ids nobody can guess for them.
//!
//! Pure: no task and no clock. Absent: deadlines (who waits holds the timer, and forgets), and
//! reading stanzas: an answer that settles nothing here is the caller's to drop.

use std::{collections::HashMap, error::Error, fmt};

use sha1::{Digest, Sha1};

use crate::jid::Jid;

/// A scratch buffer that one absurd id has made larger than this is given back.
const SCRATCH: usize = 4096;

/// The questions of one connection that wait for their answers, each with whatever settles it.
///
/// `T` is what the asker waits on, say the sending half of a channel. A question is known by the
/// peer it went to, the address it was asked from and its id, all three together: answers are
/// settled only by those who were asked (RFC 6120, 8.1.2.1, 8.1.3 and 8.2.3; comparing the id
/// alone was CVE-2024-46957 of another library).
///
/// # Examples
///
/// ```
/// use couplet_core::ledger::Ledger;
/// use couplet_core::jid::Jid;
///
/// let alice = Jid::new("alice@localhost/phone")?;
/// let mallory = Jid::new("mallory@localhost/phone")?;
/// let echo = Jid::new("echo.localhost")?;
///
/// let mut ledger = Ledger::new(1000);
/// ledger.ask(&alice, &echo, "q1", "whoever asked").expect("there is room");
/// assert_eq!(ledger.settle(&mallory, &echo, "q1"), None);
/// assert_eq!(ledger.settle(&alice, &echo, "q1"), Some("whoever asked"));
/// assert!(ledger.is_empty());
/// # Ok::<(), couplet_core::jid::InvalidJid>(())
/// ```
#[derive(Clone)]
pub struct Ledger<T> {
    capacity: usize,
    asked: u64,
    questions: HashMap<Box<str>, Question<T>>,
    /// The key being looked up, so that no look-up allocates.
    key: String,
}

#[derive(Clone)]
struct Question<T> {
    number: u64,
    waiter: T,
}

impl<T> Ledger<T> {
    /// An empty ledger that holds at most `capacity` questions.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::ledger::Ledger::<()>::new(1000).len(), 0);
    /// ```
    pub fn new(capacity: usize) -> Ledger<T> {
        Ledger {
            capacity,
            asked: 0,
            questions: HashMap::new(),
            key: String::new(),
        }
    }

    /// Notes that `ours` asked `peer` a question with this id; call it before the question leaves.
    ///
    /// # Errors
    ///
    /// Gives `waiter` back, with [`Reason::Full`] if `capacity` questions wait already, or
    /// [`Reason::IdInUse`] if one with the same three names does.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::ledger::{Ledger, Reason};
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut ledger = Ledger::new(1);
    /// assert!(ledger.ask(&peer, &ours, "q1", 1).is_ok());
    /// let refused = ledger.ask(&peer, &ours, "q2", 2).expect_err("one is the capacity");
    /// assert_eq!((refused.reason, refused.waiter), (Reason::Full, 2));
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn ask(&mut self, peer: &Jid, ours: &Jid, id: &str, waiter: T) -> Result<(), NotAsked<T>> {
        self.look_for(peer, ours, id);
        if self.questions.contains_key(self.key.as_str()) {
            let reason = Reason::IdInUse;
            return Err(NotAsked { reason, waiter });
        }
        if self.questions.len() >= self.capacity {
            let reason = Reason::Full;
            return Err(NotAsked { reason, waiter });
        }
        let number = self.asked;
        self.asked += 1;
        self.questions
            .insert(self.key.as_str().into(), Question { number, waiter });
        Ok(())
    }

    /// Takes out the question that an answer `from` a peer `to` one of our addresses settles.
    ///
    /// Use it for each `result` and `error` IQ. `None` means that nobody asked that peer, from that
    /// address, with that id, or waits no longer: drop the answer, and do not answer it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::ledger::Ledger;
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut ledger = Ledger::new(1000);
    /// assert!(ledger.ask(&peer, &ours, "q1", 1).is_ok());
    /// assert_eq!(ledger.settle(&peer, &ours, "q1"), Some(1));
    /// assert_eq!(ledger.settle(&peer, &ours, "q1"), None);
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn settle(&mut self, from: &Jid, to: &Jid, id: &str) -> Option<T> {
        // Most answers without a question meet an empty ledger: they cost nothing.
        if self.questions.is_empty() {
            return None;
        }
        self.look_for(from, to, id);
        let settled = self.questions.remove(self.key.as_str())?;
        Some(settled.waiter)
    }

    /// Takes a question back: its asker waits no longer, a late answer will settle nothing.
    ///
    /// Use it when the asker's deadline has passed or its future was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::ledger::Ledger;
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut ledger = Ledger::new(1000);
    /// assert!(ledger.ask(&peer, &ours, "q1", 1).is_ok());
    /// assert_eq!(ledger.forget(&peer, &ours, "q1"), Some(1));
    /// assert_eq!(ledger.settle(&peer, &ours, "q1"), None);
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn forget(&mut self, peer: &Jid, ours: &Jid, id: &str) -> Option<T> {
        self.settle(peer, ours, id)
    }

    /// Takes out all questions, in the order they were asked.
    ///
    /// Use it when the session has ended: answers to them may be lost with it, so that each asker
    /// has to be told at once. The ledger stays usable for the next session.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::ledger::Ledger;
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut ledger = Ledger::new(1000);
    /// assert!(ledger.ask(&peer, &ours, "q1", 1).is_ok());
    /// assert!(ledger.ask(&peer, &ours, "q2", 2).is_ok());
    /// assert_eq!(ledger.disconnect(), [1, 2]);
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn disconnect(&mut self) -> Vec<T> {
        let questions = std::mem::take(&mut self.questions);
        let mut questions: Vec<Question<T>> = questions.into_values().collect();
        questions.sort_unstable_by_key(|question| question.number);
        questions.into_iter().map(|q| q.waiter).collect()
    }

    /// How many questions wait for an answer.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::ledger::Ledger::<()>::new(1000).len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether no question waits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(couplet_core::ledger::Ledger::<()>::new(1000).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Addresses are compared prepared (RFC 7622, 3). None contains a NUL, so that no two questions
    /// share a key.
    fn look_for(&mut self, peer: &Jid, ours: &Jid, id: &str) {
        self.key.clear();
        self.key.shrink_to(SCRATCH);
        for part in [peer.prepared(), "\0", ours.prepared(), "\0", id] {
            self.key.push_str(part);
        }
    }
}

/// Its waiters need no `Debug`, and its peers stay out of logs: only the numbers are shown.
impl<T> fmt::Debug for Ledger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("len", &self.questions.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// A question that [`Ledger::ask`] did not take, with its waiter.
///
/// # Examples
///
/// ```
/// use couplet_core::ledger::{NotAsked, Reason};
///
/// let refused = NotAsked { reason: Reason::Full, waiter: () };
/// assert_eq!(refused.to_string(), "too many questions wait for an answer");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotAsked<T> {
    /// Why it was not taken.
    pub reason: Reason,
    /// What was to be settled by the answer.
    pub waiter: T,
}

impl<T> fmt::Debug for NotAsked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotAsked")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for NotAsked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Reason::Full => "too many questions wait for an answer",
            Reason::IdInUse => "a question with this id waits for this peer's answer",
        })
    }
}

impl<T> Error for NotAsked<T> {}

/// Why a [`Ledger`] did not take a question.
///
/// # Examples
///
/// ```
/// use couplet_core::ledger::Reason;
///
/// assert_ne!(Reason::Full, Reason::IdInUse);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// As many questions wait as the ledger may hold.
    Full,
    /// The same address waits for an answer of the same peer to a question with the same id.
    IdInUse,
}

/// A series of ids for questions: 16 characters of `0-9a-v`, not to be guessed from each other.
///
/// Keep one per process, seeded with two random numbers. Each id is 80 bits of a SHA-1 over the
/// seed and a counter, as RFC 6120, 8.1.3 leaves their form to us and a guessed id is half of a
/// forged answer. The same seed gives the same ids.
///
/// # Examples
///
/// ```
/// use couplet_core::ledger::Ids;
///
/// let mut ids = Ids::new(0x0123_4567, 0x89ab_cdef);
/// let id = ids.next();
/// assert_eq!(id.len(), 16);
/// assert_ne!(id, ids.next());
/// ```
#[derive(Clone)]
pub struct Ids {
    seeded: Sha1,
    counter: u64,
}

impl Ids {
    /// The series that belongs to this seed; both numbers must be random and stay secret.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::ledger::Ids;
    ///
    /// assert_eq!(Ids::new(1, 2).next(), Ids::new(1, 2).next());
    /// assert_ne!(Ids::new(1, 2).next(), Ids::new(1, 3).next());
    /// ```
    pub fn new(first: u64, second: u64) -> Ids {
        let mut seeded = Sha1::new();
        seeded.update(first.to_be_bytes());
        seeded.update(second.to_be_bytes());
        Ids { seeded, counter: 0 }
    }

    /// The next id.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::ledger::Ids;
    ///
    /// assert!(Ids::new(1, 2).next().bytes().all(|b| b.is_ascii_alphanumeric()));
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "an id always follows, so there is no Option to unwrap"
    )]
    pub fn next(&mut self) -> String {
        let digest = self.seeded.clone().chain_update(self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        // The last five bits of each byte: sixteen digits to the base of 32.
        let bytes = digest.finalize();
        let digits = bytes.iter().take(16);
        digits
            .filter_map(|byte| char::from_digit(u32::from(byte & 31), 32))
            .collect()
    }
}

/// Shows nothing: who knows the seed can guess the ids.
impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ids").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Ids, Ledger, NotAsked, Reason, SCRATCH};
    use crate::jid::Jid;

    fn jid(text: &str) -> Jid {
        Jid::new(text).unwrap()
    }

    fn asked() -> Ledger<u8> {
        let mut ledger = Ledger::new(10);
        ledger
            .ask(&jid("alice@localhost/a"), &jid("echo.localhost"), "1", 7)
            .unwrap();
        ledger
    }

    #[test]
    fn an_answer_from_somebody_else_settles_nothing() {
        let mut ledger = asked();
        for from in [
            "alice@localhost",
            "alice@localhost/b",
            "localhost",
            "m@localhost/a",
        ] {
            let settled = ledger.settle(&jid(from), &jid("echo.localhost"), "1");
            assert_eq!(settled, None, "{from}");
        }
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn an_answer_to_another_of_our_addresses_settles_nothing() {
        let mut ledger = asked();
        for to in ["x@echo.localhost", "echo.localhost/1", "alice@localhost/a"] {
            let settled = ledger.settle(&jid("alice@localhost/a"), &jid(to), "1");
            assert_eq!(settled, None, "{to}");
        }
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn an_answer_with_another_id_settles_nothing() {
        let mut ledger = asked();
        for id in ["", "2", "11", "1 ", "\u{0}1"] {
            let settled = ledger.settle(&jid("alice@localhost/a"), &jid("echo.localhost"), id);
            assert_eq!(settled, None, "{id:?}");
        }
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn the_right_answer_settles_once() {
        let mut ledger = asked();
        let (from, to) = (jid("alice@localhost/a"), jid("echo.localhost"));
        assert_eq!(ledger.settle(&from, &to, "1"), Some(7));
        assert_eq!(ledger.settle(&from, &to, "1"), None);
    }

    #[test]
    fn addresses_are_compared_normalised() {
        let mut ledger = asked();
        let (from, to) = (jid("ALICE@LocalHost/a"), jid("Echo.LOCALHOST"));
        assert_eq!(ledger.settle(&from, &to, "1"), Some(7));
    }

    #[test]
    fn one_id_may_be_asked_of_two_peers_and_from_two_addresses() {
        let mut ledger = asked();
        let (alice, bob) = (jid("alice@localhost/a"), jid("bob@localhost"));
        let (echo, other) = (jid("echo.localhost"), jid("x@echo.localhost"));
        ledger.ask(&bob, &echo, "1", 8).unwrap();
        ledger.ask(&alice, &other, "1", 9).unwrap();
        assert_eq!(ledger.settle(&alice, &other, "1"), Some(9));
        assert_eq!(ledger.settle(&bob, &echo, "1"), Some(8));
        assert_eq!(ledger.settle(&alice, &echo, "1"), Some(7));
    }

    #[test]
    fn an_id_in_use_is_refused_and_the_first_asker_keeps_waiting() {
        let mut ledger = asked();
        let (alice, echo) = (jid("alice@localhost/a"), jid("echo.localhost"));
        let (reason, waiter) = (Reason::IdInUse, 8);
        assert_eq!(
            ledger.ask(&alice, &echo, "1", 8),
            Err(NotAsked { reason, waiter })
        );
        assert_eq!(ledger.settle(&alice, &echo, "1"), Some(7));
    }

    #[test]
    fn a_full_ledger_takes_nothing_until_something_is_settled() {
        let mut ledger = Ledger::new(1);
        let (alice, echo) = (jid("alice@localhost"), jid("echo.localhost"));
        ledger.ask(&alice, &echo, "1", 1).unwrap();
        let (reason, waiter) = (Reason::Full, 2);
        assert_eq!(
            ledger.ask(&alice, &echo, "2", 2),
            Err(NotAsked { reason, waiter })
        );
        assert_eq!(ledger.forget(&alice, &echo, "1"), Some(1));
        ledger.ask(&alice, &echo, "2", 2).unwrap();
    }

    #[test]
    fn after_a_disconnect_late_answers_settle_nothing() {
        let mut ledger = asked();
        assert_eq!(ledger.disconnect(), [7]);
        let (from, to) = (jid("alice@localhost/a"), jid("echo.localhost"));
        assert_eq!(ledger.settle(&from, &to, "1"), None);
        assert!(ledger.disconnect().is_empty());
    }

    #[test]
    fn a_huge_id_leaves_no_huge_buffer_behind() {
        let mut ledger = asked();
        let (from, to) = (jid("alice@localhost/a"), jid("echo.localhost"));
        assert_eq!(ledger.settle(&from, &to, &"x".repeat(1 << 16)), None);
        assert_eq!(ledger.settle(&from, &to, "2"), None);
        assert!(ledger.key.capacity() <= SCRATCH);
    }

    #[test]
    fn ids_are_all_different_and_short() {
        let mut ids = Ids::new(1, 2);
        let seen: HashSet<String> = (0..20_000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 20_000);
        assert!(seen.iter().all(|id| id.len() == 16 && id.is_ascii()));
    }

    #[test]
    fn neither_ledger_nor_ids_show_what_they_hold() {
        assert!(!format!("{:?}", asked()).contains("alice"));
        assert_eq!(format!("{:?}", Ids::new(1, 2)), "Ids { .. }");
    }
}
