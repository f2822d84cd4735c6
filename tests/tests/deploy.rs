//! Checks the files of `deploy/`: each is loaded by the program that it is for.
//!
//! `deploy/test.sh` builds and runs the images and compose files.

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(60);
const SECRETS: [(&str, &str); 2] = [("echo", "the same secret"), ("pubsub", "another secret")];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn deploy(path: &str) -> Outcome<String> {
    let path = root().join("deploy").join(path);
    Ok(fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?)
}

/// Returns the output, or an error with its standard error.
fn run(command: &mut Command) -> Outcome<Output> {
    let output = command.stdin(Stdio::null()).output();
    Ok(output.map_err(|why| format!("{command:?}: {why}"))?)
}

fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Copies a systemd unit with a program in the place of its own.
fn unit_in(folder: &Path, name: &str) -> Outcome<PathBuf> {
    let program = folder.join(name);
    fs::write(&program, "#!/bin/sh\n")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let unit = deploy(&format!("systemd/{name}.service"))?;
    let installed = format!("/usr/local/lib/couplet/{name}");
    assert!(unit.contains(&installed), "{unit}");
    let path = folder.join(format!("{name}.service"));
    fs::write(&path, unit.replace(&installed, &program.to_string_lossy()))?;
    Ok(path)
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() -> Outcome {
    let folder = tempfile::tempdir()?;
    for name in ["echo", "pubsub"] {
        let unit = unit_in(folder.path(), name)?;
        let mut verify = Command::new("systemd-analyze");
        let output = run(verify.args(["verify", "--man=no"]).arg(&unit))?;
        assert!(output.status.success(), "{}", said(&output));
        let complaints = said(&output);
        assert!(!complaints.contains(name), "{complaints}");
    }
    Ok(())
}

/// `systemd-analyze security` rates the exposure from 0 to 10, the worst.
#[test]
fn the_units_have_a_low_exposure() -> Outcome {
    let folder = tempfile::tempdir()?;
    for name in ["echo", "pubsub"] {
        let unit = unit_in(folder.path(), name)?;
        let mut judge = Command::new("systemd-analyze");
        judge.args(["security", "--no-pager", "--offline=true", "--threshold=20"]);
        let output = run(judge.arg(&unit))?;
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("Overall exposure level"));
    }
    Ok(())
}

/// Returns the number between two pieces of a text.
fn seconds(text: &str, before: &str, after: &str) -> Outcome<u64> {
    let (_, rest) = text
        .split_once(before)
        .ok_or_else(|| format!("no {before}"))?;
    let (number, _) = rest
        .split_once(after)
        .ok_or_else(|| format!("no {after}"))?;
    Ok(number.trim().parse()?)
}

/// Otherwise running handlers lose it, and their peers get no response.
#[test]
fn every_way_to_stop_leaves_more_time_than_the_grace_period() -> Outcome {
    let settings = fs::read_to_string(root().join("crates/couplet/src/manual/settings.md"))?;
    let grace = seconds(
        &settings,
        "how long handlers may continue when the component stops | `",
        "s`",
    )?;
    for unit in ["systemd/echo.service", "systemd/pubsub.service"] {
        assert!(
            seconds(&deploy(unit)?, "TimeoutStopSec=", "\n")? > grace,
            "{unit}"
        );
    }
    let compose = deploy("compose.yaml")?;
    assert!(seconds(&compose, "stop_grace_period:", "s")? > grace);
    let pod = deploy("kubernetes/base/deployment.yaml")?;
    assert!(seconds(&pod, "terminationGracePeriodSeconds:", "\n")? > grace);
    Ok(())
}

#[test]
fn kubernetes_takes_every_overlay() -> Outcome {
    let python = root().join("tests/.venv/bin/python");
    let output = run(Command::new(python).arg(root().join("deploy/kubernetes/check.py")))?;
    assert!(
        output.status.success(),
        "run tests/install.sh? {}",
        said(&output)
    );
    assert_eq!(said(&output).matches("ok ").count(), 5, "{}", said(&output));
    Ok(())
}

