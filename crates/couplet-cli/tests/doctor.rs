//! `couplet doctor` on set-ups that are broken in known ways, each on both real servers: it names
//! the fault and the cure. And on healthy ones, where it names nothing.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use couplet_test::{Ejabberd, On, Packages, Prosody, Running, Setup};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;

type Outcome = Result<(), Box<dyn Error>>;

const DOMAIN: &str = "echo.localhost";
const SECRET: &str = "a secret of some length";

fn setup() -> Setup {
    Setup::component(DOMAIN, SECRET)
}

/// A set-up with one fault, and what has to be said about it.
struct Broken {
    what: &'static str,
    server: String,
    domain: &'static str,
    secret: &'static str,
    /// `couplet.toml`, in place of the environment.
    file: Option<String>,
    flags: Vec<String>,
    step: &'static str,
    verdict: &'static str,
    code: i32,
    told: &'static str,
    advice: Vec<String>,
    not_advised: Vec<&'static str>,
}

impl Broken {
    fn new(what: &'static str, server: impl Into<String>) -> Broken {
        Broken {
            what,
            server: server.into(),
            domain: DOMAIN,
            secret: SECRET,
            file: None,
            flags: Vec::new(),
            step: "login",
            verdict: "fail",
            code: 1,
            told: "",
            advice: Vec::new(),
            not_advised: Vec::new(),
        }
    }

    fn domain(self, domain: &'static str) -> Broken {
        Broken { domain, ..self }
    }

    fn secret(self, secret: &'static str) -> Broken {
        Broken { secret, ..self }
    }

    fn file(self, text: impl Into<String>) -> Broken {
        let file = Some(text.into());
        Broken { file, ..self }
    }

    fn flag(mut self, flag: impl Into<String>) -> Broken {
        self.flags.push(flag.into());
        self
    }

    fn fails_at(self, step: &'static str, told: &'static str) -> Broken {
        Broken { step, told, ..self }
    }

    fn ends_with(self, code: i32) -> Broken {
        Broken { code, ..self }
    }

    fn with_a(self, verdict: &'static str) -> Broken {
        Broken { verdict, ..self }
    }

    fn cured_by(mut self, words: impl Into<String>) -> Broken {
        self.advice.push(words.into());
        self
    }

    /// The advice must not have these words.
    fn without(mut self, words: &'static str) -> Broken {
        self.not_advised.push(words);
        self
    }

    async fn understood(self) -> Result<Value, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let mut command = doctor(folder.path());
        if let Some(text) = &self.file {
            fs::write(folder.path().join("couplet.toml"), text)?;
        } else {
            command
                .env("COUPLET_DOMAIN", self.domain)
                .env("COUPLET_SERVER", &self.server)
                .env("COUPLET_SECRET", self.secret);
        }
        let output = command.arg("--json").args(&self.flags).output().await?;
        let told = read(&output)?;
        let step = step(&told, self.step);
        let what = self.what;
        let of = |key| text(&step, key);
        assert_eq!(of("verdict"), self.verdict, "{what}: {told:#}");
        assert_eq!(output.status.code(), Some(self.code), "{what}: {told:#}");
        assert!(of("told").contains(self.told), "{what}: {told:#}");
        let advice = of("advice");
        for words in &self.advice {
            assert!(
                flat(&advice).contains(&flat(words)),
                "{what}: no {words:?} in {told:#}"
            );
        }
        for words in &self.not_advised {
            assert!(!advice.contains(words), "{what}: {words:?} in {told:#}");
        }
        if self.verdict == "fail" {
            let steps = steps(&told);
            let failed = steps.iter().filter(|one| text(one, "verdict") == "fail");
            assert_eq!(failed.count(), 1, "{what}: {told:#}");
        }
        Ok(told)
    }
}

fn doctor(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_couplet"));
    command
        .arg("doctor")
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .kill_on_drop(true);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUPLET_")) {
        command.env_remove(name);
    }
    command
}

fn read(output: &Output) -> Result<Value, Box<dyn Error>> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn steps(told: &Value) -> Vec<Value> {
    let steps = told.get("steps").and_then(Value::as_array);
    steps.cloned().unwrap_or_default()
}

fn step(told: &Value, name: &str) -> Value {
    let mut steps = steps(told).into_iter();
    steps
        .find(|step| text(step, "step") == name)
        .unwrap_or_default()
}

