//! `couplet dev`: a private server, a component beside it, and a chat with it.
//!
//! Deliberately absent: watching source files. `/restart` and programs made for that do it.

mod alice;
mod chat;
mod component;
mod inside;
mod child;
mod tap;
mod markup;
mod lines;
mod terminal;
mod screen;
mod server;

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use couplet::{Config, Jid};

use self::alice::Alice;
use self::chat::Chat;
use self::component::Component;
use self::lines::Lines;
use self::screen::Screen;
use self::server::{Kind, Server};
use self::tap::Tap;
use self::terminal::{Restored, Terminal};
use crate::failure::{Failure, context};
use crate::log;
use crate::signals::Signals;

const EXIT_CODES: &str = "\
The private server listens on free ports of this machine only, lives in a temporary directory and
is gone when this ends. The accounts are alice@localhost and bob@localhost.

What alice is told goes to standard output, everything else to standard error:

    $ printf 'hello\\n' | couplet dev
    bot@echo.localhost: hello

A command given after -- is your own component. It finds COUPLET_DOMAIN, COUPLET_SECRET and
COUPLET_SERVER in its environment and gets SIGTERM at the end. At a terminal, and with --keep, it is
started again when it ends, after a second at first and 15 seconds at last where it ends at once.

To reload it after a change: type /restart, or let a program do it that watches the sources:

    couplet dev -- watchexec --restart --watch src -- cargo run
    couplet dev -- cargo watch -x run

Examples:
    couplet dev
    couplet dev --xml
    couplet dev --server ejabberd --keep
    couplet dev --domain weather.localhost -- cargo run -p weather

Exit codes:
    0    every line was answered, or the chat was ended at its prompt (/quit, Ctrl-D, Ctrl-C)
    1    a line was refused or not answered in time, or the server ended, or the component did
         and is not started again
    2    the arguments make no sense, or the server is not installed
    130  a signal came before that";

/// Start a private server and a component beside it, and chat with the component as alice
///
/// Without a command after `--` the component is an echo. At a terminal you are asked for lines;
/// otherwise every line of standard input is sent, the next one when the one before was answered.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Dev {
    /// Which server to start
    #[arg(long, value_enum, default_value_t = Kind::Prosody)]
    server: Kind,
    /// The domain of the component
    #[arg(long, value_name = "DOMAIN", default_value = "echo.localhost")]
    domain: String,
    /// Whom alice writes to [default: bot@ the domain]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Jid>,
    /// How long a line may wait for its answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Tell how other programs can log in, and go on after the last line until Ctrl-C
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
        let _terminal = Restored::at_the_end();
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(context("starting the runtime"))?
            .block_on(self.live(config))
    }

    async fn live(self, config: Config) -> Result<(), Failure> {
        let mut signals = Signals::listen().map_err(context("listening for signals"))?;
        let mut server = TestServer::default();
        let ended = tokio::select! {
            biased;
            () = signals.next() => server.interrupted(),
            ended = Box::pin(server.play(self, config)) => ended,
        };
        tokio::select! {
            biased;
            // Whoever asks twice gets no goodbyes; dropping the server kills what is on it.
            () = signals.next() => {}
            () = server.clear() => {}
        }
        ended
    }

    fn domain(&self) -> Result<String, Failure> {
        match Jid::new(&self.domain) {
            Ok(jid) if jid == jid.to_domain() && jid.as_str() != "localhost" => Ok(jid.to_string()),
            Ok(_) => Err(Failure::misuse(format!(
                "--domain {}: a component has a domain of its own, such as echo.localhost",
                self.domain
            ))),
            Err(why) => Err(Failure::misuse(format!("--domain {}: {why}", self.domain))),
        }
    }
}

/// What is running; the fields are dropped in this order.
#[derive(Default)]
struct TestServer {
    alice: Option<Alice>,
    component: Option<Component>,
    tap: Option<Tap>,
    server: Option<Server>,
    screen: Option<Screen>,
    ends_by_signal: bool,
}

impl TestServer {
    async fn play(&mut self, dev: Dev, mut config: Config) -> Result<(), Failure> {
        self.ends_by_signal = dev.keep || std::io::stdin().is_terminal();
        let (terminal, screen) = match Terminal::open() {
            Some((terminal, screen)) => (Some(terminal), screen),
            None => (None, Screen::plain()),
        };
        let screen = self.screen.insert(screen).clone();
        let domain = config.domain.clone();
        let to = dev
            .to
            .clone()
            .map_or_else(|| Jid::new(&format!("bot@{domain}")), Ok);
        let to = to.map_err(|why| Failure::misuse(format!("bot@{domain}: {why}")))?;

        screen.tell(&format!("starting a private {} ...", dev.server));
        let server = self
            .server
            .insert(Server::start(dev.server, &config).await?);
        config.server = server.for_components()?;
        if dev.xml {
            let tap = Tap::start(config.server.to_string(), screen.clone()).await?;
            config.server = server::address(self.tap.insert(tap).addr())?;
        }
        let alice = self
            .alice
            .insert(Box::pin(Alice::login(&server.for_users())).await?);
        // Servers differ in how they answer for a component that is not there: whatever is said
        // now means "not yet" later.
        let absent = alice.ping(&domain).await;

        screen.tell(&format!(
            "starting {} ...",
            component::name(&dev.command, &domain)
        ));
        let component = self.component.insert(Component::start(
            &dev.command,
            config.clone(),
            &screen,
            self.ends_by_signal,
        )?);
        let online = alice.until_there(&domain, &absent, &screen);
        tokio::select! {
            biased;
            failure = component.ended() => return Err(failure),
            online = Box::pin(online) => online?,
        }
        screen.tell(&format!("{domain} is online"));
        if dev.keep {
            screen.tell(&server.how_to_log_in(&config));
        }
        alice.appear().await?;

        let lines = match terminal {
            Some(terminal) => Lines::of_terminal(terminal)?,
            None => Lines::of_stdin()?,
        };
        let chat = Chat::new(alice, screen, to, dev.timeout, dev.keep);
        Box::pin(chat.run(component, lines)).await
    }

    /// Ctrl-C is how a person ends a chat, and how nothing else ends well.
    fn interrupted(&self) -> Result<(), Failure> {
        if !self.ends_by_signal {
            return Err(Failure::interrupted());
        }
        if let Some(screen) = &self.screen {
            screen.leave();
        }
        Ok(())
    }

    /// Everybody leaves in the right order; the server is killed, it has nothing to lose.
    async fn clear(&mut self) {
        if let Some(alice) = self.alice.take() {
            alice.leave().await;
        }
        if let Some(component) = &mut self.component {
            component.stop().await;
        }
    }
}
