//! `couplet dev`: a private server, a component that logs in to it, and a chat with the component.

mod alice;
mod chat;
mod dev_component;
mod echo;
mod child_component;
mod xml_proxy;
mod pretty_xml;
mod lines;
mod line_editor;
mod screen;
mod private_server;

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use couplet::{Config, Jid};

use self::alice::Alice;
use self::chat::Chat;
use self::dev_component::DevComponent;
use self::line_editor::{LineEditor, TerminalModes};
use self::lines::Lines;
use self::private_server::{PrivateServer, ServerKind};
use self::screen::Screen;
use self::xml_proxy::XmlProxy;
use crate::failure::{Failure, context};
use crate::log;
use crate::signals::{Signals, runtime};

const AFTER_HELP: &str = "\
The private server listens on free ports of loopback only, keeps its data in a temporary directory and
is removed when the command ends. The accounts are alice@localhost and bob@localhost.

Messages to alice go to standard output, everything else to standard error:

    $ printf 'hello\\n' | couplet dev
    bot@echo.localhost: hello

A command after -- is your own component. It gets COUPLET_DOMAIN, COUPLET_SECRET and COUPLET_SERVER in
its environment, and SIGTERM at the end. At a terminal, and with --keep, it is restarted when it exits:
after one second, and after up to 15 seconds if it keeps exiting at once.

To restart it after a change, type /restart, or use a program that watches the sources:

    couplet dev -- watchexec --restart --watch src -- cargo run
    couplet dev -- cargo watch -x run

Examples:
    couplet dev
    couplet dev --xml
    couplet dev --server ejabberd --keep
    couplet dev --domain weather.localhost -- cargo run -p weather

Exit codes:
    0    every line was answered, or the chat was ended at its prompt (/quit, Ctrl-D, Ctrl-C)
    1    a line was answered with an error or not in time, or the server exited, or the component
         did and is not restarted
    2    the arguments are wrong, or the server is not installed
    130  interrupted by a signal";

/// Start a private server and a component, and chat with the component as alice
///
/// Without a command after `--` the component is an echo. At a terminal you type the messages;
/// otherwise each line of standard input is a message, sent once the line before is answered.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Dev {
    /// Which server to start
    #[arg(long, value_enum, default_value_t = ServerKind::Prosody)]
    server: ServerKind,
    /// The domain of the component
    #[arg(long, value_name = "DOMAIN", default_value = "echo.localhost")]
    domain: String,
    /// The address that alice writes to [default: bot@ the domain]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Jid>,
    /// How long to wait for the answer to a line
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Print how other programs can log in, and continue after the last line until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Show each stanza that the component receives and sends
    #[arg(long)]
    xml: bool,
    /// Your own component and its arguments, instead of the echo
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Dev {
    pub(crate) fn run(self, filter: &str) -> Result<(), Failure> {
        let domain = self.domain()?;
        let secret = format!("{:016x}", RandomState::new().hash_one("secret"));
        let config = Config::new(domain.as_str(), secret);
        log::start(config.clone(), filter)?;
        let _restored_on_drop = TerminalModes::save();
        runtime()?.block_on(self.run_until_signal(config))
    }

    async fn run_until_signal(self, config: Config) -> Result<(), Failure> {
        let mut signals = Signals::listen().map_err(context("listening for signals"))?;
        let mut session = DevSession::default();
        let result = tokio::select! {
            biased;
            () = signals.next() => session.interrupted(),
            result = Box::pin(session.run(self, config)) => result,
        };
        tokio::select! {
            biased;
            // A second signal ends it at once: what is still running is killed on drop.
            () = signals.next() => {}
            () = session.shut_down() => {}
        }
        result
    }

    fn domain(&self) -> Result<String, Failure> {
        match Jid::new(&self.domain) {
            Ok(jid) if jid == jid.to_domain() && jid.as_str() != "localhost" => Ok(jid.to_string()),
            Ok(_) => Err(Failure::misuse(format!(
                "--domain {}: a component needs a domain of its own, such as echo.localhost",
                self.domain
            ))),
            Err(why) => Err(Failure::misuse(format!("--domain {}: {why}", self.domain))),
        }
    }
}

/// What runs during one `couplet dev`; the fields are dropped in this order.
#[derive(Default)]
struct DevSession {
    alice: Option<Alice>,
    component: Option<DevComponent>,
    proxy: Option<XmlProxy>,
    server: Option<PrivateServer>,
    screen: Option<Screen>,
    ends_by_signal: bool,
}

impl DevSession {
    async fn run(&mut self, dev: Dev, mut config: Config) -> Result<(), Failure> {
        self.ends_by_signal = dev.keep || std::io::stdin().is_terminal();
        let (editor, screen) = match LineEditor::open() {
            Some((editor, screen)) => (Some(editor), screen),
            None => (None, Screen::plain()),
        };
        let screen = self.screen.insert(screen).clone();
        let domain = config.domain.clone();
        let to = dev
            .to
            .clone()
            .map_or_else(|| Jid::new(&format!("bot@{domain}")), Ok);
        let to = to.map_err(|why| Failure::misuse(format!("bot@{domain}: {why}")))?;

        screen.status(&format!("starting a private {} ...", dev.server));
        let server = self
            .server
            .insert(PrivateServer::start(dev.server, &config).await?);
        config.server = server.component_addr()?;
        if dev.xml {
            let proxy = XmlProxy::start(config.server.to_string(), screen.clone()).await?;
            config.server = private_server::setting(self.proxy.insert(proxy).addr())?;
        }
        let alice = self
            .alice
            .insert(Box::pin(Alice::login(&server.client_addr())).await?);
        // Servers differ in how they answer for a component that is not connected: as long as the
        // answer is this one, the component is not online.
        let absent = alice.ping(&domain).await;

        screen.status(&format!(
            "starting {} ...",
            dev_component::name(&dev.command, &domain)
        ));
        let component = self.component.insert(DevComponent::start(
            &dev.command,
            config.clone(),
            &screen,
            self.ends_by_signal,
        )?);
        let online = alice.wait_until_online(&domain, &absent, &screen);
        tokio::select! {
            biased;
            failure = component.wait() => return Err(failure),
            online = Box::pin(online) => online?,
        }
        screen.status(&format!("{domain} is online"));
        if dev.keep {
            screen.status(&server.login_instructions(&config));
        }
        alice.send_presence().await?;

        let lines = match editor {
            Some(editor) => Lines::of_editor(editor)?,
            None => Lines::of_stdin()?,
        };
        let chat = Chat::new(alice, screen, to, dev.timeout, dev.keep);
        Box::pin(chat.run(component, lines)).await
    }

    /// Handles a signal, which is the usual end of a chat at a terminal, and a failure otherwise.
    fn interrupted(&self) -> Result<(), Failure> {
        if !self.ends_by_signal {
            return Err(Failure::interrupted());
        }
        if let Some(screen) = &self.screen {
            screen.end_prompt();
        }
        Ok(())
    }

    /// Logs alice out and stops the component. The server is killed on drop: its data is temporary.
    async fn shut_down(&mut self) {
        if let Some(alice) = self.alice.take() {
            alice.log_out().await;
        }
        if let Some(component) = &mut self.component {
            component.stop().await;
        }
    }
}
