//! The tables that are moved, with their keys and columns. Whoever adds a table or a column to the databases adds it here;
//! a test compares this list with both.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Bytes,
}

/// A table in PostgreSQL, and where its rows are in SQLite.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    /// The table in SQLite.
    pub source: &'static str,
    /// Which rows of that table, as a condition in SQL.
    pub only: &'static str,
    /// What rows are known by, and sorted by: texts byte by byte.
    pub key: &'static [&'static str],
    /// The column whose ids say to which day a row belongs, if it is in a partition of its day now or will be.
    pub day: Option<&'static str>,
    pub texts: &'static [&'static str],
    pub integers: &'static [&'static str],
    pub bytes: &'static [&'static str],
    /// The columns that SQLite does not have as they are, each with what it is there; `:moment` is when the move began.
    /// A text that is bytes there is packed.
    pub made: &'static [(&'static str, &'static str)],
}

/// Columns of SQLite that have no counterpart in PostgreSQL, because others say the same.
pub const ABSORBED: [(&str, &str); 2] = [("runs", "held"), ("step_log", "packed")];

/// Tables that are not moved: how the processes on a database know each other, and the counter by which they hear of
/// changes.
pub const NOT_MOVED: [&str; 3] = ["catalog", "nodes", "writers"];

impl Table {
    /// The columns, in the order in which their values stand in a row.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, Kind)> {
        let of = |kind| move |name: &&'static str| (*name, kind);
        let texts = self.texts.iter().map(of(Kind::Text));
        let integers = self.integers.iter().map(of(Kind::Integer));
        texts.chain(integers).chain(self.bytes.iter().map(of(Kind::Bytes)))
    }

    /// What a column is in SQLite.
    pub fn expression(&self, column: &'static str, moment: i64) -> String {
        let made = self.made.iter().find(|(name, _)| *name == column);
        made.map_or_else(|| column.to_owned(), |(_, expression)| expression.replace(":moment", &moment.to_string()))
    }

    /// Where the value of a column stands in a row.
    pub fn position(&self, column: &str) -> usize {
        let position = self.columns().position(|(name, _)| name == column);
        position.expect("keys and days name columns of their own table")
    }
}

const PLAIN: Table = Table {
    name: "",
    source: "",
    only: "true",
    key: &["org_id", "id"],
    day: None,
    texts: &[],
    integers: &[],
    bytes: &[],
    made: &[],
};

/// A table whose rows are all in the table of the same name.
const fn named(name: &'static str, table: Table) -> Table {
    Table { name, source: name, ..table }
}

/// The texts of a run, and those that only open runs have.
macro_rules! run_texts {
    ($($more:literal),*) => {
        &[
            "org_id",
            "id",
            "workflow_id",
            "workflow_name",
            "event",
            "transaction_id",
            "input",
            "replay_of",
            "parent_id",
            "output",
            "status",
            "position",
            "pending",
            "error",
            $($more),*
        ]
    };
}

/// The integers of a run, and those that only open runs have.
macro_rules! run_integers {
    ($($more:literal),*) => {
        &["version", "depth", "steps", "created_at", "started_at", "finished_at", "due_at", "rev", $($more),*]
    };
}

const RUN: Table = Table { source: "runs", day: Some("id"), integers: run_integers!(), ..PLAIN };

