//! Turns foreign names into valid ones.

/// A valid hook name: `Order paid!` becomes `order-paid`.
pub(super) fn slug(name: &str) -> String {
    let lower: String = name.to_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let joined: String = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let short: String = joined.chars().take(60).collect();
    if short.is_empty() { "hook".to_owned() } else { short }
}

/// `name`, with a number appended if it is taken.
pub(super) fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut candidates = std::iter::once(name.to_owned()).chain(numbered);
    candidates.find(|candidate| !is_taken(candidate)).unwrap_or_default()
}

/// A valid workflow name: characters that names cannot have become `-`; see `check_name`.
pub(super) fn workflow_name(name: &str) -> String {
    let permitted = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | ' ');
    let replaced = name.chars().map(|character| if permitted(character) { character } else { '-' });
    let short: String = replaced.take(128).collect();
    short.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_valid() {
        assert_eq!(slug("Order paid! (Shop №1)"), "order-paid-shop-1");
        assert_eq!(slug("注文"), "hook");
        assert_eq!(free_name("a", |name| ["a", "a-2"].contains(&name)), "a-3");
        assert_eq!(workflow_name(" Poll: payment/invoice "), "Poll- payment-invoice");
        assert_eq!(workflow_name("bot---new-mi-tienda"), "bot---new-mi-tienda");
    }
}
