//! Ad-hoc commands as clients execute them. (XEP-0050)

use super::*;

const CREATE: &str = "couplet-pubsub#create";
const CONFIGURE: &str = "couplet-pubsub#configure";
const SUBSCRIBE: &str = "couplet-pubsub#subscribe";
const SUBSCRIPTIONS: &str = "couplet-pubsub#subscriptions";
const DELETE: &str = "couplet-pubsub#delete";
const TRANSFER: &str = "couplet-pubsub#transfer";
const PENDING: &str = "http://jabber.org/protocol/pubsub#get-pending";
const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";

/// Executes a command, its first step.
async fn begin(user: &mut TestUser, node: &str) -> String {
    command(user, node, "").await.to_string()
}

/// Submits a form, each field with its values.
async fn submit(user: &mut TestUser, node: &str, fields: &[(&str, &[&str])]) -> String {
    act(user, node, "complete", fields).await
}

async fn act(user: &mut TestUser, node: &str, action: &str, fields: &[(&str, &[&str])]) -> String {
    let field = |(var, values): &(&str, &[&str])| {
        let value = |value: &&str| format!("<value>{value}</value>");
        let values: String = values.iter().map(value).collect();
        format!("<field var='{var}'>{values}</field>")
    };
    let fields: String = fields.iter().map(field).collect();
    let command = format!(
        "<command xmlns='http://jabber.org/protocol/commands' node='{node}' action='{action}'>\
         <x xmlns='jabber:x:data' type='submit'>{fields}</x></command>"
    );
    user.ask("set", HERE, &command).await.to_string()
}

#[track_caller]
fn says(answer: &str, parts: &[&str]) {
    for part in parts {
        assert!(answer.contains(part), "{part} is not in {answer}");
    }
}

/// Asserts that the form is returned with the error.
#[track_caller]
fn asks_again(answer: &str, error: &str) {
    let error = format!("<note type='error'>{error}</note>");
    says(answer, &["status='executing'", &error, "type='form'"]);
}

