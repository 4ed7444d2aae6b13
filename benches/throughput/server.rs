//! The servers that are measured, each a child process: the release build of hookflow, and the no-op.
//!
//! Both say on their standard output where they listen; what they print after that is read and dropped, so that a
//! full pipe never holds a server up. hookflow's log goes to a file beside its database and is shown if it fails.
//! Administrative calls are plain blocking HTTP/1.0, one connection each: they are few and never measured.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::Target;
use crate::measures::Place;
use crate::{Options, Result};

const ADMIN_KEY: &str = "benchmark-admin-key-0123456789abcdef";
const START_TIME_MAX: Duration = Duration::from_secs(60);
const STOP_TIME_MAX: Duration = Duration::from_secs(60);
const CALL_TIME_MAX: Duration = Duration::from_secs(30);

/// A child that serves HTTP; killed when dropped.
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(command: &mut Command) -> Result<Process> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        // Made now, so that the child is not left behind when it does not say where it listens.
        let mut process = Process { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        process.address = loop {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                return Err("the server ended before it said where it listens".into());
            }
            if let Some(address) = address_in(&line) {
                break address;
            }
        };
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(process)
    }

    /// Starts this program again as the no-op server.
    pub fn start_noop() -> Result<Process> {
        Process::start(Command::new(std::env::current_exe()?).arg("--noop-server"))
    }

    pub fn target(&self, path: &str) -> Target {
        Target { address: self.address, path: path.to_owned() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the first `http://ADDRESS` of a line.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|character: char| !character.is_ascii_digit() && !matches!(character, '.' | ':'));
    rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', ':']).parse().ok()
}

/// A running hookflow on the database in one directory.
pub struct Server {
    process: Process,
    log: PathBuf,
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
}

/// What `/proc` says of a process's memory, in bytes.
pub struct Memory {
    pub resident: u64,
    pub peak: u64,
}

