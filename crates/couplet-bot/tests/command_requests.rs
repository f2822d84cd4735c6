//! Requests of clients to execute commands, and languages, on the server in memory. (bots.md, 12)
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use couplet::{Component, Config};
use couplet_bot::{Bot, BotResult, Choice, Commands, Context, Text, Translations, reply};
use couplet_test::{Server, TestUser};

#[derive(Choice, Clone, Copy, Debug)]
enum Tea {
    Assam,
    /// Green tea
    Green,
}

#[derive(Commands)]
enum Command {
    /// Order tea
    Order {
        /// Which
        tea: Tea,
        /// How many cups
        #[field(page, min = 1, max = 5)]
        cups: u8,
    },
    /// Show the menu
    Menu,
}

/// The texts of the bot in German.
struct German;

impl Translations for German {
    fn text(&self, lang: &str, key: &str) -> Option<String> {
        let text = match key {
            "order" => "Tee bestellen",
            "order.tea" => "Welchen",
            "order.tea.green" => "Grüner Tee",
            "menu" => "Die Karte",
            "couplet.help" => "{help} NAME erklärt einen Befehl",
            "couplet.not-an-option" => "{label}: „{value}“ ist keines von: {options}",
            _ => return None,
        };
        lang.starts_with("de").then(|| text.to_owned())
    }
}

async fn on_command(ctx: Context<Command>) -> BotResult {
    match ctx.command() {
        Command::Order { tea, cups } => reply(format!("{cups} × {tea:?}")),
        Command::Menu => reply("Tea"),
    }
}

async fn on_text(ctx: Context<Text>) -> BotResult {
    match ctx.is_action() {
        true => reply("How nice"),
        false => reply(format!("You wrote: {}", ctx.text())),
    }
}

fn tea(config: Config) -> Component {
    let bot = Bot::new("tea").commands(on_command).text(on_text);
    Component::new(config).extend(bot.translations(German))
}

const BOT: &str = "tea@echo.test";
const NS: &str = "http://jabber.org/protocol/commands";

async fn start() -> (Server, TestUser) {
    let server = Server::start(tea).await;
    let alice = server.user("alice@example.org/phone");
    (server, alice)
}

/// Sends a request of a command and returns the response as XML.
async fn request(user: &mut TestUser, attributes: &str, content: &str) -> String {
    let request = format!("<command xmlns='{NS}' node='order' {attributes}>{content}</command>");
    user.ask("set", BOT, &request).await.to_string()
}

fn submit(field: &str, value: &str) -> String {
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='{field}'><value>{value}</value></field></x>"
    )
}

mod sessions {
    use super::*;

    /// B29, B34
    #[tokio::test(start_paused = true)]
    async fn pages_are_left_in_both_directions() {
        let (_server, mut alice) = start().await;
        let first = alice.run(BOT, "order").await;
        let second = alice.submit(&first, "execute", &[("tea", "green")]).await;
        let xml = second.heard().to_string();
        assert!(
            xml.contains("<prev/>") && xml.contains("<complete/>"),
            "{xml}"
        );
        let back = format!("action='prev' sessionid='{}'", first.session());
        let xml = request(&mut alice, &back, "").await;
        assert!(
            xml.contains("<value>green</value>") && xml.contains("<next/>"),
            "{xml}"
        );
        let second = alice.submit(&first, "next", &[("tea", "assam")]).await;
        let done = alice.submit(&second, "complete", &[("cups", "2")]).await;
        assert_eq!(
            (done.status().as_str(), done.note().as_str()),
            ("completed", "2 × Assam")
        );
    }

    /// B30, B32, B33
    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_fit_is_an_error_and_the_session_lives() {
        let (_server, mut alice) = start().await;
        let form = alice.run(BOT, "order").await;
        for (action, error) in [
            ("prev", "bad-action"),
            ("complete", "bad-action"),
            ("dance", "malformed-action"),
            ("next", "bad-payload"),
        ] {
            let attributes = format!("action='{action}' sessionid='{}'", form.session());
            let xml = request(&mut alice, &attributes, "").await;
            assert!(
                xml.contains("<bad-request") && xml.contains(error),
                "{action}: {xml}"
            );
        }
        let cancel = format!("action='cancel' sessionid='{}'", form.session());
        assert!(
            request(&mut alice, &cancel, "")
                .await
                .contains("status='canceled'")
        );
        assert!(
            request(&mut alice, &cancel, "")
                .await
                .contains("bad-sessionid")
        );
    }

    /// B35
    #[tokio::test(start_paused = true)]
    async fn a_session_expires_after_ten_minutes() {
        let (_server, mut alice) = start().await;
        let form = alice.run(BOT, "order").await;
        let next = format!("action='next' sessionid='{}'", form.session());
        tokio::time::sleep(Duration::from_secs(602)).await;
        let xml = request(&mut alice, &next, &submit("tea", "green")).await;
        assert!(
            xml.contains("<not-allowed") && xml.contains("session-expired"),
            "{xml}"
        );
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let xml = request(&mut alice, &next, &submit("tea", "green")).await;
        assert!(xml.contains("bad-sessionid"), "{xml}");
    }

