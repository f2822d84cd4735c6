use std::{future::pending, time::Duration};

use metrics::set_default_local_recorder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use super::{
    check_health,
    recorder::Recorder,
    serve::{MAX_CONNECTIONS, serve},
    url,
};
use crate::{
    Component, Config, Incoming, Message, config::Sources, health::Health,
    session::tests::raw_server::Server,
};

fn echo(config: Config) -> Component {
    Component::new(config)
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
}

fn assert_has_line(recorder: &Recorder, line: &str) {
    let page = recorder.page();
    assert!(page.lines().any(|found| found == line), "{line}\n{page}");
}

#[tokio::test(start_paused = true)]
async fn every_stanza_is_counted_once_by_what_became_of_it() {
    let recorder = Recorder::default();
    let _here = set_default_local_recorder(&recorder);
    let mut tasks = JoinSet::new();
    let config = Config::new("echo.test", "x");
    let mut server = Server::with(echo(config), pending(), &mut tasks).await;
    let deep = "<x>".repeat(200) + &"</x>".repeat(200);
    for (stanza, answer) in [
        (
            "<message from='a@b/c' to='echo.test' type='chat'><body>hi</body></message>",
            "</message>",
        ),
        (
            "<message from='a@b/c' to='echo.test' type='headline'><body>hi</body></message>",
            "",
        ),
        ("<presence from='a@b/c' to='echo.test'/>", ""),
        ("<iq from='a@b/c' to='echo.test' type='result' id='r'/>", ""),
        (
            "<message from='a@b/c' to='other.test'><body>hi</body></message>",
            "",
        ),
        (
            "<iq from='a@b/c' to='echo.test' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>",
            "'p'",
        ),
        (
            "<iq from='a@b/c' to='echo.test' type='get' id='u'><x xmlns='y'/></iq>",
            "</iq>",
        ),
        (
            &*format!("<iq from='a@b/c' to='echo.test' type='get' id='d'>{deep}</iq>"),
            "</iq>",
        ),
    ] {
        server.say(stanza).await;
        if !answer.is_empty() {
            server.until(answer).await;
        }
    }
    for line in [
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"message\",outcome=\"handled\"} 1",
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"message\",outcome=\"ignored\"} 1",
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"presence\",outcome=\"ignored\"} 1",
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"iq\",outcome=\"unmatched\"} 1",
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"iq\",outcome=\"answered\"} 1",
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"iq\",outcome=\"refused\"} 1",
        "couplet_stanzas_rejected_total{domain=\"echo.test\",reason=\"other_domain\"} 1",
        "couplet_stanzas_rejected_total{domain=\"echo.test\",reason=\"depth\"} 1",
        "couplet_refusals_sent_total{domain=\"echo.test\",condition=\"service-unavailable\"} 1",
        "couplet_refusals_sent_total{domain=\"echo.test\",condition=\"policy-violation\"} 1",
        "couplet_stanzas_sent_total{domain=\"echo.test\",kind=\"message\"} 1",
        "couplet_stanzas_sent_total{domain=\"echo.test\",kind=\"iq\"} 3",
        "couplet_handler_duration_seconds_count{domain=\"echo.test\",kind=\"message\"} 1",
        "couplet_outbox_bytes{domain=\"echo.test\"} 0",
        "couplet_busy_handlers{domain=\"echo.test\"} 0",
    ] {
        assert_has_line(&recorder, line);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_counted_while_it_waits() {
    let recorder = Recorder::default();
    let _here = set_default_local_recorder(&recorder);
    let mut tasks = JoinSet::new();
    let config = Config::new("echo.test", "x");
    let slow = Component::new(config).on_chat(|chat: Incoming<Message>| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        chat.reply("done").await
    });
    let handle = slow.handle();
    let mut server = Server::with(slow, pending(), &mut tasks).await;
    let chat = "<message from='a@b/c' to='echo.test' type='chat'><body>hi</body></message>";
    server.say(&chat.repeat(3)).await;
    tasks.spawn(async move {
        let peer = "peer@b".parse().unwrap();
        let outcome = handle.get::<crate::Empty>(&peer, xmpp_parsers::ping::Ping);
        let _nobody_answers = outcome.await;
    });
    server.until("urn:xmpp:ping").await;
    for line in [
        "couplet_busy_handlers{domain=\"echo.test\"} 1",
        "couplet_waiting_stanzas{domain=\"echo.test\"} 2",
        "couplet_pending_iqs{domain=\"echo.test\"} 1",
    ] {
        assert_has_line(&recorder, line);
    }
    for _ in 0..3 {
        server.until("done").await;
    }
    tokio::time::sleep(Duration::from_secs(31)).await;
    for line in [
        "couplet_busy_handlers{domain=\"echo.test\"} 0",
        "couplet_waiting_stanzas{domain=\"echo.test\"} 0",
        "couplet_pending_iqs{domain=\"echo.test\"} 0",
        "couplet_requests_total{domain=\"echo.test\",outcome=\"timed_out\"} 1",
        "couplet_handler_duration_seconds_bucket{domain=\"echo.test\",kind=\"message\",le=\"0.5\"} 0",
        "couplet_handler_duration_seconds_bucket{domain=\"echo.test\",kind=\"message\",le=\"2.5\"} 3",
    ] {
        assert_has_line(&recorder, line);
    }
}

#[tokio::test(start_paused = true)]
async fn connection_up_is_set_until_the_loss_and_the_ping_is_timed() {
    let recorder = Recorder::default();
    let _here = set_default_local_recorder(&recorder);
    let mut tasks = JoinSet::new();
    let config = Config::new("echo.test", "x");
    let health = config.health.clone();
    let mut server = Server::with(echo(config), pending(), &mut tasks).await;
    let ping = server.until("</iq>").await;
    assert_has_line(&recorder, "couplet_connection_up{domain=\"echo.test\"} 1");
    assert!(health.readiness(Instant::now()).is_ok());
    tokio::time::sleep(Duration::from_millis(250)).await;
    server.say(ping.trim_start()).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_has_line(
        &recorder,
        "couplet_self_ping_round_trip_seconds{domain=\"echo.test\"} 0.25",
    );
    assert_has_line(
        &recorder,
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"iq\",outcome=\"own_ping\"} 1",
    );
    drop(server);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_has_line(&recorder, "couplet_connection_up{domain=\"echo.test\"} 0");
    assert_has_line(
        &recorder,
        "couplet_connections_lost_total{domain=\"echo.test\",reason=\"closed\"} 1",
    );
    assert!(health.readiness(Instant::now()).is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!recorder.page().contains("reason=\"unreachable\"} 0"));
}

/// Serves the pages in a task that ends with the test.
async fn served(health: Health, tasks: &mut JoinSet<()>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(serve(listener, health, Recorder::default()));
    address
}

async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn only_get_and_head_are_answered_and_only_where_something_is() {
    let mut tasks = JoinSet::new();
    let health = Health::default();
    let address = served(health.clone(), &mut tasks).await;
    for (request, status, body) in [
        ("GET /healthz", "200 OK", "alive\n"),
        ("HEAD /healthz", "200 OK", ""),
        (
            "GET /readyz",
            "503 Service Unavailable",
            "no component is running\n",
        ),
        ("GET /metrics", "200 OK", ""),
        ("POST /metrics", "405 Method Not Allowed", ""),
        (
            "GET /",
            "404 Not Found",
            "Available: /healthz, /readyz and /metrics\n",
        ),
    ] {
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(address, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert_eq!(answer.split("\r\n\r\n").nth(1), Some(body), "{answer}");
    }
    let reporter = health.enter("echo.test", Duration::from_secs(15));
    reporter.online();
    let outcome = tokio::task::spawn_blocking(move || check_health(&url(address)));
    assert_eq!(outcome.await.unwrap().unwrap(), "online as echo.test");
}

const HALF_A_REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHo";

async fn idle_visitors(address: std::net::SocketAddr, number: usize) -> Vec<TcpStream> {
    let mut idle = Vec::new();
    for _ in 0..number {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(HALF_A_REQUEST).await.unwrap();
        idle.push(stream);
    }
    idle
}

#[tokio::test]
async fn health_is_answered_among_many_connections_without_a_request() {
    let mut tasks = JoinSet::new();
    let address = served(Health::default(), &mut tasks).await;
    let mut idle = idle_visitors(address, 5 * MAX_CONNECTIONS).await;
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(address, request).await;
    assert!(answer.ends_with("alive\n"), "{answer}");
    // The oldest connections were closed; the youngest is still open.
    let mut nothing = [0; 1];
    assert!(matches!(idle[0].read(&mut nothing).await, Ok(0) | Err(_)));
    let youngest = idle.last_mut().unwrap();
    youngest.write_all(b"st: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    youngest.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("alive\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_an_unfinished_request_is_closed() {
    let mut tasks = JoinSet::new();
    let address = served(Health::default(), &mut tasks).await;
    for mut stream in idle_visitors(address, 3).await {
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        assert!(read.is_err() || !answer.contains("alive"), "{answer}");
    }
}

#[test]
fn an_unreachable_program_is_not_ready() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    assert!(
        check_health(&url(address))
            .unwrap_err()
            .contains("/readyz: ")
    );
    let everywhere = "0.0.0.0:9100".parse().unwrap();
    assert_eq!(url(everywhere), "http://127.0.0.1:9100/readyz");
    assert_eq!(
        url("[::]:9100".parse().unwrap()),
        "http://[::1]:9100/readyz"
    );
}

#[test]
fn a_port_that_is_in_use_is_reported_with_its_setting_and_advice() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = Sources::none()
        .variable("COUPLET_DOMAIN", "echo.test")
        .variable("COUPLET_SECRET", "x")
        .variable("COUPLET_OPS_LISTEN", &address)
        .load()
        .unwrap();
    let Err(error) = super::Ops::prepare(&config) else {
        panic!("the port is taken");
    };
    let error = error.to_string();
    let first = format!("COUPLET_OPS_LISTEN: ops.listen = \"{address}\" cannot be");
    assert!(error.starts_with(&first), "{error}");
    assert!(error.contains("a different port"), "{error}");
}
