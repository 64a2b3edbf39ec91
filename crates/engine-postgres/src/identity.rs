//! Which server, database and timeline answers: what recognises this truth's positions, and refuses what cannot be one.

use brigade_core::data::{Error, Position, Result, code};
use sha2::{Digest, Sha256};

use crate::error::{away, from_pg};

/// Which server and database this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub version: String,
    pub version_number: u32,
    pub system: String,
    pub database: u32,
    pub timeline: u32,
    /// How often the log was made anew behind a server that was put back without a timeline of its own.
    pub life: u32,
}

/// The bits of an era that hold the timeline.
const TIMELINE_BITS: u32 = 16;

impl Identity {
    /// What recognises this truth's positions.
    pub fn tag(&self) -> u64 {
        let digest = Sha256::digest(format!("{}/{}", self.system, self.database));
        u64::from_be_bytes(digest[..8].try_into().expect("eight bytes"))
    }

    /// What the order of positions begins with: a server that was put back comes to the same places of its WAL again, and
    /// what it writes there then is later all the same.
    pub fn era(&self) -> u32 {
        (self.life << TIMELINE_BITS) + self.timeline
    }

    /// The same server and timeline, in the first life of which every position is later than one that was given out.
    pub fn later_than(self, given: Position) -> Self {
        Self { life: (given.era() >> TIMELINE_BITS) + 1, ..self }
    }

    /// Whether it is the same server and database, whatever became of it.
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.system, self.database) == (&other.system, other.database)
    }

    /// The last position before a place in the WAL: everything committed below `lsn` is at or before it, everything that
    /// commits from there on is after it.
    pub fn position_before(&self, lsn: u64) -> Position {
        Position::from_lsn(self.era(), lsn.saturating_sub(1), u32::MAX, self.tag())
    }

    /// Asks a session, once brigade's own tables are there.
    pub async fn read(client: &tokio_postgres::Client) -> Result<Self> {
        const LIFE: &str = "SELECT coalesce(max(life), 0) FROM brigade_life";
        let life: i32 = client.query_one(LIFE, &[]).await.and_then(|row| row.try_get(0)).map_err(from_pg)?;
        Ok(Self { life: life.unsigned_abs(), ..Self::read_server(client).await? })
    }

    /// Asks a session what does not lie in the database; in its first life, as far as that is known.
    pub async fn read_server(client: &tokio_postgres::Client) -> Result<Self> {
        const ASK: &str = "SELECT current_setting('server_version'), current_setting('server_version_num'), \
            s.system_identifier::text, d.oid::text, pg_is_in_recovery()::text, \
            CASE WHEN pg_is_in_recovery() THEN '0' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END \
            FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()";
        let row = client.query_one(ASK, &[]).await.map_err(from_pg)?;
        let text = |i: usize| row.try_get::<_, String>(i).map_err(from_pg);
        let version = text(0)?;
        let version_number: u32 = text(1)?.parse().unwrap_or(0);
        if version_number < 140_000 {
            return Err(Error::new(
                code::CONFIG,
                format!("postgresql {version} is too old: brigade needs 14 or newer"),
            )
            .hint("upgrade the server"));
        }
        if text(4)? == "true" {
            return Err(away("the server is a standby in recovery")
                .hint("name the primary in [stores.truth]: a standby takes no writes"));
        }
        Ok(Self {
            version,
            version_number,
            system: text(2)?,
            database: text(3)?.parse().map_err(|_| Error::internal("the database's oid is no number"))?,
            timeline: u32::from_str_radix(&text(5)?, 16).map_err(|_| Error::internal("the timeline is no number"))?,
            life: 0,
        })
    }
}
