//! Listing, showing, creating and changing hooks.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::shown::{self, printable, text};
use super::{Hook, HooksError, Named, get};
use crate::cli::remote::Server;
use crate::cli::say;
use crate::hook::{HookKind, SETTING_NAMES};

/// How many refused requests are listed by default.
const REFUSALS_DEFAULT: u16 = 20;

#[derive(Debug, clap::Args)]
pub struct Create {
    /// Name of the hook: lower-case letters, digits, `-` and `_`
    name: String,
    /// Kind of hook: form, web or email
    #[arg(long = "type", value_name = "KIND", default_value = "form")]
    kind: HookKind,
    /// Title for people
    #[arg(long)]
    title: Option<String>,
    #[arg(long, help = "Description for people")]
    description: Option<String>,
    /// Verification scheme, such as `stripe`
    #[arg(long, value_name = "SCHEME")]
    verification: Option<String>,
    /// Store requests without starting workflows
    #[arg(long)]
    capture: bool,
    /// Other settings, as a JSON object
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Refusals {
    #[command(flatten)]
    hook: Named,
    /// Only refusals with this reason, such as `signature`
    #[arg(long)]
    reason: Option<String>,
    /// Maximum number of refusals
    #[arg(long, default_value_t = REFUSALS_DEFAULT, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Print JSON, one entry per line
    #[arg(long)]
    json: bool,
    /// Print the beginning of each body
    #[arg(long)]
    body: bool,
}

/// Prints all hooks, one per line.
pub fn list(server: &Server) -> Result<(), HooksError> {
    let line = |hook: &Value| {
        let attributes = &hook["attributes"];
        let [name, kind, title] = ["name", "kind", "title"].map(|key| printable(&text(&attributes[key])));
        format!("{name}  {kind}  {}  {title}\n", state(attributes))
    };
    let lines: String = server.all("/v1/hooks")?.iter().rev().map(line).collect();
    say(&lines);
    Ok(())
}

fn state(attributes: &Value) -> String {
    let enabled = if attributes["enabled"] == true { "enabled" } else { "disabled" };
    let capture = if attributes["capture"] == true { ", captures" } else { "" };
    format!("{enabled}{capture}")
}

/// Prints the details of a hook.
pub fn show(server: &Server, hook: &Named, json: bool) -> Result<(), HooksError> {
    let hook = hook.find(server)?;
    let details = get(server, &hook.link)?;
    if json {
        say(&format!("{details:#}\n"));
        return Ok(());
    }
    let attributes = &details["attributes"];
    let mut lines = format!("{} ({}), {}\n", hook.name, text(&attributes["kind"]), state(attributes));
    let mut line = |name: &str, value: &str| lines.push_str(&format!("  {name:<12} {}\n", printable(value)));
    line("id", &text(&details["id"]));
    line("title", &text(&attributes["title"]));
    line("address", &text(&attributes["url"]));
    if let Some(address) = attributes["mailAddress"].as_str() {
        line("mail", address);
    }
    line("event", &text(&attributes["eventName"]));
    for name in SETTING_NAMES.iter().filter(|name| !attributes[**name].is_null()) {
        line(name, &attributes[*name].to_string());
    }
    let secrets = server.all(&format!("{}/secrets", hook.link))?.len();
    line("secrets", &secrets.to_string());
    if attributes["lacksSecret"] == true {
        let name = text(&attributes["name"]);
        line("", &format!("refuses all requests until you run: hookflow hooks secret add {name}"));
    }
    for (reason, refusal) in attributes["refusals"].as_object().into_iter().flatten() {
        line("refused", &format!("{reason}: {}, last {}", refusal["count"], text(&refusal["lastAt"])));
    }
    for name in ["duplicates", "challenges"] {
        let count = &attributes[name];
        if count["count"].as_u64().is_some_and(|count| count > 0) {
            line(name, &format!("{}, last {}", count["count"], text(&count["lastAt"])));
        }
    }
    say(&lines);
    Ok(())
}

impl Create {
    pub fn run(self, server: &Server) -> Result<(), HooksError> {
        let mut body = match self.settings.as_deref().map(serde_json::from_str) {
            None => Map::new(),
            Some(Ok(Value::Object(settings))) => settings,
            Some(_) => return Err(HooksError::Settings),
        };
        body.insert("name".into(), json!(self.name));
        body.insert("type".into(), json!(self.kind));
        let texts = [("title", self.title), ("description", self.description)];
        body.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?)))));
        body.extend(self.verification.map(|scheme| ("verification".to_owned(), json!({ "scheme": scheme }))));
        body.extend(self.capture.then(|| ("capture".to_owned(), json!(true))));
        let hook = server.send(Method::POST, "/v1/hooks", Some(&Value::Object(body)))?;
        print_address(&Hook::of(&hook["data"]));
        Ok(())
    }
}

fn print_address(hook: &Hook) {
    say(&format!("{}: {}\n", hook.name, text(&hook.attributes["url"])));
}

/// Gives a hook a new address.
pub fn rotate(server: &Server, hook: &Named) -> Result<(), HooksError> {
    let hook = hook.find(server)?;
    let response = server.send(Method::POST, &format!("{}/rotate", hook.link), None)?;
    print_address(&Hook::of(&response["data"]));
    Ok(())
}

/// Enables or disables a hook.
pub fn enable(server: &Server, hook: &Named, enabled: bool) -> Result<(), HooksError> {
    change(server, hook, json!({ "enabled": enabled }))
}

/// Turns capturing on or off.
pub fn capture(server: &Server, hook: &Named, captures: bool) -> Result<(), HooksError> {
    change(server, hook, json!({ "capture": captures }))
}

fn change(server: &Server, hook: &Named, change: Value) -> Result<(), HooksError> {
    let hook = hook.find(server)?;
    let response = server.send(Method::PATCH, &hook.link, Some(&change))?;
    say(&format!("{}: {}\n", hook.name, state(&response["data"]["attributes"])));
    Ok(())
}

impl Refusals {
    pub fn run(self, server: &Server) -> Result<(), HooksError> {
        let hook = self.hook.find(server)?;
        let reason = self.reason.as_deref().unwrap_or_default();
        let reason: String = url::form_urlencoded::byte_serialize(reason.as_bytes()).collect();
        let filter = if reason.is_empty() { String::new() } else { format!("&reason={reason}") };
        let path = format!("{}/refusals?pageSize={}{filter}", hook.link, self.limit);
        let list = get(server, &path)?;
        for refusal in list.as_array().into_iter().flatten().rev() {
            if self.json {
                say(&format!("{refusal}\n"));
                continue;
            }
            say(&shown::refusal(refusal));
            if let Some(body) = shown::refused_body(refusal).filter(|_| self.body) {
                say(&format!("{body}\n"));
            }
        }
        Ok(())
    }
}
