//! `hookflow migrate-store --from sqlite:PATH --to postgres://…`

use std::process::ExitCode;

use crate::store::DatabaseUrl;
use crate::store::migrate::{Comparison, migrate, verify};
use crate::store::postgres::url::PostgresUrl;

#[derive(Debug, clap::Args)]
pub struct MigrateStore {
    /// The database to copy from, `sqlite:PATH`; no server may use it
    #[arg(long, value_name = "URL")]
    from: DatabaseUrl,
    /// The database to copy to, `postgres://USER@HOST/DATABASE`: an empty one, or the one that an interrupted copy has
    /// begun to fill. A password is better put into PGPASSWORD
    #[arg(long, value_name = "URL")]
    to: DatabaseUrl,
    /// Only compare both databases, after everything was copied
    #[arg(long)]
    verify_only: bool,
}

/// The exit code for arguments that are not understood, as clap has it.
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
            Ok(comparisons) => self.tell(&comparisons),
            Err(error) => super::fail(&error),
        }
    }

    /// The file to copy from, and the database to copy to.
    fn kinds(&self) -> Result<(&str, &PostgresUrl), String> {
        match (&self.from, &self.to) {
            (DatabaseUrl::Sqlite(path), DatabaseUrl::Postgres(url)) => Ok((path, url)),
            (from @ DatabaseUrl::Postgres(_), _) => {
                Err(format!("--from has to be `sqlite:PATH`, as nothing is copied out of PostgreSQL; it is `{from}`"))
            }
            (_, to @ DatabaseUrl::Sqlite(_)) => Err(format!(
                "--to has to be `postgres://USER@HOST/DATABASE`, as nothing is copied to SQLite; it is `{to}`"
            )),
        }
    }

    fn tell(&self, comparisons: &[Comparison]) -> ExitCode {
        let differing = comparisons.iter().filter(|comparison| !comparison.is_equal()).count();
        let mut text = format!("{:<18} {:>12}  SHA-256 of all rows\n", "table", "rows");
        comparisons.iter().for_each(|comparison| text.push_str(&line(comparison)));
        text.push_str(&match (differing, self.verify_only) {
            (0, true) => "\nBoth databases hold the same.\n".to_owned(),
            (0, false) => {
                format!("\nEverything was copied and compared. Servers may start on {}\n", self.to)
            }
            (_, true) => "\nThe databases differ, as they do once a server has worked on one of them.\n".to_owned(),
            (_, false) => {
                "\nThe databases differ, so no server will start on the copy. Make an empty database and copy again.\n"
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
