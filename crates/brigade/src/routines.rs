//! What can be called by name: the project's own queries, made ready when it opens, and the functions of the database, read
//! when they are first asked for and again when a name is not among them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Error, IdempotencyKey, Principal, Result, Value, code, plan::Read},
    engine::{CheckedRead, CheckedTransaction, Explain, Form, ReadAnswer, Routine},
    projection::cache::{CachedQuery, Queries},
    query::{self, ReadRules},
    schema::{Model, access::Grants, named_queries, rests_on},
};

use crate::{Brigade, Fresh, Project, stores::Stores};

/// How soon the functions of the database are read again for a name that is not among them.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What can be called.
pub(crate) struct Routines {
    named: RwLock<Arc<Named>>,
    functions: Mutex<Option<(Instant, Functions)>>,
}

type Named = BTreeMap<String, CachedQuery>;

type Functions = Arc<Vec<Arc<Routine>>>;

/// A call of a routine.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is called.
    pub routine: Arc<Routine>,
    /// What it is given, one for each of its parameters.
    pub given: Vec<Option<Value>>,
    /// What is asked of its rows.
    pub read: Read,
    /// How they are written.
    pub form: Form,
    /// Whether there must be just one row, or nothing is changed.
    pub is_single: bool,
    /// How many rows there may be, or nothing is changed.
    pub rows_max: Option<u64>,
    /// Whether what is changed is taken back.
    pub rolls_back: bool,
    /// Makes a call that writes safe to repeat; nothing is kept of one that is taken back, or only reads.
    pub key: Option<IdempotencyKey>,
    /// How fresh its answer must be.
    pub fresh: Fresh,
}

impl Routines {
    /// Makes the queries of a project ready.
    pub(crate) async fn prepare(project: &Project, stores: &Stores, model: &Arc<Model>) -> Result<Self> {
        let named = RwLock::new(Arc::new(read(project, stores, model).await?));
        Ok(Self { named, functions: Mutex::default() })
    }