/// All tables, in the order in which they are moved.
pub const TABLES: [Table; 25] = [
    named("orgs", Table { key: &["id"], texts: &["id", "name"], integers: &["created_at"], ..PLAIN }),
    named("api_keys", Table { texts: &["org_id", "id", "name", "role", "hash"], integers: &["created_at"], ..PLAIN }),
    named(
        "hooks",
        Table {
            texts: &["org_id", "id", "kind", "name", "title", "description", "hash", "status", "settings"],
            integers: &["created_at", "updated_at"],
            ..PLAIN
        },
    ),
    named(
        "refusals",
        Table {
            key: &["org_id", "hook_id", "reason"],
            texts: &["org_id", "hook_id", "reason"],
            integers: &["count", "last_at"],
            ..PLAIN
        },
    ),
    named(
        "refused_requests",
        Table {
            key: &["org_id", "hook_id", "id"],
            texts: &["org_id", "hook_id", "id", "reason", "detail", "method", "path", "query", "headers", "peer"],
            integers: &["created_at", "content_length"],
            bytes: &["body"],
            ..PLAIN
        },
    ),
    named(
        "klasses",
        Table {
            key: &["org_id", "name"],
            texts: &["org_id", "name", "id", "display_name", "icon", "properties"],
            integers: &["created_at", "updated_at"],
            ..PLAIN
        },
    ),
    named(
        "files",
        Table { key: &["org_id", "name"], texts: &["org_id", "name", "digest"], integers: &["loaded_at"], ..PLAIN },
    ),
    named(
        "workflows",
        Table {
            texts: &["org_id", "id", "name", "status", "file"],
            integers: &["version", "created_at", "updated_at"],
            ..PLAIN
        },
    ),
    named(
        "workflow_versions",
        Table {
            key: &["org_id", "workflow_id", "version"],
            texts: &["org_id", "workflow_id", "document", "origin"],
            integers: &["version", "created_at"],
            ..PLAIN
        },
    ),
    named(
        "workflow_drafts",
        Table {
            key: &["org_id", "workflow_id"],
            texts: &["org_id", "workflow_id", "document"],
            integers: &["base_version", "updated_at"],
            ..PLAIN
        },
    ),
    named(
        "schedules",
        Table {
            key: &["org_id", "workflow_id"],
            texts: &["org_id", "workflow_id", "rule"],
            integers: &["due_at", "last_at"],
            ..PLAIN
        },
    ),
    named(
        "deliveries",
        Table {
            key: &["org_id", "hook_id", "key_digest"],
            texts: &["org_id", "hook_id", "key_digest", "transaction_id"],
            integers: &["expires_at", "duplicates", "last_at"],
            ..PLAIN
        },
    ),
    named("hook_secrets", Table { texts: &["org_id", "id", "hook_id", "sealed"], integers: &["created_at"], ..PLAIN }),
    named(
        "variables",
        Table {
            texts: &["org_id", "id", "workflow_id", "name", "sealed"],
            integers: &["created_at", "updated_at"],
            ..PLAIN
        },
    ),
    named("secret_keys", Table { key: &["org_id"], texts: &["org_id", "key_id"], ..PLAIN }),
    named(
        "customers",
        Table {
            texts: &["org_id", "id", "external_id", "profile"],
            integers: &["created_at", "updated_at", "rev"],
            ..PLAIN
        },
    ),
    named("customer_emails", Table { key: &["org_id", "email"], texts: &["org_id", "email", "customer_id"], ..PLAIN }),
    named(
        "customer_phones",
        Table { key: &["org_id", "phone", "customer_id"], texts: &["org_id", "phone", "customer_id"], ..PLAIN },
    ),
    named(
        "kobjects",
        Table {
            key: &["org_id", "klass", "id"],
            texts: &["org_id", "klass", "id", "customer_id", "external_id", "title", "icon", "data", "custom"],
            integers: &["created_at", "updated_at", "rev"],
            ..PLAIN
        },
    ),
    named(
        "kobject_links",
        Table {
            key: &["org_id", "kobject_id", "related_id"],
            texts: &["org_id", "kobject_id", "related_id", "related_klass"],
            integers: &["created_at"],
            ..PLAIN
        },
    ),
    named(
        "entities",
        Table {
            key: &["org_id", "kind", "id"],
            texts: &["org_id", "kind", "id", "customer_id", "conversation_id", "external_id", "email", "attributes"],
            integers: &["created_at", "updated_at", "rev"],
            ..PLAIN
        },
    ),
    named(
        "transactions",
        Table {
            day: Some("id"),
            texts: &["org_id", "id", "hook_id", "hook_kind", "content_type", "headers", "query", "peer", "run_ids"],
            integers: &["created_at", "quiet"],
            bytes: &["raw"],
            ..PLAIN
        },
    ),
    // Runs that somebody held are let go of, as they are when a server starts.
    Table {
        name: "open_runs",
        only: "due_at IS NOT NULL",
        texts: run_texts!("owner", "lane"),
        integers: run_integers!("lane_limit", "lane_place"),
        made: &[
            ("due_at", "iif(held = 0, due_at, min(due_at, :moment))"),
            ("rev", "iif(held = 0, rev, rev + 1)"),
            ("owner", "NULL"),
        ],
        ..RUN
    },
    Table { name: "runs", only: "due_at IS NULL", texts: run_texts!(), ..RUN },
    named(
        "step_log",
        Table {
            key: &["org_id", "run_id", "segment"],
            day: Some("run_id"),
            texts: &["org_id", "run_id", "entries"],
            integers: &["segment"],
            made: &[("entries", "coalesce(packed, entries)")],
            ..PLAIN
        },
    ),
];
