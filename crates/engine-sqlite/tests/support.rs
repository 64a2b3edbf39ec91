//! A small bank as a model, a truth on a scratch file, and short ways to say a transaction.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use brigade_core::{
    data::{Change, Expect, IdempotencyKey, Operator, Receipt, Result, Value},
    engine::{
        Assign, CheckedAction, CheckedRow, CheckedStatement, CheckedTransaction, Clock, Conflict, Log, MigrationStep,
        Operand, Predicate, Truth,
    },
    schema::{MigrationFile, Model, migrations},
};
use engine_sqlite::{SqliteConfig, SqliteTruth};

/// 2026-11-21 in microseconds.
pub(crate) const NOON: i64 = 1_795_262_400_000_000;

/// A clock that moves one second at every look.
#[derive(Debug)]
pub(crate) struct Ticking(AtomicI64);

impl Default for Ticking {
    fn default() -> Self {
        Self(AtomicI64::new(NOON))
    }
}

impl Clock for Ticking {
    fn now(&self) -> i64 {
        self.0.fetch_add(1_000_000, Ordering::Relaxed)
    }
}

const DDL: &str = "
CREATE TABLE accounts(
  id bigint PRIMARY KEY,
  email text NOT NULL UNIQUE,
  balance bigint NOT NULL DEFAULT 0 CONSTRAINT balance_not_negative CHECK (balance >= 0),
  amount numeric(10,2),
  note text DEFAULT 'none',
  created timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz);
