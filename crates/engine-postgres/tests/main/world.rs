//! A server, a database of its own for each test, and short ways to write what tests say.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use brigade_core::{
    data::{Change, Expect, IdempotencyKey, Operator, Position, Receipt, Result, SqlType, Value},
    engine::{
        Assign, CheckedAction, CheckedRow, CheckedStatement, CheckedTransaction, Conflict, Log, MigrationStep, Operand,
        Predicate, Spool, Truth,
    },
    schema::{
        Column, Deferrable, KeyConstraint, Migration, Model, Script, SqlStatement, Table, TableSettings, TruthStore,
    },
};
use brigade_testing::servers::{Database, Postgres};
use engine_postgres::{PostgresConfig, PostgresLog, PostgresSource, PostgresTruth};

use crate::spool::MemorySpool;

/// The server that most tests share.
pub fn shared() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    SERVER.get_or_init(Postgres::start).as_ref()
}

/// The configuration of a database.
pub fn config(url: String) -> PostgresConfig {
    PostgresConfig {
        store: TruthStore {
            url,
            relaxed: false,
            pool_min: 1,
            pool_max: 10,
            pool_lifetime: Duration::from_secs(600),
            pool_timeout: Duration::from_secs(4),
            connect_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(30),
            tls_ca: None,
            slot: None,
            publication: None,
            replicas: Vec::new(),
            replica_lag_max: Duration::from_secs(5),
        },
        project: "test".to_owned(),
        folder: ".".into(),
        schemas: vec!["public".to_owned()],
        existing: false,
    }
}

/// A truth with its log, on a new database.
pub struct World {
    pub database: String,
    _guard: Database,
    pub truth: Arc<PostgresTruth>,
    pub spool: MemorySpool,
    pub log: Arc<PostgresLog>,
    pub model: Arc<Model>,
    migrations: u32,
}

/// The tables that most tests use.
pub const TABLES: &str = "CREATE TABLE accounts (id integer PRIMARY KEY, name text UNIQUE, balance bigint NOT NULL DEFAULT 0);
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account integer REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED, body text)";

impl World {
    /// A new database on a server, with [`TABLES`].
    pub async fn new(server: &Postgres) -> Self {
        Self::with(server, TABLES, model()).await
    }

    /// A new database on a server, with these tables.
    pub async fn with(server: &Postgres, sql: &str, model: Model) -> Self {
        let guard = server.create_database();
        let (database, config) = (guard.name.clone(), config(guard.url.clone()));
        let truth = PostgresTruth::connect(config).await.unwrap();
        let spool = MemorySpool::default();
        let log = PostgresSource::start(truth.clone(), Arc::new(spool.clone()) as Arc<dyn Spool>).await.unwrap();
        let mut world = Self { database, _guard: guard, truth, spool, log, model: Arc::new(model), migrations: 0 };
        world.migrate(sql).await.unwrap();
        world.truth.use_model(world.model.clone()).await.unwrap();
        world
    }

    /// Applies a migration.
    pub async fn migrate(&mut self, sql: &str) -> Result<()> {
        self.migrations += 1;
        let migration = migration(self.migrations, sql);
        let step =
            MigrationStep { migration: Arc::new(migration), before: self.model.clone(), after: self.model.clone() };
        self.truth.migrate(&step).await
    }

    /// Stops truth and log, and opens them again over the same spool.
    pub async fn reopen(&mut self) {
        self.log.close().await;
        self.truth.close().await;
        self.truth = PostgresTruth::connect(self.truth.config().clone()).await.unwrap();
        self.log = PostgresSource::start(self.truth.clone(), Arc::new(self.spool.clone())).await.unwrap();
        self.truth.use_model(self.model.clone()).await.unwrap();
    }

    pub async fn commit(&self, statements: Vec<CheckedStatement>) -> Result<Receipt> {
        self.commit_keyed(statements, None).await
    }