fn text(of: &Value, key: &str) -> String {
    let text = of.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Without the indentation, which is another one for each heading.
fn flat(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join("\n")
}

/// Somebody at a port who is no XMPP server.
struct Stranger {
    server: String,
    _listening: JoinSet<()>,
}

impl Stranger {
    /// Says `words` as soon as it has read `until`, and then nothing.
    async fn says(words: &'static str, until: &'static str) -> Result<Stranger, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?.to_string();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut heard = Vec::new();
                while !String::from_utf8_lossy(&heard).contains(until) {
                    if !matches!(stream.read_buf(&mut heard).await, Ok(1..)) {
                        break;
                    }
                }
                let _gone_already = stream.write_all(words.as_bytes()).await;
                open.push(stream);
            }
        });
        Ok(Stranger {
            server,
            _listening: listening,
        })
    }
}

/// A server that was started for the test, of either kind.
struct Place {
    on: On,
    components: String,
    clients: String,
}

fn secret_file(folder: &TempDir, text: &str, mode: u32) -> Result<PathBuf, Box<dyn Error>> {
    use std::os::unix::fs::PermissionsExt;

    let path = folder.path().join("secret");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    Ok(path)
}

fn file(server: &str, more: &str) -> String {
    format!("domain = {DOMAIN:?}\nserver = {server:?}\n{more}")
}

/// What Prosody's section for the component looks like, and ejabberd's.
const FOR_PROSODY: &str = "Component \"echo.localhost\"\n    component_secret =";
const FOR_EJABBERD: &str = "module: ejabberd_service\n    access: all\n    global_routes: false";

/// What Prosody says while it stops, and where a Component has no secret.
const STOPPING: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' id='5c7cbd46-2ed4-4a62-a8f2-6c9e7bdbdd14' \
    from='echo.localhost'><stream:error><system-shutdown \
    xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
const NO_SECRET: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' id='5c7cbd46-2ed4-4a62-a8f2-6c9e7bdbdd14' \
    from='echo.localhost'><stream:error><not-authorized \
    xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