/// The situations and the alerts that fire are beside the rules.
#[test]
fn alerts_fire_when_they_should_and_not_otherwise() -> Outcome {
    let mut promtool = Command::new("promtool");
    promtool.args(["test", "rules", "alerts-test.yaml"]);
    let output = run(promtool.current_dir(root().join("deploy/grafana")))?;
    assert!(output.status.success(), "{}", said(&output));
    Ok(())
}

#[test]
fn images_have_the_version_of_the_workspace_for_a_tag_everywhere() -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let mut found = 0;
    for entry in fs::read_dir(root().join("deploy/kubernetes/overlays"))? {
        let overlay = fs::read_to_string(entry?.path().join("kustomization.yaml"))?;
        let tags = marked(&overlay, "newTag: ", "}");
        assert!(tags.iter().all(|tag| *tag == version), "{overlay}");
        found += tags.len();
    }
    for file in ["compose.yaml", "compose-own-server.yaml"] {
        let compose = deploy(file)?;
        let tags = marked(&compose, "COUPLET_TAG:-", "}");
        assert!(tags.iter().all(|tag| *tag == version), "{file}: {tags:?}");
        found += tags.len();
    }
    assert!(found > 10, "{found}");
    Ok(())
}

/// A log without a limit can fill the disk, and a program without one the memory.
#[test]
fn every_service_of_compose_has_limits_for_log_and_memory() -> Outcome {
    const UNLIMITED: &str = "import sys, yaml
for path in sys.argv[1:]:
    for name, service in yaml.safe_load(open(path))['services'].items():
        has_log = 'max-size' in service.get('logging', {}).get('options', {})
        has_memory = 'mem_limit' in service or name.startswith('welcome')
        print('limited' if has_log and has_memory else 'UNLIMITED', path, name)";
    let mut python = Command::new(root().join("tests/.venv/bin/python"));
    python.args(["-c", UNLIMITED, "compose.yaml", "compose-own-server.yaml"]);
    let output = run(python.current_dir(root().join("deploy")))?;
    let services = said(&output);
    assert!(
        output.status.success() && !services.contains("UNLIMITED"),
        "{services}"
    );
    assert!(services.matches("limited").count() >= 9, "{services}");
    Ok(())
}

/// Every file in the folder is loaded by this test or another one.
#[test]
fn all_lines_for_servers_are_loaded_by_a_test() -> Outcome {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("deploy/servers"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "ejabberd.yml",
            "jabberd2.xml",
            "openfire.md",
            "prosody.cfg.lua"
        ]
    );
    // These two servers are not available: only the settings that the pages name are checked.
    assert!(deploy("servers/openfire.md")?.contains("COUPLET_SERVER=localhost:5275"));
    assert!(deploy("servers/jabberd2.xml")?.contains("<port>5347</port>"));
    Ok(())
}

