//! What the real process lets nobody see.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::common::{OK, Setup, Upstream};

/// Somebody who owns nothing.
const NOBODY: u32 = 65_534;

#[test]
fn there_is_no_core_file_and_nobody_may_look_inside() {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address);
    let home = std::env::temp_dir().join(format!("portcullis-hardening-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (binary, file) = (home.join("portcullis"), home.join("portcullis.toml"));
    std::fs::copy(env!("CARGO_BIN_EXE_portcullis"), &binary).unwrap();
    std::fs::write(&file, setup.text()).unwrap();
    let mut command = Command::new(&binary);
    command.args(["serve", "--config", file.to_str().unwrap()]).env("PROVIDER_KEY", &setup.provider_key);
    // Root owns what it may not look into as well, so it would notice nothing.
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.find_map(|line| line.ok().filter(|line| line.contains(r#""event":"ready""#)));

    let of = |what: &str| format!("/proc/{}/{what}", child.id());
    let limits = std::fs::read_to_string(of("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
    let status = std::fs::read_to_string(of("status")).unwrap();
    let uid = status.lines().find(|line| line.starts_with("Uid:")).unwrap().to_owned();
    // The files of a process that is not dumpable are root's: others of its user can neither read nor trace it.
    let owner = std::fs::metadata(of("environ")).unwrap().uid();
    // The arguments are for everybody to see.
    let arguments = std::fs::read(of("cmdline")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(&home).unwrap();

    assert!(ready.is_some(), "it ended before it was ready");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    assert_ne!(uid.split_whitespace().nth(1), Some("0"), "{uid}");
    assert_eq!(owner, 0);
    for secret in [&setup.provider_key, &setup.client_key] {
        assert!(!arguments.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
