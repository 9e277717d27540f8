//! A real Redis server that a test starts, stops and loses.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for what the server on this port keeps, as replicas do of what they are sent.
fn folder(port: u16) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("redis-{port}"))
}

fn fresh_folder(port: u16) -> PathBuf {
    let folder = folder(port);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A server that runs until it is dropped.
pub(crate) struct Redis {
    child: Child,
    pub(crate) port: u16,
    /// What it wants of those that ask.
    password: Option<&'static str>,
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Redis {
    /// One that has been known to gates before, so that they need not wait for each other's memories.
    pub(crate) fn start() -> Self {
        let redis = Self::forgetful();
        redis.ask(&["SET", "{portcullis}:born", "known:0"]);
        redis
    }

    /// One that knows nothing.
    pub(crate) fn forgetful() -> Self {
        let port = free_port();
        Self::on(port)
    }

    fn on(port: u16) -> Self {
        Self::with(port, &["--port", &port.to_string()])
    }

    /// One that speaks TLS alone and wants a password; it knows nothing.
    pub(crate) fn guarded(folder: &Path, password: &str) -> Self {
        let port = free_port();
        let (certificate, key) = (folder.join("redis.pem"), folder.join("redis.key"));
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let told = port.to_string();
        let tls = ["--port", "0", "--tls-port", &told, "--tls-auth-clients", "no", "--requirepass", password];
        let files =
            ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate];
        Self::with(port, &[tls.as_slice(), files.as_slice()].concat())
    }

    /// One with these arguments beside the usual; it knows nothing.
    pub(crate) fn with(port: u16, arguments: &[&str]) -> Self {
        let folder = fresh_folder(port);
        let folder = folder.to_str().unwrap();
        let usual = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
        Self::run(port, &[&usual, arguments].concat(), None)
    }

    /// A Sentinel of a primary on this port, which wants a password.
    pub(crate) fn sentinel(primary: u16, login: &str, password: &'static str) -> Self {
        let port = free_port();
        let folder = fresh_folder(port);
        let (file, folder) = (folder.join("sentinel.conf"), folder.display());
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {password}\nsentinel sentinel-pass {password}\n\
             sentinel monitor limits 127.0.0.1 {primary} 2\nsentinel down-after-milliseconds limits 500\n\
             sentinel failover-timeout limits 4000\n{login}\n"
        );
        std::fs::write(&file, text).unwrap();
        Self::run(port, &[file.to_str().unwrap(), "--sentinel"], Some(password))
    }

    fn run(port: u16, arguments: &[&str], password: Option<&'static str>) -> Self {
        let start = || {
            Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn().unwrap_or_else(
                |error| {
                    panic!(
                        "redis-server cannot be started ({error}): on Debian, apt-get install redis-server"
                    )
                },
            )
        };
        let mut redis = Self { child: start(), port, password };
        for _ in 0..PATIENCE.as_millis() / 5 {
            std::thread::sleep(Duration::from_millis(5));
            let listens = TcpStream::connect(("127.0.0.1", port)).is_ok();
            // Somebody else's connection may have the port for a moment: then this one ends, and another answers.
            if redis.child.try_wait().unwrap().is_some() {
                redis.child = start();
            } else if listens {
                return redis;
            }
        }
        panic!("redis-server does not listen on port {port}");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it, with everything that it knows.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// One that keeps what it knows.
    pub(crate) fn lasting() -> Self {
        let port = free_port();
        Self::with(port, &["--port", &port.to_string(), "--appendonly", "yes"])
    }

    /// Ends it in order and starts it again with what it knows.
    pub(crate) fn restarted(mut self) -> Self {
        self.signal("-TERM");
        let _ = self.child.wait();
        let folder = folder(self.port);
        let (told, folder) = (self.port.to_string(), folder.to_str().unwrap());
        let arguments = ["--bind", "127.0.0.1", "--port", &told, "--appendonly", "yes", "--dir", folder];
        let redis = Self::run(self.port, &arguments, None);
        // It listens before it has read what it kept.
        while redis.ask(&["PING"]) != "PONG" {
            std::thread::sleep(Duration::from_millis(5));
        }
        redis
    }

    /// Starts it again where it was.
    pub(crate) fn again(&mut self) {
        self.kill();
        self.child = Self::on(self.port).taken();
    }

    fn taken(mut self) -> Child {
        std::mem::replace(&mut self.child, Command::new("true").spawn().unwrap())
    }

    /// Asks it something, and gives the answer's text; of a list, its texts with blanks between. A server that changes
    /// its role closes its clients' connections, so it is asked again then.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let mut tries = 0;
        loop {
            match self.asked(words) {
                Ok(answer) => return answer,
                Err(error) if tries == 20 => panic!("redis-server on port {}: {error}", self.port),
                Err(_) => tries += 1,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn asked(&self, words: &[&str]) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut said = Vec::new();
        let login = self.password.map(|password| vec!["AUTH", password]);
        for words in login.as_deref().into_iter().chain([words]) {
            write!(said, "*{}\r\n", words.len())?;
            for word in words {
                write!(said, "${}\r\n{word}\r\n", word.len())?;
            }
        }
        stream.write_all(&said)?;
        let mut reader = BufReader::new(stream);
        if login.is_some() {
            assert_eq!(answer(&mut reader)?, "OK");
        }
        answer(&mut reader)
    }

    /// How often scripts were run.
    pub(crate) fn calls(&self) -> u64 {
        let told = self.ask(&["INFO", "commandstats"]);
        let line = told.lines().find(|line| line.starts_with("cmdstat_evalsha:"));
        let calls = line.and_then(|line| line.split("calls=").nth(1)).and_then(|rest| rest.split(',').next());
        calls.map_or(0, |calls| calls.parse().unwrap())
    }
}

/// Reads one answer.
fn answer(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    reader.read_line(&mut head)?;
    let Some((kind, rest)) = head.trim_end().split_at_checked(1) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    match (kind, rest.parse::<i64>()) {
        ("$", Ok(length @ 0..)) => {
            let mut text = vec![0; usize::try_from(length).unwrap() + 2];
            reader.read_exact(&mut text)?;
            Ok(String::from_utf8(text[..text.len() - 2].to_vec()).unwrap())
        }
        ("*", Ok(count)) => {
            let all: io::Result<Vec<_>> = (0..count).map(|_| answer(reader)).collect();
            Ok(all?.join(" "))
        }
        _ => Ok(rest.to_owned()),
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