    /// B37
    #[tokio::test(start_paused = true)]
    async fn a_sixth_session_takes_the_place_of_the_oldest() {
        let (server, mut alice) = start().await;
        let mut bob = server.user("bob@example.org/desk");
        let bobs = bob.run(BOT, "order").await;
        let mut forms = Vec::new();
        for _ in 0..6 {
            forms.push(alice.run(BOT, "order").await);
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        let next = format!("action='next' sessionid='{}'", forms[0].session());
        let xml = request(&mut alice, &next, &submit("tea", "green")).await;
        assert!(xml.contains("bad-sessionid"), "{xml}");
        for form in &forms[1..] {
            let second = alice.submit(form, "next", &[("tea", "green")]).await;
            assert_eq!(second.status(), "executing");
        }
        assert_eq!(
            bob.submit(&bobs, "next", &[("tea", "green")])
                .await
                .status(),
            "executing"
        );
    }

    /// B40
    #[tokio::test(start_paused = true)]
    async fn a_choice_is_a_list_and_limits_are_a_range() {
        let (_server, mut alice) = start().await;
        let first = alice.run(BOT, "order").await;
        assert_eq!(first.field("tea").type_(), "list-single");
        let xml = first.heard().to_string();
        assert!(xml.contains("label='Green tea'"), "{xml}");
        let second = alice.submit(&first, "next", &[("tea", "green")]).await;
        let xml = second.heard().to_string();
        assert!(
            xml.contains("datatype='xs:integer'") && xml.contains("max='5'"),
            "{xml}"
        );
        let again = alice.submit(&second, "complete", &[("cups", "6")]).await;
        assert_eq!(again.note(), "How many cups: at most 5, not 6");
        assert_eq!(again.field("cups").value(), "6");
    }

    /// B41
    #[tokio::test(start_paused = true)]
    async fn a_command_that_is_only_asked_for_is_an_error() {
        let (_server, mut alice) = start().await;
        let command = format!("<command xmlns='{NS}' node='menu'/>");
        let refused = alice.ask("get", BOT, &command).await;
        assert_eq!(refused.condition(), "service-unavailable", "{refused}");
    }
}

mod languages {
    use super::*;

    /// B38
    #[tokio::test(start_paused = true)]
    async fn a_session_keeps_the_language_of_its_first_request() {
        let (_server, mut alice) = start().await;
        let xml = request(&mut alice, "xml:lang='de'", "").await;
        assert!(
            xml.contains("xml:lang='de'") && xml.contains("label='Grüner Tee'"),
            "{xml}"
        );
        let session = xml
            .split("sessionid='")
            .nth(1)
            .and_then(|rest| rest.split('\'').next());
        let next = format!(
            "action='next' xml:lang='en' sessionid='{}'",
            session.unwrap()
        );
        let xml = request(&mut alice, &next, &submit("tea", "coffee")).await;
        assert!(xml.contains("xml:lang='de'"), "{xml}");
        assert!(
            xml.contains("Welchen: „coffee“ ist keines von: Assam, Grüner Tee"),
            "{xml}"
        );
    }

    /// B15
    #[tokio::test(start_paused = true)]
    async fn a_chat_is_answered_in_its_language() {
        let (_server, mut alice) = start().await;
        let message =
            "<message type='chat' to='tea@echo.test' xml:lang='de'><body>help</body></message>";
        alice.send_raw(message).await;
        assert_eq!(
            alice.next_chat().await.text(),
            "order: Tee bestellen\nmenu: Die Karte\nhelp NAME erklärt einen Befehl"
        );
    }
}

mod texts {
    use super::*;

    async fn says(user: &mut TestUser, text: &str) -> String {
        user.chat(BOT, text).await;
        user.next_chat().await.text().to_owned()
    }

    /// B8, B16
    #[tokio::test(start_paused = true)]
    async fn what_is_no_command_is_text() {
        let (_server, mut alice) = start().await;
        assert_eq!(says(&mut alice, "/me waves").await, "How nice");
        assert_eq!(says(&mut alice, "mneu").await, "You wrote: mneu");
        assert_eq!(says(&mut alice, "menu").await, "Tea");
    }

    /// B17
    #[tokio::test(start_paused = true)]
    async fn the_quotation_of_a_reply_is_cut() {
        let (_server, mut alice) = start().await;
        let reply = "<message type='chat' to='tea@echo.test'><body>&gt; What is there?\nmenu</body>\
                     <reply xmlns='urn:xmpp:reply:0' to='tea@echo.test' id='1'/>\
                     <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>\
                     <body start='0' end='17'/></fallback></message>";
        alice.send_raw(reply).await;
        assert_eq!(alice.next_chat().await.text(), "Tea");
        assert_eq!(says(&mut alice, "> What is there?\nmenu").await, "Tea");
    }
}

/// RFC 6120, 8.3.3.18: the type of the error is `wait`.
#[tokio::test(start_paused = true)]
async fn too_many_requests_are_answered_with_an_error_to_wait_for() {
    let server = Server::start(tea).await;
    let mut alice = server.user("alice@example.org/phone");
    let order = format!("<command xmlns='{NS}' node='order'/>");
    for _ in 0..10 {
        let reply = alice.ask("set", BOT, &order).await;
        assert_eq!(reply.type_(), "result");
    }
    let refused = alice.ask("set", BOT, &order).await;
    assert_eq!(refused.condition(), "resource-constraint", "{refused}");
    assert!(refused.to_string().contains("type='wait'"), "{refused}");
}