/// The faults that look the same or nearly so on both servers.
async fn the_usual_faults(place: &Place) -> Outcome {
    let Place {
        on,
        components,
        clients,
    } = place;
    let is_prosody = *on == On::Prosody;
    let (ours, others) = match is_prosody {
        true => (FOR_PROSODY, "ejabberd"),
        false => (FOR_EJABBERD, "Prosody"),
    };
    let folder = tempfile::tempdir()?;
    let two_lines = secret_file(&folder, &format!("{SECRET}\nand a comment\n"), 0o644)?;
    let web = Stranger::says("HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n\r\n").await?;
    let ssh = Stranger::says("SSH-2.0-OpenSSH_9.2\r\n", "stream").await?;
    let silent = Stranger::says("", "never").await?;
    let stopping = Stranger::says(STOPPING, "stream").await?;
    let no_secret = Stranger::says(NO_SECRET, "stream").await?;
    let port = components.rsplit_once(':').map_or("", |(_, port)| port);
    let cases = [
        Broken::new("a typo in the file", components)
            .file(file(components, "secret = \"x\"\n[limits]\nhandler = 7\n"))
            .fails_at(
                "config",
                "unknown key `limits.handler`; did you mean `limits.handlers`?",
            )
            .cured_by("accepted in [limits]")
            .ends_with(2),
        Broken::new("a typo in the name of a table", components)
            .file(file(
                components,
                &format!("secret = {SECRET:?}\n[limit]\nhandlers = 7\n"),
            ))
            .fails_at("config", "echo.localhost at")
            .with_a("warn")
            .cured_by("did you mean [limits]?")
            .ends_with(0),
        Broken::new("no secret file", components)
            .file(file(components, "secret_file = \"nowhere/secret\"\n"))
            .fails_at("secret", "the secret file nowhere/secret cannot be read")
            .ends_with(2),
        Broken::new(
            "a secret file of two lines that everybody may read",
            components,
        )
        .file(file(components, &format!("secret_file = {two_lines:?}\n")))
        .fails_at("secret", "found")
        .with_a("warn")
        .cured_by("more than one line")
        .cured_by("chmod 600"),
        Broken::new("a name that nobody has", "xmpp.invalid:5347")
            .fails_at("name", "no address is known for xmpp.invalid:5347")
            .cured_by("COUPLET_SERVER"),
        Broken::new("nobody at the port", "127.0.0.1:1")
            .fails_at("connection", "nothing listens at 127.0.0.1:1")
            .cured_by("component_ports = { 1 }")
            .cured_by("port: 1\n    ip: \"127.0.0.1\""),
        Broken::new("the port for clients", clients)
            .fails_at(
                "stream",
                "this port is for clients or servers, not for components",
            )
            .cured_by(ours)
            .without(others),
        Broken::new("a server that stops just now", &stopping.server)
            .fails_at(
                "stream",
                "it ends connections at the moment (system-shutdown)",
            )
            .cured_by("no fault of the configuration")
            .without("component_secret")
            .without("ejabberd_service"),
        Broken::new(
            "Prosody without a secret for the component",
            &no_secret.server,
        )
        .fails_at(
            "stream",
            "this component has no secret there (not-authorized)",
        )
        .cured_by("this Component has no component_secret")
        .without("ejabberd"),
        Broken::new("the port of a web server", &web.server)
            .fails_at(
                "stream",
                "is no XMPP server: it said \"HTTP/1.1 400 Bad Request\"",
            )
            .cured_by("usually 5347"),
        Broken::new("the port of something else", &ssh.server)
            .fails_at(
                "stream",
                "is no XMPP server: it said \"SSH-2.0-OpenSSH_9.2\"",
            )
            .cured_by("usually 5347"),
        Broken::new("somebody who says nothing", &silent.server)
            .flag("--timeout=3s")
            .fails_at("stream", "nothing came within 3s")
            .cured_by("it may be the port of another service"),
        Broken::new("TLS where none is spoken", format!("tls://{components}"))
            .fails_at("tls", "TLS")
            .cured_by(format!("set server = \"{components}\"")),
        Broken::new("another secret", components)
            .secret("another one")
            .fails_at("login", "the secret does not match")
            .cured_by(if is_prosody {
                "Prosody knows the domain"
            } else {
                "ejabberd answers an unknown domain exactly like a wrong secret"
            })
            .cured_by(ours)
            .without(others),
        Broken::new("a domain that the server does not know", components)
            .domain("nosuch.localhost")
            .fails_at(
                if is_prosody { "stream" } else { "login" },
                "it knows no component of this name",
            )
            .cured_by(if is_prosody {
                "Component \"nosuch.localhost\""
            } else {
                "\"nosuch.localhost\":\n        password:"
            })
            .without(others),
        Broken::new("the domain of the server itself", components)
            .domain("localhost")
            .fails_at(
                "stream",
                if is_prosody {
                    "host-unknown"
                } else {
                    "the domain is one of its own"
                },
            )
            .cured_by(if is_prosody {
                "a VirtualHost is no component"
            } else {
                "such as echo.localhost"
            })
            .cured_by(if is_prosody {
                format!("component_ports = {{ {port} }}")
            } else {
                format!("port: {port}")
            })
            .cured_by("echo.localhost")
            .without("Component \"localhost\"")
            .without(others),
    ];
    for case in cases {
        case.understood().await?;
    }
    Ok(())
}

/// A stanza that the server takes no longer ends the stream, so the size is looked for.
async fn a_limit_below_ours(components: &str) -> Outcome {
    let told = Broken::new("a server that takes small stanzas only", components)
        .fails_at(
            "size",
            "(limits.outgoing_stanza_bytes) is too large, one of 65536 is taken",
        )
        .cured_by("outgoing_stanza_bytes = 65536")
        .cured_by("component_stanza_size_limit = 524288")
        .cured_by("max_stanza_size: 524288")
        .understood()
        .await?;
    assert_eq!(text(&step(&told, "second"), "verdict"), "pass", "{told:#}");
    Ok(())
}

async fn a_healthy_one(
    components: &str,
    more: &str,
    second: &str,
) -> Result<Value, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    secret_file(&folder, &format!("{SECRET}\n"), 0o600)?;
    let config = file(components, &format!("secret_file = \"secret\"\n{more}"));
    fs::write(folder.path().join("couplet.toml"), config)?;
    let output = doctor(folder.path()).arg("--json").output().await?;
    let told = read(&output)?;
    for one in steps(&told) {
        let verdict = text(&one, "verdict");
        assert!(matches!(verdict.as_str(), "pass" | "skipped"), "{told:#}");
    }
    assert_eq!(output.status.code(), Some(0), "{told:#}");
    let told_second = text(&step(&told, "second"), "told");
    assert!(told_second.contains(second), "{told:#}");

    let output = doctor(folder.path()).output().await?;
    let lines = String::from_utf8(output.stdout)?;
    assert!(
        lines.ends_with(&format!("{DOMAIN} at {components} is healthy\n")),
        "{lines}"
    );
    assert_eq!(lines.matches("FAIL").count(), 0, "{lines}");
    Ok(told)
}

