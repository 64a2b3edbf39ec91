//! What an operator does with an open project: migrations, projections, health.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, code},
    engine::{Applied, MigrationStep, Truth},
    projection::{Progress, ProjectionStatus, Verification},
    schema::{Config, Migration, Model, Table, pending},
};

use crate::{Brigade, Project};

/// One migration and whether it was applied.
#[derive(Clone, Debug)]
pub struct MigrationState {
    /// The migration.
    pub migration: Arc<Migration>,
    /// When and how it was applied; none: pending.
    pub applied: Option<Applied>,
}

/// The model before the first and after each migration.
pub(crate) struct Models {
    project: Project,
    after: Vec<Arc<Model>>,
}

impl Models {
    /// Folds every migration, so that a mistake in the last file is known before the first one is applied.
    pub(crate) fn fold(project: &Project) -> Result<Self> {
        let mut plain = Model::default();
        let mut after = vec![Arc::new(plain.clone())];
        for migration in &project.migrations {
            plain = plain.apply(migration)?;
            after.push(Arc::new(plain.with_settings(&settings_so_far(project, &plain))?));
        }
        if !project.config.schema.existing {
            plain.with_settings(&project.config)?;
        }
        Ok(Self { project: project.clone(), after })
    }

    /// Lays `[tables.*]` of brigade.toml over a model.
    pub(crate) fn with_settings(&self, model: Model) -> Result<Model> {
        model.with_settings(&self.project.config)
    }

    /// Every migration as a step from the model before it to the one after it.
    fn steps(&self) -> Vec<MigrationStep> {
        self.project.migrations.iter().map(|migration| self.step(migration)).collect()
    }

    fn step(&self, migration: &Migration) -> MigrationStep {
        let number = migration.number as usize;
        MigrationStep {
            migration: Arc::new(migration.clone()),
            before: Arc::clone(self.at(number - 1)),
            after: Arc::clone(self.at(number)),
        }
    }

    fn at(&self, number: usize) -> &Arc<Model> {
        &self.after[number]
    }
}

/// The settings of tables and columns that are there already: a later migration may bring the others.
fn settings_so_far(project: &Project, model: &Model) -> Config {
    let mut config = project.config.clone();
    config.tables.retain(|name, settings| {
        let touched = |table: &Arc<Table>| settings.touch.as_ref().is_none_or(|column| table.column(column).is_some());
        model.table(name).is_some_and(touched)
    });
    // What only names tables is held against the model that all migrations make.
    config.copies.clear();
    config.access.roles.clear();
    config
}

/// Compares files with records, applies what is pending where that is asked for, and gives the model in force.
pub(crate) async fn bring_up(
    truth: &dyn Truth,
    project: &Project,
    models: &Models,
    migrate: bool,
) -> Result<Arc<Model>> {
    let applied = truth.applied().await?;
    let todo = pending(&project.migrations, applied.iter().map(|a| (a.number, &*a.name, &*a.checksum)))?;
    if !migrate {
        return Ok(Arc::clone(models.at(applied.len())));
    }
    for migration in todo {
        let step = models.step(migration);
        tracing::info!(number = migration.number, name = %migration.name, "applying a migration");
        truth.migrate(&step).await?;
    }
    Ok(Arc::clone(models.at(project.migrations.len())))
}

impl Brigade {
    /// Every migration of the project with its state, as the files are now.
    ///
    /// # Errors
    /// BRGCFG for a changed or removed file; where one is pending that the truth cannot keep, the error that applying it
    /// would give.
    pub async fn migrations(&self) -> Result<Vec<MigrationState>> {
        let project = Project::read(&self.inner.project.dir)?;
        let models = Models::fold(&project)?;
        let applied = self.inner.stores.truth.applied().await?;
        let todo = pending(&project.migrations, applied.iter().map(|a| (a.number, &*a.name, &*a.checksum)))?;
        if !todo.is_empty() {
            self.inner.stores.truth.rehearse(&models.steps()).await?;
        }
        let mut applied = applied.into_iter();
        let states = project
            .migrations
            .into_iter()
            .map(|migration| MigrationState { migration: Arc::new(migration), applied: applied.next() });
        Ok(states.collect())
    }

