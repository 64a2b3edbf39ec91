//! A write of one table whose rows a read chooses and shows: one transaction, in which what is written, counted and shown
//! is one state. The read is checked by `query`, the write by `commit`; they meet only here.

use std::sync::Arc;

use brigade_core::{
    commit::{self, Limits},
    data::{
        Error, Expect, IdempotencyKey, Principal, Receipt, Result, Statement, Transaction, code,
        plan::{Node, Read},
    },
    engine::{CheckedNode, CheckedTree, Form, Planned, Unexpected},
    limits,
    query::{self, ReadRules},
    schema::access::Grants,
};

use crate::Brigade;

/// A write of one table.
#[derive(Clone, Debug)]
pub struct TableWrite {
    /// What is written. An update or delete may mean all rows: the read's filters narrow them.
    pub statement: Statement,
    /// Of the same table. Its filters say which rows an update or delete means; its items, embeds and order how they are
    /// shown. Limit and offset of the table's own rows are passed over.
    pub read: Read,
    /// How the rows written are shown; none: they are not.
    pub form: Option<Form>,
    /// Whether just one row must be shown, or nothing is written.
    pub is_single: bool,
    /// Whether everything is taken back at the end. Such a write needs no key, and its position means nothing.
    pub rolls_back: bool,
}

impl Brigade {
    /// Writes a table for a principal: what is written, compared and shown must be open to it in `[access]`.
    ///
    /// # Errors
    /// 42501 for what is closed; as [`query::check`] for the read and [`Brigade::commit`] for the write; PGRST127 where a
    /// filter looks at an embed; BRG413 where more rows would be shown than [`limits::SHOWN_ROWS_MAX`].
    pub async fn write_as(
        &self,
        principal: &Principal,
        write: TableWrite,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt> {
        self.check_open()?;
        let config = self.config();
        let transaction = Transaction { statements: vec![write.statement] };
        self.permit(principal, &transaction)?;
        let rules = ReadRules::of(&config.rest);
        // Who neither compares nor is shown anything reads nothing, and needs no right to.
        let reads = write.form.is_some() || !write.read.node.filters.is_empty();
        let grants = if reads { config.access.of(principal) } else { Grants::EVERYTHING };
        let mut asked = write.read;
        if write.form.is_none() {
            asked.node = Node { filters: asked.node.filters, ..Node::default() };
        }
        let mut read = query::check(&asked, &self.relations(), rules, grants)?;
        let filters = std::mem::take(&mut read.node.filters);
        if filters.iter().any(looks_at_embeds) {
            return Err(Error::new("PGRST127", "Feature not implemented: a write filtered by an embed")
                .hint("filter by the table's own columns"));
        }
        let rows =
            CheckedNode { items: Vec::new(), embeds: Vec::new(), order: Vec::new(), filters, ..read.node.clone() };
        (read.node.limit, read.node.offset) = (None, 0);
        let mut transaction = transaction;
        let is_capped = write.form.is_some() && transaction.statements.iter_mut().all(cap);
        let limits = Limits { statements_max: config.commit.statements_max, rows_max: config.commit.rows_max };
        let mut checked = commit::check(transaction, &read.model, limits)?;
        checked.rolls_back = write.rolls_back;
        for statement in &mut checked.statements {
            let shown = write.form.map(|form| {
                let mut shown = read.clone();
                shown.form = form;
                shown
            });
            // Where rows may be affected and not shown, the number of those affected tells nothing.
            let hides = read.node.embeds.iter().any(|embed| embed.is_inner);
            let shows_exactly = (write.is_single && shown.is_some() && hides).then_some(1);
            statement.planned = Some(Arc::new(Planned { rows: rows.clone(), shown, shows_exactly }));
        }
        let key = key.filter(|_| !write.rolls_back);
        let receipt = self.truth().commit(checked, key).await;
        receipt.map_err(|error| if is_capped { too_many(error) } else { error })
    }
}

fn looks_at_embeds(tree: &CheckedTree) -> bool {
    match tree {
        CheckedTree::Group { of, .. } => of.iter().any(looks_at_embeds),
        CheckedTree::Exists { .. } => true,
        CheckedTree::Compare { .. } => false,
    }
}

/// Bounds the rows that are shown, where the statement does not do so itself. Answers whether it did.
fn cap(statement: &mut Statement) -> bool {
    let (Statement::Update { expect, .. } | Statement::Delete { expect, .. }) = statement else { return false };
    let is_free = expect.is_none();
    expect.get_or_insert(Expect { min: 0, max: limits::SHOWN_ROWS_MAX });
    is_free
}

fn too_many(error: Error) -> Error {
    let Some(Unexpected { rows }) = Unexpected::of(&error) else { return error };
    Error::new(code::LIMIT, format!("{rows} rows are more than one answer shows"))
        .details(format!("SHOWN_ROWS_MAX is {}", limits::SHOWN_ROWS_MAX))
        .hint("write them with return=minimal, or in several parts")
}
