//! Opening a project: files, lock, stores, migrations, projections, in this order. Whatever fails, nothing is left half
//! started and the lock is given back.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use brigade_core::{
    data::{Error, Result, code},
    live::Hub,
    log::{Readers, Retention, RetentionOptions},
};
use tokio::sync::watch;

use crate::{
    ApiKeys, Brigade, Lock, OpenOptions, Project, Sessions,
    brigade::Inner,
    caching::CacheSet,
    limiting::LimitSet,
    operate::{self, Models},
    routines::Routines,
    stores::Stores,
};

pub(crate) async fn open(options: OpenOptions) -> Result<Brigade> {
    let project = Project::read(&options.project)?;
    let models = Models::fold(&project)?;
    let data_dir = data_dir(&options)?;
    let lock = Lock::acquire(&data_dir)?;
    let keys = ApiKeys::open(&data_dir)?;
    let stores = Stores::open(&project, &data_dir).await?;
    let outcome = start(&options, project, &models, data_dir, (lock, keys), &stores).await;
    if outcome.is_err() {
        stores.close().await;
    }
    outcome
}

/// Where the embedded stores lie; made where it is not there.
fn data_dir(options: &OpenOptions) -> Result<PathBuf> {
    let dir = options.data.clone().unwrap_or_else(|| options.project.join("data"));
    std::fs::create_dir_all(&dir).map_err(|e| unusable(&dir, e))?;
    let probe = dir.join(".writable");
    std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)).map_err(|e| unusable(&dir, e))?;
    Ok(dir)
}

fn unusable(dir: &Path, error: std::io::Error) -> Error {
    Error::new(code::CONFIG, format!("the data folder {} cannot be written: {error}", dir.display()))
        .hint("give this user the right to write there, or name another folder with --data DIR")
        .source(error)
}

async fn start(
    options: &OpenOptions,
    project: Project,
    models: &Models,
    data_dir: PathBuf,
    (lock, keys): (Lock, ApiKeys),
    stores: &Stores,
) -> Result<Brigade> {
    let model = if project.config.schema.existing {
        Arc::new(models.with_settings(stores.catalog(&project.config.schema.schemas).await?)?)
    } else {
        operate::bring_up(&*stores.truth, &project, models, options.migrate).await?
    };
    stores.truth.use_model(Arc::clone(&model)).await?;
    let routines = Arc::new(Routines::prepare(&project, stores, &model).await?);
    let models = watch::Sender::new(model);
    let caches = if options.run { stores.caches(&project, &models, &routines)? } else { CacheSet::default() };
    let projections = Arc::new(stores.projections(&project, &data_dir, &models, (options.run, &caches)).await?);
    let limits = if options.run { LimitSet::open(&project, &data_dir, stores)? } else { LimitSet::default() };
    let sessions = options.run.then(|| Sessions::open(&project, &data_dir, stores)).transpose()?;
    let retention = options.run.then(|| {
        let readers = Arc::clone(&projections) as Arc<dyn Readers>;
        Retention::start(Arc::clone(&stores.log), readers, project.config.log.clone(), RetentionOptions::default())
    });
    Ok(Brigade {
        inner: Arc::new(Inner {
            project,
            keys,
            data_dir,
            lock: Mutex::new(Some(lock)),
            admin_token: admin_token(),
            stores: stores.clone(),
            models,
            relations: brigade_core::schema::LatestRelations::default(),
            live: Hub::new(Arc::clone(&stores.truth), Arc::clone(&stores.log), Arc::clone(&stores.tables)),
            routines,
            projections,
            limits,
            sessions,
            caches,
            runs: options.run,
            retention,
            closing: AtomicBool::new(false),
        }),
    })
}

fn admin_token() -> String {
    let bytes: [u8; 32] = rand::random();
    let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("bga_{digits}")
}