/// A server that was started with our lines, in its own process group.
struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    fn start(folder: TempDir, command: &mut Command) -> Outcome<Server> {
        use std::os::unix::process::CommandExt;
        let log = fs::File::create(folder.path().join("log"))?;
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|why| format!("{command:?}: {why}"))?;
        Ok(Server { child, folder })
    }

    /// Logs in each component of the lines, with the binary that an operator would run.
    async fn lets_in(&mut self, ports: [u16; 2]) -> Outcome {
        let echo = std::env::current_exe()?;
        let built = echo.ancestors().nth(2).ok_or("no target folder")?;
        for ((name, secret), port) in SECRETS.into_iter().zip(ports) {
            self.listens_at(port).await?;
            let listens = free_port()?;
            let mut component = Command::new(built.join("echo"))
                .env("COUPLET_DOMAIN", format!("{name}.example.org"))
                .env("COUPLET_SECRET", secret)
                .env("COUPLET_SERVER", format!("127.0.0.1:{port}"))
                .env("COUPLET_OPS_LISTEN", format!("127.0.0.1:{listens}"))
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            let is_ready = self
                .is_told(listens, &format!("online as {name}.example.org"))
                .await;
            component.kill()?;
            component.wait()?;
            is_ready?;
        }
        Ok(())
    }

    async fn listens_at(&mut self, port: u16) -> Outcome {
        self.until(&format!("it never listened at {port}"), || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await
    }

    async fn is_told(&mut self, port: u16, words: &str) -> Outcome {
        self.until(&format!("never {words}"), || {
            page(port).is_some_and(|page| page.contains(words))
        })
        .await
    }

    async fn until(&mut self, complaint: &str, mut is_so: impl FnMut() -> bool) -> Outcome {
        let began = Instant::now();
        while !is_so() {
            let has_ended = self.child.try_wait()?.is_some();
            if has_ended || began.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                return Err(format!("{complaint}: {log}").into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _it_may_have_ended = kill_process_group(group, Signal::KILL);
        let _it_was_killed = self.child.wait();
    }
}

fn page(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[tokio::test]
async fn prosody_takes_its_lines_and_lets_both_components_in() -> Outcome {
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    // The minimal configuration of Prosody above our lines.
    let above = format!(
        "modules_enabled = {{ \"disco\" }}\nmodules_disabled = {{ \"s2s\", \"c2s\" }}\n\
         component_ports = {{ {port} }}\nrun_as_root = true\ndata_path = \"data\"\n\
         log = {{ info = \"*console\" }}\nVirtualHost \"example.org\"\n"
    );
    let config = folder.path().join("prosody.cfg.lua");
    fs::write(&config, above + &deploy("servers/prosody.cfg.lua")?)?;
    let mut prosody = Command::new("prosody");
    prosody.args(["-F", "--config"]).arg(&config);
    Server::start(folder, &mut prosody)?
        .lets_in([port, port])
        .await
}

#[tokio::test]
async fn ejabberd_takes_its_lines_and_lets_both_components_in() -> Outcome {
    let folder = tempfile::tempdir()?;
    let ports = [free_port()?, free_port()?];
    let ours = deploy("servers/ejabberd.yml")?;
    assert_eq!(
        ours.matches("    global_routes: false").count(),
        2,
        "{ours}"
    );
    let config = folder.path().join("ejabberd.yml");
    let ours = ours
        .replace("port: 5347", &format!("port: {}", ports[0]))
        .replace("port: 5348", &format!("port: {}", ports[1]));
    let before = "hosts: [\"example.org\"]\ns2s_access: none\nmodules: {}\n";
    fs::write(&config, format!("{before}{ours}"))?;
    let libraries = ejabberd_libraries()?;
    let mut erl = Command::new("erl");
    // As in couplet-test: ejabberdctl requires a node name, a user and a single spool.
    erl.args(["-noinput", "+sbwt", "none", "-mnesia", "dir"])
        .arg(format!("\"{}\"", folder.path().join("spool").display()))
        .args(["-s", "ejabberd"])
        .env("ERL_LIBS", libraries)
        .env("EJABBERD_CONFIG_PATH", &config)
        .env("EJABBERD_LOG_PATH", folder.path().join("ejabberd.log"))
        .env("HOME", folder.path());
    Server::start(folder, &mut erl)?.lets_in(ports).await
}

/// Returns where ejabberdctl finds the Erlang libraries of ejabberd.
fn ejabberd_libraries() -> Outcome<String> {
    let script = fs::read_to_string("/usr/sbin/ejabberdctl")?;
    let line = script
        .lines()
        .find_map(|line| line.trim().strip_prefix("ERL_LIBS="));
    let path = line.ok_or("ejabberdctl names no ERL_LIBS")?;
    Ok(path.trim_matches(['\'', '"']).to_owned())
}

/// Returns the words of a page between two kinds of marks.
fn marked<'a>(page: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = page.split(before).skip(1);
    parts.filter_map(|part| part.split(after).next()).collect()
}

#[test]
fn the_page_for_operators_names_only_what_is_there() -> Outcome {
    let page = deploy("README.md")?;
    let links = marked(&page, "](", ")");
    assert!(links.len() > 20, "{links:?}");
    for link in links
        .into_iter()
        .filter(|link| !link.starts_with("https://"))
    {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = root().join("deploy").join(path);
        assert!(path.is_empty() || target.exists(), "{link}");
        let headings = if path.is_empty() {
            page.clone()
        } else {
            String::new()
        };
        let heading = heading.replace('-', " ");
        assert!(
            headings.is_empty() || headings.to_lowercase().contains(&format!("# {heading}\n")),
            "{link}"
        );
    }
    let of_compose = deploy("compose.yaml")?;
    for name in marked(&page, "COUPLET_", "=") {
        let name = format!(
            "COUPLET_{}",
            name.split(|c: char| c != '_' && !c.is_ascii_uppercase() && !c.is_ascii_digit())
                .next()
                .unwrap_or_default()
        );
        let is_setting = couplet::config::settings()
            .iter()
            .any(|one| one.variable() == name);
        assert!(is_setting || of_compose.contains(&name), "{name}");
    }
    for setting in [
        "limits.waiting_bytes",
        "limits.outgoing_bytes",
        "timing.grace",
        "log.filter",
        "runtime.threads",
    ] {
        assert!(page.contains(setting), "{setting}");
        assert!(
            couplet::config::settings()
                .iter()
                .any(|one| one.name() == setting),
            "{setting}"
        );
    }
    Ok(())
}

/// Other users see the variables of a command line in the list of processes, and the shell stores
/// it.
#[test]
fn no_page_passes_a_secret_on_a_command_line() -> Outcome {
    let pages = [
        "README.md",
        "deploy/README.md",
        "deploy/compose-own-server.yaml",
        "deploy/servers/openfire.md",
        "examples/pubsub/README.md",
    ];
    for page in pages {
        let text = fs::read_to_string(root().join(page))?;
        assert!(text.contains("secret"), "{page}");
        assert!(!text.contains("COUPLET_SECRET="), "{page}");
        assert!(!text.contains("--secret "), "{page}");
    }
    Ok(())
}

/// ejabberd would take half of the stanzas of a component with the domain of its mod_pubsub.
#[test]
fn every_page_with_a_pubsub_domain_on_ejabberd_warns_of_its_own_service() -> Outcome {
    let pages = [
        "deploy/README.md",
        "deploy/servers/ejabberd.yml",
        "examples/pubsub/README.md",
    ];
    for page in pages {
        let text = fs::read_to_string(root().join(page))?;
        assert!(text.contains("mod_pubsub"), "{page}");
    }
    for page in ["deploy/servers/ejabberd.yml", "examples/pubsub/README.md"] {
        let text = fs::read_to_string(root().join(page))?;
        let (_, pubsub) = text.split_once("port: 5348").ok_or(page)?;
        assert!(pubsub.contains("pubsub.example.org"), "{page}");
    }
    Ok(())
}

/// Files that no test checks become outdated.
#[test]
fn every_file_of_the_folder_is_checked() -> Outcome {
    let page = deploy("README.md")?;
    let (_, table) = page
        .split_once("## Files here")
        .ok_or("no table of files")?;
    for entry in fs::read_dir(root().join("deploy"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        let is_named = name == "README.md" || table.contains(&format!("`{name}{slash}`"));
        assert!(is_named || name == "test.sh", "{name}");
    }
    Ok(())
}

#[test]
fn a_release_holds_programs_pages_completions_and_units() -> Outcome {
    let folder = tempfile::tempdir()?;
    let built = folder.path().join("built");
    fs::create_dir(&built)?;
    let echo = std::env::current_exe()?;
    let target = echo.ancestors().nth(2).ok_or("no target folder")?;
    for name in ["couplet", "echo", "pubsub"] {
        // A stand-in for the programs, which are large before they are stripped.
        let program = built.join(name);
        fs::write(
            &program,
            format!("#!/bin/sh\nexec '{}' \"$@\"\n", target.join(name).display()),
        )?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    let out = folder.path().join("out");
    let mut release = Command::new(root().join("deploy/release.sh"));
    let output = run(release.arg("--built").arg(&built).arg("--out").arg(&out))?;
    assert!(
        output.status.success(),
        "cargo build -p couplet-cli? {}",
        said(&output)
    );
    let made = said(&output);
    let archive = made.lines().next().ok_or("no archive")?.to_owned();
    let sums = run(Command::new("sha256sum")
        .args(["-c", "SHA256SUMS"])
        .current_dir(&out))?;
    assert!(sums.status.success(), "{}", said(&sums));
    let list = said(&run(Command::new("tar").args(["-tf", &archive]))?);
    for file in [
        "/bin/couplet\n",
        "/bin/echo\n",
        "/bin/pubsub\n",
        "/share/man/man1/couplet.1.gz\n",
        "/share/man/man1/couplet-doctor.1.gz\n",
        "/share/bash-completion/completions/couplet\n",
        "/share/zsh/site-functions/_couplet\n",
        "/share/fish/vendor_completions.d/couplet.fish\n",
        "/systemd/echo.service\n",
        "/LICENSE-MIT\n",
    ] {
        assert!(list.contains(file), "{file} is not in {list}");
    }
    for (package, files) in [
        (
            "couplet",
            &["/usr/bin/couplet", "/usr/share/man/man1/couplet.1.gz"][..],
        ),
        (
            "couplet-echo",
            &["/usr/bin/couplet-echo", "/etc/couplet/echo.toml"],
        ),
        (
            "couplet-pubsub",
            &[
                "/usr/bin/couplet-pubsub",
                "/usr/lib/systemd/system/couplet-pubsub.service",
            ],
        ),
    ] {
        let mut packages =
            fs::read_dir(&out)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let name = packages
            .find(|name| name.starts_with(&format!("{package}_")) && name.ends_with(".deb"));
        let mut contents = Command::new("dpkg-deb");
        let listed = run(contents.arg("-c").arg(out.join(name.ok_or(package)?)))?;
        for file in files {
            assert!(
                said(&listed).contains(&format!(".{file}\n")),
                "{file} is not in {}",
                said(&listed)
            );
        }
    }
    Ok(())
}

#[test]
fn every_published_crate_has_the_metadata_of_a_registry() -> Outcome {
    let mut published = 0;
    for entry in fs::read_dir(root().join("crates"))? {
        let folder = entry?.path();
        let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
        for key in [
            "description",
            "license",
            "repository",
            "readme",
            "keywords",
            "categories",
            "include",
        ] {
            let has = |line: &str| {
                line.starts_with(&format!("{key} =")) || line.starts_with(&format!("{key}."))
            };
            assert!(manifest.lines().any(has), "{}: {key}", folder.display());
        }
        assert!(folder.join("README.md").exists(), "{}", folder.display());
        published += 1;
    }
    assert!(published >= 6);
    Ok(())
}

/// Cargo silently leaves out what looks like another package, and a missing file that is compiled
/// in only shows when the published crate is built.
#[test]
fn every_published_crate_contains_all_its_files() -> Outcome {
    let mut found = 0;
    for entry in fs::read_dir(root().join("crates"))? {
        let folder = entry?.path();
        let mut list = Command::new(env!("CARGO"));
        list.args(["package", "--list", "--allow-dirty", "--offline"]);
        let output = run(list.current_dir(&folder))?;
        assert!(output.status.success(), "{}", said(&output));
        let packed = String::from_utf8(output.stdout)?;
        for part in ["src", "templates", "known"] {
            for path in files(&folder.join(part))? {
                let path = path.strip_prefix(&folder)?.to_string_lossy().into_owned();
                assert!(packed.lines().any(|line| line == path), "{path} is missing");
                found += 1;
            }
        }
        for path in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(packed.lines().any(|line| line == path), "{path} is missing");
        }
    }
    assert!(found > 300, "{found}");
    Ok(())
}

/// Returns all files of a folder, at any depth; none if it does not exist.
fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop().filter(|folder| folder.exists()) {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    Ok(found)
}
