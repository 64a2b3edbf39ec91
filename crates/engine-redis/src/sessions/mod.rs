//! Sessions on Redis: `session:{id}` holds one as JSON with an expiry, `sessions_of:{holder}` the ids of one holder's, so
//! that all of them can be revoked. Other programs may read both.
//!
//! On a cluster the two lie in different slots, so no step changes both. Invariants instead: an id is in its index before its
//! session is there, and as long as it is; it is taken out only by who has removed the session. So a revocation of all finds
//! every session, whatever was cut off half way, and what is in an index without a session ends with the time it had.
//! A session's key is made once, and after that only changed where it is there: nothing brings a revoked one back.

use async_trait::async_trait;
use brigade_core::{
    data::{Error, Result},
    engine::Sessions,
    session::{Found, Session, SessionId, Swapped},
};
use redis::{Script, cmd};
use tokio::task::JoinSet;

use crate::Redis;

/// How much longer an id is in its index than its session lasts: the two are written one after the other.
const SLACK_MS: u64 = 60_000;

/// Sessions of a holder that are revoked at once.
const PAGE: usize = 64;

/// Sessions on Redis.
#[derive(Debug)]
pub struct RedisSessions {
    redis: Redis,
    index: Script,
    swap: Script,
    find: Script,
    take: Script,
}

impl RedisSessions {
    /// Nothing is asked yet.
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            index: Script::new(include_str!("index.lua")),
            swap: Script::new(include_str!("swap.lua")),
            find: Script::new(include_str!("find.lua")),
            take: Script::new(include_str!("take.lua")),
        }
    }

    /// The text of a session, and how long it still lasts.
    async fn text(&self, id: &SessionId) -> Result<Option<(String, u64)>> {
        let (text, left): (Option<String>, i64) = self.redis.run_script(&self.find.key(key(id))).await?;
        match (text, left) {
            // Its end may have come between the two.
            (None, _) | (_, -2) => Ok(None),
            (Some(text), left) => match u64::try_from(left) {
                Ok(left_ms) => Ok(Some((text, left_ms))),
                Err(_) => Err(Error::internal("a session on redis has no expiry: somebody else wrote it")),
            },
        }
    }

    /// Removes sessions, and from their holder's index those that were there: of one that was not, its maker may still be on
    /// his way.
    async fn remove(&self, index: &str, ids: Vec<String>) -> Result<u64> {
        // Each lies in a slot of its own: on a cluster they go in no common pipeline.
        let mut removing = JoinSet::new();
        for id in ids {
            let redis = self.redis.clone();
            removing.spawn(async move {
                let removed: u32 = redis.run(cmd("DEL").arg(format!("{KEY}{id}"))).await?;
                Ok::<_, Error>((removed > 0).then_some(id))
            });
        }
        let mut gone = Vec::new();
        while let Some(removed) = removing.join_next().await {
            gone.extend(removed.map_err(|e| Error::internal("a revocation ended early").source(e))??);
        }
        if !gone.is_empty() {
            let mut forget = cmd("ZREM");
            forget.arg(index).arg(&gone);
            self.redis.run::<u32>(&forget).await?;
        }
        Ok(gone.len() as u64)
    }

    async fn note(&self, id: &SessionId, session: &Session) -> Result<()> {
        let lasts = session.ttl_ms.saturating_add(SLACK_MS);
        let mut call = self.index.key(index_of(&session.holder.id));
        self.redis.run_script(call.arg(id.to_string()).arg(lasts)).await
    }
}

#[async_trait]
impl Sessions for RedisSessions {
    fn engine(&self) -> &'static str {
        "redis"
    }

    async fn create(&self, id: &SessionId, session: &Session) -> Result<()> {
        self.note(id, session).await?;
        let mut set = cmd("SET");
        set.arg(key(id)).arg(session.to_json()).arg("NX").arg("PX").arg(session.ttl_ms);
        match self.redis.run::<Option<String>>(&set).await? {
            Some(_) => Ok(()),
            None => Err(Error::internal("two sessions have one id")),
        }
    }

    async fn find(&self, id: &SessionId) -> Result<Option<Found>> {
        let Some((text, left_ms)) = self.text(id).await? else { return Ok(None) };
        Ok(Some(Found { session: read(&text)?, left_ms }))
    }

    async fn touch(&self, id: &SessionId) -> Result<bool> {
        let Some(found) = self.find(id).await? else { return Ok(false) };
        self.note(id, &found.session).await?;
        let mut expire = cmd("PEXPIRE");
        expire.arg(key(id)).arg(found.session.ttl_ms);
        self.redis.run(&expire).await
    }

    async fn swap_data(&self, id: &SessionId, before: &str, after: &str) -> Result<Swapped> {
        let Some((text, _)) = self.text(id).await? else { return Ok(Swapped::Gone) };
        let session = read(&text)?;
        if session.data != before {
            return Ok(Swapped::Changed);
        }
        let changed = Session { data: after.to_owned(), ..session };
        let mut call = self.swap.key(key(id));
        match self.redis.run_script::<u32>(call.arg(text).arg(changed.to_json())).await? {
            0 => Ok(Swapped::Gone),
            1 => Ok(Swapped::Done),
            _ => Ok(Swapped::Changed),
        }
    }

    async fn revoke(&self, id: &SessionId) -> Result<bool> {
        let taken: Option<String> = self.redis.run_script(&self.take.key(key(id))).await?;
        let Some(text) = taken else { return Ok(false) };
        if let Some(session) = Session::from_json(&text) {
            let mut remove = cmd("ZREM");
            remove.arg(index_of(&session.holder.id)).arg(id.to_string());
            // The session is gone; what is left in the index ends by itself.
            if let Err(error) = self.redis.run::<u32>(&remove).await {
                tracing::debug!(%error, "a revoked session stays in its holder's index for a while");
            }
        }
        Ok(true)
    }

    async fn revoke_all(&self, holder: &str) -> Result<u64> {
        let index = index_of(holder);
        let (mut revoked, mut cursor) = (0, 0);
        loop {
            // A scan shows whatever is there all the time, however much comes and goes meanwhile.
            let mut scan = cmd("ZSCAN");
            scan.arg(&index).arg(cursor).arg("COUNT").arg(PAGE);
            let (next, page): (u64, Vec<(String, f64)>) = self.redis.run(&scan).await?;
            if !page.is_empty() {
                let ids = page.into_iter().map(|(id, _)| id).collect();
                revoked += self.remove(&index, ids).await?;
            }
            if next == 0 {
                return Ok(revoked);
            }
            cursor = next;
        }
    }
}

const KEY: &str = "session:";

fn key(id: &SessionId) -> String {
    format!("{KEY}{id}")
}

fn index_of(holder: &str) -> String {
    format!("sessions_of:{holder}")
}

fn read(text: &str) -> Result<Session> {
    Session::from_json(text).ok_or_else(|| Error::internal("a session on redis cannot be read: somebody else wrote it"))
}