/// Its own domain is known by the form in which servers name it.
async fn healthy_as(domain: &str, components: &str) -> Outcome {
    let folder = tempfile::tempdir()?;
    let output = doctor(folder.path())
        .env("COUPLET_DOMAIN", domain)
        .env("COUPLET_SERVER", components)
        .env("COUPLET_SECRET", SECRET)
        .arg("--json")
        .output()
        .await?;
    let told = read(&output)?;
    for name in ["stream", "login", "address", "host", "neighbours"] {
        let verdict = text(&step(&told, name), "verdict");
        assert!(matches!(verdict.as_str(), "pass" | "skipped"), "{told:#}");
    }
    assert_eq!(output.status.code(), Some(0), "{told:#}");
    Ok(())
}

/// Starts an instance of the component and waits until it is online.
async fn instance(components: &str) -> Result<Running, Box<dyn Error>> {
    let config = couplet::Config::new(DOMAIN, SECRET).with_server(components.parse()?);
    let mut running = Running::start(couplet::Component::new(config));
    running.online().await;
    Ok(running)
}

/// Without a word from anybody the doctor stops before it could do harm.
async fn an_instance_that_runs_is_left_alone(components: &str) -> Result<Running, Box<dyn Error>> {
    let instance = instance(components).await?;
    let told = Broken::new("an instance that is running", components)
        .fails_at("instances", "connected to this port")
        .with_a("not_tried")
        .cured_by("--takeover")
        .ends_with(3)
        .understood()
        .await?;
    assert_eq!(
        text(&step(&told, "login"), "verdict"),
        "not_reached",
        "{told:#}"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(instance.sessions(), 1);
    Ok(instance)
}

/// A program with the settings of a component of another domain, connected to the port.
fn another_component(components: &str) -> Result<tokio::process::Child, Box<dyn Error>> {
    let (host, port) = components.rsplit_once(':').ok_or("no port")?;
    let child = Command::new("bash")
        .args(["-c", "exec 3<>/dev/tcp/$0/$1; echo connected; read -r"])
        .args([host, port])
        .env("COUPLET_DOMAIN", "news.localhost")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

#[tokio::test]
async fn a_component_of_another_domain_is_no_reason_to_stop() -> Outcome {
    let both = setup().and_component("news.localhost", "another secret");
    let prosody = Prosody::start(both).await?;
    let components = prosody.component_addr();
    let mut other = another_component(&components)?;
    let mut said = BufReader::new(other.stdout.take().ok_or("no output")?).lines();
    assert_eq!(said.next_line().await?.as_deref(), Some("connected"));
    let told = Broken::new("a component of another domain", &components)
        .fails_at("instances", "for news.localhost; other domains than ours")
        .with_a("pass")
        .ends_with(0)
        .understood()
        .await?;
    assert_eq!(text(&step(&told, "login"), "verdict"), "pass", "{told:#}");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_beside_prosody_is_named_with_its_cure() -> Outcome {
    is_named_beside_prosody(Packages::Installed).await
}

#[tokio::test]
async fn what_is_wrong_beside_prosody_13_is_named_with_its_cure() -> Outcome {
    is_named_beside_prosody(Packages::Debian13).await
}

async fn is_named_beside_prosody(packages: Packages) -> Outcome {
    let prosody = Prosody::start(setup().packages(packages)).await?;
    let components = prosody.component_addr();
    let place = Place {
        on: On::Prosody,
        components: components.clone(),
        clients: prosody.client_addr(),
    };
    the_usual_faults(&place).await?;
    healthy_as("ECHO.localhost", &components).await?;

    let instance = an_instance_that_runs_is_left_alone(&components).await?;
    Broken::new("an instance that keeps its place", &components)
        .flag("--takeover")
        .fails_at("login", "another connection already serves the domain")
        .cured_by("component_conflict_resolve = \"kick_old\"")
        .understood()
        .await?;
    assert_eq!(instance.sessions(), 1);
    instance.stop().await?;

    // Here a login would end it.
    let kicking = Prosody::start(setup().packages(packages).kick_old()).await?;
    let instance = an_instance_that_runs_is_left_alone(&kicking.component_addr()).await?;
    instance.stop().await?;

    let small = Prosody::start(setup().packages(packages).stanza_limit(100_000)).await?;
    a_limit_below_ours(&small.component_addr()).await
}

#[tokio::test]
async fn what_is_wrong_beside_ejabberd_is_named_with_its_cure() -> Outcome {
    is_named_beside_ejabberd(Packages::Installed).await
}

#[tokio::test]
async fn what_is_wrong_beside_ejabberd_24_is_named_with_its_cure() -> Outcome {
    is_named_beside_ejabberd(Packages::Debian13).await
}

async fn is_named_beside_ejabberd(packages: Packages) -> Outcome {
    let ejabberd = Ejabberd::start(setup().packages(packages).tls()).await?;
    let components = ejabberd.component_addr();
    let place = Place {
        on: On::Ejabberd,
        components: components.clone(),
        clients: ejabberd.client_addr(),
    };
    the_usual_faults(&place).await?;

    let encrypted = ejabberd.tls_addr().ok_or("no TLS")?;
    let authority = ejabberd.authority().to_string_lossy().into_owned();
    let other_name = file(
        &format!("tls://{encrypted}"),
        &format!("secret = {SECRET:?}\n[tls]\nname = \"xmpp.example\"\nca_file = {authority:?}\n"),
    );
    let plain = Broken::new("a plain stream where TLS is spoken", &encrypted)
        .fails_at("stream", "expects TLS from the first byte")
        .cured_by(format!("Set server = \"tls://{encrypted}\""));
    // 24.12 answers with an alert of TLS; 23.01 closes the connection, so the doctor has to try.
    let plain = match packages {
        Packages::Installed => plain.cured_by("Its greeting was tried"),
        Packages::Debian13 => plain,
    };
    for case in [
        plain,
        Broken::new(
            "an authority that nobody trusts",
            format!("tls://{encrypted}"),
        )
        .fails_at(
            "tls",
            "is not trusted for localhost: no authority that is trusted here has signed it",
        )
        .cured_by("tls.ca_file (COUPLET_TLS_CA_FILE)"),
        Broken::new("another name in the certificate", &encrypted)
            .file(other_name)
            .fails_at("tls", "is not trusted for xmpp.example")
            .cured_by("tls.name (COUPLET_TLS_NAME)"),
        Broken::new("no socket at the path", "unix:/nowhere/socket")
            .fails_at("connection", "there is no socket at /nowhere/socket")
            .cured_by("port: \"unix:/nowhere/socket\""),
    ] {
        case.understood().await?;
    }

    let instance = an_instance_that_runs_is_left_alone(&components).await?;
    Broken::new("an instance with which the stanzas are shared", &components)
        .flag("--takeover")
        .fails_at("routes", "went to another connection")
        .with_a("warn")
        .cured_by("type: bare_source")
        .ends_with(0)
        .understood()
        .await?;
    assert_eq!(instance.sessions(), 1);
    instance.stop().await?;

    let shared = setup()
        .packages(packages)
        .and_component("news.localhost", "other")
        .global_routes();
    let shared = Ejabberd::start(shared).await?;
    Broken::new(
        "a listener that gives each component the stanzas of all",
        shared.component_addr(),
    )
    .fails_at(
        "neighbours",
        "what is sent to news.localhost comes here too",
    )
    .cured_by("global_routes: false")
    .understood()
    .await?;

    let beside = Ejabberd::start(setup().packages(packages).own_pubsub(DOMAIN, "romeo")).await?;
    Broken::new(
        "a service of ejabberd with the same domain",
        beside.component_addr(),
    )
    .fails_at("routes", "ejabberd's own mod_pubsub has this domain")
    .cured_by("mod_pubsub:\n  hosts:")
    .understood()
    .await?;

    let small = Ejabberd::start(setup().packages(packages).stanza_limit(100_000)).await?;
    a_limit_below_ours(&small.component_addr()).await
}

/// ejabberd since 24.10 drops IQs to addresses without a resource then; 23.01 does not.
#[tokio::test]
async fn mod_privilege_of_ejabberd_24_is_named_with_its_cure() -> Outcome {
    let setup = setup().mod_privilege();
    let ejabberd = Ejabberd::start(setup.clone().packages(Packages::Debian13)).await?;
    let told = Broken::new("mod_privilege of ejabberd 24.12", ejabberd.component_addr())
        .fails_at("address", "drops IQs to addresses without a resource")
        .with_a("warn")
        .cured_by("modules:\n    mod_privilege: {}")
        .ends_with(0)
        .understood()
        .await?;
    for (name, verdict) in [("routes", "pass"), ("host", "skipped"), ("foreign", "pass")] {
        assert_eq!(text(&step(&told, name), "verdict"), verdict, "{told:#}");
    }
    let ejabberd = Ejabberd::start(setup).await?;
    a_healthy_one(&ejabberd.component_addr(), "", "dealt out").await?;
    Ok(())
}

#[tokio::test]
async fn a_signal_ends_the_examination() -> Outcome {
    let silent = Stranger::says("", "never").await?;
    let folder = tempfile::tempdir()?;
    let mut examining = doctor(folder.path())
        .args(["--domain", DOMAIN, "--server", &silent.server])
        .env("COUPLET_SECRET", SECRET)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(examining.stdout.take().ok_or("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains("tls") {
            break;
        }
    }
    let pid = examining
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    kill_process(pid.ok_or("it has ended")?, Signal::INT)?;
    assert_eq!(examining.wait().await?.code(), Some(130));
    assert_eq!(lines.next_line().await?, None);
    Ok(())
}

/// Capital letters, ß, hyphens at the third place, other scripts.
async fn own_domains_are_healthy(on: On, packages: Packages) -> Outcome {
    let domains = [
        "Cap.LocalHost",
        "straße.localhost",
        "my--bot.localhost",
        "ツ.localhost",
    ];
    let setup = domains[1..].iter().fold(
        Setup::component(domains[0], SECRET).packages(packages),
        |setup, domain| setup.and_component(domain, SECRET),
    );
    let (prosody, ejabberd);
    let components = match on {
        On::Ejabberd => {
            ejabberd = Ejabberd::start(setup).await?;
            ejabberd.component_addr()
        }
        On::Prosody | On::Memory => {
            prosody = Prosody::start(setup).await?;
            prosody.component_addr()
        }
    };
    for domain in domains {
        healthy_as(domain, &components).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_healthy_beside_prosody_is_called_so() -> Outcome {
    is_healthy_beside_prosody(Packages::Installed).await
}

#[tokio::test]
async fn what_is_healthy_beside_prosody_13_is_called_so() -> Outcome {
    is_healthy_beside_prosody(Packages::Debian13).await
}

async fn is_healthy_beside_prosody(packages: Packages) -> Outcome {
    let prosody = Prosody::start(setup().packages(packages)).await?;
    a_healthy_one(&prosody.component_addr(), "", "kick_new").await?;
    let prosody = Prosody::start(setup().packages(packages).kick_old()).await?;
    a_healthy_one(&prosody.component_addr(), "", "kick_old").await?;
    own_domains_are_healthy(On::Prosody, packages).await
}

#[tokio::test]
async fn what_is_healthy_beside_ejabberd_is_called_so() -> Outcome {
    is_healthy_beside_ejabberd(Packages::Installed).await
}

#[tokio::test]
async fn what_is_healthy_beside_ejabberd_24_is_called_so() -> Outcome {
    is_healthy_beside_ejabberd(Packages::Debian13).await
}

async fn is_healthy_beside_ejabberd(packages: Packages) -> Outcome {
    let ejabberd = Ejabberd::start(setup().packages(packages).unix_socket()).await?;
    a_healthy_one(&ejabberd.component_addr(), "", "dealt out").await?;
    // The listener of ejabberd 24.12 crashes with each connection to its unix socket
    // (docs/servers.md, 10), and the doctor needs several in a row.
    if packages == Packages::Installed {
        let socket = ejabberd.unix_path().ok_or("no socket")?;
        a_healthy_one(&format!("unix:{}", socket.display()), "", "dealt out").await?;
    }

    let ejabberd = Ejabberd::start(setup().packages(packages).tls()).await?;
    let encrypted = ejabberd.tls_addr().ok_or("no TLS")?;
    let tls = format!("[tls]\nca_file = {:?}\n", ejabberd.authority());
    let told = a_healthy_one(&format!("tls://{encrypted}"), &tls, "dealt out").await?;
    let certificate = text(&step(&told, "tls"), "told");
    let is_told =
        certificate.starts_with("the certificate is trusted for localhost, for another 2");
    assert!(is_told && certificate.ends_with(" days"), "{certificate}");
    own_domains_are_healthy(On::Ejabberd, packages).await
}
