//! The sixteen operators of a condition.

/// What a condition asks of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    And,
    Or,
    Exists,
    Dne,
    True,
    False,
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    LtDate,
    GtDate,
    Contains,
    NotContains,
}

impl Operator {
    /// All operators with their names as written in a workflow, in the order of the variants.
    pub const ALL: [(&'static str, Operator); 16] = [
        ("and", Operator::And),
        ("or", Operator::Or),
        ("exists", Operator::Exists),
        ("dne", Operator::Dne),
        ("true", Operator::True),
        ("false", Operator::False),
        ("eq", Operator::Eq),
        ("neq", Operator::Neq),
        ("gt", Operator::Gt),
        ("gte", Operator::Gte),
        ("lt", Operator::Lt),
        ("lte", Operator::Lte),
        ("lt-date", Operator::LtDate),
        ("gt-date", Operator::GtDate),
        ("contains", Operator::Contains),
        ("not-contains", Operator::NotContains),
    ];

    /// The operator of that name.
    pub fn parse(name: &str) -> Option<Operator> {
        Operator::ALL.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator)
    }

    /// Its name as written in a workflow.
    pub fn name(self) -> &'static str {
        Operator::ALL[self as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variants_are_in_the_same_order() {
        for (name, operator) in Operator::ALL {
            assert_eq!((operator.name(), Operator::parse(name)), (name, Some(operator)));
        }
        assert_eq!(Operator::parse("equals"), None);
    }
}
