//! Messages of Amazon SNS, which carry their signature and the address of the certificate in the body.
//!
//! The signed text is a list of fields, each with its name and value on lines of their own. Anyone with an AWS account
//! can have messages signed, so a signature proves a topic, not a sender: a hook names its topics.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::request::UnverifiedRequest;
use super::verify::Rejection;

/// What a hook accepts of SNS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sns {
    /// The topics that may post; any if empty.
    pub topics: Vec<String>,
}

/// A message as received. Lambda spells two names differently, and other senders pass its messages on.
#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "MessageId")]
    pub id: String,
    #[serde(rename = "TopicArn")]
    pub topic: String,
    #[serde(rename = "Timestamp")]
    pub timestamp: String,
    #[serde(rename = "Signature")]
    pub signature: String,
    #[serde(rename = "SignatureVersion")]
    pub version: String,
    #[serde(rename = "SigningCertURL", alias = "SigningCertUrl")]
    pub certificate_url: String,
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

const NOTIFICATION: [&str; 6] = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const CONFIRMATION: [&str; 7] = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
const SUBSCRIPTION: &str = "SubscriptionConfirmation";

impl Message {
    pub fn read(received: &UnverifiedRequest<'_>) -> Result<Message, Rejection> {
        if received.header("x-amz-sns-rawdelivery").is_some_and(|value| value == b"true") {
            return Err(Rejection::RawDelivery);
        }
        Message::parse(received.body())
    }

    fn parse(body: &[u8]) -> Result<Message, Rejection> {
        serde_json::from_slice(body).map_err(|_| Rejection::BodyMalformed)
    }

    /// The signed text.
    pub fn text(&self) -> Result<Vec<u8>, Rejection> {
        let names = match self.kind.as_str() {
            "Notification" => &NOTIFICATION[..],
            SUBSCRIPTION | "UnsubscribeConfirmation" => &CONFIRMATION[..],
            _ => return Err(Rejection::BodyMalformed),
        };
        let mut text = String::new();
        for name in names {
            let value = match *name {
                "MessageId" => Some(self.id.as_str()),
                "Timestamp" => Some(self.timestamp.as_str()),
                "TopicArn" => Some(self.topic.as_str()),
                "Type" => Some(self.kind.as_str()),
                "SubscribeURL" => self.subscribe_url(),
                other => self.rest.get(other).and_then(Value::as_str),
            };
            match value {
                Some(value) => {
                    text.extend([*name, "\n", value, "\n"]);
                }
                None if *name == "Subject" => {}
                None => return Err(Rejection::BodyMalformed),
            }
        }
        Ok(text.into_bytes())
    }

    fn subscribe_url(&self) -> Option<&str> {
        self.rest.get("SubscribeURL").or_else(|| self.rest.get("SubscribeUrl")).and_then(Value::as_str)
    }
}

impl Sns {
    /// Whether messages of a topic are accepted.
    pub fn accepts(&self, topic: &str) -> bool {
        self.topics.is_empty() || self.topics.iter().any(|known| known == topic)
    }

    /// The address that confirms a subscription, if a verified body asks for one and the hook names the topic. The
    /// caller checks whose address it is.
    pub fn confirmation_url(&self, body: &[u8]) -> Option<String> {
        let message = Message::parse(body).ok()?;
        let is_wanted = message.kind == SUBSCRIPTION && self.topics.contains(&message.topic);
        is_wanted.then(|| message.subscribe_url().map(str::to_owned))?
    }
}