    /// Makes them ready again, where the model has changed: they may be others, and what they answer may be, too.
    ///
    /// # Errors
    /// As [`Routines::prepare`]; then those before stay.
    pub(crate) async fn prepare_again(&self, project: &Project, stores: &Stores, model: &Arc<Model>) -> Result<()> {
        let named = Arc::new(read(project, stores, model).await?);
        *self.named.write().unwrap_or_else(PoisonError::into_inner) = named;
        *self.functions.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    fn named(&self) -> Arc<Named> {
        Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn known(&self) -> Option<(Instant, Functions)> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Queries for Routines {
    fn query(&self, name: &str) -> Option<CachedQuery> {
        self.named().get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.named().keys().cloned().collect()
    }
}

async fn read(project: &Project, stores: &Stores, model: &Arc<Model>) -> Result<Named> {
    let mut named = Named::new();
    for (name, query) in named_queries(project.queries.clone(), model, stores.dialect)? {
        let routine = Arc::new(stores.tables.prepare(&query, model).await?);
        named.insert(name, CachedQuery { routine, tables: rests_on(&query, model) });
    }
    Ok(named)
}

impl Brigade {
    /// What can be called by a name: a named query, else the functions of the database that have it, which differ in what
    /// they are given. The functions may do what their owner may, so they are only for who may do everything.
    ///
    /// # Errors
    /// BRG503 where the database cannot be asked.
    pub async fn routines(&self, principal: &Principal, name: &str) -> Result<Vec<Arc<Routine>>> {
        if let Some(CachedQuery { routine, .. }) = self.inner.routines.named().get(name) {
            let may = self.may_call(principal, routine);
            return Ok(if may { vec![Arc::clone(routine)] } else { Vec::new() });
        }
        if self.config().access.of(principal).are_limited() {
            return Ok(Vec::new());
        }
        let functions = self.functions(name).await?;
        Ok(functions.iter().filter(|f| f.name == name).cloned().collect())
    }

    /// The names of all that a principal may call, as far as they are known.
    pub fn routine_names(&self, principal: &Principal) -> Vec<String> {
        let routines = &self.inner.routines;
        let named = routines.named();
        let open = named.values().map(|query| &query.routine).filter(|query| self.may_call(principal, query));
        let mut names: Vec<String> = open.map(|query| query.name.clone()).collect();
        if !self.config().access.of(principal).are_limited()
            && let Some((_, functions)) = routines.known()
        {
            names.extend(functions.iter().map(|f| f.name.clone()));
        }
        names
    }

    /// Calls a routine. One that may write is a transaction of its own.
    ///
    /// # Errors
    /// As a read, and what the routine itself refuses; of one that writes as [`Brigade::commit`], too.
    pub async fn call(&self, principal: &Principal, call: Call) -> Result<ReadAnswer> {
        if call.routine.writes {
            self.check_open()?;
        }
        let checked = self.check_call(principal, &call)?;
        if call.routine.writes {
            return self.call_writing(checked, call.rolls_back, call.key, &call.fresh).await;
        }
        let judge = checked.source.clone();
        let answer = self.answer_fresh(checked, &call.fresh).await?;
        judge.map_or(Ok(()), |judge| judge.check_rows(answer.rows))?;
        Ok(answer)
    }

    /// How a call would be run that only reads.
    ///
    /// # Errors
    /// PGRST107 for one that writes: it has to be run to be known; else as [`Brigade::explain`].
    pub async fn explain_call(&self, principal: &Principal, call: &Call, how: Explain) -> Result<String> {
        if call.routine.writes {
            return Err(Error::new("PGRST107", "a call that writes has no plan")
                .hint("ask for the plans of reads, and of calls that only read"));
        }
        self.explain_checked(principal, self.check_call(principal, call)?, how, &call.fresh).await
    }

    fn check_call(&self, principal: &Principal, call: &Call) -> Result<CheckedRead> {
        let config = self.config();
        let rules = ReadRules::of(&config.rest);
        let relations = self.relations();
        let relation = &call.routine.relation;
        // Rows of a table are the table's, wherever they come from; what a query answers is as open as the query.
        let of_table = relations.get(&relation.name).is_some_and(|known| known == relation);
        let grants = if of_table { config.access.of(principal) } else { Grants::EVERYTHING };
        let mut checked = query::check_of(&call.read, relation, &relations, rules, grants)?;
        checked.form = call.form;
        let mut source = call.routine.source(call.given.clone());
        source.is_single = call.is_single;
        source.rows_max = call.rows_max;
        checked.source = Some(source);
        Ok(checked)
    }

    async fn call_writing(
        &self,
        call: CheckedRead,
        rolls_back: bool,
        key: Option<IdempotencyKey>,
        fresh: &Fresh,
    ) -> Result<ReadAnswer> {
        let known = self.wait_for_all(fresh).await?;
        let (model, counts) = (Arc::clone(&call.model), call.count.is_some());
        let transaction = CheckedTransaction { model, statements: Vec::new(), call: Some(call), rolls_back };
        let mut receipt = self.truth().commit(transaction, key.filter(|_| !rolls_back)).await?;
        let result = receipt.results.pop().ok_or_else(|| Error::internal("a receipt without its result"))?;
        let shown = result.shown.unwrap_or_default();
        Ok(ReadAnswer {
            body: shown.body,
            rows: shown.rows,
            total: counts.then_some(result.rows),
            position: Some(if rolls_back { known } else { receipt.position.max(known) }),
            replayed: receipt.replayed,
        })
    }

    /// Whether a principal may call a query, without calling it: for what is answered from elsewhere.
    ///
    /// # Errors
    /// 42501.
    pub(crate) fn permit_call(&self, principal: &Principal, name: &str) -> Result<()> {
        let named = self.inner.routines.named();
        if named.get(name).is_some_and(|query| self.may_call(principal, &query.routine)) {
            return Ok(());
        }
        Err(Error::new(code::PRIVILEGE, format!("permission denied for query {name:?}"))
            .hint("its head says which roles may call it"))
    }

    /// A query that writes is for those whom its head names: nobody is let in by an omission.
    fn may_call(&self, principal: &Principal, query: &Routine) -> bool {
        let is_limited = self.config().access.of(principal).are_limited();
        let is_for_all = query.roles.is_empty() && !query.writes;
        !is_limited || is_for_all || query.roles.iter().any(|role| principal.roles.contains(role))
    }

    async fn functions(&self, wanted: &str) -> Result<Functions> {
        let known = self.inner.routines.known();
        if let Some((at, functions)) = known
            && (at.elapsed() < LOOK_AGAIN || functions.iter().any(|f| f.name == wanted))
        {
            return Ok(functions);
        }
        let found = self.inner.stores.tables.functions(&self.model()).await?;
        let functions: Functions = Arc::new(found.into_iter().map(Arc::new).collect());
        let mut kept = self.inner.routines.functions.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Instant::now(), Arc::clone(&functions)));
        Ok(functions)
    }
}
