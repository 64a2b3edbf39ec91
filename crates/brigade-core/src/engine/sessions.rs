//! Who keeps sessions: a file of this process, or a store that several processes share.

use async_trait::async_trait;

use crate::{
    data::Result,
    session::{Found, Session, SessionId, Swapped},
};

/// The sessions of a project. Whatever it cannot tell is an error, never "there is none": who is logged in must not be logged
/// out because a store is away.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// `sqlite`, `redis`, …
    fn engine(&self) -> &'static str;

    /// Keeps a new session for its time. It is as durable as the store keeps anything before this answers.
    async fn create(&self, id: &SessionId, session: &Session) -> Result<()>;

    /// The session of an id, if it is neither over nor revoked.
    async fn find(&self, id: &SessionId) -> Result<Option<Found>>;

    /// Lets a session last its whole time from now on, and says whether there is one. One that is over or revoked stays so,
    /// however close the two came.
    async fn touch(&self, id: &SessionId) -> Result<bool>;

    /// Puts `after` in the place of a session's data if that still is `before`; its end stays where it is.
    async fn swap_data(&self, id: &SessionId, before: &str, after: &str) -> Result<Swapped>;

    /// Ends a session, and says whether there was one. Once this has answered nobody finds it any more, whatever was under
    /// way, and after a restart neither.
    async fn revoke(&self, id: &SessionId) -> Result<bool>;

    /// Ends every session that was made for this holder's id before it was asked, and counts those that it ended.
    async fn revoke_all(&self, holder: &str) -> Result<u64>;
}
