//! Ways to connect to a server, and the login: once, twice, or rejected.

use std::time::Duration;

use couplet::error::{Reason, Rejected};
use couplet::{Config, Empty, Error};
use couplet_test::{Backend, Running, TestServer};
use xmpp_parsers::ping::Ping;

use crate::apps::{DOMAIN, echo, is_echoed, is_offline};

/// Prosody's default: the second instance is rejected until the first has gone.
pub async fn a_second_instance_waits_until_the_first_is_gone(server: &mut TestServer) {
    let first = server.run(echo).await;
    let mut second = server.launch(DOMAIN, echo).await;
    let mut alice = server.user("alice").await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        is_echoed(&mut alice).await;
    }
    assert_eq!((first.sessions(), second.sessions()), (1, 0));
    drop(first);
    second.online().await;
    is_echoed(&mut alice).await;
    assert_eq!(second.sessions(), 1);
    second.stop().await.unwrap();
}

/// Prosody's `kick_old`: the first instance ends with an error, so that the two do not replace each
/// other for ever.
pub async fn an_instance_that_is_replaced_ends(server: &mut TestServer) {
    server.set_up(couplet_test::Setup::kick_old);
    let mut first = server.run(echo).await;
    let second = server.run(echo).await;
    let end = first.ended().await.unwrap_err();
    assert!(
        matches!(&end, Error::Replaced { domain, .. } if domain == DOMAIN),
        "{end:?}"
    );
    assert_eq!(end.exit_code(), 3);
    is_echoed(&mut server.user("alice").await).await;
    assert_eq!(second.sessions(), 1);
    second.stop().await.unwrap();
}

/// ejabberd distributes stanzas among instances (servers.md, 4); stopping one loses none.
pub async fn two_instances_serve_together_and_either_may_stop(server: &mut TestServer) {
    let first = server.run(echo).await;
    let second = server.run(echo).await;
    let mut alice = server.user("alice").await;
    for _ in 0..20 {
        is_echoed(&mut alice).await;
    }
    first.stop().await.unwrap();
    for _ in 0..20 {
        is_echoed(&mut alice).await;
    }
    second.stop().await.unwrap();
}

/// A retry cannot help: the operator must change something, and the error says what.
pub async fn a_wrong_secret_ends_the_run_with_the_lines_to_paste(server: &mut TestServer) {
    let wrong = |mut config: Config| {
        config.secret = "wrong".into();
        echo(config)
    };
    let rejected = rejected(&mut server.launch(DOMAIN, wrong).await).await;
    let prosody_knows = Reason::Secret;
    let nobody_knows = Reason::SecretOrDomain;
    let reason = if server.backend() == Backend::Prosody {
        prosody_knows
    } else {
        nobody_knows
    };
    assert_eq!(
        (rejected.condition(), rejected.reason()),
        ("not-authorized", reason)
    );
    let (its, of_another) = match server.backend() {
        Backend::Ejabberd => ("module: ejabberd_service", "component_secret"),
        Backend::Memory | Backend::Prosody => ("component_secret", "nothing of another server"),
    };
    let lines = rejected.to_string();
    assert!(lines.contains(its), "{lines}");
    assert!(!lines.contains(of_another), "{lines}");
}

/// Like a wrong secret; ejabberd does not distinguish the two (servers.md, 2).
pub async fn an_unknown_domain_ends_the_run_with_the_lines_to_paste(server: &mut TestServer) {
    let unknown = |mut config: Config| {
        config.domain = "nosuch.localhost".to_owned();
        echo(config)
    };
    let rejected = rejected(&mut server.launch(DOMAIN, unknown).await).await;
    let (condition, line) = match server.backend() {
        Backend::Memory | Backend::Prosody => ("host-unknown", "Component \"nosuch.localhost\""),
        Backend::Ejabberd => ("not-authorized", "\"nosuch.localhost\":"),
    };
    assert_eq!(rejected.condition(), condition);
    assert!(rejected.to_string().contains(line), "{rejected}");
}

