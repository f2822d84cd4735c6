//! Requests without a response, and unpredictable ids for them.
//!
//! A pure value without task or clock. The caller runs the timers, removes requests that have timed
//! out, and drops responses that resolve no request.

use std::{collections::HashMap, error::Error, fmt};

use sha1::{Digest, Sha1};

use crate::jid::Jid;

/// Maximum capacity of the scratch buffer that is kept after one very long id.
const SCRATCH: usize = 4096;

/// The pending requests of one connection, each with the value that waits for the response.
///
/// `T` is usually the sending half of a channel. The key of a request consists of the address it
/// was sent to, the address it was sent from and its id, so that only the addressed peer can
/// resolve it (RFC 6120, 8.1.2.1, 8.1.3 and 8.2.3). Comparing only the id was CVE-2024-46957 of
/// another library.
///
/// # Examples
///
/// ```
/// use couplet_core::pending_iqs::PendingIqs;
/// use couplet_core::jid::Jid;
///
/// let alice = Jid::new("alice@localhost/phone")?;
/// let mallory = Jid::new("mallory@localhost/phone")?;
/// let echo = Jid::new("echo.localhost")?;
///
/// let mut pending_iqs = PendingIqs::new(1000);
/// pending_iqs.add(&alice, &echo, "q1", "waiter").expect("there is room");
/// assert_eq!(pending_iqs.resolve(&mallory, &echo, "q1"), None);
/// assert_eq!(pending_iqs.resolve(&alice, &echo, "q1"), Some("waiter"));
/// assert!(pending_iqs.is_empty());
/// # Ok::<(), couplet_core::jid::InvalidJid>(())
/// ```
#[derive(Clone)]
pub struct PendingIqs<T> {
    capacity: usize,
    added: u64,
    requests: HashMap<Box<str>, Request<T>>,
    /// The key of the current look-up, so that no look-up allocates.
    key: String,
}

#[derive(Clone)]
struct Request<T> {
    number: u64,
    waiter: T,
}

impl<T> PendingIqs<T> {
    /// Creates an empty table that holds at most `capacity` requests.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::pending_iqs::PendingIqs::<()>::new(1000).len(), 0);
    /// ```
    pub fn new(capacity: usize) -> PendingIqs<T> {
        PendingIqs {
            capacity,
            added: 0,
            requests: HashMap::new(),
            key: String::new(),
        }
    }

    /// Adds a request with this id from `ours` to `peer`. Call it before the request is sent.
    ///
    /// # Errors
    ///
    /// Returns `waiter`, with [`Reason::Full`] if `capacity` requests are pending, or
    /// [`Reason::IdInUse`] if one with the same peer, address and id is.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::pending_iqs::{PendingIqs, Reason};
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut pending_iqs = PendingIqs::new(1);
    /// assert!(pending_iqs.add(&peer, &ours, "q1", 1).is_ok());
    /// let refused = pending_iqs.add(&peer, &ours, "q2", 2).expect_err("one is the capacity");
    /// assert_eq!((refused.reason, refused.waiter), (Reason::Full, 2));
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn add(&mut self, peer: &Jid, ours: &Jid, id: &str, waiter: T) -> Result<(), NotAdded<T>> {
        self.look_for(peer, ours, id);
        if self.requests.contains_key(self.key.as_str()) {
            let reason = Reason::IdInUse;
            return Err(NotAdded { reason, waiter });
        }
        if self.requests.len() >= self.capacity {
            let reason = Reason::Full;
            return Err(NotAdded { reason, waiter });
        }
        let number = self.added;
        self.added += 1;
        self.requests
            .insert(self.key.as_str().into(), Request { number, waiter });
        Ok(())
    }

    /// Removes and returns the request that is resolved by a response `from` a peer `to` one of our
    /// addresses.
    ///
    /// Use it for each `result` and `error` IQ. Returns `None` if no request with that peer,
    /// address and id is pending: drop the response, and do not answer it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::pending_iqs::PendingIqs;
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut pending_iqs = PendingIqs::new(1000);
    /// assert!(pending_iqs.add(&peer, &ours, "q1", 1).is_ok());
    /// assert_eq!(pending_iqs.resolve(&peer, &ours, "q1"), Some(1));
    /// assert_eq!(pending_iqs.resolve(&peer, &ours, "q1"), None);
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn resolve(&mut self, from: &Jid, to: &Jid, id: &str) -> Option<T> {
        // Most responses that resolve nothing arrive while nothing is pending; they cost nothing.
        if self.requests.is_empty() {
            return None;
        }
        self.look_for(from, to, id);
        let resolved = self.requests.remove(self.key.as_str())?;
        Some(resolved.waiter)
    }

    /// Removes a request; a late response resolves nothing.
    ///
    /// Use it when the deadline of the request has passed or its future was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::pending_iqs::PendingIqs;
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut pending_iqs = PendingIqs::new(1000);
    /// assert!(pending_iqs.add(&peer, &ours, "q1", 1).is_ok());
    /// assert_eq!(pending_iqs.remove(&peer, &ours, "q1"), Some(1));
    /// assert_eq!(pending_iqs.resolve(&peer, &ours, "q1"), None);
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn remove(&mut self, peer: &Jid, ours: &Jid, id: &str) -> Option<T> {
        self.resolve(peer, ours, id)
    }

