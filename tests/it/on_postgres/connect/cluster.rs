//! PostgreSQL servers of these tests' own: one with TLS, one without, and one in recovery.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use crate::support::ports::free_port;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// The password of the role `app`.
pub const PASSWORD: &str = "sesame";

/// Each is started by the first test that looks at it, and ends with the program.
pub static WITH_TLS: LazyLock<Cluster> = LazyLock::new(|| Cluster::start("on", "."));
pub static WITHOUT_TLS: LazyLock<Cluster> = LazyLock::new(|| Cluster::start("off", "."));
pub static IN_RECOVERY: LazyLock<Cluster> = LazyLock::new(|| Cluster::start("off", "standby.signal"));

/// Makes a server and keeps it until the standard input is closed. That happens however the tests end, so that nothing
/// stays behind. Durability is switched off: nothing in it has to last.
const SCRIPT: &str = r#"
    set -eu
    export PATH="$1:$PATH" directory="$2" port="$3" tls="$4" signal="$5"
    trap 'pg_ctl -D "$directory/data" -m immediate stop >&2; rm -rf "$directory"' EXIT
    cd "$directory"
    initdb -D data --username=postgres --auth=trust --no-sync --encoding=UTF8 --locale=C >log
    cat >>data/postgresql.conf <<END
        listen_addresses = '127.0.0.1'
        port = $port
        unix_socket_directories = '$directory'
        fsync = off
        ssl_cert_file = '$directory/server.crt'
        ssl_key_file = '$directory/server.key'
        ssl_ca_file = '$directory/ca.crt'
END
    cat >data/pg_hba.conf <<END
        local     all all                     trust
        hostssl   all certified  127.0.0.1/32 cert
        hostssl   all tls_only   127.0.0.1/32 trust
        hostnossl all plain_only 127.0.0.1/32 trust
        host      all app        127.0.0.1/32 scram-sha-256
END
    pg_ctl -D data -w -l log start >&2
    psql -q -h "$directory" -p "$port" -U postgres -d postgres >&2 <<END
        CREATE ROLE app LOGIN PASSWORD '$PASSWORD';
        CREATE ROLE tls_only LOGIN;
        CREATE ROLE plain_only LOGIN;
        CREATE ROLE certified LOGIN;
        CREATE DATABASE orders OWNER app;
END
    echo "ssl = $tls" >>data/postgresql.conf
    touch "data/$signal"
    pg_ctl -D data -w -l log restart >&2
    echo ready
    cat >/dev/null
"#;

pub struct Cluster {
    pub port: u16,
    directory: PathBuf,
    _keeper: Child,
}

impl Cluster {
    fn start(tls: &str, signal: &str) -> Cluster {
        let directory = tempfile::TempDir::with_prefix("hookflow-connect-").unwrap().keep();
        write_certificates(&directory);
        let port = free_port();
        let mut command = Command::new("sh");
        // PostgreSQL refuses to run as root.
        if fs::metadata(&directory).unwrap().uid() == 0 {
            let owned = Command::new("chown").args(["-R", "postgres"]).arg(&directory).status();
            assert!(owned.unwrap().success());
            command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", SCRIPT, "sh"]).arg(programs()).arg(&directory).args([&port.to_string(), tls, signal]);
        let log = fs::File::create(directory.join("setup.log")).unwrap();
        command.env("PASSWORD", PASSWORD).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Ctrl-C in a terminal goes to the tests alone, so that the script ends by its own rules.
        let mut keeper = command.process_group(0).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "no PostgreSQL could be started in {}", directory.display());
        Cluster { port, directory, _keeper: keeper }
    }

    /// The URL of a database of this server, with parameters that begin with `?`. `HOST` may hold the user and password.
    pub fn url(&self, host: &str, rest: &str) -> String {
        let rest = rest.replace("FILES", &self.directory.display().to_string());
        format!("postgres://{host}:{}/{rest}", self.port)
    }

    /// The URL for the role `app`, with its password.
    pub fn app(&self, parameters: &str) -> String {
        self.url(&format!("app:{PASSWORD}@localhost"), &format!("orders{parameters}"))
    }

    pub fn directory(&self) -> &str {
        self.directory.to_str().unwrap()
    }
}

/// Where the newest PostgreSQL's programs are.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.unwrap().path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").exists());
    folders.sort();
    folders.pop().unwrap_or_else(|| {
        let asked = Command::new("pg_config").arg("--bindir").output().expect("PostgreSQL is installed");
        PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim())
    })
}

/// `ca.crt` issued `server.crt` for localhost and 127.0.0.1, and `client.crt` for the role `certified`; `other-ca.crt`
/// issued nothing.
fn write_certificates(directory: &Path) {
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    let authority = |name: &str| {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        write(&format!("{name}.crt"), params.self_signed(&key).unwrap().pem());
        write(&format!("{name}.key"), key.serialize_pem());
        Issuer::new(params, key)
    };
    let issuer = authority("ca");
    authority("other-ca");
    for (name, common_name, hosts) in
        [("server", "server", &["localhost", "127.0.0.1"][..]), ("client", "certified", &[])]
    {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        write(&format!("{name}.crt"), params.signed_by(&key, &issuer).unwrap().pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}
