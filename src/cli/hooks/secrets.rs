//! The signing secrets of a hook.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::shown::text;
use super::{HooksError, Named};
use crate::cli::input;
use crate::cli::remote::Server;
use crate::cli::say;

#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Add a secret read from standard input or a file; existing secrets stay valid
    Add {
        #[command(flatten)]
        hook: Named,
        /// File with the secret
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
    },
    /// List the secrets of a hook, without their values
    List {
        #[command(flatten)]
        hook: Named,
    },
    /// Delete a secret of a hook
    Delete {
        #[command(flatten)]
        hook: Named,
        /// Id of the secret, as shown by `hookflow hooks secret list`
        id: String,
    },
}

impl Secret {
    pub fn run(self, server: &Server) -> Result<(), HooksError> {
        match self {
            Secret::Add { hook, value_file } => {
                let hook = hook.find(server)?;
                let value = input::secret(&format!("Secret of {}", hook.name), value_file.as_deref())?;
                let path = format!("{}/secrets", hook.link);
                let added = server.send(Method::POST, &path, Some(&json!({ "value": value })))?;
                say(&format!("{}: secret added ({})\n", hook.name, text(&added["data"]["id"])));
            }
            Secret::List { hook } => {
                let secrets = server.all(&format!("{}/secrets", hook.find(server)?.link))?;
                let line = |secret: &Value| {
                    format!("{}  added {}\n", text(&secret["id"]), text(&secret["attributes"]["createdAt"]))
                };
                say(&secrets.iter().rev().map(line).collect::<String>());
            }
            Secret::Delete { hook, id } => {
                let hook = hook.find(server)?;
                server.send(Method::DELETE, &format!("{}/secrets/{id}", hook.link), None)?;
                say(&format!("{}: secret deleted\n", hook.name));
            }
        }
        Ok(())
    }
}
