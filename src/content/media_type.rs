//! Content types as senders write them.
//!
//! Many senders do not follow RFC 9110: `application/json; utf-8`, `application/json, application/json`, a boundary
//! with characters that would have to be quoted. What such a header means is clear nonetheless, so this module reads any
//! text: the essence is what stands before the first separator, and a parameter is found by its name.

/// A content type.
#[derive(Debug, PartialEq)]
pub(super) struct MediaType<'a> {
    /// In lower case, such as `application/json`; empty if there is none.
    pub essence: String,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    pub fn of(header: &'a str) -> MediaType<'a> {
        let header = header.trim();
        let is_separator = |character: char| matches!(character, ';' | ',' | ':') || character.is_whitespace();
        let end = header.find(is_separator).unwrap_or(header.len());
        let (essence, parameters) = header.split_at(end);
        MediaType { essence: essence.to_ascii_lowercase(), parameters }
    }

    /// The part after the slash; the whole essence if there is no slash.
    pub fn subtype(&self) -> &str {
        self.essence.split_once('/').map_or(self.essence.as_str(), |(_, subtype)| subtype)
    }

    /// Whether the subtype is `name`, or has the suffix `+name`.
    pub fn is(&self, name: &str) -> bool {
        let prefix = self.subtype().strip_suffix(name);
        prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('+'))
    }

    /// The character encoding, as written.
    pub fn charset(&self) -> Option<String> {
        let is_end = |character: char| matches!(character, ';' | ',') || character.is_whitespace();
        let value = value(self.after("charset")?, |rest| rest.find(is_end));
        Some(value.trim_matches('\'').to_owned()).filter(|charset| !charset.is_empty())
    }

    /// The boundary of the parts. Unless it is quoted, it ends at a semicolon, or at a comma that begins a parameter.
    pub fn boundary(&self) -> Option<String> {
        let end = |rest: &str| {
            let begins_parameter = |tail: &str| {
                let name = tail.trim_start().split(|character: char| !character.is_ascii_alphanumeric()).next();
                name.is_some_and(|name| !name.is_empty() && tail.trim_start()[name.len()..].starts_with('='))
            };
            rest.char_indices().find_map(|(index, character)| match character {
                ';' => Some(index),
                ',' if begins_parameter(&rest[index + 1..]) => Some(index),
                _ => None,
            })
        };
        Some(value(self.after("boundary")?, end)).filter(|boundary| !boundary.is_empty())
    }

    /// The text after `name=`.
    fn after(&self, name: &str) -> Option<&'a str> {
        let lower_case = self.parameters.to_ascii_lowercase();
        let is_start = |index: usize| !lower_case[..index].ends_with(|before: char| before.is_ascii_alphanumeric());
        let found = lower_case.match_indices(name).find_map(|(index, _)| {
            let rest = self.parameters[index + name.len()..].trim_start().strip_prefix('=')?;
            is_start(index).then_some(rest)
        });
        found.map(str::trim_start)
    }
}

/// The value at the start of `text`: quoted, or up to the place that `end` finds.
fn value(text: &str, end: impl Fn(&str) -> Option<usize>) -> String {
    let Some(quoted) = text.strip_prefix('"') else {
        return text[..end(text).unwrap_or(text.len())].trim_end().to_owned();
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_essence_ends_at_the_first_separator() {
        for header in [
            "application/json; utf-8",
            "application/json;utf-8",
            "Application/JSON;;charset=utf-8",
            "application/json charset=utf-8",
            "application/json:charset=UTF-8",
            "application/json, application/json",
            " application/json ",
        ] {
            assert_eq!(MediaType::of(header).essence, "application/json", "{header}");
        }
        assert!(MediaType::of("application/vnd.api+json").is("json"));
        assert!(MediaType::of("json").is("json"));
        assert!(!MediaType::of("application/notjson").is("json"));
        assert_eq!(MediaType::of("").essence, "");
    }

    #[test]
    fn charsets_are_found_however_they_are_written() {
        let charset = |header: &str| MediaType::of(header).charset();
        for header in
            ["a/b; charset=latin1", "a/b;Charset = latin1 ;", "a/b charset='latin1'", "a/b;charset=\"latin1\""]
        {
            assert_eq!(charset(header).as_deref(), Some("latin1"), "{header}");
        }
        assert_eq!(charset("a/b; charset="), None);
        assert_eq!(charset("a/b; xcharset=latin1"), None);
    }

    #[test]
    fn boundaries_may_contain_any_character() {
        let boundary = |parameters: &str| MediaType::of(&format!("multipart/form-data; {parameters}")).boundary();
        for (parameters, expected) in [
            ("boundary=x", "x"),
            ("boundary=\"a;b\\\"c\"; charset=utf-8", "a;b\"c"),
            ("boundary=----=_Part_0_12.34", "----=_Part_0_12.34"),
            ("boundary=====1626===", "====1626==="),
            ("boundary=a/b:c?d e", "a/b:c?d e"),
            ("boundary=x, charset=utf-8", "x"),
            ("boundary=a,b", "a,b"),
            ("charset=utf-8; boundary=x; other=1", "x"),
        ] {
            assert_eq!(boundary(parameters).as_deref(), Some(expected), "{parameters}");
        }
        assert_eq!(boundary(""), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in ".{0,60}", parameters in "[a-z=;, \"\\\\é]{0,40}") {
            for header in [header, format!("multipart/form-data; boundary={parameters}; charset={parameters}")] {
                let media_type = MediaType::of(&header);
                let _ = (media_type.charset(), media_type.boundary(), media_type.is("json"));
            }
        }
    }
}
