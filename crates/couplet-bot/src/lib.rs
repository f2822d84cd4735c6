//! Bots for Couplet components: commands, forms, conversations, state and timers.
