//! Adyen's notifications, whose items are signed one by one, over eight of their fields.

use serde::Deserialize;
use serde_json::Value;

use super::parts::plain;
use super::verify::Rejection;

/// An item of an Adyen notification: its signature, and the texts of which one was signed.
pub(super) struct AdyenItem {
    pub signature: String,
    /// The joined fields: as Adyen's libraries write them, and as its older ones did, with the separator escaped.
    pub texts: [String; 2],
}

#[derive(Deserialize)]
struct AdyenBody {
    #[serde(rename = "notificationItems")]
    items: Vec<AdyenEntry>,
}

#[derive(Deserialize)]
struct AdyenEntry {
    #[serde(rename = "NotificationRequestItem")]
    item: AdyenFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdyenFields {
    additional_data: AdyenAdditionalData,
    #[serde(default)]
    psp_reference: Value,
    #[serde(default)]
    original_reference: Value,
    #[serde(default)]
    merchant_account_code: Value,
    #[serde(default)]
    merchant_reference: Value,
    #[serde(default)]
    amount: AdyenAmount,
    #[serde(default)]
    event_code: Value,
    #[serde(default)]
    success: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdyenAdditionalData {
    hmac_signature: String,
}

#[derive(Default, Deserialize)]
struct AdyenAmount {
    #[serde(default)]
    value: Value,
    #[serde(default)]
    currency: Value,
}

/// The items of an Adyen notification; at least one.
pub(super) fn adyen_items(body: &[u8]) -> Result<Vec<AdyenItem>, Rejection> {
    let body: AdyenBody = serde_json::from_slice(body).map_err(|_| Rejection::BodyMalformed)?;
    let read = |AdyenEntry { item }: AdyenEntry| {
        let fields = [
            &item.psp_reference,
            &item.original_reference,
            &item.merchant_account_code,
            &item.merchant_reference,
            &item.amount.value,
            &item.amount.currency,
            &item.event_code,
            &item.success,
        ];
        let fields = fields.map(plain);
        let escaped = fields.each_ref().map(|value| value.replace('\\', "\\\\").replace(':', "\\:"));
        AdyenItem { signature: item.additional_data.hmac_signature, texts: [fields.join(":"), escaped.join(":")] }
    };
    let items: Vec<AdyenItem> = body.items.into_iter().map(read).collect();
    if items.is_empty() { Err(Rejection::BodyMalformed) } else { Ok(items) }
}