    pub async fn commit_keyed(
        &self,
        statements: Vec<CheckedStatement>,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt> {
        self.truth
            .commit(CheckedTransaction { model: self.model.clone(), statements, call: None, rolls_back: false }, key)
            .await
    }

    /// Waits until readers see a position.
    pub async fn reach(&self, position: Position) {
        self.log.nudge(position);
        let mut tip = self.log.tip();
        tokio::time::timeout(Duration::from_secs(20), tip.wait_for(|tip| *tip >= position))
            .await
            .expect("the position is reached")
            .unwrap();
    }

    /// Everything in the log now, of the tables.
    pub async fn changes(&self) -> Vec<Change> {
        let newest = self.commit(vec![check(&self.model, "accounts", vec![], None)]).await.unwrap();
        self.reach(newest.position).await;
        self.log.read(None, usize::MAX).await.unwrap()
    }

    pub fn table(&self, name: &str) -> Arc<Table> {
        self.model.table(name).unwrap().clone()
    }

    pub fn insert(&self, table: &str, columns: &[&str], rows: &[&[Value]]) -> CheckedStatement {
        insert(&self.model, table, columns, rows)
    }
}

/// A migration of one file, split at its semicolons.
pub fn migration(number: u32, sql: &str) -> Migration {
    let mut at = 0;
    let mut statements = Vec::new();
    for part in sql.split_inclusive(';') {
        let text = part.trim_end_matches(';');
        let start = at + text.len() - text.trim_start().len();
        if !text.trim().is_empty() {
            statements.push(SqlStatement { at: start, sql: text.trim().to_owned(), parsed: None });
        }
        at += part.len();
    }
    let script = Script { file: format!("{number:04}_test.sql"), text: sql.to_owned(), statements };
    Migration {
        number,
        name: "test".to_owned(),
        checksum: format!("{number}"),
        common: Some(script),
        postgres: None,
        sqlite: None,
    }
}

/// A table of a model. The first column is the key.
pub fn table(name: &str, columns: &[(&str, SqlType)]) -> Table {
    Table {
        name: name.to_owned(),
        columns: columns
            .iter()
            .enumerate()
            .map(|(i, (name, ty))| Column {
                name: (*name).to_owned(),
                ty: ty.clone(),
                nullable: i > 0,
                default: None,
                generated: None,
                identity: None,
            })
            .collect(),
        primary_key: Some(KeyConstraint {
            name: format!("{name}_pkey"),
            columns: vec![0],
            deferrable: Deferrable::No,
            nulls_not_distinct: false,
        }),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        settings: TableSettings::default(),
    }
}

pub fn model_of(tables: Vec<Table>) -> Model {
    Model { tables: tables.into_iter().map(|t| (t.name.clone(), Arc::new(t))).collect(), ..Model::default() }
}

/// The model of [`TABLES`].
pub fn model() -> Model {
    model_of(vec![
        table("accounts", &[("id", SqlType::Int), ("name", SqlType::Text), ("balance", SqlType::BigInt)]),
        table("notes", &[("id", SqlType::BigInt), ("account", SqlType::Int), ("body", SqlType::Text)]),
    ])
}

pub fn operand(value: impl Into<Value>) -> Operand {
    Operand::Value(value.into())
}

pub fn insert(model: &Model, table: &str, columns: &[&str], rows: &[&[Value]]) -> CheckedStatement {
    let table = model.table(table).unwrap().clone();
    let columns: Arc<[usize]> = columns.iter().map(|c| table.column(c).unwrap()).collect();
    let rows = rows
        .iter()
        .map(|row| CheckedRow { columns: columns.clone(), values: row.iter().cloned().map(Operand::Value).collect() })
        .collect();
    CheckedStatement {
        table,
        action: CheckedAction::Insert { rows, conflict: None },
        returning: None,
        expect: None,
        planned: None,
    }
}

pub fn upsert(mut statement: CheckedStatement, target: &[&str], update: Option<&[&str]>) -> CheckedStatement {
    let index = |c: &&str| statement.table.column(c).unwrap();
    let new =
        Conflict { target: target.iter().map(index).collect(), update: update.map(|u| u.iter().map(index).collect()) };
    if let CheckedAction::Insert { conflict, .. } = &mut statement.action {
        *conflict = Some(new);
    }
    statement
}

/// A condition: column, operator, operands.
pub type Condition<'a> = (&'a str, Operator, Vec<Value>);

fn filter(table: &Table, conditions: Vec<Condition<'_>>) -> Vec<Predicate> {
    conditions
        .into_iter()
        .map(|(column, operator, values)| Predicate {
            column: table.column(column).unwrap(),
            operator,
            operands: values.into_iter().map(Operand::Value).collect(),
        })
        .collect()
}

pub fn update(
    model: &Model,
    table: &str,
    conditions: Vec<Condition<'_>>,
    set: Vec<(&str, Assign)>,
) -> CheckedStatement {
    let table = model.table(table).unwrap().clone();
    let set = set.into_iter().map(|(column, assign)| (table.column(column).unwrap(), assign)).collect();
    let filter = filter(&table, conditions);
    CheckedStatement {
        table,
        action: CheckedAction::Update { filter, set },
        returning: None,
        expect: None,
        planned: None,
    }
}

pub fn delete(model: &Model, table: &str, conditions: Vec<Condition<'_>>) -> CheckedStatement {
    let table = model.table(table).unwrap().clone();
    let filter = filter(&table, conditions);
    CheckedStatement { table, action: CheckedAction::Delete { filter }, returning: None, expect: None, planned: None }
}

pub fn check(model: &Model, table: &str, conditions: Vec<Condition<'_>>, expect: Option<u64>) -> CheckedStatement {
    let table = model.table(table).unwrap().clone();
    let filter = filter(&table, conditions);
    let expect = expect.map(Expect::exactly);
    CheckedStatement { table, action: CheckedAction::Check { filter }, returning: None, expect, planned: None }
}

pub fn returning(mut statement: CheckedStatement, columns: &[&str]) -> CheckedStatement {
    statement.returning = Some(columns.iter().map(|c| statement.table.column(c).unwrap()).collect());
    statement
}

pub fn expecting(mut statement: CheckedStatement, rows: u64) -> CheckedStatement {
    statement.expect = Some(Expect::exactly(rows));
    statement
}

pub fn key(name: &str, body: u8) -> IdempotencyKey {
    IdempotencyKey {
        key: name.to_owned(),
        principal: "p".to_owned(),
        body_hash: [body; 32],
        keep: Duration::from_secs(3_600),
    }
}

/// Condition `column = value`.
pub fn is<'a>(column: &'a str, value: impl Into<Value>) -> Condition<'a> {
    (column, Operator::Eq, vec![value.into()])
}
