//! What a server leaves behind and the next one finds: a folder, and a database that belongs to it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use hookflow::store::DatabaseUrl;
use hookflow::store::Store;
use tempfile::TempDir;

use super::database::{Kind, Look};
use super::postgres::{Cluster, TestDatabase};
use super::sqlite;

/// The database file, by its default name.
const FILE: &str = "hookflow.db";

/// A folder and its database. Servers that come one after the other share it.
pub struct Workspace {
    folder: TempDir,
    kind: Kind,
    /// Made when it is first asked for; SQLite makes its file itself.
    postgres: OnceLock<Arc<TestDatabase>>,
}

impl Workspace {
    /// A folder with no workflow in it, and an empty database of the kind that this run of the tests is about.
    pub fn new() -> Workspace {
        let folder = TempDir::new().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("workflows")).expect("a folder can be made");
        Workspace { folder, kind: Kind::of_this_run(), postgres: OnceLock::new() }
    }

    /// The same with a database of this kind.
    pub fn on(self, kind: Kind) -> Workspace {
        Workspace { kind, postgres: OnceLock::new(), ..self }
    }

    /// The same with this database.
    pub fn on_database(self, database: Arc<TestDatabase>) -> Workspace {
        Workspace { kind: Kind::Postgres, postgres: OnceLock::from(database), ..self }
    }

    /// A folder of its own with copies of the workflows, and the same database.
    pub fn beside(&self) -> Workspace {
        let beside = Workspace::new().on_database(self.postgres().clone());
        for file in std::fs::read_dir(self.path().join("workflows")).expect("the folder is there").flatten() {
            let copy = beside.path().join("workflows").join(file.file_name());
            std::fs::copy(file.path(), copy).expect("a file can be copied");
        }
        beside
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The database in PostgreSQL.
    ///
    /// # Panics
    /// When it is in SQLite.
    pub fn postgres(&self) -> &Arc<TestDatabase> {
        assert_eq!(self.kind, Kind::Postgres, "this workspace has a SQLite file");
        self.postgres.get_or_init(|| Arc::new(Cluster::shared().database()))
    }

    /// The database URL that a server in this folder needs; `None` if the default will do.
    pub fn url_to_tell(&self) -> Option<String> {
        (self.kind == Kind::Postgres).then(|| self.postgres().url())
    }

    /// The database as hookflow opens it, without a server.
    pub fn open_store(&self) -> Store {
        let file = || format!("sqlite:{}", self.path().join(FILE).display());
        let url = self.url_to_tell().unwrap_or_else(file);
        let url: DatabaseUrl = url.parse().expect("hookflow knows this kind of database");
        hookflow::config::Database::from(url).open().expect("the database can be opened")
    }

    /// Does SQL behind hookflow's back; a server may be running.
    pub fn execute(&self, sql: &str) {
        match self.kind {
            Kind::Sqlite => sqlite::execute(&self.path().join(FILE), sql),
            Kind::Postgres => self.postgres().execute(sql),
        }
    }

    /// A look into the database once no server is running.
    pub fn look(&self) -> Look {
        match self.kind {
            Kind::Sqlite => Look::file(&self.path().join(FILE)),
            Kind::Postgres => Look::database(self.postgres()),
        }
    }

    /// Whether no server has got as far as to write anything.
    pub fn is_untouched(&self) -> bool {
        match self.kind {
            Kind::Sqlite => !self.path().join(FILE).exists(),
            Kind::Postgres => self.postgres().rows("SELECT id FROM orgs UNION ALL SELECT id FROM nodes").is_empty(),
        }
    }
}
