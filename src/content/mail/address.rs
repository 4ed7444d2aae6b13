//! Addresses that the library reads differently from what their senders meant.

use super::Address;

/// The address as meant, without a route and without blanks.
pub fn mended(name: Option<String>, address: Option<String>) -> Address {
    let Some(found) = address else { return Address { name, address: None } };
    let found = without_blanks(&found);
    match found.strip_prefix('@') {
        // `<@relay.example:j@x.example>` (RFC 5322, 4.4)
        Some(route) if route.contains(':') => {
            let address = route.rsplit_once(':').map(|(_, address)| address.to_owned());
            Address { name, address }
        }
        // `"john..doe"@x.example`, whose quoted part is taken for a name
        Some(_) => match name {
            Some(quoted) => Address { name: None, address: Some(format!("\"{}\"{found}", escaped(&quoted))) },
            None => Address { name: None, address: Some(found) },
        },
        None => Address { name, address: Some(found) },
    }
}

/// The text without blanks outside of quotes, if it is an address.
fn without_blanks(text: &str) -> String {
    if !text.contains('@') || !text.contains(char::is_whitespace) {
        return text.to_owned();
    }
    let mut is_quoted = false;
    let is_kept = |character: &char| {
        is_quoted ^= *character == '"';
        is_quoted || !character.is_whitespace()
    };
    text.chars().filter(is_kept).collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
