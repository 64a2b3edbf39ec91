//! `kill -9` while sessions are made and revoked: whoever was given a token is logged in after the next start, and whoever was told
//! that it is revoked is not.
//!
//! `BRIGADE_SESSION_KILLS` (12) and `BRIGADE_CRASH_SEED` repeat a run.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Random, setting};
use crate::running::Project;

/// Callers at once.
const CALLERS: usize = 4;

/// What one caller was told.
#[derive(Default)]
struct Told {
    made: Vec<String>,
    revoked: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_of_a_session_holds_after_a_kill() {
    let kills = setting("BRIGADE_SESSION_KILLS", 12);
    let seed = setting("BRIGADE_CRASH_SEED", u64::from(std::process::id()) ^ 0x7365_7373);
    println!("sessions: BRIGADE_SESSION_KILLS={kills} BRIGADE_CRASH_SEED={seed}");
    let (project, mut random, mut all) = (Project::new(), Random(seed), Told::default());
    for round in 1..=kills {
        let mut server = project.serve();
        let callers: Vec<_> = (0..CALLERS)
            .map(|n| tokio::spawn(call(server.url.clone(), Random(seed ^ (round << 8) ^ n as u64))))
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + random.below(200))).await;
        server.kill();
        let mut told = Told::default();
        for caller in callers {
            let its = caller.await.expect("no caller panics");
            told.made.extend(its.made);
            told.revoked.extend(its.revoked);
        }
        let mut next = project.serve();
        holds(&next.url, &told, &format!("seed {seed}, after kill {round}")).await;
        next.kill();
        all.made.extend(told.made);
        all.revoked.extend(told.revoked);
    }
    let server = project.serve();
    holds(&server.url, &all, &format!("seed {seed}, at the end")).await;
    let (made, revoked) = (all.made.len(), all.revoked.len());
    println!("sessions: {kills} kills, {made} alive, {revoked} revoked, 0 violations");
    assert!(made > CALLERS && revoked > CALLERS, "hardly anything was done");
}

/// Makes sessions and revokes half of them, until the server is gone.
async fn call(url: String, mut random: Random) -> Told {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut told = Told::default();
    loop {
        let body = json!({"principal": {"id": random.below(5).to_string()}, "data": {"n": random.below(1_000)}});
        let request = client.post(format!("{url}/sessions")).header("content-type", "application/json");
        let made = request.body(body.to_string()).send().await;
        let Ok(made) = made else { return told };
        assert_eq!(made.status().as_u16(), 201);
        // Half an answer tells nothing.
        let Ok(made) = made.text().await else { return told };
        let made: Value = serde_json::from_str(&made).unwrap();
        told.made.push(made["token"].as_str().unwrap().to_owned());
        if random.below(2) == 0 {
            let at = random.below(told.made.len() as u64) as usize;
            // From here on it may be either, until the answer is there.
            let token = told.made.swap_remove(at);
            match client.delete(format!("{url}/sessions/current")).bearer_auth(&token).send().await {
                Ok(revoked) => assert_eq!(revoked.status().as_u16(), 204),
                Err(_) => return told,
            }
            told.revoked.push(token);
        }
    }
}

/// Whether everything that was said is so.
async fn holds(url: &str, told: &Told, context: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (tokens, expected) in [(&told.made, 200), (&told.revoked, 401)] {
        for token in tokens {
            let found = client.get(format!("{url}/sessions/current")).bearer_auth(token).send().await.unwrap();
            assert_eq!(found.status().as_u16(), expected, "{context}");
        }
    }
}
