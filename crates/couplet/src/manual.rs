//! The manual: guarantees, recipes, internals, and reference tables.
//!
//! - [`guarantees`]: what holds regardless of peers, handlers and servers, and the limits of it.
//! - [`how_to`]: recipes, from a reply to a systemd credential.
//! - [`conditions`]: which error a peer gets, and when.
//! - [`settings`]: every setting, with variable, default and accepted values.
//! - [`defaults`]: the default behaviour, and its reasons.
//! - [`metrics`]: metrics, health, readiness, and notifications to systemd.
//! - [`send_socket`]: how `couplet send` passes a message to a running program.
//! - [`what_costs_what`]: the cost of handlers, in instructions.
//! - [`xeps`]: the supported XEPs, and where they are in the code.
//! - [`life_of_a_stanza`]: the way of a stanza through the modules.
//! - [`words`]: the terms that Couplet uses.

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
