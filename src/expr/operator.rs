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

    /// One value, and one more that editors leave behind and that means nothing.
    pub const ONE: [usize; 2] = [1, 2];
    pub const TWO: [usize; 2] = [2, 2];
    /// Any number of conditions.
    pub const MANY: [usize; 2] = [1, usize::MAX];

    /// How many values it takes: at least, and at most.
    pub fn counts(self) -> [usize; 2] {
        match self {
            Operator::And | Operator::Or => Operator::MANY,
            Operator::Exists | Operator::Dne | Operator::True | Operator::False => Operator::ONE,
            _ => Operator::TWO,
        }
    }

    /// When it holds, in a few words.
    pub fn summary(self) -> &'static str {
        match self {
            Operator::And => "All of the conditions hold.",
            Operator::Or => "One of the conditions holds.",
            Operator::Exists => "It is there and not null.",
            Operator::Dne => "It is missing or null.",
            Operator::True => "It is true; with the value true, the condition always holds.",
            Operator::False => "It is false.",
            Operator::Eq => "They are equal.",
            Operator::Neq => "They are not equal.",
            Operator::Gt => "The first is greater.",
            Operator::Gte => "The first is greater, or they are equal.",
            Operator::Lt => "The first is less.",
            Operator::Lte => "The first is less, or they are equal.",
            Operator::LtDate => "The first moment is earlier.",
            Operator::GtDate => "The first moment is later.",
            Operator::Contains => "The first contains the second.",
            Operator::NotContains => "The first does not contain the second.",
        }
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
