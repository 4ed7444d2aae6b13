//! Webhooks that carry a raw mail with some data about it: Amazon SES by SNS, SparkPost and Mandrill.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::super::{Envelope, Mail};
use super::fields::Fields;
use crate::content::{ContentError, json};

/// The field of a form in which Mandrill posts its events.
const MANDRILL: &str = "mandrill_events";

/// A raw mail with data about it.
pub struct Wrapped {
    provider: &'static str,
    pub raw: Bytes,
    envelope: Envelope,
    fields: Map<String, Value>,
    notes: Vec<String>,
}

impl Wrapped {
    /// Recognises SES and SparkPost.
    pub fn of_json(document: &Value) -> Result<Option<Wrapped>, ContentError> {
        if document["TopicArn"].is_string() && document["Message"].is_string() {
            return ses(document).map(Some);
        }
        let relayed = &document[0]["msys"]["relay_message"];
        if relayed.is_object() {
            return sparkpost(relayed, document).map(Some);
        }
        Ok(None)
    }

    /// Recognises Mandrill.
    pub fn of_fields(fields: &Fields) -> Result<Option<Wrapped>, ContentError> {
        let Some(events) = fields.json(MANDRILL)? else { return Ok(None) };
        let message = &events[0]["msg"];
        let raw = message["raw_msg"]
            .as_str()
            .ok_or_else(|| no_mail("the first of `mandrill_events` has no `msg.raw_msg`"))?;
        Ok(Some(Wrapped {
            provider: "mandrill",
            raw: Bytes::copy_from_slice(raw.as_bytes()),
            envelope: envelope(None, std::slice::from_ref(&message["email"])),
            fields: picked(message, &["spam_report", "spf", "dkim", "tags"]),
            notes: note_of_others(&events),
        }))
    }

    /// The mail with what the provider says about it.
    pub fn mail(self, raw: Mail) -> Mail {
        let mut notes = self.notes;
        notes.extend(raw.notes);
        let (provider, envelope) = (Some(self.provider), Some(self.envelope));
        Mail { provider, envelope, provider_fields: self.fields, notes, ..raw }
    }
}

/// SES wraps its notification in a message of SNS, as text. `content` is there for the action `SNS` and up to 150 kB.
fn ses(document: &Value) -> Result<Wrapped, ContentError> {
    let message = document["Message"].as_str().unwrap_or_default();
    let message = json::read(message.as_bytes())
        .map_err(|_| no_mail("the message of SNS is not JSON, as that of SES is; use a form hook for other topics"))?;
    let content = message["content"].as_str().ok_or_else(|| {
        no_mail("the notification of SES has no `content`; use an SNS action, which sends mails of up to 150 kB")
    })?;
    let is_base64 = message["receipt"]["action"]["encoding"] == "BASE64";
    let source = message["mail"]["source"].as_str();
    Ok(Wrapped {
        provider: "ses",
        raw: raw(content, is_base64)?,
        envelope: envelope(source, list(&message["receipt"]["recipients"])),
        fields: picked(
            &message["receipt"],
            &["spamVerdict", "virusVerdict", "spfVerdict", "dkimVerdict", "dmarcVerdict"],
        ),
        notes: Vec::new(),
    })
}

fn sparkpost(relayed: &Value, document: &Value) -> Result<Wrapped, ContentError> {
    let content = &relayed["content"];
    let text = content["email_rfc822"].as_str().ok_or_else(|| no_mail("the message has no `content.email_rfc822`"))?;
    Ok(Wrapped {
        provider: "sparkpost",
        raw: raw(text, content["email_rfc822_is_base64"] == true)?,
        envelope: envelope(relayed["msg_from"].as_str(), std::slice::from_ref(&relayed["rcpt_to"])),
        fields: picked(relayed, &["webhook_id", "customer_id", "protocol"]),
        notes: note_of_others(document),
    })
}

fn no_mail(detail: &str) -> ContentError {
    ContentError::Malformed(format!("the body contains no mail: {detail}"))
}

fn raw(content: &str, is_base64: bool) -> Result<Bytes, ContentError> {
    if !is_base64 {
        return Ok(Bytes::copy_from_slice(content.as_bytes()));
    }
    let decoded = STANDARD.decode(content).map_err(|_| no_mail("its base64 is not valid"))?;
    Ok(decoded.into())
}

fn envelope(from: Option<&str>, to: &[Value]) -> Envelope {
    let from = from.filter(|from| !from.is_empty()).map(str::to_owned);
    Envelope { from, to: to.iter().filter_map(Value::as_str).map(str::to_owned).collect(), helo: None }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn picked(value: &Value, names: &[&str]) -> Map<String, Value> {
    let present = names.iter().filter_map(|name| Some(((*name).to_owned(), value.get(*name)?.clone())));
    present.collect()
}

/// A webhook becomes one mail. The others of a batch stay in the stored body.
pub fn note_of_others(batch: &Value) -> Vec<String> {
    match list(batch).len() {
        0 | 1 => Vec::new(),
        count => vec![format!("the request contains {count} mails, of which this is the first")],
    }
}
