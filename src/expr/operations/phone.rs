//! Whether a text is a plausible phone number of a country.
//!
//! Complete numbering plans are large and change every month. This checks what rarely changes: the calling code, the
//! number of digits, and for North America that area code and exchange do not begin with 0 or 1. It finds typos, but
//! can't tell whether a number is in use.

use crate::expr::report::brief;

/// A country: ISO code, calling code, and the minimum and maximum number of digits after it, without the trunk prefix
/// 0.
struct Country(&'static str, &'static str, usize, usize);

#[rustfmt::skip]
static COUNTRIES: [Country; 91] = [
    Country("US", "1", 10, 10), Country("CA", "1", 10, 10), Country("PR", "1", 10, 10), Country("DO", "1", 10, 10),
    Country("JM", "1", 10, 10), Country("MX", "52", 10, 10), Country("BR", "55", 10, 11), Country("AR", "54", 10, 11),
    Country("CL", "56", 9, 9), Country("CO", "57", 8, 10), Country("PE", "51", 8, 9), Country("VE", "58", 10, 10),
    Country("EC", "593", 8, 9), Country("UY", "598", 7, 8), Country("PY", "595", 8, 9), Country("BO", "591", 8, 8),
    Country("CR", "506", 8, 8), Country("PA", "507", 7, 8), Country("GT", "502", 8, 8), Country("SV", "503", 8, 8),
    Country("HN", "504", 8, 8), Country("NI", "505", 8, 8), Country("GB", "44", 9, 10), Country("IE", "353", 7, 9),
    Country("FR", "33", 9, 9), Country("DE", "49", 5, 11), Country("AT", "43", 4, 13), Country("CH", "41", 9, 9),
    Country("LI", "423", 7, 9), Country("NL", "31", 9, 9), Country("BE", "32", 8, 9), Country("LU", "352", 5, 11),
    Country("ES", "34", 9, 9), Country("PT", "351", 9, 9), Country("IT", "39", 6, 11), Country("DK", "45", 8, 8),
    Country("SE", "46", 7, 9), Country("NO", "47", 8, 8), Country("FI", "358", 5, 11), Country("IS", "354", 7, 7),
    Country("PL", "48", 9, 9), Country("CZ", "420", 9, 9), Country("SK", "421", 9, 9), Country("HU", "36", 8, 9),
    Country("RO", "40", 9, 9), Country("BG", "359", 8, 9), Country("GR", "30", 10, 10), Country("CY", "357", 8, 8),
    Country("MT", "356", 8, 8), Country("HR", "385", 8, 9), Country("SI", "386", 8, 8), Country("RS", "381", 8, 9),
    Country("EE", "372", 7, 8), Country("LV", "371", 8, 8), Country("LT", "370", 8, 8), Country("UA", "380", 9, 9),
    Country("RU", "7", 10, 10), Country("KZ", "7", 10, 10), Country("TR", "90", 10, 10), Country("IL", "972", 8, 9),
    Country("AE", "971", 8, 9), Country("SA", "966", 9, 9), Country("QA", "974", 8, 8), Country("KW", "965", 8, 8),
    Country("BH", "973", 8, 8), Country("OM", "968", 8, 8), Country("EG", "20", 8, 10), Country("MA", "212", 9, 9),
    Country("DZ", "213", 8, 9), Country("TN", "216", 8, 8), Country("ZA", "27", 9, 9), Country("NG", "234", 8, 10),
    Country("KE", "254", 9, 9), Country("GH", "233", 9, 9), Country("IN", "91", 10, 10), Country("PK", "92", 9, 10),
    Country("BD", "880", 8, 10), Country("LK", "94", 9, 9), Country("CN", "86", 10, 11), Country("HK", "852", 8, 8),
    Country("TW", "886", 8, 9), Country("JP", "81", 9, 10), Country("KR", "82", 8, 10), Country("SG", "65", 8, 8),
    Country("MY", "60", 8, 10), Country("TH", "66", 8, 9), Country("VN", "84", 9, 10), Country("PH", "63", 8, 10),
    Country("ID", "62", 8, 12), Country("AU", "61", 9, 9),
    Country("NZ", "64", 8, 10),
];

/// Whether `text` is a plausible number of the country, in national or international form.
pub(super) fn is_valid(text: &str, country: &str) -> Result<bool, String> {
    const LENGTH_MAX: usize = 40;
    let countries = find(country)?;
    let text = text.trim();
    let is_separator = |character: char| matches!(character, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
    let (is_international, rest) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits: String = rest.chars().filter(|character| !is_separator(*character)).collect();
    if text.len() > LENGTH_MAX || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(false);
    }
    Ok(countries.iter().any(|country| country.takes(&digits, is_international)))
}

/// Checks the parameter `country`.
pub(super) fn check_country(code: &str) -> Result<(), String> {
    find(code).map(drop)
}

/// The countries with an ISO code or a calling code.
fn find(code: &str) -> Result<Vec<&'static Country>, String> {
    let calling = code.trim_start_matches('+');
    let is = |country: &&Country| country.0.eq_ignore_ascii_case(code) || country.1 == calling;
    let found: Vec<&Country> = COUNTRIES.iter().filter(is).collect();
    let unknown = || format!("unknown country `{}`; expected a code such as `US`, `GB` or `44`", brief(code));
    if found.is_empty() { Err(unknown()) } else { Ok(found) }
}

impl Country {
    fn takes(&self, digits: &str, is_international: bool) -> bool {
        let Country(_, calling, least, most) = self;
        let fits = |national: &str| (*least..=*most).contains(&national.len()) && self.is_plausible(national);
        let international = |digits: &str| digits.strip_prefix(calling).is_some_and(fits);
        if is_international {
            return international(digits);
        }
        let trunk = |digits: &str| digits.strip_prefix('0').is_some_and(fits);
        let dialled = digits.strip_prefix("00").is_some_and(international);
        fits(digits) || dialled || if *calling == "1" { international(digits) } else { trunk(digits) }
    }

    fn is_plausible(&self, national: &str) -> bool {
        let starts_well = |at: usize| national.as_bytes().get(at).is_some_and(|digit| (b'2'..=b'9').contains(digit));
        self.1 != "1" || (starts_well(0) && starts_well(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_detected() {
        for (text, country, valid) in [
            ("(212) 555-0123", "US", true),
            ("+1 212 555 0123", "US", true),
            ("1-212-555-0123", "CA", true),
            ("212.555.012", "US", false),
            ("112 555 0123", "US", false),
            ("212 155 0123", "US", false),
            ("+44 20 7946 0958", "US", false),
            ("+44 20 7946 0958", "GB", true),
            ("020 7946 0958", "gb", true),
            ("0044 20 7946 0958", "44", true),
            ("+49 30 901820", "DE", true),
            ("030/901820", "+49", true),
            ("call me", "US", false),
            ("", "US", false),
            ("+", "US", false),
            ("٢١٢٥٥٥٠١٢٣", "US", false),
        ] {
            assert_eq!(is_valid(text, country), Ok(valid), "{text} {country}");
        }
        assert!(is_valid("212 555 0123", "XX").unwrap_err().contains("unknown country `XX`"));
    }
}
