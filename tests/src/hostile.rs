//! Hostile input: what it does to its sender, and that it does nothing to anybody else.

use couplet_test::Setup;

use crate::apps::BOT;

/// A setup in which the servers forward as much as they can.
pub(crate) fn open_to_everything(setup: Setup) -> Setup {
    setup.client_stanza_limit(128 << 20)
}

/// Every hostile stanza there is a scenario for.
pub(crate) fn stanzas() -> impl Iterator<Item = String> {
    let unknown =
        "<error type='cancel'><gone-fishing xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    [
        presence("", "<priority>999</priority>"),
        presence("", "<show>bogus</show>"),
        presence("type='bogus'", ""),
        message("type='bogus'", "<body>x</body>"),
        message("", "<thread>a</thread><thread>b</thread>"),
        iq("type='error' id='h1'", unknown),
        iq("type='get' id='h2'", ""),
        iq("type='get' id='h3'", "<a xmlns='u:a'/><b xmlns='u:b'/>"),
        iq("type='get'", "<a xmlns='u:a'/>"),
        iq("type='bogus' id='h4'", "<a xmlns='u:a'/>"),
        format!("<message to='a@b@c@{BOT}'/>"),
        nested(4_000),
        nested(30_000),
        message("", &format!("<body>{}</body>", "x".repeat(64 << 20))),
        message("", &format!("<body a='{}'/>", "x".repeat(5 << 20))),
        message("", &format!("<body {}/>", attributes(10_000))),
    ]
    .into_iter()
}

fn presence(attributes: &str, children: &str) -> String {
    format!("<presence {attributes} to='{BOT}'>{children}</presence>")
}

fn message(attributes: &str, children: &str) -> String {
    format!("<message {attributes} to='{BOT}'>{children}</message>")
}

fn iq(attributes: &str, children: &str) -> String {
    format!("<iq {attributes} to='{BOT}'>{children}</iq>")
}

fn nested(levels: usize) -> String {
    message(
        "type='chat'",
        &format!(
            "{}{}",
            "<x xmlns='u:x'>".repeat(levels),
            "</x>".repeat(levels)
        ),
    )
}

fn attributes(count: usize) -> String {
    (0..count).map(|n| format!(" a{n}=''")).collect()
}