    /// Reads `migrations/` again and applies what is pending; returns what was applied.
    ///
    /// # Errors
    /// BRGCFG, or the SQLSTATE of the statement that failed, with `FILE:LINE:COLUMN` first.
    pub async fn migrate(&self) -> Result<Vec<MigrationState>> {
        let project = Project::read(&self.inner.project.dir)?;
        if project.config.schema.existing {
            return Err(Error::new(code::CONFIG, "this project takes its tables from the database")
                .hint("change them there; or remove [schema] existing from brigade.toml"));
        }
        let models = Models::fold(&project)?;
        let truth = &*self.inner.stores.truth;
        let before = truth.applied().await?.len();
        let model = bring_up(truth, &project, &models, true).await?;
        truth.use_model(Arc::clone(&model)).await?;
        self.inner.models.send_replace(Arc::clone(&model));
        let again = self.inner.routines.prepare_again(&project, &self.inner.stores, &model).await;
        again.map_err(|error| error.context("the migrations are applied, and the queries are as before"))?;
        Ok(self.migrations().await?.split_off(before))
    }

    /// Every projection with its state; where they were not started, as their stores and the log have them.
    pub async fn projections(&self) -> Vec<ProjectionStatus> {
        let inner = &self.inner;
        if inner.runs {
            return inner.projections.list().await;
        }
        let looked = inner.stores.look(&inner.project, &inner.data_dir, &inner.models, &inner.routines).await;
        looked.unwrap_or_else(|error| {
            tracing::warn!("the projections cannot be looked at: {error}");
            Vec::new()
        })
    }

