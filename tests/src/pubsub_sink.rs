//! [`Sink`]: a raw component whose addresses are many subscribers.
