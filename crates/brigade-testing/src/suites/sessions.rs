//! What every [`Sessions`] promises. Each check bears the sentence of the contract that it holds the engine to.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use brigade_core::{
    engine::Sessions,
    session::{Holder, Session, SessionId, Swapped},
};

/// An engine to hold to the promises.
#[async_trait]
pub trait Engine: Sync {
    /// The sessions, the same ones each time, as another process would open them.
    fn open(&self) -> Arc<dyn Sessions>;

    /// Lets time pass, as much at least.
    async fn pass(&self, time: Duration);
}

/// Runs every check.
pub async fn run(engine: &dyn Engine) {
    a_session_is_kept_for_its_time(engine).await;
    a_touched_session_lasts_its_whole_time(engine).await;
    one_that_is_over_or_revoked_stays_so(engine).await;
    data_is_swapped_if_it_still_is_what_it_was(engine).await;
    all_of_a_holder_are_revoked_and_counted(engine).await;
    touched_sessions_are_found_by_their_holder_to_the_end(engine).await;
    nothing_revives_what_was_revoked(engine).await;
    whoever_is_made_beside_a_revocation_is_ended_by_the_next(engine).await;
}

/// Long enough that it does not end while a test runs.
const LONG_MS: u64 = 3_600_000;

fn id() -> SessionId {
    SessionId::new(rand::random())
}

/// A holder that no other check has.
fn somebody() -> String {
    format!("{{some}}body:{:x}", rand::random::<u64>())
}

