//! POST, PATCH, PUT and DELETE of a table: each is one transaction through commit, so that it is checked, captured,
//! repeatable by its key, and answers its position.

use std::sync::Arc;

use axum::{body::Body, http::Method, response::Response};
use brigade::query::grammar::{self, Asked};
use brigade::{
    TableWrite,
    data::{
        Action, Error, Expect, Receipt, Record, Result, Returned, Statement, StatementResult, Where, code,
        plan::{Node, Read},
    },
    engine::{Unexpected, not_one, too_many},
    query,
    schema::{
        Relation,
        access::{Touched, Verb},
    },
};

use super::{
    Request,
    accept::{self, Accepted},
    again,
    answer::{self, Written},
    given::{self, Missing},
    prefer::{Prefer, Resolution, Return},
    put,
};
use crate::{Server, body};

pub(super) async fn answer(server: &Arc<Server>, request: &Request, body: Body) -> Result<Response> {
    let accepted = Accepted::read(&request.headers, server.brigade.config().rest.plan)?.without_plan()?;
    accept::check_profile(&request.headers, "content-profile")?;
    let prefer = Prefer::read(&request.headers, &server.brigade.config().rest)?;
    let asked = grammar::parse(&request.query)?;
    let grants = server.brigade.config().access.of(&request.principal);
    let verb = verb(&request.method);
    // What is closed is refused before it is looked for.
    grants.allow(&request.table, verb, Touched::Columns(&[]))?;
    let relations = server.brigade.relations();
    let Some(relation) = relations.get(&request.table).cloned() else {
        return Err(query::unknown_relation(&request.table, &relations, grants));
    };
    if relation.is_view {
        return Err(
            Error::new("PGRST127", "Feature not implemented: a write of a view").hint("write to the tables behind it")
        );
    }
    let bytes = body::read_all(server, &request.headers, body).await?;
    let write = Write { server, request, accepted, prefer, asked, relation };
    match request.method {
        Method::POST => write.post(&bytes).await,
        Method::PATCH => write.patch(&bytes).await,
        Method::PUT => write.put(&bytes).await,
        _ => write.delete(&bytes).await,
    }
}

/// The right that a method needs first; what else it touches, the transaction tells.
fn verb(method: &Method) -> Verb {
    match *method {
        Method::PATCH => Verb::Update,
        Method::DELETE => Verb::Delete,
        _ => Verb::Insert,
    }
}

/// A write that is being made.
struct Write<'w> {
    server: &'w Arc<Server>,
    request: &'w Request,
    accepted: Accepted,
    prefer: Prefer,
    asked: Asked,
    relation: Arc<Relation>,
}

