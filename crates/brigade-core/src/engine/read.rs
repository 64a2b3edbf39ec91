//! A read that has been checked: names are indexes, operands have their types, embeds know their columns. An engine makes
//! SQL of it and asks nothing again.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Explain, Routine, Source};
use crate::{
    data::{
        Error, Position, Result, Row, SqlType, Value,
        plan::{Aggregate, Comparator, Count, Is, Quantifier, Step, Syntax},
    },
    limits,
    schema::{Model, NamedQuery, Relation},
};

/// A read that has been checked against the model.
#[derive(Clone, Debug)]
pub struct CheckedRead {
    /// The model that it was checked against.
    pub model: Arc<Model>,
    /// What is read.
    pub node: CheckedNode,
    /// Where the rows come from, if not from the node's relation.
    pub source: Option<Source>,
    /// Whether rows beyond the page are counted.
    pub count: Option<Count>,
    /// How rows are written.
    pub form: Form,
    /// Bytes that the answer may have; past it BRG413.
    pub bytes_max: usize,
}

impl CheckedRead {
    /// Whether a row is judged quickly, however long its texts are: patterns and searches for words go through all of them.
    pub fn is_quick_to_judge(&self) -> bool {
        self.node.is_quick_to_judge()
    }
}

/// How the rows of an answer are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A JSON array of objects.
    #[default]
    Json,
    /// The same without keys whose value is null, at any depth.
    JsonWithoutNulls,
    /// Comma-separated lines, the first one naming the columns.
    Csv,
}

/// What is asked of one relation.
#[derive(Clone, Debug)]
pub struct CheckedNode {
    /// Of which.
    pub relation: Arc<Relation>,
    /// What a row shows, in order.
    pub items: Vec<CheckedItem>,
    /// Relations whose rows belong to each row; items, filters and orders name them by index.
    pub embeds: Vec<CheckedEmbed>,
    /// All must hold.
    pub filters: Vec<CheckedTree>,
    /// Must hold too, and is asked before everything that the caller chose: the place of row policies. Both engines write it
    /// into the `WHERE` of every node; nothing fills it yet. `query::check` would, from the grants it is given. The junction of
    /// a many-to-many embed is no node: a policy on its table needs a place in [`Link::Through`].
    pub policy: Option<CheckedTree>,
    /// The order of rows.
    pub order: Vec<CheckedOrder>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// So many rows are passed over.
    pub offset: u64,
}

impl CheckedNode {
    fn is_quick_to_judge(&self) -> bool {
        let embeds = self.embeds.iter().all(|embed| embed.node.is_quick_to_judge());
        embeds && self.filters.iter().chain(&self.policy).all(CheckedTree::is_quick_to_judge)
    }

    /// Whether rows are gathered into groups, one for all that are equal in what is no aggregate.
    pub fn is_grouped(&self) -> bool {
        self.items.iter().any(|item| matches!(item.output, Output::Aggregate { .. }))
    }
}

/// A part of what a row shows.
#[derive(Clone, Debug)]
pub struct CheckedItem {
    /// Its name in the answer.
    pub name: String,
    /// What it is.
    pub output: Output,
}

/// What is shown.
#[derive(Clone, Debug)]
pub enum Output {
    /// A value of the row.
    Value(Expression),
    /// Something made of the values of all rows of a group.
    Aggregate {
        /// What is made.
        function: Aggregate,
        /// Of which values; none: of the rows themselves.
        of: Option<Expression>,
        /// The type that it has.
        ty: SqlType,
        /// The type it is shown as, where another is asked for.
        cast: Option<SqlType>,
    },
    /// The rows of an embed: an object or null, or an array.
    Embed(usize),
    /// One item of an embed's row (an array of them, where there may be many rows), shown as the row's own.
    Spread {
        /// Which embed.
        embed: usize,
        /// Which of its items.
        item: usize,
    },
}