async fn create(user: &mut TestUser, node: &str, access: &str) {
    let fields: &[(&str, &[&str])] = &[
        ("FORM_TYPE", &[NODE_CONFIG]),
        ("node", &[node]),
        ("pubsub#title", &[&format!("The {node}")]),
        ("pubsub#access_model", &[access]),
    ];
    let made = submit(user, CREATE, fields).await;
    says(
        &made,
        &[
            "status='completed'",
            &format!("The node {node} was created"),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_creates_a_node() {
    let (_server, mut alice, _bob) = serving().await;
    let form = begin(&mut alice, CREATE).await;
    says(
        &form,
        &[
            "status='executing'",
            "<title>Create a node</title>",
            "<instructions>",
            "label='Title'",
            "pubsub#access_model",
        ],
    );
    create(&mut alice, "news", "open").await;
    let again = submit(&mut alice, CREATE, &[("node", &["news"])]).await;
    asks_again(&again, "There is a node of this name already");
    says(&again, &["<value>news</value>"]);
    let unnamed = submit(&mut alice, CREATE, &[("node", &[""])]).await;
    says(&unnamed, &["status='completed'", "The node "]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_configures_a_node_with_the_form_of_the_protocol() {
    let (_server, mut alice, mut bob) = serving().await;
    says(&begin(&mut alice, CONFIGURE).await, &["You own no nodes"]);
    create(&mut alice, "news", "open").await;
    let choice = begin(&mut alice, CONFIGURE).await;
    says(
        &choice,
        &[
            "<next/>",
            "type='list-single'",
            "<required/>",
            "label='The news'",
            "</option><value",
        ],
    );
    let form = act(&mut alice, CONFIGURE, "next", &[("node", &["news"])]).await;
    says(
        &form,
        &[
            NODE_CONFIG,
            "<title>Configure The news</title>",
            "pubsub#max_items",
            "<prev/>",
        ],
    );
    let wrong: &[(&str, &[&str])] = &[
        ("FORM_TYPE", &[NODE_CONFIG]),
        ("node", &["news"]),
        ("pubsub#title", &["Olds"]),
        ("pubsub#max_items", &["many"]),
    ];
    let again = submit(&mut alice, CONFIGURE, wrong).await;
    asks_again(&again, "pubsub#max_items cannot have this value");
    says(&again, &["<value>many</value>", "<value>Olds</value>"]);
    let right: &[(&str, &[&str])] = &[
        ("FORM_TYPE", &[NODE_CONFIG]),
        ("node", &["news"]),
        ("pubsub#title", &["Olds"]),
    ];
    let done = submit(&mut alice, CONFIGURE, right).await;
    says(&done, &["status='completed'", "Olds was configured"]);
    let foreign = submit(&mut bob, CONFIGURE, right).await;
    says(&foreign, &["type='error'", "<forbidden"]);
}

#[tokio::test(start_paused = true)]
async fn a_person_steps_back_and_cancels() {
    let (_server, mut alice, _bob) = serving().await;
    create(&mut alice, "news", "open").await;
    let back = act(&mut alice, CONFIGURE, "prev", &[("node", &["news"])]).await;
    says(&back, &["Choose the node to configure"]);
    let gone = act(&mut alice, CONFIGURE, "cancel", &[]).await;
    says(&gone, &["status='canceled'"]);
    let odd = act(&mut alice, CONFIGURE, "jump", &[]).await;
    says(&odd, &["<bad-request"]);
}

#[tokio::test(start_paused = true)]
async fn a_person_subscribes_with_options_and_ends_it() {
    let (_server, mut alice, mut bob) = serving().await;
    says(&begin(&mut bob, SUBSCRIBE).await, &["There are no nodes"]);
    create(&mut alice, "news", "open").await;
    let form = begin(&mut bob, SUBSCRIBE).await;
    says(&form, &["label='The news'", "pubsub#include_body"]);
    let mute: &[(&str, &[&str])] = &[("node", &["news"])];
    let done = submit(&mut bob, SUBSCRIBE, mute).await;
    says(&done, &["You are subscribed to The news"]);
    let text: &[(&str, &[&str])] = &[("node", &["news"]), ("pubsub#include_body", &["1"])];
    let done = submit(&mut bob, SUBSCRIBE, text).await;
    says(&done, &["You are subscribed to The news"]);
    let wrong: &[(&str, &[&str])] = &[("node", &["news"]), ("pubsub#expire", &["soon"])];
    asks_again(
        &submit(&mut bob, SUBSCRIBE, wrong).await,
        "pubsub#expire cannot have this value",
    );

    let mine = begin(&mut bob, SUBSCRIPTIONS).await;
    says(
        &mine,
        &[
            "list-multi",
            "label='The news: subscribed, with text'",
            "1 subscription.",
        ],
    );
    let kept = submit(&mut bob, SUBSCRIPTIONS, &[("unsubscribe", &[])]).await;
    says(&kept, &["No subscription was changed"]);
    let (_, option) = mine.split_once("<option").unwrap();
    let (_, subid) = option
        .split_once("<value>")
        .or_else(|| option.split_once("<value xmlns='jabber:x:data'>"))
        .unwrap();
    let subid = subid.split_once('<').unwrap().0;
    let ended = submit(&mut bob, SUBSCRIPTIONS, &[("unsubscribe", &[subid])]).await;
    says(&ended, &["1 subscription ended"]);
    let none = begin(&mut bob, SUBSCRIPTIONS).await;
    says(&none, &["You have no subscriptions"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_allows_and_denies_in_the_command() {
    let (server, mut alice, mut bob) = serving().await;
    says(
        &begin(&mut alice, PENDING).await,
        &["No subscription waits for approval"],
    );
    create(&mut alice, "club", "authorize").await;
    let mut carol = server.user("carol@example.org/x");
    for user in [&mut bob, &mut carol] {
        let waits = submit(user, SUBSCRIBE, &[("node", &["club"])]).await;
        says(&waits, &["waits for the approval of an owner"]);
        let request = alice.next().await.to_string();
        says(&request, &["wants to subscribe to The club."]);
    }
    let nodes = begin(&mut alice, PENDING).await;
    says(&nodes, &["label='The club'", "<required/>", "<next/>"]);
    let waiting = act(&mut alice, PENDING, "next", &[("pubsub#node", &["club"])]).await;
    says(
        &waiting,
        &[
            "2 requests to subscribe to The club",
            "label='bob@example.org'",
            "var='deny'",
        ],
    );
    let subid = |jid: &str| {
        let (_, option) = waiting.split_once(&format!("label='{jid}'")).unwrap();
        let (_, value) = option.split_once("<value").unwrap();
        let (_, value) = value.split_once('>').unwrap();
        value.split_once('<').unwrap().0.to_owned()
    };
    let (his, hers) = (subid("bob@example.org"), subid("carol@example.org"));
    let decision = |allow: &str, deny: &str| {
        let allow = format!("<field var='allow'><value>{allow}</value></field>");
        let deny = format!("<field var='deny'><value>{deny}</value></field>");
        format!(
            "<x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE'><value>couplet-pubsub#approve</value></field>\
             <field var='pubsub#node'><value>club</value></field>{allow}{deny}</x>"
        )
    };
    let both = command(&mut alice, PENDING, &decision(&his, &his)).await;
    asks_again(
        &both.to_string(),
        "bob@example.org is both allowed and denied",
    );
    let done = command(&mut alice, PENDING, &decision(&his, &hers)).await;
    says(
        &done.to_string(),
        &["status='completed'", "1 allowed, 1 denied"],
    );
    says(
        &bob.next().await.to_string(),
        &["subscription='subscribed'"],
    );
    says(&carol.next().await.to_string(), &["subscription='none'"]);
    // Another owner was faster.
    let late = command(&mut alice, PENDING, &decision(&his, &hers)).await;
    says(&late.to_string(), &["0 allowed, 0 denied"]);
}

/// XEP-0060, 8.7.
#[tokio::test(start_paused = true)]
async fn requests_come_as_messages_where_the_command_is_completed() {
    let (_server, mut alice, mut bob) = serving().await;
    create(&mut alice, "club", "authorize").await;
    submit(&mut bob, SUBSCRIBE, &[("node", &["club"])]).await;
    let _request_at_once = alice.next().await;
    let done = submit(&mut alice, PENDING, &[("pubsub#node", &["club"])]).await;
    says(
        &done,
        &[
            "status='completed'",
            "1 request was sent to you as a message",
        ],
    );
    says(
        &alice.next().await.to_string(),
        &["bob@example.org", "subscribe_authorization"],
    );
    let empty = submit(&mut alice, PENDING, &[("pubsub#node", &[])]).await;
    asks_again(&empty, "Choose a node");
}

#[tokio::test(start_paused = true)]
async fn an_owner_gives_a_node_away_and_the_next_one_deletes_it() {
    let (server, mut alice, _bob) = serving().await;
    let mut carol = server.user("carol@example.org/x");
    create(&mut alice, "news", "open").await;
    says(
        &begin(&mut alice, TRANSFER).await,
        &["type='jid-single'", "label='The news'"],
    );
    let wrong: &[(&str, &[&str])] = &[("node", &["news"]), ("owner", &["@"])];
    asks_again(
        &submit(&mut alice, TRANSFER, wrong).await,
        "@ is not a JID such as user@example.org",
    );
    let right: &[(&str, &[&str])] = &[("node", &["news"]), ("owner", &["carol@example.org"])];
    let given = submit(&mut alice, TRANSFER, right).await;
    says(&given, &["The news belongs to carol@example.org now"]);
    says(&begin(&mut alice, DELETE).await, &["You own no nodes"]);
    says(
        &begin(&mut carol, DELETE).await,
        &["label='The news'", "for good"],
    );
    let deleted = submit(&mut carol, DELETE, &[("node", &["news"])]).await;
    says(&deleted, &["The news was deleted"]);
    assert!(!items(&mut carol, "").await.to_string().contains("news"));
}

#[tokio::test(start_paused = true)]
async fn more_nodes_than_a_list_shows_are_named_in_a_text() {
    let (_server, mut alice, mut bob) = serving().await;
    for number in 0..51 {
        set(&mut alice, &format!("<create node='n{number}'/>")).await;
    }
    for (user, node) in [(&mut alice, DELETE), (&mut bob, SUBSCRIBE)] {
        let form = begin(user, node).await;
        says(&form, &["label='Name of the node'", "<required/>"]);
    }
    let unknown = submit(&mut bob, SUBSCRIBE, &[("node", &["n51"])]).await;
    asks_again(&unknown, "There is no such node");
    says(&unknown, &["<value>n51</value>"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_without_a_node_is_a_bad_request() {
    let (_server, mut alice, _bob) = serving().await;
    says(&begin(&mut alice, "").await, &["<bad-request"]);
    says(&begin(&mut alice, "other").await, &["<item-not-found"]);
}

#[tokio::test(start_paused = true)]
async fn administrators_have_commands_that_others_do_not_see() {
    let (server, mut alice, _bob) = serving().await;
    let mut admin = server.user("admin@example.org/x");
    set(&mut alice, "<create node='news'/>").await;
    let list = "http://jabber.org/protocol/commands";
    assert!(
        !items(&mut alice, list)
            .await
            .to_string()
            .contains("statistics")
    );
    assert!(
        items(&mut admin, list)
            .await
            .to_string()
            .contains("statistics")
    );
    assert_eq!(
        command(&mut alice, "couplet-pubsub#statistics", "")
            .await
            .condition(),
        "forbidden"
    );
    let statistics = command(&mut admin, "couplet-pubsub#statistics", "")
        .await
        .to_string();
    assert!(statistics.contains("<value>1</value>"), "{statistics}");
    let nodes = command(&mut admin, "couplet-pubsub#list", "")
        .await
        .to_string();
    assert!(nodes.contains("<value>news</value>"), "{nodes}");

    let to_carol = "<x xmlns='jabber:x:data' type='submit'><field var='node'><value>news</value></field>\
        <field var='owner'><value>carol@example.org</value></field></x>";
    assert!(is_good(
        &command(&mut admin, "couplet-pubsub#transfer", to_carol).await
    ));
    let purge =
        "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><purge node='news'/></pubsub>";
    assert_eq!(alice.ask("set", HERE, purge).await.condition(), "forbidden");
    let delete =
        "<x xmlns='jabber:x:data' type='submit'><field var='node'><value>news</value></field></x>";
    assert!(is_good(
        &command(&mut admin, "couplet-pubsub#delete", delete).await
    ));
    assert!(!items(&mut admin, "").await.to_string().contains("news"));
}
