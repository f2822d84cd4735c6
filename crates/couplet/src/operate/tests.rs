use std::{future::pending, io, time::Duration};

use metrics::set_default_local_recorder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use super::{ask, recorder::Recorder, serve::serve, url};
use crate::{
    Component, Config, Connect, Incoming, Message, Stream, async_trait, config::Sources,
    health::Health,
};

const HEADER: &str = "<stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' from='echo.test' id='1'>";

struct Memory(Option<DuplexStream>);

#[async_trait]
impl Connect for Memory {
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let ours = self.0.take().ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(ours))
    }
}

/// The server's end of a connection.
struct Server(DuplexStream);

impl Server {
    /// A component that is online here, in tasks that end with the test.
    async fn with(component: Component, tasks: &mut JoinSet<()>) -> Server {
        let (ours, theirs) = duplex(1 << 20);
        let component = component.connect_through(Memory(Some(theirs)));
        tasks.spawn(async move {
            let _ended = Box::pin(component.run(pending())).await;
        });
        let mut server = Server(ours);
        server.until("streams").await;
        server.say(HEADER).await;
        server.until("</handshake>").await;
        server.say("<handshake/>").await;
        server
    }

    async fn say(&mut self, xml: &str) {
        self.0.write_all(xml.as_bytes()).await.unwrap();
    }

    async fn until(&mut self, words: &str) -> String {
        let mut heard = String::new();
        while !heard.contains(words) {
            let mut bytes = [0; 4096];
            let read = self.0.read(&mut bytes).await.unwrap();
            assert_ne!(read, 0, "{heard}");
            heard += std::str::from_utf8(&bytes[..read]).unwrap();
        }
        heard
    }
}

fn echo(config: Config) -> Component {
    Component::new(config)
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
}

fn says(recorder: &Recorder, line: &str) {
    let page = recorder.page();
    assert!(page.lines().any(|found| found == line), "{line}\n{page}");
}

#[tokio::test(start_paused = true)]
async fn every_stanza_is_counted_once_by_what_became_of_it() {
    let recorder = Recorder::default();
    let _here = set_default_local_recorder(&recorder);
    let mut tasks = JoinSet::new();
    let config = Config::new("echo.test", "x");
    let mut server = Server::with(echo(config), &mut tasks).await;
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
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"iq\",outcome=\"unasked\"} 1",
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
        says(&recorder, line);
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
    let link = slow.link();
    let mut server = Server::with(slow, &mut tasks).await;
    let chat = "<message from='a@b/c' to='echo.test' type='chat'><body>hi</body></message>";
    server.say(&chat.repeat(3)).await;
    tasks.spawn(async move {
        let peer = "peer@b".parse().unwrap();
        let asked = link.get::<crate::Done>(&peer, xmpp_parsers::ping::Ping);
        let _nobody_answers = asked.await;
    });
    server.until("urn:xmpp:ping").await;
    for line in [
        "couplet_busy_handlers{domain=\"echo.test\"} 1",
        "couplet_waiting_stanzas{domain=\"echo.test\"} 2",
        "couplet_open_questions{domain=\"echo.test\"} 1",
    ] {
        says(&recorder, line);
    }
    for _ in 0..3 {
        server.until("done").await;
    }
    tokio::time::sleep(Duration::from_secs(31)).await;
    for line in [
        "couplet_busy_handlers{domain=\"echo.test\"} 0",
        "couplet_waiting_stanzas{domain=\"echo.test\"} 0",
        "couplet_open_questions{domain=\"echo.test\"} 0",
        "couplet_questions_total{domain=\"echo.test\",outcome=\"timed_out\"} 1",
        "couplet_handler_duration_seconds_bucket{domain=\"echo.test\",kind=\"message\",le=\"0.5\"} 0",
        "couplet_handler_duration_seconds_bucket{domain=\"echo.test\",kind=\"message\",le=\"2.5\"} 3",
    ] {
        says(&recorder, line);
    }
}

#[tokio::test(start_paused = true)]
async fn the_link_is_up_until_it_is_lost_and_its_ping_is_timed() {
    let recorder = Recorder::default();
    let _here = set_default_local_recorder(&recorder);
    let mut tasks = JoinSet::new();
    let config = Config::new("echo.test", "x");
    let health = config.health.clone();
    let mut server = Server::with(echo(config), &mut tasks).await;
    let ping = server.until("</iq>").await;
    says(&recorder, "couplet_link_up{domain=\"echo.test\"} 1");
    assert!(health.readiness(Instant::now()).is_ok());
    tokio::time::sleep(Duration::from_millis(250)).await;
    server.say(ping.trim_start()).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    says(
        &recorder,
        "couplet_self_ping_round_trip_seconds{domain=\"echo.test\"} 0.25",
    );
    says(
        &recorder,
        "couplet_stanzas_received_total{domain=\"echo.test\",kind=\"iq\",outcome=\"own_ping\"} 1",
    );
    drop(server);
    tokio::time::sleep(Duration::from_millis(1)).await;
    says(&recorder, "couplet_link_up{domain=\"echo.test\"} 0");
    says(
        &recorder,
        "couplet_links_lost_total{domain=\"echo.test\",reason=\"closed\"} 1",
    );
    assert!(health.readiness(Instant::now()).is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!recorder.page().contains("reason=\"unreachable\"} 0"));
}

/// The pages, in a task that ends with the test.
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
            "There are /healthz, /readyz and /metrics\n",
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
    let seat = health.enter("echo.test", Duration::from_secs(15));
    seat.online();
    let asked = tokio::task::spawn_blocking(move || ask(&url(address)));
    assert_eq!(asked.await.unwrap().unwrap(), "online as echo.test");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_loses_the_place_to_who_waits() {
    let mut tasks = JoinSet::new();
    let address = served(Health::default(), &mut tasks).await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(address, request).await;
    assert!(answer.ends_with("alive\n"), "{answer}");
    for mut stream in silent {
        let mut nothing = [0; 1];
        assert!(matches!(stream.read(&mut nothing).await, Ok(0) | Err(_)));
    }
}

#[test]
fn who_is_not_there_is_not_ready() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    assert!(ask(&url(address)).unwrap_err().contains("/readyz: "));
    let everywhere = "0.0.0.0:9100".parse().unwrap();
    assert_eq!(url(everywhere), "http://127.0.0.1:9100/readyz");
    assert_eq!(
        url("[::]:9100".parse().unwrap()),
        "http://[::1]:9100/readyz"
    );
}

#[test]
fn a_port_that_is_taken_is_told_with_its_setting_and_the_cure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = Sources::none()
        .variable("COUPLET_DOMAIN", "echo.test")
        .variable("COUPLET_SECRET", "x")
        .variable("COUPLET_OPERATE_LISTEN", &address)
        .load()
        .unwrap();
    let Err(error) = super::Operate::prepare(&config) else {
        panic!("the port is taken");
    };
    let error = error.to_string();
    let first = format!("COUPLET_OPERATE_LISTEN: operate.listen = \"{address}\" cannot be");
    assert!(error.starts_with(&first), "{error}");
    assert!(error.contains("a port of its own"), "{error}");
}
