//! The protocol logic of Couplet: no socket, no task, no clock.
//!
//! Everything here is a pure value: bytes or stanzas go in, bytes or decisions come out, and time
//! is an argument. The crate `couplet` is the runtime around it. Modules are declared in the order
//! in which a stanza passes them; a module uses only modules declared below it.

pub mod framer;
pub mod lanes;
pub mod log_limit;
pub mod pending_iqs;
pub mod reply;
pub mod outgoing;
pub mod stanza_writer;
pub mod message;
pub mod presence;
pub mod remote_error;
pub mod stanza;
pub mod stream_error;
pub mod element;
pub mod handshake;
pub mod backoff;
pub mod stanza_error;
pub mod xml_writer;
mod address;
pub mod jid;
mod octets;
