//! Phone numbers: validity, the international form, and the keys that customers are looked up by.
//!
//! Numbering plans come from the library `phonenumber`, which has the data of Google's libphonenumber. A number without a
//! calling code is one of [`DEFAULT_COUNTRY`] if it is valid there; otherwise its country is unknown and only its digits
//! count. A text that is no phone number keeps its letters in the key, so that it never equals a number.

use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, PhoneNumber};

/// The country of numbers without a calling code.
pub const DEFAULT_COUNTRY: &str = "US";

/// Longer texts are no phone numbers.
const LENGTH_MAX: usize = 64;

/// The look-up key of a number: `+12125550123`, or `+12125550123;ext=4` with an extension.
pub fn phone_key(text: &str) -> String {
    match dialled(text) {
        Some(number) => {
            let extension = number.extension().map(|extension| format!(";ext={extension}")).unwrap_or_default();
            e164(&number) + &extension
        }
        None => {
            let text = text.trim();
            let plus = if text.starts_with('+') { "+" } else { "" };
            let has_letters = text.chars().any(char::is_alphabetic);
            let counts = |character: &char| character.is_ascii_digit() || has_letters && character.is_alphanumeric();
            plus.to_owned() + &text.chars().filter(counts).collect::<String>().to_lowercase()
        }
    }
}

/// All keys that a number may be stored under, its own first. Until version 0.2 the key was the digits of the text, with
/// a leading `+`, so one number had several.
pub fn phone_keys(text: &str) -> Vec<String> {
    let mut keys = vec![phone_key(text), digits_key(text)];
    if let Some(number) = dialled(text) {
        let (code, national) = (number.code().value().to_string(), number.national().to_string());
        let extension = number.extension().map(ToString::to_string).unwrap_or_default();
        for prefix in ["", "0", &code, &format!("00{code}"), &format!("+{code}"), &format!("+{code}0")] {
            keys.push(format!("{prefix}{national}{extension}"));
        }
    }
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| !key.is_empty() && seen.insert(key.clone()));
    keys
}

/// The digits of a text, and a leading `+`.
pub fn digits_key(text: &str) -> String {
    let text = text.trim();
    let plus = if text.starts_with('+') { "+" } else { "" };
    plus.to_owned() + &text.chars().filter(char::is_ascii_digit).collect::<String>()
}

/// Whether a text is a valid number of a country, in national or international form.
///
/// # Errors
/// The country is unknown.
pub fn is_valid_phone(text: &str, country: &str) -> Result<bool, String> {
    Ok(number_of(text, country)?.is_some())
}

/// The international form of a number of a country, `+12125550123`; `None` if it is not valid there.
///
/// # Errors
/// The country is unknown.
pub fn international(text: &str, country: &str) -> Result<Option<String>, String> {
    Ok(number_of(text, country)?.as_ref().map(e164))
}

/// The international form of a number with a calling code; `None` if it is not valid.
pub fn international_of_any_country(text: &str) -> Option<String> {
    parse(text, None).filter(PhoneNumber::is_valid).as_ref().map(e164)
}

/// Checks a country: an ISO code such as `US`, or a calling code such as `44`.
///
/// # Errors
/// The country is unknown.
pub fn check_country(country: &str) -> Result<(), String> {
    find_countries(country).map(drop)
}

/// A valid number with the calling code of the country; a number in international form may be of another one.
fn number_of(text: &str, country: &str) -> Result<Option<PhoneNumber>, String> {
    let countries = find_countries(country)?;
    let numbers = countries.into_iter().filter_map(|country| {
        let code = DATABASE.by_id(country.as_ref())?.country_code();
        parse(text, Some(country)).filter(|number| number.is_valid() && number.code().value() == code)
    });
    Ok(numbers.into_iter().next())
}