    /// Removes all requests, in the order in which they were added.
    ///
    /// Use it when the session has ended: the responses may be lost, and each waiter must be
    /// notified at once. The table can be used for the next session.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::pending_iqs::PendingIqs;
    /// use couplet_core::jid::Jid;
    ///
    /// let (peer, ours) = (Jid::new("localhost")?, Jid::new("echo.localhost")?);
    /// let mut pending_iqs = PendingIqs::new(1000);
    /// assert!(pending_iqs.add(&peer, &ours, "q1", 1).is_ok());
    /// assert!(pending_iqs.add(&peer, &ours, "q2", 2).is_ok());
    /// assert_eq!(pending_iqs.disconnect(), [1, 2]);
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    pub fn disconnect(&mut self) -> Vec<T> {
        let requests = std::mem::take(&mut self.requests);
        let mut requests: Vec<Request<T>> = requests.into_values().collect();
        requests.sort_unstable_by_key(|request| request.number);
        requests.into_iter().map(|q| q.waiter).collect()
    }

    /// Returns the number of pending requests.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::pending_iqs::PendingIqs::<()>::new(1000).len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Returns whether no request is pending.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(couplet_core::pending_iqs::PendingIqs::<()>::new(1000).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Builds the key from prepared addresses (RFC 7622, 3). None contains a NUL, so no two
    /// requests share a key.
    fn look_for(&mut self, peer: &Jid, ours: &Jid, id: &str) {
        self.key.clear();
        self.key.shrink_to(SCRATCH);
        for part in [peer.prepared(), "\0", ours.prepared(), "\0", id] {
            self.key.push_str(part);
        }
    }
}

/// Shows only numbers, so that `T` needs no `Debug` and addresses stay out of logs.
impl<T> fmt::Debug for PendingIqs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingIqs")
            .field("len", &self.requests.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// A request that [`PendingIqs::add`] did not accept, with its waiter.
///
/// # Examples
///
/// ```
/// use couplet_core::pending_iqs::{NotAdded, Reason};
///
/// let refused = NotAdded { reason: Reason::Full, waiter: () };
/// assert_eq!(refused.to_string(), "too many requests are pending");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotAdded<T> {
    /// Why it was not added.
    pub reason: Reason,
    /// The value that would have waited for the response.
    pub waiter: T,
}

impl<T> fmt::Debug for NotAdded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotAdded")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for NotAdded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Reason::Full => "too many requests are pending",
            Reason::IdInUse => "a request with this id to this peer is pending",
        })
    }
}

impl<T> Error for NotAdded<T> {}

/// Why a [`PendingIqs`] did not accept a request.
///
/// # Examples
///
/// ```
/// use couplet_core::pending_iqs::Reason;
///
/// assert_ne!(Reason::Full, Reason::IdInUse);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The table is full.
    Full,
    /// A request with this id, from the same address to the same peer, is pending.
    IdInUse,
}

/// A series of ids for requests: 16 characters of `0-9a-v` that cannot be predicted from earlier ones.
///
/// Keep one per process, seeded with two random numbers. Each id is 80 bits of a SHA-1 over the
/// seed and a counter (RFC 6120, 8.1.3 prescribes no form), because a peer that can predict ids can
/// forge responses. The same seed gives the same ids.
///
/// # Examples
///
/// ```
/// use couplet_core::pending_iqs::Ids;
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
    /// Creates the series of this seed. Both numbers must be random and stay secret.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::pending_iqs::Ids;
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

    /// Returns the next id.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::pending_iqs::Ids;
    ///
    /// assert!(Ids::new(1, 2).next().bytes().all(|b| b.is_ascii_alphanumeric()));
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "there is always a next id, so no Option is returned"
    )]
    pub fn next(&mut self) -> String {
        let digest = self.seeded.clone().chain_update(self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        // Sixteen digits in base 32, from the last five bits of each byte.
        let bytes = digest.finalize();
        let digits = bytes.iter().take(16);
        digits
            .filter_map(|byte| char::from_digit(u32::from(byte & 31), 32))
            .collect()
    }
}

