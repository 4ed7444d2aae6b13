//! `hookflow migrate-store --from sqlite:PATH --to postgres://…`

use std::process::ExitCode;

use crate::store::DatabaseUrl;
use crate::store::migrate::{Comparison, migrate, verify};
use crate::store::postgres::url::PostgresUrl;

#[derive(Debug, clap::Args)]
pub struct MigrateStore {
    /// Source database, `sqlite:PATH`; no server may be using it
    #[arg(long, value_name = "URL")]
    from: DatabaseUrl,
    /// Target database, `postgres://USER@HOST/DATABASE`; must be empty, or hold an interrupted copy. Prefer the
    /// variable PGPASSWORD for the password: other users can see flags
    #[arg(long, value_name = "URL")]
    to: DatabaseUrl,
    /// Only compare the databases, after a completed copy
    #[arg(long)]
    verify_only: bool,
}

/// The exit code for invalid arguments, as in clap.
const USAGE: u8 = 2;

impl MigrateStore {
    pub fn run(self) -> ExitCode {
        let (path, url) = match self.kinds() {
            Ok(kinds) => kinds,
            Err(message) => {
                eprintln!("error: {message}");
                return ExitCode::from(USAGE);
            }
        };
        let compared = if self.verify_only { verify(path, url) } else { migrate(path, url) };
        match compared {
            Ok(comparisons) => self.report(&comparisons),
            Err(error) => super::fail(&error),
        }
    }

    /// The source file and the target database.
    fn kinds(&self) -> Result<(&str, &PostgresUrl), String> {
        match (&self.from, &self.to) {
            (DatabaseUrl::Sqlite(path), DatabaseUrl::Postgres(url)) => Ok((path, url)),
            (from @ DatabaseUrl::Postgres(_), _) => {
                Err(format!("--from must be `sqlite:PATH`, not `{from}`: only SQLite databases can be copied"))
            }
            (_, to @ DatabaseUrl::Sqlite(_)) => {
                Err(format!("--to must be `postgres://USER@HOST/DATABASE`, not `{to}`: the target must be PostgreSQL"))
            }
        }
    }

    fn report(&self, comparisons: &[Comparison]) -> ExitCode {
        let differing = comparisons.iter().filter(|comparison| !comparison.is_equal()).count();
        let mut text = format!("{:<18} {:>12}  SHA-256 of all rows\n", "table", "rows");
        comparisons.iter().for_each(|comparison| text.push_str(&line(comparison)));
        text.push_str(&match (differing, self.verify_only) {
            (0, true) => "\nThe databases are identical.\n".to_owned(),
            (0, false) => {
                format!("\nEverything was copied and verified. Servers can now use {}\n", self.to)
            }
            (_, true) => "\nThe databases differ. This is normal once a server has used one of them.\n".to_owned(),
            (_, false) => {
                "\nThe databases differ, so servers refuse to use the copy. Create an empty database and copy again.\n"
                    .to_owned()
            }
        });
        super::say(&text);
        if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn line(comparison: &Comparison) -> String {
    let Comparison { table, source, target, difference } = comparison;
    match difference {
        None => format!("{table:<18} {:>12}  equal: {}…\n", source.rows, &source.digest[..16]),
        Some(key) => {
            let counts = match source.rows == target.rows {
                true => String::new(),
                false => format!(", {} rows in PostgreSQL", target.rows),
            };
            format!("{table:<18} {:>12}  DIFFERENT{counts}, first at the key {key}\n", source.rows)
        }
    }
}
