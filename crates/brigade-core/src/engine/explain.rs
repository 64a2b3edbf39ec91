//! How a read would be run, and what may be asked about it. The words are the engine's own: a plan is for people.

/// What is asked of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explain {
    /// How it is written.
    pub format: PlanFormat,
    /// What else it tells.
    pub options: PlanOptions,
}

/// How a plan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanFormat {
    /// Lines, of which those that belong to another are further in.
    #[default]
    Text,
    /// A JSON array with an object for each statement, whose `Plan` has its parts in `Plans`.
    Json,
}

impl PlanFormat {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Some of the options of PostgreSQL's EXPLAIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions(u8);

impl PlanOptions {
    /// Every option's word, in the order in which they are told.
    pub const ALL: [&'static str; 5] = ["analyze", "verbose", "settings", "buffers", "wal"];

    /// Those that a list with `|` between names. What is none is passed over.
    pub fn parse(list: &str) -> Self {
        let bit = |word: &str| Self::ALL.iter().position(|known| *known == word.trim()).map_or(0, |at| 1 << at);
        Self(list.split('|').fold(0, |all, word| all | bit(word)))
    }

    /// Their words.
    pub fn words(self) -> Vec<&'static str> {
        Self::ALL.into_iter().enumerate().filter(|(at, _)| self.0 & (1 << at) != 0).map(|(_, word)| word).collect()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}
