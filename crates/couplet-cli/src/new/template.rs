//! The projects to begin with: their files, and what is filled in.
//!
//! The files themselves are in `templates/`, as they will stand in the project. Only the manifests have
//! another name there: cargo takes a folder with a `Cargo.toml` for a package of its own and leaves it
//! out of this one when it is published.

use std::fmt;

use clap::ValueEnum;
use couplet::config::Server;
use couplet::error::{ejabberd_lines, prosody_lines};

/// What to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// Answers people who write to it
    Bot,
    /// Answers programs: requests of its own, state, settings of its own
    Service,
    /// A publish-subscribe service with a store in a file
    Pubsub,
}

/// What differs from project to project.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    pub(super) name: String,
    pub(super) domain: String,
    /// The folder of Couplet's crates, where it is not a published version.
    pub(super) couplet: Option<String>,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

const LOG_IN: &str = "; any client or program of yours can log in there, with `--keep`";

/// Where a unit keeps a store: all else is read-only to it.
const UNIT_STATE: &str = "
Environment=COUPLET_PUBSUB_STORE=sqlite:%S/{{name}}/pubsub.db
StateDirectory={{name}}
StateDirectoryMode=0700";

/// Where a container keeps a store: in a volume that belongs to its user. Debian's /srv is empty.
const IMAGE_DATA: &str = "
COPY --from=build --chown=10001:10001 /srv /data
ENV COUPLET_PUBSUB_STORE=sqlite:/data/pubsub.db
VOLUME /data";

impl Template {
    /// The path of each file in the project, and what is in it.
    pub(super) fn files(self, fill: &Fill) -> Vec<(String, String)> {
        let unit = format!("deploy/{}.service", fill.name);
        let settings = match self {
            Template::Bot => template!("every/couplet.toml").to_owned(),
            Template::Service => concat!(
                template!("every/couplet.toml"),
                template!("service/couplet.toml")
            )
            .to_owned(),
            Template::Pubsub => concat!(
                template!("every/couplet.toml"),
                template!("pubsub/couplet.toml")
            )
            .to_owned(),
        };
        let every = [
            (".gitignore", template!("every/gitignore")),
            (".dockerignore", template!("every/containerignore")),
            (".github/workflows/ci.yml", template!("every/ci.yml")),
            ("Containerfile", template!("every/Containerfile")),
            ("README.md", template!("every/README.md")),
            ("couplet.toml", &settings),
            ("deploy/ejabberd.yml", template!("every/ejabberd.yml")),
            ("deploy/prosody.cfg.lua", template!("every/prosody.cfg.lua")),
            (&unit, template!("every/component.service")),
        ];
        let own: &[(&str, &str)] = match self {
            Template::Bot => &[
                ("Cargo.toml", template!("bot/manifest.toml")),
                ("src/main.rs", template!("bot/main.rs")),
            ],
            Template::Service => &[
                ("Cargo.toml", template!("service/manifest.toml")),
                ("src/main.rs", template!("service/main.rs")),
                ("src/lamps.rs", template!("service/lamps.rs")),
                ("src/wire.rs", template!("service/wire.rs")),
            ],
            Template::Pubsub => &[
                ("Cargo.toml", template!("pubsub/manifest.toml")),
                ("src/main.rs", template!("pubsub/main.rs")),
            ],
        };
        let all = every.iter().chain(own);
        all.map(|(path, text)| ((*path).to_owned(), self.filled(text, fill)))
            .collect()
    }

    fn filled(self, text: &str, fill: &Fill) -> String {
        let server = Server::default();
        let (about, trial) = match self {
            Template::Bot => (
                "A bot: an XMPP component that answers whoever writes to any address of its domain.",
                ", and you type to it as alice",
            ),
            Template::Service => (
                "A service: an XMPP component that answers requests of programs.",
                LOG_IN,
            ),
            Template::Pubsub => (
                "A publish-subscribe service: an XMPP component that keeps items and tells subscribers of them.",
                LOG_IN,
            ),
        };
        let (state, data) = match self {
            Template::Bot | Template::Service => ("", ""),
            Template::Pubsub => (UNIT_STATE, IMAGE_DATA),
        };
        let values = [
            // What is filled in first may have marks of its own.
            ("{{state}}", state.to_owned()),
            ("{{data}}", data.to_owned()),
            ("{{name}}", fill.name.clone()),
            ("{{domain}}", fill.domain.clone()),
            ("{{couplet}}", fill.dependency("couplet")),
            ("{{couplet-pubsub}}", fill.dependency("couplet-pubsub")),
            ("{{couplet-test}}", fill.dependency("couplet-test")),
            ("{{prosody}}", prosody_lines(&fill.domain, &server)),
            ("{{ejabberd}}", ejabberd_lines(&fill.domain, &server)),
            ("{{about}}", about.to_owned()),
            ("{{trial}}", trial.to_owned()),
        ];
        values.iter().fold(text.to_owned(), |text, (mark, value)| {
            text.replace(mark, value.trim_end())
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Template::Bot => "bot",
            Template::Service => "service",
            Template::Pubsub => "pubsub",
        })
    }
}

impl Fill {
    fn dependency(&self, name: &str) -> String {
        match &self.couplet {
            Some(crates) => format!("path = \"{crates}/{name}\""),
            None => format!("version = \"{}\"", env!("CARGO_PKG_VERSION")),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::{Fill, Template};

    fn fill() -> Fill {
        Fill {
            name: "weather-bot".to_owned(),
            domain: "weather.example.org".to_owned(),
            couplet: None,
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for template in Template::value_variants() {
            for (path, text) in template.files(&fill()) {
                assert!(
                    !text.contains("{{") && !path.contains("{{"),
                    "{template}: {path}: {text}"
                );
            }
        }
    }

    #[test]
    fn a_store_has_a_place_that_can_be_written_to() {
        let files = Template::Pubsub.files(&fill());
        let read = |name: &str| {
            let found = files.iter().find(|(path, _)| path == name);
            found.map(|(_, text)| text.clone()).unwrap()
        };
        let unit = read("deploy/weather-bot.service");
        assert!(
            unit.contains("sqlite:%S/weather-bot/pubsub.db\nStateDirectory=weather-bot\n"),
            "{unit}"
        );
        assert!(read("Containerfile").contains("\nVOLUME /data\n"));
        assert!(read(".gitignore").contains("pubsub.db"));
    }

    #[test]
    fn every_project_is_whole() {
        for template in Template::value_variants() {
            let files = template.files(&fill());
            for wanted in [
                "Cargo.toml",
                "src/main.rs",
                "couplet.toml",
                "Containerfile",
                "deploy/weather-bot.service",
                "deploy/prosody.cfg.lua",
                "deploy/ejabberd.yml",
                ".github/workflows/ci.yml",
                "README.md",
                ".gitignore",
            ] {
                assert!(
                    files.iter().any(|(path, _)| path == wanted),
                    "{template}: {wanted}"
                );
            }
        }
    }
}
