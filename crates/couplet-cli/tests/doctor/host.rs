//! Step `host`: the domain above the component's is recognised in the form that the server uses.

use couplet_test::Setup;

use crate::faulty_setup::healthy_as;
use crate::server::Backend;
use crate::{Outcome, SECRET, setup};

/// Capital letters, ß, hyphens in third place, other scripts.
const DOMAINS: [&str; 4] = [
    "Cap.LocalHost",
    "straße.localhost",
    "my--bot.localhost",
    "ツ.localhost",
];

on_every_prosody!(
    domains_of_unusual_letters_are_healthy,
    a_domain_in_capital_letters_here_only_is_healthy,
);
on_every_ejabberd!(domains_of_unusual_letters_are_healthy);

async fn domains_of_unusual_letters_are_healthy(backend: Backend) -> Outcome {
    let [first, others @ ..] = DOMAINS;
    let all = others
        .iter()
        .fold(Setup::component(first, SECRET), |setup, domain| {
            setup.and_component(domain, SECRET)
        });
    let server = backend.start(all).await?;
    for domain in DOMAINS {
        healthy_as(domain, &server.components()).await?;
    }
    Ok(())
}

/// Prosody converts the domain in its own configuration to lower case.
async fn a_domain_in_capital_letters_here_only_is_healthy(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    healthy_as("ECHO.localhost", &server.components()).await
}
