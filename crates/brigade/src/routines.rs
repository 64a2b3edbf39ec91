//! What can be called by name: the project's own queries, made ready when it opens, and the functions of the database, read
//! when they are first asked for and again when a name is not among them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Principal, Result, Value, plan::Read},
    engine::{Form, ReadAnswer, Routine},
    query::{self, ReadRules},
    schema::{Model, access::Grants, named_queries},
};

use crate::{Brigade, Project, stores::Stores};

/// How soon the functions of the database are read again for a name that is not among them.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What can be called.
pub(crate) struct Routines {
    named: BTreeMap<String, Arc<Routine>>,
    functions: Mutex<Option<(Instant, Functions)>>,
}

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
    /// Whether what is changed is taken back.
    pub rolls_back: bool,
}

impl Routines {
    /// Makes the queries of a project ready.
    pub(crate) async fn prepare(project: &Project, stores: &Stores, model: &Arc<Model>) -> Result<Self> {
        let mut named = BTreeMap::new();
        for (name, query) in named_queries(project.queries.clone(), model, stores.dialect)? {
            named.insert(name, Arc::new(stores.tables.prepare(&query, model).await?));
        }
        Ok(Self { named, functions: Mutex::default() })
    }

    fn known(&self) -> Option<(Instant, Functions)> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Brigade {
    /// What can be called by a name: a named query, else the functions of the database that have it, which differ in what
    /// they are given. The functions may do what their owner may, so they are only for who may do everything.
    ///
    /// # Errors
    /// BRG503 where the database cannot be asked.
    pub async fn routines(&self, principal: &Principal, name: &str) -> Result<Vec<Arc<Routine>>> {
        if let Some(query) = self.inner.routines.named.get(name) {
            let may = self.may_call(principal, query);
            return Ok(if may { vec![Arc::clone(query)] } else { Vec::new() });
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
        let open = routines.named.values().filter(|query| self.may_call(principal, query));
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
    /// As a read, and what the routine itself refuses.
    pub async fn call(&self, principal: &Principal, call: Call) -> Result<ReadAnswer> {
        if call.routine.writes {
            self.check_open()?;
        }
        let config = self.config();
        let rules = ReadRules { rows_max: config.rest.max_rows, aggregates: config.rest.aggregates };
        let relations = self.relations();
        let relation = &call.routine.relation;
        // Rows of a table are the table's, wherever they come from; what a query answers is as open as the query.
        let of_table = relations.get(&relation.name).is_some_and(|known| known == relation);
        let grants = if of_table { config.access.of(principal) } else { Grants::EVERYTHING };
        let mut checked = query::check_of(&call.read, relation, &relations, rules, grants)?;
        checked.form = call.form;
        let mut source = call.routine.source(call.given);
        (source.is_single, source.rolls_back) = (call.is_single, call.rolls_back);
        checked.source = Some(source);
        self.inner.stores.tables.read(checked).await
    }

    fn may_call(&self, principal: &Principal, query: &Routine) -> bool {
        let is_limited = self.config().access.of(principal).are_limited();
        !is_limited || query.roles.is_empty() || query.roles.iter().any(|role| principal.roles.contains(role))
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
