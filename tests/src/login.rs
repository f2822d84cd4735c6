//! Ways to reach a server, and who is let in: once, twice, or not at all.

use std::time::Duration;

use couplet::error::{Reason, Rejected};
use couplet::{Config, Empty, Error};
use couplet_test::{On, Running, Stage};
use xmpp_parsers::ping::Ping;

use crate::apps::{DOMAIN, echo, is_echoed, is_offline};

/// Prosody's default: the place is taken. The second instance waits, and takes over in the end.
pub async fn a_second_instance_waits_until_the_first_is_gone(stage: &mut Stage) {
    let first = stage.run(echo).await;
    let mut second = stage.launch(DOMAIN, echo).await;
    let mut alice = stage.user("alice").await;
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

/// Prosody's `kick_old`: the first instance ends and says so, or both would fight for ever.
pub async fn an_instance_that_is_replaced_ends(stage: &mut Stage) {
    stage.set_up(couplet_test::Setup::kick_old);
    let mut first = stage.run(echo).await;
    let second = stage.run(echo).await;
    let end = first.ended().await.unwrap_err();
    assert!(
        matches!(&end, Error::Replaced { domain, .. } if domain == DOMAIN),
        "{end:?}"
    );
    assert_eq!(end.exit_code(), 3);
    is_echoed(&mut stage.user("alice").await).await;
    assert_eq!(second.sessions(), 1);
    second.stop().await.unwrap();
}

/// ejabberd deals stanzas out among instances (servers.md, 4); the one that stops is not missed.
pub async fn two_instances_serve_together_and_either_may_stop(stage: &mut Stage) {
    let first = stage.run(echo).await;
    let second = stage.run(echo).await;
    let mut alice = stage.user("alice").await;
    for _ in 0..20 {
        is_echoed(&mut alice).await;
    }
    first.stop().await.unwrap();
    for _ in 0..20 {
        is_echoed(&mut alice).await;
    }
    second.stop().await.unwrap();
}

/// Trying again cannot help: a person has to change something, and is told what.
pub async fn a_wrong_secret_ends_the_run_with_the_lines_to_paste(stage: &mut Stage) {
    let wrong = |mut config: Config| {
        config.secret = "wrong".into();
        echo(config)
    };
    let rejected = rejected(&mut stage.launch(DOMAIN, wrong).await).await;
    let prosody_knows = Reason::Secret;
    let nobody_knows = Reason::SecretOrDomain;
    let reason = if stage.on() == On::Prosody {
        prosody_knows
    } else {
        nobody_knows
    };
    assert_eq!(
        (rejected.condition(), rejected.reason()),
        ("not-authorized", reason)
    );
    let (its, of_another) = match stage.on() {
        On::Ejabberd => ("module: ejabberd_service", "component_secret"),
        On::Memory | On::Prosody => ("component_secret", "nothing of another server"),
    };
    let lines = rejected.to_string();
    assert!(lines.contains(its), "{lines}");
    assert!(!lines.contains(of_another), "{lines}");
}

/// As a wrong secret; ejabberd does not tell the two apart (servers.md, 2).
pub async fn an_unknown_domain_ends_the_run_with_the_lines_to_paste(stage: &mut Stage) {
    let unknown = |mut config: Config| {
        config.domain = "nosuch.localhost".to_owned();
        echo(config)
    };
    let rejected = rejected(&mut stage.launch(DOMAIN, unknown).await).await;
    let (condition, line) = match stage.on() {
        On::Memory | On::Prosody => ("host-unknown", "Component \"nosuch.localhost\""),
        On::Ejabberd => ("not-authorized", "\"nosuch.localhost\":"),
    };
    assert_eq!(rejected.condition(), condition);
    assert!(rejected.to_string().contains(line), "{rejected}");
}

/// Once it has been online a refusal is the server's trouble, and it is asked again.
pub async fn a_refusal_after_having_been_online_is_tried_again(stage: &mut Stage) {
    let mut component = stage.run(echo).await;
    let server = stage.in_memory().await;
    server.kill();
    server.restart();
    server.refuse_with("not-authorized");
    is_offline(&component).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let server = stage.in_memory().await;
    assert!(
        server.journal().contains("not-authorized"),
        "{}",
        server.journal()
    );
    server.restart();
    component.online().await;
    component.stop().await.unwrap();
}

/// A server that is not there yet is waited for.
pub async fn an_unreachable_server_is_waited_for(stage: &mut Stage) {
    let config = stage.config(DOMAIN).await;
    stage.stop().await;
    let mut component = stage.launch(&config.domain, echo).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(component.sessions(), 0);
    stage.restart().await;
    component.online().await;
    is_echoed(&mut stage.user("alice").await).await;
    component.stop().await.unwrap();
}

/// From the first byte, with a certificate that the configuration vouches for.
pub async fn the_link_may_be_encrypted(stage: &mut Stage) {
    stage.set_up(couplet_test::Setup::tls);
    let ejabberd = stage.real_ejabberd().await;
    let server = format!("tls://{}", ejabberd.tls_addr().unwrap())
        .parse()
        .unwrap();
    let authority = ejabberd.authority().to_owned();
    let encrypted = |mut config: Config| {
        config.server = server;
        config.tls.ca_file = Some(authority);
        echo(config)
    };
    let component = stage.run(encrypted).await;
    is_echoed(&mut stage.user("alice").await).await;
    component.stop().await.unwrap();
}

/// A certificate of nobody we trust: no login, and no secret told.
pub async fn a_server_that_cannot_prove_its_name_gets_no_login(stage: &mut Stage) {
    stage.set_up(couplet_test::Setup::tls);
    let ejabberd = stage.real_ejabberd().await;
    let server: couplet::config::Server = format!("tls://{}", ejabberd.tls_addr().unwrap())
        .parse()
        .unwrap();
    let authority = ejabberd.authority().to_owned();
    let stranger = server.clone();
    let untrusted = stage
        .launch(DOMAIN, |config| echo(config.with_server(stranger)))
        .await;
    let misnamed = |mut config: Config| {
        config.server = server;
        config.tls.ca_file = Some(authority);
        config.tls.name = Some("other.example".to_owned());
        echo(config)
    };
    let misnamed = stage.launch(DOMAIN, misnamed).await;
    // Who is let in meanwhile shows that the server is there.
    let welcome = stage.run(echo).await;
    is_echoed(&mut stage.user("alice").await).await;
    assert_eq!((untrusted.sessions(), misnamed.sessions()), (0, 0));
    welcome.stop().await.unwrap();
}

/// Beside a server on the same machine.
pub async fn the_link_may_be_a_unix_socket(stage: &mut Stage) {
    stage.set_up(couplet_test::Setup::unix_socket);
    let path = stage.real_ejabberd().await.unix_path().unwrap();
    let server = format!("unix:{}", path.display()).parse().unwrap();
    let component = stage.run(|config| echo(config.with_server(server))).await;
    is_echoed(&mut stage.user("alice").await).await;
    component.stop().await.unwrap();
}

/// One connection each, and no state in common.
pub async fn several_domains_live_in_one_process(stage: &mut Stage) {
    let first = stage.run(echo).await;
    let mut second = stage.launch(Stage::OTHER, echo).await;
    second.online().await;
    let mut alice = stage.user("alice").await;
    for domain in [DOMAIN, Stage::OTHER] {
        alice.chat(&format!("bot@{domain}"), domain).await;
        let reply = alice.next_chat().await;
        assert_eq!(
            (reply.text(), reply.from()),
            (domain, &*format!("bot@{domain}"))
        );
    }
    // They may talk with each other: through the server, like everybody.
    let news: couplet::Jid = Stage::OTHER.parse().unwrap();
    assert_eq!(
        first.handle().get::<Empty>(&news, Ping).await.unwrap(),
        Empty
    );
    first.stop().await.unwrap();
    alice.ping(Stage::OTHER).await;
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
