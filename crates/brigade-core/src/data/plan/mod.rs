//! What a read asks for, before anybody has looked whether it can be: names are still text, operands still as they were
//! given. The plan that an engine runs is [`crate::engine::CheckedRead`]; only `query` makes the one from the other.
//!
//! It belongs to no protocol: the table API parses URLs into it, and a program may build it. In reading order: a [`Read`]
//! is a [`Node`] of a relation; a node selects [`Item`]s, of which an [`Embed`] is a node again; its rows are those for
//! which every [`Tree`] holds.

mod filter;

pub use filter::{Comparator, Comparison, Group, Is, Quantifier, Syntax, Test, TextSearch, Tree};

/// A read of a table or view with what hangs on its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// The table or view.
    pub from: String,
    /// What is asked of it.
    pub node: Node,
    /// Whether the rows beyond the page are counted too.
    pub count: Option<Count>,
}

/// What is asked of one relation: of the one that is read, or of one that is embedded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// What each row shows. Empty: nothing of the row, which only an embed may be asked.
    pub select: Vec<Item>,
    /// All of them must hold.
    pub filters: Vec<Tree>,
    /// The order of rows; later parts decide where earlier ones are equal.
    pub order: Vec<Order>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// So many rows are passed over first.
    pub offset: Option<u64>,
}

/// A part of what a row shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Every column: `*`.
    All,
    /// A column, a place inside its JSON, or a sum of it.
    Field(FieldItem),
    /// The number of rows: `count()`.
    Count {
        /// The name it has in the answer.
        alias: Option<String>,
        /// The type it is shown as.
        cast: Option<String>,
    },
    /// Rows of another relation that belong to the row.
    Embed(Embed),
}

/// A column that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldItem {
    /// The name it has in the answer.
    pub alias: Option<String>,
    /// What.
    pub field: Field,
    /// The type it is taken as.
    pub cast: Option<String>,
    /// What is made of the values of all rows that are otherwise equal.
    pub aggregate: Option<Aggregate>,
    /// The type that the aggregate is shown as.
    pub aggregate_cast: Option<String>,
}

/// A column, or a place inside the JSON it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The column.
    pub column: String,
    /// The way into its JSON; empty for the column itself.
    pub path: Vec<Step>,
}

/// One step into JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where to.
    pub to: Place,
    /// Whether what is there comes as text: `->>`.
    pub as_text: bool,
}

/// A place inside a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A key of an object.
    Key(String),
    /// An element of an array, from 0; negative ones from its end.
    Index(i32),
}

/// What is made of many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many are not null.
    Count,
}

impl Aggregate {
    /// Every aggregate with its word.
    pub const ALL: [(Self, &'static str); 5] =
        [(Self::Sum, "sum"), (Self::Avg, "avg"), (Self::Min, "min"), (Self::Max, "max"), (Self::Count, "count")];

    /// The aggregate of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(a, _)| *a)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(a, _)| *a == self).map_or("", |(_, w)| w)
    }
}

/// Rows of another relation that belong to each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embed {
    /// The name it has in the answer.
    pub alias: Option<String>,
    /// The relation; a foreign key's name or column may stand for it.
    pub target: String,
    /// Which of several relationships: a foreign key, a column, or a junction.
    pub hint: Option<String>,
    /// Whether rows without any such row are left out.
    pub join: Option<Join>,
    /// Whether its columns become columns of the row itself: `...rel(a)`.
    pub spread: bool,
    /// What is asked of it.
    pub node: Node,
}

impl Embed {
    /// The name that filters, orders and limits of the same request know it by.
    pub fn known_as(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.target)
    }
}

/// What an embed means for rows that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// They are left out: `!inner`.
    Inner,
    /// They stay: `!left`, which is also what happens unasked.
    Left,
}

/// A part of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The embed whose column it is; none: a column of the relation itself.
    pub embed: Option<String>,
    /// The column.
    pub field: Field,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether nulls come first; none: last ascending, first descending.
    pub nulls_first: Option<bool>,
}

/// How the rows beyond the page are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// One by one.
    Exact,
    /// As the engine's planner guesses.
    Planned,
    /// One by one where there are few, guessed where there are many.
    Estimated,
}