impl Server {
    /// Starts hookflow on the database of `place` (made if it is not there) and waits until it is ready.
    pub fn start(options: &Options, place: &Place, workflows: &Path) -> Result<Server> {
        let log = place.directory.path().join("server.log");
        let started = Instant::now();
        let process = Process::start(
            Command::new(&options.hookflow)
                .args(["serve", "--listen", "127.0.0.1:0", "--database-url"])
                .arg(&place.database_url)
                .arg("--workflows")
                .arg(workflows)
                .env("HOOKFLOW_ADMIN_KEY", ADMIN_KEY)
                .env("HOOKFLOW_LOG", "warn")
                .env("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8")
                .stderr(File::options().create(true).append(true).open(&log)?),
        )
        .map_err(|error| format!("{}: {error}; its log ends:\n{}", options.hookflow.display(), log_end(&log)))?;
        let mut server = Server { process, log, ready_after: Duration::ZERO };
        while !server.call("GET", "/readyz", "").is_ok_and(|(status, _)| status == 200) {
            if started.elapsed() > START_TIME_MAX {
                return Err(format!("/readyz never answered 200; the log ends:\n{}", log_end(&server.log)).into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        server.ready_after = started.elapsed();
        Ok(server)
    }

    /// Where to post on this server what is posted to `target` on another one.
    pub fn same_target(&self, target: &Target) -> Target {
        self.process.target(&target.path)
    }

    /// Asks the server to end, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        let id = self.process.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        let asked = Instant::now();
        while self.process.child.try_wait()?.is_none() {
            if asked.elapsed() > STOP_TIME_MAX {
                return Err("the server did not end after SIGTERM".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Creates an open hook called `name` and says where to post.
    pub fn create_hook(&self, name: &str) -> Result<Target> {
        let hook = self.call_json("POST", "/v1/hooks", &json!({ "name": name, "type": "form", "title": name }))?;
        self.hook_target(&hook["data"])
    }

    /// Where to post to the existing hook called `name`.
    pub fn find_hook(&self, name: &str) -> Result<Target> {
        self.hook_target(&self.hook(name)?)
    }

    /// Changes settings of the existing hook called `name`.
    pub fn change_hook(&self, name: &str, settings: &Value) -> Result<()> {
        let hook = self.hook(name)?;
        let link = hook["links"]["self"].as_str().ok_or_else(|| format!("a hook without a link: {hook}"))?;
        self.call_json("PATCH", link, settings).map(drop)
    }

    fn hook(&self, name: &str) -> Result<Value> {
        let mut hooks = self.call_json("GET", "/v1/hooks?pageSize=100", &Value::Null)?;
        let hook =
            hooks["data"].as_array_mut().and_then(|all| all.iter_mut().find(|hook| hook["attributes"]["name"] == name));
        Ok(hook.ok_or_else(|| format!("there is no hook called {name}"))?.take())
    }

    fn hook_target(&self, hook: &Value) -> Result<Target> {
        let url = hook["attributes"]["url"].as_str().ok_or_else(|| format!("a hook without a url: {hook}"))?;
        let path = url.find("/v1/").map(|start| &url[start..]).ok_or_else(|| format!("a strange hook url: {url}"))?;
        Ok(self.process.target(path))
    }

    pub fn create_workflow(&self, document: &Value) -> Result<()> {
        self.call_json("POST", "/v1/workflows", document).map(drop)
    }

    /// Whether any run has this status.
    pub fn has_runs(&self, status: &str) -> Result<bool> {
        let list = self.call_json("GET", &format!("/v1/runs?status={status}&pageSize=1"), &Value::Null)?;
        Ok(!list["data"].as_array().ok_or("a run list without data")?.is_empty())
    }

    /// How many runs this process has completed, if its metrics say.
    pub fn completed_runs(&self) -> Result<Option<u64>> {
        let (_, metrics) = self.call("GET", "/metrics", "")?;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("hookflow_runs_finished_total{") && line.contains(r#"status="completed""#));
        Ok(line.and_then(|line| line.split_whitespace().last()?.parse::<f64>().ok()).map(|count| count as u64))
    }

    /// The processor time that the process has taken since it began, to a hundredth of a second.
    pub fn processor_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.child.id()))?;
        // The second field is the program's name in brackets; user and system time are the 14th and 15th, in ticks.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<std::result::Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    pub fn create_key(&self, name: &str) -> Result<()> {
        self.call_json("POST", "/v1/keys", &json!({ "name": name, "role": "org.read" })).map(drop)
    }

    /// Whether there is a workflow called `name`.
    pub fn has_workflow(&self, name: &str) -> Result<bool> {
        let (status, _) = self.call("GET", &format!("/v1/runs?workflow={name}&pageSize=1"), "")?;
        Ok(status == 200)
    }

    /// The link of the workflow called `name`. The server reads all workflows for it.
    pub fn find_workflow(&self, name: &str) -> Result<String> {
        let list = self.call_json("GET", "/v1/workflows", &Value::Null)?;
        let mut workflows = list["data"].as_array().into_iter().flatten();
        let found = workflows.find(|workflow| workflow["attributes"]["name"] == name);
        let link = found.and_then(|workflow| workflow["links"]["self"].as_str());
        Ok(link.ok_or_else(|| format!("there is no workflow called {name}"))?.to_owned())
    }

    /// The version in force of the workflow with this link.
    pub fn workflow_version(&self, link: &str) -> Result<i64> {
        let workflow = self.call_json("GET", link, &Value::Null)?;
        Ok(workflow["data"]["attributes"]["version"].as_i64().ok_or("a workflow without a version")?)
    }

    pub fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.child.id()))?;
        let bytes = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
        };
        let missing = "/proc tells no memory";
        Ok(Memory { resident: bytes("VmRSS:").ok_or(missing)?, peak: bytes("VmHWM:").ok_or(missing)? })
    }

    fn call_json(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let sent = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.call(method, path, &sent)?;
        if !(200..300).contains(&status) {
            return Err(format!("{method} {path} answered {status}: {answer}").into());
        }
        Ok(serde_json::from_str(&answer)?)
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.process.address)?;
        stream.set_read_timeout(Some(CALL_TIME_MAX))?;
        let length = body.len();
        // HTTP/1.0, because its answers end with the connection and are never chunked.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("not an HTTP answer")?;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or("an answer without a status")?;
        Ok((status, body.to_owned()))
    }
}

fn log_end(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