    /// Compares a projection with the truth at one position.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn verify(&self, name: &str, progress: Progress) -> Result<Verification> {
        self.inner.projections.verify(name, Some(progress)).await
    }

    /// Re-projects the keys that differ; returns how many.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn repair(&self, name: &str, progress: Progress) -> Result<u64> {
        self.inner.projections.repair(name, Some(progress)).await
    }

    /// Makes a projection anew beside the old one, verifies it, then swaps; returns its rows. `log` makes a PostgreSQL
    /// truth's log anew after its slot is gone, and then every projection: they stand before the gap.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn rebuild(&self, name: &str, progress: Progress) -> Result<u64> {
        if name == "log" {
            self.inner.stores.rebuild_log().await?;
            let mut rows = 0;
            for name in self.inner.projections.names() {
                rows += self.inner.projections.rebuild(&name, Some(Arc::clone(&progress))).await?;
            }
            return Ok(rows);
        }
        self.inner.projections.rebuild(name, Some(progress)).await
    }

    /// Stops applying until [`Brigade::resume`], also over restarts.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn pause(&self, name: &str) -> Result<ProjectionStatus> {
        self.inner.projections.pause(name).await
    }

    /// Applies again; a stopped projection tries again.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn resume(&self, name: &str) -> Result<ProjectionStatus> {
        self.inner.projections.resume(name).await
    }

    /// Why this is not ready: `(reasons, degraded)`. No reasons: ready.
    pub async fn readiness(&self) -> (Vec<String>, Vec<String>) {
        let mut reasons = Vec::new();
        let mut degraded = Vec::new();
        if self.inner.closing.load(std::sync::atomic::Ordering::Acquire) {
            reasons.push("shutting down".to_owned());
        }
        reasons.extend(self.truth_status().stopped.map(|why| format!("truth: {why}")));
        reasons.extend(self.pending_migrations());
        match self.log_status().await {
            Ok(status) => reasons.extend(status.stopped.map(|why| format!("log: {why}"))),
            Err(error) => reasons.push(format!("log: {error}")),
        }
        if self.refuses_writes() {
            reasons.push("log: it has reached its budget, and writes are refused".to_owned());
        }
        for projection in self.projections().await {
            let why = projection.last_error.as_deref().unwrap_or("no reason is known");
            let line = format!("projection {} {}: {why}", projection.name, projection.state);
            match projection.state {
                "stopped" => reasons.push(line),
                "waiting" => degraded.push(line),
                _ => reasons.extend(self.too_far_behind(&projection)),
            }
        }
        if let Some(redis) = &self.inner.stores.redis {
            // Limits answer without it, each as its `fail` says, and the truth answers instead of caches.
            let used = [("limits", self.inner.limits.is_empty()), ("caches", self.inner.caches.is_empty())];
            let used: Vec<&str> = used.into_iter().filter(|(_, is_empty)| !is_empty).map(|(what, _)| what).collect();
            if !used.is_empty() {
                degraded.extend(redis.ping().await.err().map(|error| format!("{}: {error}", used.join(", "))));
            }
        }
        (reasons, degraded)
    }

    fn pending_migrations(&self) -> Option<String> {
        let (have, want) = (self.model().version as usize, self.inner.project.migrations.len());
        (have < want).then(|| format!("migrations: {} of {want} are pending; run: brigade migrate apply", want - have))
    }

    fn too_far_behind(&self, projection: &ProjectionStatus) -> Option<String> {
        let name = projection.name.strip_prefix("copy.")?;
        let bound = self.config().copies.get(name)?.max_lag?;
        (projection.lag_seconds > bound.as_secs_f64()).then(|| {
            format!(
                "projection {} is {:.1} s behind, more than {} s",
                projection.name,
                projection.lag_seconds,
                bound.as_secs()
            )
        })
    }

    /// Publishes gauges (log bytes and positions, lag) to the `metrics` recorder; called before each scrape.
    pub async fn publish_metrics(&self) {
        if let Ok(log) = self.log_status().await {
            metrics::gauge!("brigade_log_bytes").set(log.bytes as f64);
            metrics::gauge!("brigade_log_changes").set(log.changes as f64);
            metrics::gauge!("brigade_log_position").set(log.position.order as f64);
            metrics::gauge!("brigade_log_oldest_position").set(log.oldest.order as f64);
            metrics::gauge!("brigade_log_budget_bytes").set(self.config().log.budget as f64);
            metrics::gauge!("brigade_log_refuses_writes").set(if self.refuses_writes() { 1.0 } else { 0.0 });
        }
        let truth = self.truth_status();
        metrics::gauge!("brigade_truth_up").set(if truth.stopped.is_none() { 1.0 } else { 0.0 });
        for pool in truth.pools {
            metrics::gauge!("brigade_pool_connections_max", "pool" => pool.name).set(pool.max as f64);
            metrics::gauge!("brigade_pool_connections", "pool" => pool.name).set(pool.open as f64);
            metrics::gauge!("brigade_pool_connections_in_use", "pool" => pool.name).set(pool.in_use as f64);
            metrics::gauge!("brigade_pool_waiting", "pool" => pool.name).set(pool.waiting as f64);
        }
        for replica in truth.replicas {
            let name = replica.name;
            metrics::gauge!("brigade_replica_up", "replica" => name.clone()).set(if replica.why_not.is_none() {
                1.0
            } else {
                0.0
            });
            let lag = replica.lag.map_or(f64::INFINITY, |lag| lag.as_secs_f64());
            metrics::gauge!("brigade_replica_lag_seconds", "replica" => name.clone()).set(lag);
            let reads = replica.reads;
            for (outcome, count) in [
                ("answered", reads.answered),
                ("skipped", reads.skipped),
                ("conflict", reads.conflicts),
                ("failed", reads.failed),
            ] {
                metrics::counter!("brigade_replica_reads_total", "replica" => name.clone(), "outcome" => outcome)
                    .absolute(count);
            }
        }
        self.inner.limits.publish_metrics();
        self.inner.projections.publish_metrics().await;
    }
}
