//! The suite of the roles `truth` and `log`: what every relational engine must do, in the same words and codes.
//!
//! An engine runs it by giving a [`Fixture`]: an empty store that has applied [`SCHEMA`]. A case is a function over it, so
//! that a failure names the promise; [`run`] runs them all and prints which engine stands behind.

mod codes;
mod commits;
mod keys;
mod logs;
mod types;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use brigade_core::{
    commit::{Builder, Limits, check},
    data::{Change, Error, IdempotencyKey, Position, Receipt, Result, Row, Transaction},
    engine::{Log, Truth},
    schema::Model,
};

/// The tables that the suite works on, as a migration.
pub const SCHEMA: &str = include_str!("schema.sql");

/// An empty truth with its log, having applied [`SCHEMA`].
#[derive(Clone)]
pub struct Fixture {
    /// For messages: `sqlite`, `postgres`.
    pub engine: &'static str,
    /// The truth.
    pub truth: Arc<dyn Truth>,
    /// Its log.
    pub log: Arc<dyn Log>,
    /// The model of [`SCHEMA`].
    pub model: Arc<Model>,
}

impl std::fmt::Debug for Fixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixture").field("engine", &self.engine).finish_non_exhaustive()
    }
}

type Case = (&'static str, fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>);

macro_rules! cases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        const CASES: &[Case] = &[$((stringify!($case), |fixture| Box::pin($module::$case(fixture)))),*];
    };
}

cases![
    commits::a_row_takes_its_defaults_and_comes_back,
    commits::statements_see_those_before_them,
    commits::a_failed_expect_leaves_nothing,
    commits::an_upsert_updates_or_ignores,
    commits::updates_add_and_take_defaults,
    commits::filters_compare_by_meaning,
    commits::constraints_are_checked_when_declared,
    commits::concurrent_transactions_are_serializable,
    commits::concurrent_counters_lose_nothing,
    codes::the_same_mistake_has_the_same_code,
    codes::what_the_database_finds_names_its_statement,
    keys::a_repeated_key_has_one_effect_and_one_receipt,
    keys::a_key_with_another_body_is_refused,
    keys::a_hundred_at_once_have_one_effect,
    keys::a_refused_transaction_leaves_its_key_free,
    types::every_type_comes_back_from_the_table_and_the_log,
    logs::changes_come_in_order_with_marks,
    logs::reading_resumes_at_every_change,
    logs::an_update_of_the_key_is_a_delete_and_an_insert,
    logs::cascades_are_changes,
    logs::a_commit_wakes_readers,
    logs::a_snapshot_stands_at_its_position,
    logs::positions_of_another_history_are_refused,
    logs::what_was_trimmed_is_gone_and_said_so,
];

/// Runs every case, each on a fixture of its own.
///
/// # Panics
/// If a case fails.
pub async fn run<F, Make>(make: Make)
where
    Make: Fn() -> F,
    F: Future<Output = Fixture>,
{
    for (name, case) in CASES {
        let fixture = make().await;
        let engine = fixture.engine;
        let truth = Arc::clone(&fixture.truth);
        let outcome = tokio::time::timeout(Duration::from_secs(60), tokio::spawn(case(fixture))).await;
        truth.close().await;
        match outcome {
            Ok(Ok(())) => eprintln!("ok   {engine}: {name}"),
            Ok(Err(error)) => panic!("{engine}: {name}: {error}"),
            Err(_) => panic!("{engine}: {name}: did not end within 60 s"),
        }
    }
}

impl Fixture {
    /// Checks and commits.
    pub async fn try_commit(&self, transaction: Transaction, key: Option<IdempotencyKey>) -> Result<Receipt> {
        let checked = check(transaction, &self.model, Limits::default())?;
        self.truth.commit(checked, key).await
    }

    /// Checks and commits what must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub async fn commit(&self, builder: Builder) -> Receipt {
        let transaction = builder.build();
        let shown = format!("{transaction:?}");
        self.try_commit(transaction, None).await.unwrap_or_else(|e| panic!("{shown}: {}", show(&e)))
    }

    /// Commits what must be refused.
    ///
    /// # Panics
    /// If it is not.
    pub async fn refused(&self, builder: Builder) -> Error {
        let transaction = builder.build();
        let shown = format!("{transaction:?}");
        match self.try_commit(transaction, None).await {
            Ok(receipt) => panic!("{shown}: was accepted: {receipt:?}"),
            Err(error) => error,
        }
    }

    /// Every row of a table, by key.
    ///
    /// # Panics
    /// If the table cannot be read.
    pub async fn rows(&self, table: &str) -> Vec<Row> {
        let table = Arc::clone(self.model.table(table).expect("a table of the suite"));
        let mut snapshot = self.truth.snapshot().await.expect("a snapshot");
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows.last().and_then(|row| table.layout().key_of(row));
            let page = snapshot.scan(&table, after.as_ref(), 3).await.expect("a page");
            if page.is_empty() {
                return rows;
            }
            rows.extend(page);
        }
    }

    /// Every change after a position up to the one named, read in small pieces.
    ///
    /// # Panics
    /// If it does not come within ten seconds.
    pub async fn changes(&self, after: Option<Position>, upto: Position, piece: usize) -> Vec<Change> {
        self.reached(upto).await;
        let mut changes: Vec<Change> = Vec::new();
        loop {
            let from = changes.last().map_or(after, |c| Some(c.position));
            let read = self.log.read(from, piece).await.expect("changes");
            if read.is_empty() {
                return changes;
            }
            changes.extend(read.into_iter().filter(|c| c.position.order <= upto.order));
            if changes.last().is_some_and(|c| c.position.order >= upto.order) {
                return changes;
            }
        }
    }

    /// Waits until the log has published a position.
    ///
    /// # Panics
    /// If it does not within ten seconds.
    pub async fn reached(&self, position: Position) {
        let mut tip = self.log.tip();
        let wait = async {
            while tip.borrow_and_update().order < position.order {
                self.log.nudge(position);
                let _ = tokio::time::timeout(Duration::from_millis(50), tip.changed()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the log reaches a receipt's position");
    }

    /// The position after everything that the fixture itself has done.
    ///
    /// # Panics
    /// If the log has nothing.
    pub async fn start(&self) -> Position {
        let receipt = self.commit(Builder::new().insert("marks", crate::suites::row().set("note", "start"))).await;
        self.reached(receipt.position).await;
        *self.log.tip().borrow()
    }
}

/// An error with all that it says.
pub fn show(error: &Error) -> String {
    format!("{} {} ({:?}, {:?})", error.code(), error, error.get_details(), error.get_problems())
}

/// A row as JSON values, for comparing with what a test says.
pub fn json(row: &[brigade_core::data::Value]) -> String {
    let mut out = String::new();
    for (i, value) in row.iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        value.write_json(&mut out);
    }
    out
}
