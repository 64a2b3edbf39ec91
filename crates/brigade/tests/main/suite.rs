//! The one suite of truth and log, on every engine.

use std::sync::{Arc, Mutex};

use brigade_testing::suites::truth::{self as truth_suite, Fixture, SCHEMA};

use crate::support::{TestProject, on_every_engine};

#[test]
fn truth_and_log_keep_their_contract() {
    on_every_engine(|engine| async move {
        // Projects live until the suite ends: a case holds only the stores.
        let projects = Arc::new(Mutex::new(Vec::new()));
        truth_suite::run(|| {
            let engine = engine.clone();
            let projects = Arc::clone(&projects);
            async move {
                let project = TestProject::new(&engine, SCHEMA, "");
                let brigade = project.open().await;
                let fixture = Fixture {
                    engine: project.engine,
                    truth: Arc::clone(brigade.truth()),
                    log: Arc::clone(brigade.log()),
                    model: brigade.model(),
                };
                projects.lock().unwrap().push((project, brigade));
                fixture
            }
        })
        .await;
    });
}