/// After a first login, a rejection is retried.
pub async fn a_rejection_after_having_been_online_is_retried(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    let memory = server.in_memory().await;
    memory.kill();
    memory.restart();
    memory.refuse_with("not-authorized");
    is_offline(&component).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let memory = server.in_memory().await;
    assert!(
        memory.journal().contains("not-authorized"),
        "{}",
        memory.journal()
    );
    memory.restart();
    component.online().await;
    component.stop().await.unwrap();
}

/// The component waits for a server that is not running yet.
pub async fn an_unreachable_server_is_waited_for(server: &mut TestServer) {
    let config = server.config(DOMAIN).await;
    server.stop().await;
    let mut component = server.launch(&config.domain, echo).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(component.sessions(), 0);
    server.restart().await;
    component.online().await;
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// TLS from the first byte, with a certificate of a configured authority.
pub async fn the_connection_may_be_encrypted(server: &mut TestServer) {
    server.set_up(couplet_test::Setup::tls);
    let ejabberd = server.real_ejabberd().await;
    let address = format!("tls://{}", ejabberd.tls_addr().unwrap())
        .parse()
        .unwrap();
    let authority = ejabberd.authority().to_owned();
    let encrypted = |mut config: Config| {
        config.server = address;
        config.tls.ca_file = Some(authority);
        echo(config)
    };
    let component = server.run(encrypted).await;
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// A certificate of an unknown authority: no login, and no secret is sent.
pub async fn a_server_that_cannot_prove_its_name_gets_no_login(server: &mut TestServer) {
    server.set_up(couplet_test::Setup::tls);
    let ejabberd = server.real_ejabberd().await;
    let address: couplet::config::Server = format!("tls://{}", ejabberd.tls_addr().unwrap())
        .parse()
        .unwrap();
    let authority = ejabberd.authority().to_owned();
    let stranger = address.clone();
    let untrusted = server
        .launch(DOMAIN, |config| echo(config.with_server(stranger)))
        .await;
    let misnamed = |mut config: Config| {
        config.server = address;
        config.tls.ca_file = Some(authority);
        config.tls.name = Some("other.example".to_owned());
        echo(config)
    };
    let misnamed = server.launch(DOMAIN, misnamed).await;
    // Another component's login shows that the server is running.
    let welcome = server.run(echo).await;
    is_echoed(&mut server.user("alice").await).await;
    assert_eq!((untrusted.sessions(), misnamed.sessions()), (0, 0));
    welcome.stop().await.unwrap();
}

/// With a server on the same machine.
pub async fn the_connection_may_be_a_unix_socket(server: &mut TestServer) {
    server.set_up(couplet_test::Setup::unix_socket);
    let path = server.real_ejabberd().await.unix_path().unwrap();
    let address = format!("unix:{}", path.display()).parse().unwrap();
    let component = server.run(|config| echo(config.with_server(address))).await;
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// One connection each, and no common state.
pub async fn several_domains_live_in_one_process(server: &mut TestServer) {
    let first = server.run(echo).await;
    let mut second = server.launch(TestServer::OTHER, echo).await;
    second.online().await;
    let mut alice = server.user("alice").await;
    for domain in [DOMAIN, TestServer::OTHER] {
        alice.chat(&format!("bot@{domain}"), domain).await;
        let reply = alice.next_chat().await;
        assert_eq!(
            (reply.text(), reply.from()),
            (domain, &*format!("bot@{domain}"))
        );
    }
    // They can send to each other, through the server.
    let news: couplet::Jid = TestServer::OTHER.parse().unwrap();
    assert_eq!(
        first.handle().get::<Empty>(&news, Ping).await.unwrap(),
        Empty
    );
    first.stop().await.unwrap();
    alice.ping(TestServer::OTHER).await;
    second.stop().await.unwrap();
}

async fn rejected(component: &mut Running) -> Box<Rejected> {
    let end = component.ended().await.unwrap_err();
    assert_eq!(end.exit_code(), 2);
    match end {
        Error::Rejected(rejected) => rejected,
        other => panic!("{other}"),
    }
}
