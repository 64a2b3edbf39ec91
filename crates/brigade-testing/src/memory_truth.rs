//! A truth and its log in memory, for tests of everything that is derived from them: whole rows go in, changes come out.
//! It takes no checked transactions; the engines' own suites test commits.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use brigade_core::{
    data::{
        Change, Checkpoint, Durability, Encoder, Error, IdempotencyKey, Image, Key, Layout, Op, Position, Receipt,
        Result, Row, SchemaChange, SqlType, TransactionMark, Value, code,
    },
    engine::{Applied, CheckedTransaction, Log, LogStatus, MigrationStep, QueryResult, Snapshot, Truth, TruthStatus},
    schema::{Column, Deferrable, KeyConstraint, Model, Table, TableSettings},
};
use tokio::sync::watch;

/// The history of every [`MemoryTruth`].
pub const TAG: u64 = 7;

/// One write of a transaction.
#[derive(Clone, Debug)]
pub enum Write {
    /// A row comes, or takes the place of the one with its key.
    Put(&'static str, Row),
    /// The row with this key goes, if it is there.
    Remove(&'static str, Key),
    /// All rows of a table go.
    Truncate(&'static str),
}

/// A table whose first column is its key.
pub fn table(name: &str, columns: &[(&str, SqlType)]) -> Arc<Table> {
    let column = |(i, (name, ty)): (usize, &(&str, SqlType))| Column {
        name: (*name).to_owned(),
        ty: ty.clone(),
        nullable: i > 0,
        default: None,
        generated: None,
        identity: None,
    };
    let primary_key = KeyConstraint {
        name: format!("{name}_pkey"),
        columns: vec![0],
        deferrable: Deferrable::No,
        nulls_not_distinct: false,
    };
    Arc::new(Table {
        name: name.to_owned(),
        columns: columns.iter().enumerate().map(column).collect(),
        primary_key: Some(primary_key),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        settings: TableSettings::default(),
    })
}

/// A model of tables.
pub fn model(version: u32, tables: &[Arc<Table>]) -> Arc<Model> {
    let tables = tables.iter().map(|t| (t.name.clone(), Arc::clone(t))).collect();
    Arc::new(Model { version, tables, ..Model::default() })
}

/// A truth and its log in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryTruth {
    state: Arc<Mutex<State>>,
    tip: Arc<watch::Sender<Position>>,
    models: Arc<watch::Sender<Arc<Model>>>,
}

struct State {
    model: Arc<Model>,
    rows: Rows,
    log: Vec<Change>,
    oldest: Position,
    next: u128,
}

type Rows = BTreeMap<String, BTreeMap<Vec<u8>, Row>>;

impl MemoryTruth {
    /// An empty truth with these tables.
    pub fn new(model: Arc<Model>) -> Self {
        let state =
            State { model: Arc::clone(&model), rows: Rows::new(), log: Vec::new(), oldest: Position::START, next: 1 };
        Self {
            state: Arc::new(Mutex::new(state)),
            tip: Arc::new(watch::Sender::new(Position::START)),
            models: Arc::new(watch::Sender::new(model)),
        }
    }

    /// The model in force, for those who wait for the next one.
    pub fn models(&self) -> watch::Receiver<Arc<Model>> {
        self.models.subscribe()
    }

    /// Commits one transaction; its last change's position.
    pub fn write(&self, writes: &[Write]) -> Position {
        let mut state = self.state();
        let mut changes = Vec::new();
        for write in writes {
            changes.extend(state.change(write));
        }
        let tip = state.append(changes);
        // Under the lock, so that two writers cannot move the tip back.
        self.tip.send_if_modified(|t| std::mem::replace(t, (*t).max(tip)) < tip);
        tip
    }

    /// Applies a migration: rows keep the columns that the new model has by name, others are null.
    pub fn migrate(&self, model: Arc<Model>) -> Position {
        let mut state = self.state();
        let before = Arc::clone(&state.model);
        for table in model.tables.values() {
            let Some(old) = before.table(&table.name).map(|t| t.layout()) else { continue };
            for row in state.rows.entry(table.name.clone()).or_default().values_mut() {
                let value = |name: &str| old.column(name).map_or(Value::Null, |i| row[i].clone());
                *row = table.columns.iter().map(|c| value(&c.name)).collect();
            }
        }
        state.rows.retain(|name, _| model.tables.contains_key(name));
        state.model = Arc::clone(&model);
        let schema = SchemaChange { number: model.version, name: "next".to_owned() };
        let tip = state.append(vec![(Op::Schema, Layout::none(), None, None, Some(schema))]);
        self.tip.send_replace(tip);
        drop(state);
        self.models.send_replace(model);
        tip
    }

    /// The rows of a table now.
    pub fn rows(&self, table: &str) -> Vec<Row> {
        self.state().rows.get(table).map(|rows| rows.values().cloned().collect()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Part = (Op, Arc<Layout>, Option<Image>, Option<Row>, Option<SchemaChange>);

impl State {
    fn change(&mut self, write: &Write) -> Option<Part> {
        let name = match write {
            Write::Put(name, _) | Write::Remove(name, _) | Write::Truncate(name) => *name,
        };
        let layout = Arc::new(self.model.table(name).expect("a table of the model").layout());
        let rows = self.rows.entry(name.to_owned()).or_default();
        match write {
            Write::Put(_, row) => {
                let key = layout.key_of(row).expect("a key");
                let before = rows.insert(key_bytes(&key), row.clone()).map(Image::Whole);
                let op = if before.is_some() { Op::Update } else { Op::Insert };
                Some((op, layout, before, Some(row.clone()), None))
            }
            Write::Remove(_, key) => {
                let before = rows.remove(&key_bytes(key))?;
                Some((Op::Delete, layout, Some(Image::Whole(before)), None, None))
            }
            Write::Truncate(_) => {
                rows.clear();
                Some((Op::Truncate, layout, None, None, None))
            }
        }
    }

    fn append(&mut self, parts: Vec<Part>) -> Position {
        let end = self.next + parts.len() as u128 - u128::from(!parts.is_empty());
        let mark = Arc::new(TransactionMark {
            position: Position { order: end, tag: TAG },
            time: end as i64 * 1_000_000,
            xid: None,
        });
        for (op, layout, before, after, schema) in parts {
            let position = Position { order: self.next, tag: TAG };
            let (transaction, last) = (Arc::clone(&mark), position == mark.position);
            self.log.push(Change { position, transaction, last, op, layout, before, after, schema });
            self.next += 1;
        }
        self.log.last().map_or(self.oldest, |change| change.position)
    }
}

fn key_bytes(key: &Key) -> Vec<u8> {
    let mut out = Encoder::new();
    out.row(key);
    out.finish()
}

#[async_trait]
impl Log for MemoryTruth {
    fn tip(&self) -> watch::Receiver<Position> {
        self.tip.subscribe()
    }

    async fn read(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>> {
        if let Some(after) = after {
            self.check(after).await?;
        }
        let state = self.state();
        let after = after.unwrap_or(state.oldest);
        let from = state.log.partition_point(|change| change.position <= after);
        Ok(state.log[from..].iter().take(limit).cloned().collect())
    }

    async fn check(&self, position: Position) -> Result<()> {
        let state = self.state();
        if position != Position::START && (position.tag != TAG || position.order >= state.next) {
            return Err(Error::new(code::OTHER_HISTORY, "the position belongs to another history"));
        }
        if position < state.oldest {
            return Err(Error::new(code::POSITION_GONE, "the position is no longer retained")
                .details(format!("the oldest one is {}", state.oldest)));
        }
        Ok(())
    }

    async fn count_after(&self, position: Option<Position>) -> Result<u64> {
        let state = self.state();
        Ok(state.log.iter().filter(|change| position.is_none_or(|p| change.position > p)).count() as u64)
    }

    async fn trim(&self, upto: Position) -> Result<u64> {
        let mut state = self.state();
        let end = state.log.iter().take_while(|c| c.position <= upto).last().map(|c| c.transaction.position);
        let Some(end) = end else { return Ok(0) };
        let before = state.log.len();
        state.log.retain(|change| change.position > end);
        state.oldest = end;
        Ok((before - state.log.len()) as u64)
    }

    async fn position_before(&self, time: i64) -> Result<Option<Position>> {
        let state = self.state();
        Ok(state.log.iter().take_while(|c| c.transaction.time < time).last().map(|c| c.transaction.position))
    }

    async fn status(&self) -> Result<LogStatus> {
        let state = self.state();
        Ok(LogStatus {
            engine: "memory",
            position: *self.tip.borrow(),
            oldest: state.oldest,
            bytes: state.log.len() as u64 * 100,
            changes: state.log.len() as u64,
            oldest_time: state.log.first().map(|change| change.transaction.time),
            stopped: None,
        })
    }
}

#[async_trait]
impl Truth for MemoryTruth {
    async fn applied(&self) -> Result<Vec<Applied>> {
        Ok(Vec::new())
    }

    async fn migrate(&self, step: &MigrationStep) -> Result<()> {
        Self::migrate(self, Arc::clone(&step.after));
        Ok(())
    }

    async fn use_model(&self, _model: Arc<Model>) -> Result<()> {
        Ok(())
    }

    async fn commit(&self, _transaction: CheckedTransaction, _key: Option<IdempotencyKey>) -> Result<Receipt> {
        Err(Error::new(code::UNSUPPORTED, "the truth in memory takes whole rows only"))
    }

    async fn query(&self, _sql: &str, _write: bool, _rows_max: usize) -> Result<QueryResult> {
        Err(Error::new(code::UNSUPPORTED, "the truth in memory knows no SQL"))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        let state = self.state();
        let tip = state.log.last().map_or(state.oldest, |change| change.position);
        Ok(Box::new(MemorySnapshot { rows: state.rows.clone(), checkpoint: Checkpoint::at(tip) }))
    }

    fn status(&self) -> TruthStatus {
        TruthStatus {
            engine: "memory",
            version: "1".to_owned(),
            url: "memory:".to_owned(),
            durability: Durability::Relaxed,
            history: format!("{TAG:016x}"),
            stopped: None,
            notes: Vec::new(),
            pools: Vec::new(),
            replicas: Vec::new(),
        }
    }

    async fn close(&self) {}
}

struct MemorySnapshot {
    rows: Rows,
    checkpoint: Checkpoint,
}

#[async_trait]
impl Snapshot for MemorySnapshot {
    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn scan(&mut self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        let Some(rows) = self.rows.get(&table.name) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key_bytes(key)));
        Ok(rows.range((from, Bound::Unbounded)).take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn get(&mut self, table: &Table, keys: &[Key]) -> Result<Vec<Row>> {
        let Some(rows) = self.rows.get(&table.name) else { return Ok(Vec::new()) };
        Ok(keys.iter().filter_map(|key| rows.get(&key_bytes(key)).cloned()).collect())
    }

    async fn estimate(&mut self, table: &Table) -> Result<u64> {
        Ok(self.rows.get(&table.name).map_or(0, |rows| rows.len() as u64))
    }
}
