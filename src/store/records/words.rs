//! Enums that are stored and shown as words.

/// Gives an enum a word for each variant: `as_str`, `Display` and `FromStr`.
macro_rules! words {
    ($type:ty, $($text:literal = $variant:path),+ $(,)?) => {
        impl $type {
            /// The value as text.
            pub fn as_str(self) -> &'static str {
                match self { $($variant => $text),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok($variant),)+
                    _ => Err(format!("unknown value `{text}`; expected one of {}", [$($text),+].join(", "))),
                }
            }
        }
    };
}

pub(super) use words;
