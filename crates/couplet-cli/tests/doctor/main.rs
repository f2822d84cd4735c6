//! `couplet doctor` with the real servers: it reports the fault of a setup and what to do about it, and
//! no fault in a healthy setup. One module per step.

/// Generates a test for each server from each function, which takes a [`server::Backend`].
macro_rules! on_every_prosody {
    ($($name:ident),+ $(,)?) => {
        mod prosody {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Prosody).await
            })+
        }

        mod prosody_13 {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Prosody13).await
            })+
        }
    };
}
macro_rules! on_every_ejabberd {
    ($($name:ident),+ $(,)?) => {
        mod ejabberd {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Ejabberd).await
            })+
        }

        mod ejabberd_24 {
            $(#[tokio::test]
            async fn $name() -> crate::Outcome {
                super::$name(crate::server::Backend::Ejabberd24).await
            })+
        }
    };
}
macro_rules! on_every_server {
    ($($name:ident),+ $(,)?) => {
        on_every_prosody!($($name),+);
        on_every_ejabberd!($($name),+);
    };
}

mod address;
mod config;
mod connection;
mod host;
mod instances;
mod login;
mod name;
mod neighbours;
mod routes;
mod second;
mod secrecy;
mod secret;
mod signal;
mod size;
mod stream;
mod tls;

mod faulty_setup;
mod server;
mod fake_service;

use std::error::Error;

use couplet_test::Setup;

type Outcome = Result<(), Box<dyn Error>>;

const DOMAIN: &str = "echo.localhost";
const SECRET: &str = "a secret of some length";

fn setup() -> Setup {
    Setup::component(DOMAIN, SECRET)
}