fn find_countries(country: &str) -> Result<Vec<Id>, String> {
    let id = country.to_ascii_uppercase().parse::<Id>().ok().filter(|id| DATABASE.by_id(id.as_ref()).is_some());
    let countries: Vec<Id> = match (id, country.trim_start_matches('+').parse::<u16>()) {
        (Some(id), _) => vec![id],
        (None, Ok(code)) => DATABASE.region(&code).into_iter().flatten().filter_map(|id| id.parse().ok()).collect(),
        (None, Err(_)) => Vec::new(),
    };
    if countries.is_empty() {
        let shown: String = country.chars().take(20).collect();
        return Err(format!("unknown country `{shown}`; expected a code such as `US`, `GB` or `44`"));
    }
    Ok(countries)
}

/// The number as it would be dialled: in international form, or in that of the default country.
fn dialled(text: &str) -> Option<PhoneNumber> {
    let is_international = |text: &str| text.starts_with('+') || text.starts_with("00") || text.starts_with("tel:+");
    if is_international(text.trim()) {
        return parse(text, None);
    }
    parse(text, DEFAULT_COUNTRY.parse().ok()).filter(PhoneNumber::is_valid)
}

fn parse(text: &str, country: Option<Id>) -> Option<PhoneNumber> {
    let text = text.trim();
    if text.len() > LENGTH_MAX {
        return None;
    }
    // Most of the world dials 00 in place of the plus.
    let text = text.strip_prefix("00").map_or_else(|| text.to_owned(), |rest| format!("+{rest}"));
    phonenumber::parse(country, text).ok()
}

fn e164(number: &PhoneNumber) -> String {
    number.format().mode(Mode::E164).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_key() {
        for (key, texts) in [
            (
                "+12125550123",
                &[
                    "(212) 555-0123",
                    "+1 212 555 0123",
                    "1 212 555 0123",
                    "212.555.0123",
                    "tel:+1-212-555-0123",
                    "001 212 5550123",
                ][..],
            ),
            ("+442079460958", &["+44 (0)20 7946 0958", "+442079460958", "0044 20 7946 0958"]),
            ("+49301234", &["0049 30 1234", "+49301234", "+49 (30) 1234"]),
            ("+12125550123;ext=4", &["+1 212 555 0123 ext. 4", "(212) 555-0123 x4"]),
            ("+18003569377", &["1-800-FLOWERS", "+1 800 356 9377"]),
            ("0301234567", &["030 1234567", "030/1234567"]),
            ("1800", &["18 00", "1800"]),
            ("ab1800", &["AB 18 00"]),
        ] {
            for text in texts {
                assert_eq!(phone_key(text), key, "{text}");
            }
        }
    }

    #[test]
    fn keys_of_earlier_versions_are_among_the_keys() {
        for (stored, wanted) in [
            ("(212) 555-0123", "+1 212 555 0123"),
            ("1-212-555-0123", "2125550123"),
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("0049 30 1234", "+49301234"),
            ("+1 212 555 0123 ext. 4", "(212) 555-0123 x4"),
            ("030 1234567", "030/1234567"),
        ] {
            assert!(phone_keys(wanted).contains(&digits_key(stored)), "{stored} {:?}", phone_keys(wanted));
        }
    }

    #[test]
    fn numbers_are_valid_in_their_countries() {
        for (text, country, expected) in [
            ("8 (912) 345-67-89", "RU", Some("+79123456789")),
            ("06 1 234 5678", "HU", Some("+3612345678")),
            ("1800 123 456", "AU", Some("+611800123456")),
            ("0800 123 4567", "44", Some("+448001234567")),
            ("+49 30 901820", "DE", Some("+4930901820")),
            ("+49 30 901820", "FR", None),
            ("tel:+1-212-555-0123", "US", Some("+12125550123")),
            ("212-555-0123 ext 4", "us", Some("+12125550123")),
            ("416 555 0123", "US", Some("+14165550123")),
            ("12345", "US", None),
            ("", "US", None),
            ("hello", "US", None),
        ] {
            assert_eq!(international(text, country).unwrap().as_deref(), expected, "{text} {country}");
            assert_eq!(is_valid_phone(text, country), Ok(expected.is_some()), "{text} {country}");
        }
        assert!(check_country("ZZ").is_err() && check_country("").is_err() && check_country("999").is_err());
    }
}