impl Write<'_> {
    async fn post(&self, bytes: &[u8]) -> Result<Response> {
        let rows = self.rows(bytes)?;
        if rows.is_empty() {
            return self.nothing(201).await;
        }
        let (table, returning, expect) = (self.relation.name.clone(), self.returning(), self.expect());
        // Without a key there is nothing that an upsert could meet rows by.
        let can_meet = !self.relation.key.is_empty() || self.asked.on_conflict.is_some();
        let statement = match self.prefer.resolution.filter(|_| can_meet) {
            None => Statement::Insert { table, rows, returning, expect },
            Some(resolution) => Statement::Upsert {
                table,
                rows,
                on: self.asked.on_conflict.clone().unwrap_or_default(),
                action: if resolution == Resolution::Merge { Action::Update } else { Action::Ignore },
                update: Vec::new(),
                returning,
                expect,
            },
        };
        let node = Node { filters: Vec::new(), ..self.asked.node.clone() };
        let (receipt, result) = self.commit(statement, node, bytes).await?;
        let status = if result.inserted == Some(0) { 200 } else { 201 };
        Ok(self.respond(status, status, &receipt, result))
    }

    async fn patch(&self, bytes: &[u8]) -> Result<Response> {
        self.check_filtered("UPDATE")?;
        let mut rows = self.rows(bytes)?;
        if rows.len() > 1 {
            return Err(Error::new("PGRST102", "a PATCH takes one object"));
        }
        let Some(set) = rows.pop().filter(|set| !set.is_empty()) else { return self.nothing(204).await };
        let (table, returning, expect) = (self.relation.name.clone(), Vec::new(), self.expect());
        let statement = Statement::Update { table, filter: Where::all(), set, returning, expect };
        let (receipt, result) = self.commit(statement, self.asked.node.clone(), bytes).await?;
        Ok(self.respond(204, 200, &receipt, result))
    }

    async fn put(&self, bytes: &[u8]) -> Result<Response> {
        let rows = self.rows(bytes)?;
        put::check(&self.asked.node, &self.relation, &rows)?;
        let (table, returning, expect) = (self.relation.name.clone(), Vec::new(), self.expect());
        let (on, action, update) = (Vec::new(), Action::Update, Vec::new());
        let statement = Statement::Upsert { table, rows, on, action, update, returning, expect };
        let node = Node { filters: Vec::new(), ..self.asked.node.clone() };
        let (receipt, result) = self.commit(statement, node, bytes).await?;
        let status = if result.inserted == Some(0) { 200 } else { 201 };
        Ok(self.respond(204, status, &receipt, result))
    }

    async fn delete(&self, bytes: &[u8]) -> Result<Response> {
        self.check_filtered("DELETE")?;
        let (table, returning, expect) = (self.relation.name.clone(), Vec::new(), self.expect());
        let statement = Statement::Delete { table, filter: Where::all(), returning, expect };
        let (receipt, result) = self.commit(statement, self.asked.node.clone(), bytes).await?;
        Ok(self.respond(204, 200, &receipt, result))
    }

    fn rows(&self, bytes: &[u8]) -> Result<Vec<Record>> {
        let missing = match (self.prefer.missing_default == Some(true), &self.request.method) {
            (false, _) => Missing::Null,
            (true, &Method::PATCH) => Missing::Default,
            (true, _) => Missing::Absent,
        };
        let given = given::read(&self.request.headers, bytes)?;
        let keys = given.keys(self.asked.columns.as_deref());
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let grants = self.server.brigade.config().access.of(&self.request.principal);
        grants.allow(&self.relation.name, verb(&self.request.method), Touched::Columns(&names))?;
        given.rows(&keys, &self.relation, missing)
    }

    /// Without a filter all rows are meant, where brigade.toml allows that.
    fn check_filtered(&self, verb: &str) -> Result<()> {
        if self.asked.node.filters.is_empty() && !self.server.brigade.config().rest.unfiltered_writes {
            return Err(Error::new("21000", format!("{verb} requires a WHERE clause"))
                .hint("name the rows, or set unfiltered_writes = \"allow\" in [rest] of brigade.toml"));
        }
        Ok(())
    }

    /// The key comes back where it is pointed at.
    fn returning(&self) -> Vec<String> {
        match self.prefer.returned() {
            Return::HeadersOnly => self.relation.key.iter().map(|&c| self.relation.columns[c].name.clone()).collect(),
            Return::Minimal | Return::Representation => Vec::new(),
        }
    }

    /// How many rows there must be, so that nothing is left behind where there are others.
    fn expect(&self) -> Option<Expect> {
        if self.accepted.is_single() {
            return Some(Expect::exactly(1));
        }
        let heeded = matches!(self.request.method, Method::PATCH | Method::DELETE);
        self.prefer.max_affected().filter(|_| heeded).map(|max| Expect { min: 0, max })
    }

    async fn commit(&self, statement: Statement, node: Node, bytes: &[u8]) -> Result<(Receipt, StatementResult)> {
        let key = again::key(self.server, self.request, &self.request.table, bytes)?;
        let shows = self.prefer.returned() == Return::Representation;
        let write = TableWrite {
            statement,
            read: Read { from: self.relation.name.clone(), node, count: None },
            form: shows.then(|| self.accepted.form()),
            is_single: self.accepted.is_single(),
            rolls_back: self.rolls_back(),
        };
        let written = self.server.brigade.write_as(&self.request.principal, write, key).await;
        let mut receipt = written.map_err(|error| self.reworded(error))?;
        if !self.rolls_back() {
            self.server.handed_out(receipt.position);
        }
        let result = receipt.results.pop().ok_or_else(|| Error::internal("a receipt without its result"))?;
        Ok((receipt, result))
    }

    fn rolls_back(&self) -> bool {
        self.prefer.rollback == Some(true)
    }

    /// A number of rows that was not expected, in PostgREST's words.
    fn reworded(&self, error: Error) -> Error {
        match Unexpected::of(&error).filter(|_| error.code() == code::EXPECT_FAILED) {
            Some(Unexpected { rows }) if self.accepted.is_single() => not_one(rows),
            Some(Unexpected { rows }) => too_many(rows),
            None => error,
        }
    }

    /// Nothing is to be done: the answer of a write that affects no row.
    async fn nothing(&self, status: u16) -> Result<Response> {
        if self.accepted.is_single() {
            return Err(not_one(0));
        }
        let mut shown = None;
        if self.prefer.returned() == Return::Representation {
            let node = Node { limit: Some(0), ..self.asked.node.clone() };
            let read = Read { from: self.relation.name.clone(), node, count: None };
            let found = self.server.brigade.read_as(&self.request.principal, &read, self.accepted.form()).await?;
            shown = Some(brigade::data::Shown { body: found.body, rows: 0 });
        }
        let written = Written {
            method: &self.request.method,
            status,
            status_shown: if status == 204 { 200 } else { status },
            shown,
            affected: 0,
            position: None,
            replayed: false,
            location: None,
        };
        Ok(answer::written(written, self.accepted, &self.prefer))
    }

    fn respond(&self, status: u16, status_shown: u16, receipt: &Receipt, result: StatementResult) -> Response {
        let written = Written {
            method: &self.request.method,
            status,
            status_shown,
            shown: result.shown,
            affected: result.rows,
            position: (!self.rolls_back()).then_some(receipt.position),
            replayed: receipt.replayed,
            location: result.returned.as_ref().and_then(|rows| location(&self.relation.name, rows)),
        };
        answer::written(written, self.accepted, &self.prefer)
    }
}

/// `/people?id=eq.7`, of the one row that was made.
fn location(table: &str, rows: &Returned) -> Option<String> {
    let [row] = &rows.rows[..] else { return None };
    let part = |((name, _), value): (&(String, _), &brigade::data::Value)| {
        Some(format!("{}=eq.{}", grammar::encode(name), grammar::encode(&value.to_text()?)))
    };
    let parts: Option<Vec<String>> = rows.columns.iter().zip(row).map(part).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| format!("/{}?{}", grammar::encode(table), parts.join("&")))
}