/// A column, a place inside its JSON, or what a cast makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// The column's index in the relation.
    pub column: usize,
    /// The way into its JSON.
    pub path: Vec<Step>,
    /// The type before a cast: the column's own; json, jsonb or text behind a path.
    pub base: SqlType,
    /// The cast.
    pub cast: Option<SqlType>,
}

impl Expression {
    /// A column as it is.
    pub fn column(relation: &Relation, column: usize) -> Self {
        Self { column, path: Vec::new(), base: relation.columns[column].ty.clone(), cast: None }
    }

    /// The type of its values.
    pub fn ty(&self) -> &SqlType {
        self.cast.as_ref().unwrap_or(&self.base)
    }
}

/// Rows of another relation that belong to each row.
#[derive(Clone, Debug)]
pub struct CheckedEmbed {
    /// What is asked of it.
    pub node: CheckedNode,
    /// The relation whose rows they belong to.
    pub outer: Arc<Relation>,
    /// Which rows belong.
    pub link: Link,
    /// Whether there is at most one.
    pub is_one: bool,
    /// Whether rows without any are left out.
    pub is_inner: bool,
}

/// Which rows of an embedded relation belong to a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// Those whose columns equal the row's: pairs of the row's column and theirs.
    Direct(Vec<(usize, usize)>),
    /// Those that a junction's row joins with the row.
    Through {
        /// The junction.
        junction: Arc<Relation>,
        /// Pairs of the row's column and the junction's.
        near: Vec<(usize, usize)>,
        /// Pairs of the junction's column and theirs.
        far: Vec<(usize, usize)>,
    },
}

/// A condition.
#[derive(Clone, Debug)]
pub enum CheckedTree {
    /// Several, joined.
    Group {
        /// Whether the whole is turned round.
        negated: bool,
        /// Whether one is enough.
        any: bool,
        /// The conditions.
        of: Vec<CheckedTree>,
    },
    /// A comparison.
    Compare {
        /// Whether it is turned round.
        negated: bool,
        /// What is compared.
        what: Expression,
        /// How, and with what.
        test: CheckedTest,
    },
    /// Whether an embed has any row.
    Exists {
        /// Whether it must have none.
        negated: bool,
        /// Which embed.
        embed: usize,
    },
}

/// How a value is compared, and with what.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckedTest {
    /// With one value; of a pattern, it is text.
    Compare(Comparator, Value),
    /// With one or all of several.
    Quantified(Comparator, Quantifier, Vec<Value>),
    /// One of several.
    In(Vec<Value>),
    /// Null, true, false.
    Is(Is),
    /// Not equal, where null equals null.
    IsDistinct(Value),
    /// Holds all of an array or JSON value.
    Contains(Value),
    /// Is held by an array or JSON value.
    ContainedBy(Value),
    /// Shares an element with an array.
    Overlaps(Value),
    /// Has the words that a query asks for.
    Search(CheckedSearch),
}

/// A search for words. The query can be read; whether there is such a language is the engine's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedSearch {
    /// How the query is written.
    pub syntax: Syntax,
    /// The language whose rules apply: a name in small letters, made of letters, digits, `_` and points.
    pub language: String,
    /// The query.
    pub query: String,
}

impl CheckedTree {
    fn is_quick_to_judge(&self) -> bool {
        let is_pattern = |by: &Comparator| matches!(by, Comparator::Match | Comparator::Imatch);
        match self {
            Self::Group { of, .. } => of.iter().all(Self::is_quick_to_judge),
            Self::Exists { .. } => true,
            Self::Compare { test, .. } => match test {
                CheckedTest::Search(_) => false,
                CheckedTest::Compare(by, _) | CheckedTest::Quantified(by, ..) => !is_pattern(by),
                _ => true,
            },
        }
    }
}

/// A part of an order.
#[derive(Clone, Debug)]
pub struct CheckedOrder {
    /// What decides.
    pub by: OrderBy,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether nulls come first.
    pub nulls_first: bool,
}

