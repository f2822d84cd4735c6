//! A signal while the doctor runs.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::fake_service::FakeService;
use crate::faulty_setup::doctor;
use crate::{DOMAIN, Outcome, SECRET};

#[tokio::test]
async fn a_signal_interrupts_the_doctor() -> Outcome {
    let silent = FakeService::sends("", "never").await?;
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
