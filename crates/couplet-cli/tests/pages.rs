//! `couplet completions` and `couplet man`, as packaging scripts run them.

use std::error::Error;
use std::process::{Command, Output};

type Outcome = Result<(), Box<dyn Error>>;

/// All subcommands.
const COMMANDS: [&str; 6] = ["completions", "dev", "doctor", "man", "new", "send"];

fn couplet(arguments: &[&str]) -> Result<Output, Box<dyn Error>> {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .args(arguments)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(errors, "");
    Ok(output)
}

#[test]
fn the_script_for_every_shell_has_every_command() -> Outcome {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = String::from_utf8(couplet(&["completions", shell])?.stdout)?;
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("takeover"), "{shell}");
    }
    Ok(())
}

#[test]
fn bash_completes_with_its_script() -> Outcome {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("couplet");
    std::fs::write(&script, couplet(&["completions", "bash"])?.stdout)?;
    let words = "source \"$1\"; COMP_WORDS=(couplet doc); COMP_CWORD=1; _couplet couplet doc couplet; \
                 echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["-c", words, "bash"])
        .arg(&script)
        .output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "doctor\n");
    Ok(())
}

#[test]
fn every_command_has_a_manual_page() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().ok_or("no path")?;
    let output = couplet(&["man", "--output", path])?;
    assert_eq!(output.stdout, b"");
    for command in COMMANDS {
        let page = std::fs::read_to_string(folder.path().join(format!("couplet-{command}.1")))?;
        assert!(page.contains(&format!(".TH couplet-{command} 1")), "{page}");
        assert!(
            page.contains("Examples:"),
            "{command} shows no example: {page}"
        );
    }
    let page = String::from_utf8(couplet(&["man"])?.stdout)?;
    assert_eq!(
        std::fs::read_to_string(folder.path().join("couplet.1"))?,
        page
    );
    Ok(())
}

#[test]
fn a_missing_folder_is_reported() -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .args(["man", "--output", "/nowhere/man1"])
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors.starts_with("couplet: writing to /nowhere/man1: "),
        "{errors}"
    );
    Ok(())
}
