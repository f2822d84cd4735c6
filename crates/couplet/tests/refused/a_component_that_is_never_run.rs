#![deny(unused_must_use)]

use couplet::{Component, Config};

fn main() {
    Component::new(Config::new("bot.localhost", "x")).named("Bot");
}