/// Shows nothing, because the seed predicts all ids.
impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ids").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Ids, NotAdded, PendingIqs, Reason, SCRATCH};
    use crate::jid::Jid;

    fn jid(text: &str) -> Jid {
        Jid::new(text).unwrap()
    }

    fn one_pending() -> PendingIqs<u8> {
        let mut pending_iqs = PendingIqs::new(10);
        pending_iqs
            .add(&jid("alice@localhost/a"), &jid("echo.localhost"), "1", 7)
            .unwrap();
        pending_iqs
    }

    #[test]
    fn a_response_from_another_peer_resolves_nothing() {
        let mut pending_iqs = one_pending();
        for from in [
            "alice@localhost",
            "alice@localhost/b",
            "localhost",
            "m@localhost/a",
        ] {
            let resolved = pending_iqs.resolve(&jid(from), &jid("echo.localhost"), "1");
            assert_eq!(resolved, None, "{from}");
        }
        assert_eq!(pending_iqs.len(), 1);
    }

    #[test]
    fn a_response_to_another_of_our_addresses_resolves_nothing() {
        let mut pending_iqs = one_pending();
        for to in ["x@echo.localhost", "echo.localhost/1", "alice@localhost/a"] {
            let resolved = pending_iqs.resolve(&jid("alice@localhost/a"), &jid(to), "1");
            assert_eq!(resolved, None, "{to}");
        }
        assert_eq!(pending_iqs.len(), 1);
    }

    #[test]
    fn a_response_with_another_id_resolves_nothing() {
        let mut pending_iqs = one_pending();
        for id in ["", "2", "11", "1 ", "\u{0}1"] {
            let resolved =
                pending_iqs.resolve(&jid("alice@localhost/a"), &jid("echo.localhost"), id);
            assert_eq!(resolved, None, "{id:?}");
        }
        assert_eq!(pending_iqs.len(), 1);
    }

    #[test]
    fn the_right_response_resolves_once() {
        let mut pending_iqs = one_pending();
        let (from, to) = (jid("alice@localhost/a"), jid("echo.localhost"));
        assert_eq!(pending_iqs.resolve(&from, &to, "1"), Some(7));
        assert_eq!(pending_iqs.resolve(&from, &to, "1"), None);
    }

    #[test]
    fn addresses_are_compared_normalised() {
        let mut pending_iqs = one_pending();
        let (from, to) = (jid("ALICE@LocalHost/a"), jid("Echo.LOCALHOST"));
        assert_eq!(pending_iqs.resolve(&from, &to, "1"), Some(7));
    }

    #[test]
    fn one_id_may_go_to_two_peers_and_from_two_addresses() {
        let mut pending_iqs = one_pending();
        let (alice, bob) = (jid("alice@localhost/a"), jid("bob@localhost"));
        let (echo, other) = (jid("echo.localhost"), jid("x@echo.localhost"));
        pending_iqs.add(&bob, &echo, "1", 8).unwrap();
        pending_iqs.add(&alice, &other, "1", 9).unwrap();
        assert_eq!(pending_iqs.resolve(&alice, &other, "1"), Some(9));
        assert_eq!(pending_iqs.resolve(&bob, &echo, "1"), Some(8));
        assert_eq!(pending_iqs.resolve(&alice, &echo, "1"), Some(7));
    }

    #[test]
    fn an_id_in_use_is_rejected_and_the_first_request_stays() {
        let mut pending_iqs = one_pending();
        let (alice, echo) = (jid("alice@localhost/a"), jid("echo.localhost"));
        let (reason, waiter) = (Reason::IdInUse, 8);
        assert_eq!(
            pending_iqs.add(&alice, &echo, "1", 8),
            Err(NotAdded { reason, waiter })
        );
        assert_eq!(pending_iqs.resolve(&alice, &echo, "1"), Some(7));
    }

    #[test]
    fn a_full_table_accepts_nothing_until_a_request_is_resolved() {
        let mut pending_iqs = PendingIqs::new(1);
        let (alice, echo) = (jid("alice@localhost"), jid("echo.localhost"));
        pending_iqs.add(&alice, &echo, "1", 1).unwrap();
        let (reason, waiter) = (Reason::Full, 2);
        assert_eq!(
            pending_iqs.add(&alice, &echo, "2", 2),
            Err(NotAdded { reason, waiter })
        );
        assert_eq!(pending_iqs.remove(&alice, &echo, "1"), Some(1));
        pending_iqs.add(&alice, &echo, "2", 2).unwrap();
    }

    #[test]
    fn after_a_disconnect_late_responses_resolve_nothing() {
        let mut pending_iqs = one_pending();
        assert_eq!(pending_iqs.disconnect(), [7]);
        let (from, to) = (jid("alice@localhost/a"), jid("echo.localhost"));
        assert_eq!(pending_iqs.resolve(&from, &to, "1"), None);
        assert!(pending_iqs.disconnect().is_empty());
    }

    #[test]
    fn a_huge_id_leaves_no_huge_buffer_behind() {
        let mut pending_iqs = one_pending();
        let (from, to) = (jid("alice@localhost/a"), jid("echo.localhost"));
        assert_eq!(pending_iqs.resolve(&from, &to, &"x".repeat(1 << 16)), None);
        assert_eq!(pending_iqs.resolve(&from, &to, "2"), None);
        assert!(pending_iqs.key.capacity() <= SCRATCH);
    }

    #[test]
    fn ids_are_all_different_and_short() {
        let mut ids = Ids::new(1, 2);
        let seen: HashSet<String> = (0..20_000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 20_000);
        assert!(seen.iter().all(|id| id.len() == 16 && id.is_ascii()));
    }

    #[test]
    fn neither_the_table_nor_the_ids_show_what_they_hold() {
        assert!(!format!("{:?}", one_pending()).contains("alice"));
        assert_eq!(format!("{:?}", Ids::new(1, 2)), "Ids { .. }");
    }
}