/// What an order looks at.
#[derive(Clone, Debug)]
pub enum OrderBy {
    /// A value of the row.
    Value(Expression),
    /// A value of the one row of an embed.
    Embed(usize, Expression),
    /// An item of the answer, for what only a group has.
    Item(usize),
}

/// What a read found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadAnswer {
    /// The rows, as [`Form`] says: `[…]`, or lines.
    pub body: Vec<u8>,
    /// How many rows are in it.
    pub rows: u64,
    /// How many there are without limit and offset, where that was asked.
    pub total: Option<u64>,
    /// What the rows are at least as fresh as; none: what was known before they were asked for.
    pub position: Option<Position>,
    /// Whether a call had been made before, under the same idempotency key.
    pub replayed: bool,
}

/// A store that answers reads of tables: the truth, or a server that follows it.
#[async_trait]
pub trait Tables: Send + Sync {
    /// Runs a read as one statement on one state of the data, however many embeds it has. Values of the caller's are
    /// bound, never pasted into SQL. It may be repeated. Past the engine's statement timeout it answers 57014, past
    /// [`CheckedRead::bytes_max`] BRG413.
    /// What comes of a source that may change rows is no read: see [`super::CheckedTransaction::call`].
    async fn read(&self, read: CheckedRead) -> Result<ReadAnswer>;

    /// The answer of a store that follows this one and shows everything up to all of `after`, with the position that it is
    /// at least as fresh as. Nobody who was told a position, here or there, and names it, is shown less than what came with
    /// it. None: there is no such store now, and this one is to be asked; that is found out within a bounded time.
    async fn read_follower(&self, _read: &CheckedRead, _after: &[Position]) -> Result<Option<ReadAnswer>> {
        Ok(None)
    }

    /// A read of this store has been answered with this position, and may have shown what came later: to be called before
    /// the answer is given away.
    async fn answered(&self, _position: Position) -> Result<()> {
        Ok(())
    }

    /// How a read would be run, in the engine's own words: of the statement that [`Tables::read`] runs, with its values, under
    /// the same bounds of time. No row is shown and nothing can be written. With the option `analyze` it is run.
    ///
    /// PGRST127 for options of which this engine's plans tell nothing.
    async fn explain(&self, _read: CheckedRead, _how: Explain) -> Result<String> {
        Err(Error::new("PGRST127", "Feature not implemented: plans of this store"))
    }

    /// What a read without embeds and sums shows of each of these rows, as though its relation had this one alone: a JSON
    /// object, or none where its filters leave the row out. The rows have the relation's columns, in order. The store
    /// judges, as it does for [`Tables::read`], so that the two cannot differ.
    async fn show(&self, read: Arc<CheckedRead>, rows: Vec<Row>) -> Result<Vec<Option<String>>>;

    /// Makes a named query the engine's own: its text is translated and judged, its columns are found. Nothing is run. An
    /// error begins with the place in the query's file.
    async fn prepare(&self, query: &NamedQuery, model: &Arc<Model>) -> Result<Routine>;

    /// The functions that the database has of its own and that can be called by name, as they are now.
    async fn functions(&self, _model: &Arc<Model>) -> Result<Vec<Routine>> {
        Ok(Vec::new())
    }
}

impl CheckedRead {
    /// A read of a node as JSON, without a count.
    pub fn new(model: &Arc<Model>, node: CheckedNode) -> Self {
        Self {
            model: Arc::clone(model),
            node,
            source: None,
            count: None,
            form: Form::Json,
            bytes_max: limits::ANSWER_BYTES_MAX,
        }
    }
}

/// A cell of a line, in quotes where it needs them; nothing for null.
pub fn push_cell(text: Option<&str>, out: &mut String) {
    let Some(text) = text else { return };
    if text.contains(['"', ',', '\n', '\r', '\\']) || text.is_empty() {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}