CREATE TABLE orders(
  id bigint PRIMARY KEY,
  account bigint REFERENCES accounts(id),
  later bigint REFERENCES accounts(id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE nodes(id bigint PRIMARY KEY, parent bigint REFERENCES nodes(id));
CREATE TABLE measures(id bigint PRIMARY KEY, ratio double precision);
";

/// Accounts with every kind of constraint, orders that point at them now and at commit, nodes that point at themselves.
pub(crate) fn model() -> Arc<Model> {
    step().after
}

/// A truth on a file of its own.
pub(crate) struct Store {
    pub(crate) truth: Arc<SqliteTruth>,
    pub(crate) model: Arc<Model>,
    pub(crate) folder: tempfile::TempDir,
}

/// A new store with the model's tables.
pub(crate) async fn store() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    let truth = open(&folder.path().join("truth.db"), false).await;
    Store { truth, model, folder }
}

impl Store {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("truth.db")
    }

    /// Ends the process's part in the file without an orderly close, and opens it again.
    pub(crate) async fn reopen(&mut self) {
        let path = self.path();
        let old = std::mem::replace(&mut self.truth, open(&self.folder.path().join("other.db"), false).await);
        drop(old);
        self.truth = open(&path, false).await;
    }

    /// A connection as another program has it: stock pragmas, none of brigade's functions.
    pub(crate) fn outside(&self) -> rusqlite::Connection {
        let conn = rusqlite::Connection::open(self.path()).unwrap();
        conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = OFF").unwrap();
        conn.busy_timeout(Duration::from_secs(5)).unwrap();
        conn
    }

    pub(crate) async fn commit(&self, statements: Vec<CheckedStatement>) -> Result<Receipt> {
        self.commit_with(statements, None).await
    }

    pub(crate) async fn commit_with(
        &self,
        statements: Vec<CheckedStatement>,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt> {
        self.truth
            .commit(
                CheckedTransaction { model: Arc::clone(&self.model), statements, call: None, rolls_back: false },
                key,
            )
            .await
    }

    pub(crate) async fn changes(&self) -> Vec<Change> {
        self.truth.read(None, 100_000).await.unwrap()
    }

    fn statement(&self, table: &str, action: CheckedAction) -> CheckedStatement {
        let table = Arc::clone(self.model.table(table).unwrap());
        CheckedStatement { table, action, returning: None, expect: None, planned: None }
    }

    pub(crate) fn insert(&self, table: &str, rows: &[&[(&str, Value)]]) -> CheckedStatement {
        let found = self.model.table(table).unwrap();
        let row = |row: &&[(&str, Value)]| CheckedRow {
            columns: row.iter().map(|(name, _)| found.column(name).unwrap()).collect(),
            values: row.iter().map(|(_, value)| Operand::Value(value.clone())).collect(),
        };
        let rows = rows.iter().map(row).collect();
        self.statement(table, CheckedAction::Insert { rows, conflict: None })
    }

    pub(crate) fn account(&self, id: i64) -> CheckedStatement {
        self.insert("accounts", &[&[("id", id.into()), ("email", format!("{id}@example.org").into())]])
    }

    pub(crate) fn filter(&self, table: &str, filter: &[(&str, Operator, Value)]) -> Vec<Predicate> {
        let found = self.model.table(table).unwrap();
        let predicate = |(name, operator, value): &(&str, Operator, Value)| Predicate {
            column: found.column(name).unwrap(),
            operator: *operator,
            operands: vec![Operand::Value(value.clone())],
        };
        filter.iter().map(predicate).collect()
    }

    pub(crate) fn update(&self, table: &str, id: i64, set: &[(&str, Assign)]) -> CheckedStatement {
        let found = self.model.table(table).unwrap();
        let set = set.iter().map(|(name, assign)| (found.column(name).unwrap(), assign.clone())).collect();
        self.statement(
            table,
            CheckedAction::Update { filter: self.filter(table, &[("id", Operator::Eq, id.into())]), set },
        )
    }

    pub(crate) fn delete(&self, table: &str, id: i64) -> CheckedStatement {
        self.statement(table, CheckedAction::Delete { filter: self.filter(table, &[("id", Operator::Eq, id.into())]) })
    }

    pub(crate) fn check(&self, table: &str, filter: &[(&str, Operator, Value)]) -> CheckedStatement {
        self.statement(table, CheckedAction::Check { filter: self.filter(table, filter) })
    }
}

/// Opens a file; a new one gets the model's tables.
pub(crate) async fn open(path: &Path, relaxed: bool) -> Arc<SqliteTruth> {
    let config = SqliteConfig { relaxed, ..SqliteConfig::new(path) };
    let truth = SqliteTruth::open(config, Arc::new(Ticking::default())).unwrap();
    if truth.applied().await.unwrap().is_empty() {
        truth.migrate(&step()).await.unwrap();
    }
    truth.use_model(model()).await.unwrap();
    truth
}

/// The migration that makes the model's tables.
pub(crate) fn step() -> MigrationStep {
    let file = MigrationFile { name: "0001_bank.sql".into(), text: DDL.into() };
    let migration = migrations(vec![file]).unwrap().remove(0);
    let mut after = Model::default().apply(&migration).unwrap();
    let accounts = after.tables.get_mut("accounts").unwrap();
    Arc::make_mut(accounts).settings.touch = Some("updated_at".to_owned());
    MigrationStep { migration: Arc::new(migration), before: Arc::default(), after: Arc::new(after) }
}

/// Turns an insert into an upsert on the primary key.
pub(crate) fn upsert(mut statement: CheckedStatement, update: Option<&[usize]>) -> CheckedStatement {
    if let CheckedAction::Insert { conflict, .. } = &mut statement.action {
        *conflict = Some(Conflict { target: vec![0], update: update.map(<[usize]>::to_vec) });
    }
    statement
}

/// Asks for columns.
pub(crate) fn returning(mut statement: CheckedStatement, columns: &[usize]) -> CheckedStatement {
    statement.returning = Some(columns.into());
    statement
}

/// Holds a statement to a number of rows.
pub(crate) fn expecting(mut statement: CheckedStatement, rows: u64) -> CheckedStatement {
    statement.expect = Some(Expect::exactly(rows));
    statement
}

/// An idempotency key with a body that hashes to bytes of `body`.
pub(crate) fn idempotent(key: &str, body: u8) -> Option<IdempotencyKey> {
    Some(IdempotencyKey {
        key: key.to_owned(),
        principal: "p".to_owned(),
        body_hash: [body; 32],
        keep: Duration::from_secs(86_400),
    })
}

/// `op table key`, for comparing a log at a glance.
pub(crate) fn shown(changes: &[Change]) -> Vec<String> {
    let key = |c: &Change| {
        let key = c.key().unwrap_or_default();
        key.iter().map(|v| v.to_text().unwrap_or_default().into_owned()).collect::<Vec<_>>().join(",")
    };
    changes.iter().map(|c| format!("{} {} {}", c.op.as_str(), c.layout.table, key(c)).trim().to_owned()).collect()
}
