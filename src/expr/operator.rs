//! The operators of conditions.

/// The operator of a condition.
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
    /// All operators by name, in the order of the variants.
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

    /// Finds an operator by name.
    pub fn parse(name: &str) -> Option<Operator> {
        Operator::ALL.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator)
    }

    /// The operator that people mean who write one of another language.
    pub fn meant_by(spelling: &str) -> Option<&'static str> {
        const SPELLINGS: [(&str, &str); 18] = [
            ("=", "eq"),
            ("==", "eq"),
            ("===", "eq"),
            ("equals", "eq"),
            ("is", "eq"),
            ("!=", "neq"),
            ("!==", "neq"),
            ("<>", "neq"),
            ("ne", "neq"),
            (">", "gt"),
            (">=", "gte"),
            ("<", "lt"),
            ("<=", "lte"),
            ("&&", "and"),
            ("||", "or"),
            ("!exists", "dne"),
            ("includes", "contains"),
            ("in", "contains"),
        ];
        SPELLINGS.iter().find(|(other, _)| *other == spelling).map(|(_, name)| *name)
    }

    /// One value, and optionally another one, which some editors leave behind and which is ignored.
    pub const ONE: [usize; 2] = [1, 2];
    pub const TWO: [usize; 2] = [2, 2];
    /// Any number of conditions.
    pub const MANY: [usize; 2] = [1, usize::MAX];

    /// The minimum and maximum number of values.
    pub fn counts(self) -> [usize; 2] {
        match self {
            Operator::And | Operator::Or => Operator::MANY,
            Operator::Exists | Operator::Dne | Operator::True | Operator::False => Operator::ONE,
            _ => Operator::TWO,
        }
    }

    /// When the condition holds, for the documentation of the schema.
    pub fn summary(self) -> &'static str {
        match self {
            Operator::And => "All conditions hold.",
            Operator::Or => "At least one condition holds.",
            Operator::Exists => "The value exists and is not null.",
            Operator::Dne => "The value is missing or null.",
            Operator::True => "The value is true. With the literal true, the condition always holds.",
            Operator::False => "The value is false.",
            Operator::Eq => "The values are equal.",
            Operator::Neq => "The values are not equal.",
            Operator::Gt => "The first value is greater.",
            Operator::Gte => "The first value is greater, or they are equal.",
            Operator::Lt => "The first value is less.",
            Operator::Lte => "The first value is less, or they are equal.",
            Operator::LtDate => "The first date is earlier.",
            Operator::GtDate => "The first date is later.",
            Operator::Contains => "The first value contains the second.",
            Operator::NotContains => "The first value does not contain the second.",
        }
    }

    /// The name in a workflow.
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
