//! [`Template`]: the files of a new project, and the values that are filled in.
//!
//! The files are in `templates/`; those in `every` belong to all projects. Manifests have another
//! name there, because cargo leaves out a folder with a `Cargo.toml` when it packages this crate.

use std::fmt;

use clap::ValueEnum;
use couplet::config::Server;
use couplet::error::{ejabberd_snippet, prosody_snippet};

/// The kind of project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// A bot that answers chat messages
    Bot,
    /// A service for programs, with its own requests, state and settings
    Service,
    /// A publish-subscribe service that stores items in a file
    Pubsub,
}

/// The values that differ between projects.
#[derive(Clone, Debug)]
pub(super) struct ProjectValues {
    pub(super) name: String,
    pub(super) domain: String,
    /// The folder of Couplet's crates; `None` for the published version.
    pub(super) couplet: Option<String>,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

const LOG_IN: &str = "; with `--keep`, your own clients can log in there";

/// The store of a publish-subscribe service under systemd.
const UNIT_STORE: &str = "
Environment=COUPLET_PUBSUB_STORE=sqlite:%S/{{name}}/pubsub.db";

/// The store in a container.
const IMAGE_STORE: &str = "
ENV COUPLET_PUBSUB_STORE=sqlite:/data/pubsub.db";

/// The comment on a path dependency.
const BY_PATH: &str = "\
# A checkout on this machine. For images and CI use a published version, or the repository with
# `git = \"...\"`.
";

impl Template {
    /// Returns the path and the text of each file of the project.
    pub(super) fn files(self, values: &ProjectValues) -> Vec<(String, String)> {
        let unit = format!("deploy/{}.service", values.name);
        let settings = template!("every/couplet.toml").to_owned() + self.section();
        let every = [
            (".gitignore", template!("every/gitignore")),
            (".dockerignore", template!("every/containerignore")),
            (".github/workflows/ci.yml", template!("every/ci.yml")),
            ("Cargo.toml", template!("every/manifest.toml")),
            ("Containerfile", template!("every/Containerfile")),
            ("README.md", template!("every/README.md")),
            ("couplet.toml", &settings),
            ("deploy/ejabberd.yml", template!("every/ejabberd.yml")),
            ("deploy/prosody.cfg.lua", template!("every/prosody.cfg.lua")),
            (&unit, template!("every/component.service")),
        ];
        let own: &[(&str, &str)] = match self {
            Template::Bot => &[("src/main.rs", template!("bot/main.rs"))],
            Template::Service => &[
                ("src/main.rs", template!("service/main.rs")),
                ("src/lamps.rs", template!("service/lamps.rs")),
                ("src/payload.rs", template!("service/payload.rs")),
            ],
            Template::Pubsub => &[("src/main.rs", template!("pubsub/main.rs"))],
        };
        let all = every.iter().chain(own);
        all.map(|(path, text)| ((*path).to_owned(), self.filled(text, values)))
            .collect()
    }

    /// Returns the template's own table of `couplet.toml`.
    fn section(self) -> &'static str {
        match self {
            Template::Bot => "",
            Template::Service => template!("service/couplet.toml"),
            Template::Pubsub => template!("pubsub/couplet.toml"),
        }
    }

    fn dependencies(self) -> &'static str {
        match self {
            Template::Bot => "",
            Template::Service => template!("service/dependencies.toml"),
            Template::Pubsub => template!("pubsub/dependencies.toml"),
        }
    }

    fn filled(self, text: &str, values: &ProjectValues) -> String {
        let server = Server::default();
        let (about, trial) = match self {
            Template::Bot => (
                "A bot: an XMPP component that answers chat messages to any address of its domain.",
                ", and you chat with it as alice",
            ),
            Template::Service => (
                "A service: an XMPP component that responds to requests of programs.",
                LOG_IN,
            ),
            Template::Pubsub => (
                "A publish-subscribe service: an XMPP component that stores items and notifies subscribers.",
                LOG_IN,
            ),
        };
        let (unit_store, image_store) = match self {
            Template::Bot | Template::Service => ("", ""),
            Template::Pubsub => (UNIT_STORE, IMAGE_STORE),
        };
        let by_path = values.couplet.as_ref().map_or("", |_| BY_PATH);
        let values = [
            // The first values contain placeholders themselves.
            ("{{store}}", unit_store.to_owned()),
            ("{{image-store}}", image_store.to_owned()),
            ("{{by-path}}\n", by_path.to_owned()),
            ("{{dependencies}}\n", self.dependencies().to_owned()),
            ("{{name}}", values.name.clone()),
            ("{{domain}}", values.domain.clone()),
            ("{{couplet}}", values.dependency("couplet")),
            ("{{couplet-pubsub}}", values.dependency("couplet-pubsub")),
            ("{{couplet-test}}", values.dependency("couplet-test")),
            ("{{prosody}}", prosody_snippet(&values.domain, &server)),
            ("{{ejabberd}}", ejabberd_snippet(&values.domain, &server)),
            ("{{about}}", about.to_owned()),
            ("{{trial}}", trial.to_owned()),
        ];
        values
            .iter()
            .fold(text.to_owned(), |text, (placeholder, value)| {
                let value = match placeholder.ends_with('\n') {
                    true => value,
                    false => value.trim_end(),
                };
                text.replace(placeholder, value)
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

impl ProjectValues {
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

    use super::{ProjectValues, Template};

    fn values() -> ProjectValues {
        ProjectValues {
            name: "weather-bot".to_owned(),
            domain: "weather.example.org".to_owned(),
            couplet: None,
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        for template in Template::value_variants() {
            for (path, text) in template.files(&values()) {
                assert!(
                    !text.contains("{{") && !path.contains("{{"),
                    "{template}: {path}: {text}"
                );
            }
        }
    }

    fn read(template: Template, name: &str) -> String {
        let files = template.files(&values());
        let found = files.into_iter().find(|(path, _)| path == name);
        found.map(|(_, text)| text).unwrap()
    }

    #[test]
    fn every_project_has_a_writable_state_directory() {
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
    fn only_releases_are_built_with_link_time_optimization() {
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
    fn every_project_has_all_files() {
        for template in Template::value_variants() {
            let files = template.files(&values());
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
