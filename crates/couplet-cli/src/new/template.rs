//! The projects to begin with: their files, and what is filled in.
//!
//! The files themselves are in `templates/`, as they will stand in the project. Only the manifests have
//! another name there: cargo takes a folder with a `Cargo.toml` for a package of its own and leaves it
//! out of this one when it is published.

use std::fmt;

use clap::ValueEnum;
use couplet::config::Server;
use couplet::error::{ejabberd_snippet, prosody_snippet};

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

/// Where a unit keeps the store of a publish-subscribe service.
const UNIT_STORE: &str = "
Environment=COUPLET_PUBSUB_STORE=sqlite:%S/{{name}}/pubsub.db";

/// Where a container keeps it.
const IMAGE_STORE: &str = "
ENV COUPLET_PUBSUB_STORE=sqlite:/data/pubsub.db";

/// What stands beside a dependency that is a folder of this machine.
const BY_PATH: &str = "\
# A checkout on this machine. Where it is not, in an image or a workflow: a published version, or the
# repository as `git = \"...\"`.
";

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
        let (unit_store, image_store) = match self {
            Template::Bot | Template::Service => ("", ""),
            Template::Pubsub => (UNIT_STORE, IMAGE_STORE),
        };
        let by_path = fill.couplet.as_ref().map_or("", |_| BY_PATH);
        let values = [
            // What is filled in first may have marks of its own.
            ("{{store}}", unit_store.to_owned()),
            ("{{image-store}}", image_store.to_owned()),
            ("{{by-path}}\n", by_path.to_owned()),
            ("{{name}}", fill.name.clone()),
            ("{{domain}}", fill.domain.clone()),
            ("{{couplet}}", fill.dependency("couplet")),
            ("{{couplet-pubsub}}", fill.dependency("couplet-pubsub")),
            ("{{couplet-test}}", fill.dependency("couplet-test")),
            ("{{prosody}}", prosody_snippet(&fill.domain, &server)),
            ("{{ejabberd}}", ejabberd_snippet(&fill.domain, &server)),
            ("{{about}}", about.to_owned()),
            ("{{trial}}", trial.to_owned()),
        ];
        values.iter().fold(text.to_owned(), |text, (mark, value)| {
            let value = match mark.ends_with('\n') {
                true => value,
                false => value.trim_end(),
            };
            text.replace(mark, value)
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

    fn read(template: Template, name: &str) -> String {
        let files = template.files(&fill());
        let found = files.into_iter().find(|(path, _)| path == name);
        found.map(|(_, text)| text).unwrap()
    }

    #[test]
    fn every_project_has_a_place_that_can_be_written_to() {
        for template in Template::value_variants() {
            let unit = read(*template, "deploy/weather-bot.service");
            assert!(unit.contains("\nStateDirectory=weather-bot\n"), "{unit}");
            let image = read(*template, "Containerfile");
            assert!(
                image.contains("\nVOLUME /data\n") && image.contains("STATE_DIRECTORY=/data"),
                "{image}"
            );
        }
        let unit = read(Template::Pubsub, "deploy/weather-bot.service");
        assert!(unit.contains("sqlite:%S/weather-bot/pubsub.db\n"), "{unit}");
        let image = read(Template::Pubsub, "Containerfile");
        assert!(
            image.contains("COUPLET_PUBSUB_STORE=sqlite:/data/"),
            "{image}"
        );
        assert!(read(Template::Pubsub, ".gitignore").contains("pubsub.db"));
    }

    #[test]
    fn only_what_is_shipped_is_linked_slowly() {
        for template in Template::value_variants() {
            let manifest = read(*template, "Cargo.toml");
            let (before, dist) = manifest.split_once("[profile.dist]").unwrap();
            assert!(
                !before.contains("lto") && dist.contains("lto = \"fat\""),
                "{manifest}"
            );
            let image = read(*template, "Containerfile");
            assert!(image.contains("--profile dist"), "{image}");
        }
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