fn session(holder: &str, ttl_ms: u64) -> Session {
    let holder = Holder {
        id: holder.to_owned(),
        tenant: Some("acme \"1\"".to_owned()),
        tier: None,
        roles: vec!["editor".to_owned(), "author".to_owned()],
    };
    // Either is kept.
    let is_vouched = rand::random();
    Session { holder, data: r#"{"n":1.50,"é":["\u0001"]}"#.to_owned(), ttl_ms, is_vouched }
}

async fn is_there(sessions: &Arc<dyn Sessions>, id: &SessionId) -> bool {
    sessions.find(id).await.expect("the store is there").is_some()
}

async fn a_session_is_kept_for_its_time(engine: &dyn Engine) {
    let sessions = engine.open();
    let (brief, lasting) = (id(), id());
    let (short, long) = (session(&somebody(), 400), session(&somebody(), LONG_MS));
    sessions.create(&brief, &short).await.unwrap();
    sessions.create(&lasting, &long).await.unwrap();
    let found = engine.open().find(&lasting).await.unwrap().expect("it is there");
    assert_eq!(found.session, long);
    assert!(found.left_ms <= LONG_MS && found.left_ms > LONG_MS - 60_000, "{found:?}");
    assert!(is_there(&sessions, &brief).await);
    engine.pass(Duration::from_millis(500)).await;
    assert!(!is_there(&sessions, &brief).await && is_there(&sessions, &lasting).await);
    assert_eq!(sessions.find(&id()).await.unwrap(), None);
}

async fn a_touched_session_lasts_its_whole_time(engine: &dyn Engine) {
    let (sessions, id) = (engine.open(), id());
    sessions.create(&id, &session(&somebody(), 2_000)).await.unwrap();
    for _ in 0..3 {
        engine.pass(Duration::from_millis(1_000)).await;
        assert!(sessions.touch(&id).await.unwrap());
        let left = sessions.find(&id).await.unwrap().expect("it is there").left_ms;
        assert!((1_500..=2_000).contains(&left), "{left}");
    }
}

async fn one_that_is_over_or_revoked_stays_so(engine: &dyn Engine) {
    let (sessions, holder) = (engine.open(), somebody());
    let (over, revoked) = (id(), id());
    sessions.create(&over, &session(&holder, 50)).await.unwrap();
    sessions.create(&revoked, &session(&holder, LONG_MS)).await.unwrap();
    engine.pass(Duration::from_millis(100)).await;
    assert!(sessions.revoke(&revoked).await.unwrap());
    assert!(!engine.open().revoke(&revoked).await.unwrap(), "once is all");
    assert!(!sessions.revoke(&over).await.unwrap(), "it was over");
    for gone in [over, revoked, id()] {
        assert!(!sessions.touch(&gone).await.unwrap());
        let data = session("", 0).data;
        assert_eq!(sessions.swap_data(&gone, &data, "{}").await.unwrap(), Swapped::Gone);
        assert!(!is_there(&engine.open(), &gone).await);
    }
    assert_eq!(sessions.revoke_all(&holder).await.unwrap(), 0);
}

async fn data_is_swapped_if_it_still_is_what_it_was(engine: &dyn Engine) {
    let (sessions, id, kept) = (engine.open(), id(), session(&somebody(), LONG_MS));
    sessions.create(&id, &kept).await.unwrap();
    assert_eq!(sessions.swap_data(&id, "{}", r#"{"a":1}"#).await.unwrap(), Swapped::Changed);
    assert_eq!(sessions.swap_data(&id, &kept.data, r#"{"a":1}"#).await.unwrap(), Swapped::Done);
    let found = sessions.find(&id).await.unwrap().expect("it is there");
    assert_eq!((found.session.data.as_str(), &found.session.holder), (r#"{"a":1}"#, &kept.holder));
    assert!(found.left_ms <= LONG_MS && found.left_ms > LONG_MS - 60_000, "its end stays: {found:?}");
    // Of many who see the same, one comes through.
    let swaps: Vec<_> = (0..20)
        .map(|i| {
            let sessions = engine.open();
            tokio::spawn(async move { sessions.swap_data(&id, r#"{"a":1}"#, &format!("{{\"b\":{i}}}")).await })
        })
        .collect();
    let mut done = 0;
    for swap in swaps {
        done += u32::from(swap.await.unwrap().unwrap() == Swapped::Done);
    }
    assert_eq!(done, 1);
}

async fn all_of_a_holder_are_revoked_and_counted(engine: &dyn Engine) {
    let (sessions, holder, other) = (engine.open(), somebody(), somebody());
    let (mut ids, theirs) = (Vec::new(), id());
    for _ in 0..700 {
        ids.push(id());
        sessions.create(&ids[ids.len() - 1], &session(&holder, LONG_MS)).await.unwrap();
    }
    sessions.create(&theirs, &session(&other, LONG_MS)).await.unwrap();
    sessions.create(&id(), &session(&holder, 50)).await.unwrap();
    assert!(sessions.revoke(&ids[0]).await.unwrap());
    engine.pass(Duration::from_millis(100)).await;
    assert_eq!(engine.open().revoke_all(&holder).await.unwrap(), 699, "neither what was revoked nor what is over");
    for id in &ids {
        assert!(!is_there(&sessions, id).await);
    }
    assert!(is_there(&sessions, &theirs).await);
    assert_eq!(sessions.revoke_all(&holder).await.unwrap(), 0);
}

async fn touched_sessions_are_found_by_their_holder_to_the_end(engine: &dyn Engine) {
    let (sessions, holder, id) = (engine.open(), somebody(), id());
    sessions.create(&id, &session(&holder, 1_500)).await.unwrap();
    for _ in 0..3 {
        engine.pass(Duration::from_millis(1_000)).await;
        assert!(sessions.touch(&id).await.unwrap());
    }
    assert_eq!(sessions.revoke_all(&holder).await.unwrap(), 1);
    assert!(!is_there(&sessions, &id).await);
}

/// Others touch and change it meanwhile.
async fn nothing_revives_what_was_revoked(engine: &dyn Engine) {
    for round in 0..20 {
        let (sessions, holder, id) = (engine.open(), somebody(), id());
        let kept = session(&holder, LONG_MS);
        sessions.create(&id, &kept).await.unwrap();
        let busy: Vec<_> = (0..4)
            .map(|i| {
                let (sessions, data) = (engine.open(), kept.data.clone());
                tokio::spawn(async move {
                    for _ in 0..10 {
                        match i % 2 {
                            0 => drop(sessions.touch(&id).await.unwrap()),
                            _ => drop(sessions.swap_data(&id, &data, &data).await.unwrap()),
                        }
                    }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        if round % 2 == 0 {
            assert!(sessions.revoke(&id).await.unwrap());
        } else {
            assert_eq!(sessions.revoke_all(&holder).await.unwrap(), 1);
        }
        assert!(!is_there(&engine.open(), &id).await, "at once");
        for task in busy {
            task.await.unwrap();
        }
        assert!(!is_there(&engine.open(), &id).await, "and after whatever was under way");
    }
}

async fn whoever_is_made_beside_a_revocation_is_ended_by_the_next(engine: &dyn Engine) {
    for _ in 0..10 {
        let (sessions, holder) = (engine.open(), somebody());
        let made: Vec<_> = (0..16)
            .map(|_| {
                let (sessions, holder) = (engine.open(), holder.clone());
                tokio::spawn(async move {
                    let id = id();
                    sessions.create(&id, &session(&holder, LONG_MS)).await.unwrap();
                    id
                })
            })
            .collect();
        let mut revoked = sessions.revoke_all(&holder).await.unwrap();
        let mut ids = Vec::new();
        for task in made {
            ids.push(task.await.unwrap());
        }
        revoked += sessions.revoke_all(&holder).await.unwrap();
        assert_eq!(revoked, 16, "each once");
        for id in ids {
            assert!(!is_there(&sessions, &id).await);
        }
    }
}
