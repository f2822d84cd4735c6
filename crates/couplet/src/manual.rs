//! The manual: what holds, how it works inside, how to do things, and the tables to look up.
//!
//! - [`guarantees`]: what holds whatever strangers, handlers and servers do, and where it ends.
//! - [`how_to`]: recipes, from a reply to a systemd credential.
//! - [`conditions`]: which error a peer gets when.
//! - [`settings`]: every setting, with variable, default and accepted values.
//! - [`defaults`]: what you get without deciding anything, and why.
//! - [`metrics`]: numbers to look at, health, readiness, and what systemd is told.
//! - [`send_socket`]: how `couplet send` hands a message to a running program.
//! - [`what_costs_what`]: what a handler pays for, in instructions.
//! - [`xeps`]: what is spoken, since when, and where in the code.
//! - [`life_of_a_stanza`]: the way through the modules.
//! - [`words`]: one word per thing.
//!
//! Deliberately absent: code. These are pages.

pub mod guarantees {
    #![doc = include_str!("manual/guarantees.md")]
}

pub mod how_to {
    #![doc = include_str!("manual/how_to.md")]
}

pub mod conditions {
    #![doc = include_str!("manual/conditions.md")]
}

pub mod settings {
    #![doc = include_str!("manual/settings.md")]
}

pub mod defaults {
    #![doc = include_str!("manual/defaults.md")]
}

pub mod metrics {
    #![doc = include_str!("manual/metrics.md")]
}

pub mod send_socket {
    #![doc = include_str!("manual/send_socket.md")]
}

pub mod what_costs_what {
    #![doc = include_str!("manual/what_costs_what.md")]
}

pub mod xeps {
    #![doc = include_str!("manual/xeps.md")]
}

pub mod life_of_a_stanza {
    #![doc = include_str!("manual/life_of_a_stanza.md")]
}

pub mod words {
    #![doc = include_str!("manual/words.md")]
}
