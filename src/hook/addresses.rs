//! The IP addresses that may post to a hook.

use ipnet::IpNet;
use serde_json::Value;

use crate::base::networks::network;
use crate::objects::Fields;

/// The name of the setting.
pub const NAME: &str = "allowedAddresses";

/// Takes the list of addresses and networks, and notes its problems. `None` means that any address may post.
pub fn take(fields: &mut Fields) -> Option<Vec<IpNet>> {
    let list = fields.list(NAME)?;
    if list.is_empty() {
        fields.problem(format!("/{NAME}"), "expected at least one address or network; use null to allow all addresses");
    }
    fields.read_entries(NAME, list, |entry| match entry {
        Value::String(text) => network(&text).map_err(|error| error.to_string()),
        _ => Err("expected an address or a network, such as \"203.0.113.0/24\"".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Option<Vec<IpNet>>, Vec<String>> {
        let mut fields = Fields::new(json!({ NAME: value }));
        let networks = take(&mut fields);
        fields.finish(networks).map_err(|problems| problems.into_iter().map(|problem| problem.pointer).collect())
    }

    #[test]
    fn addresses_and_networks_are_parsed() {
        let networks = ["203.0.113.7/32", "2001:db8::/32"].map(|network| network.parse().unwrap());
        assert_eq!(read(json!(["203.0.113.7", "2001:db8::/32"])), Ok(Some(networks.into())));
        assert_eq!(take(&mut Fields::new(json!({}))), None);
    }

    #[test]
    fn all_problems_are_reported() {
        let problems = |value: Value| read(value).unwrap_err();
        assert_eq!(problems(json!("203.0.113.7")), ["/allowedAddresses"]);
        assert_eq!(problems(json!([])), ["/allowedAddresses"]);
        assert_eq!(problems(json!(["example.com"])), ["/allowedAddresses/0"]);
        assert_eq!(problems(json!(["203.0.113.7", "example.com", 7])), ["/allowedAddresses/1", "/allowedAddresses/2"]);
    }
}
