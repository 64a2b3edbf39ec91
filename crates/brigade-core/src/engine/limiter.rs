//! Who counts: the states of one limit, in the process or in a store that several processes share.

use async_trait::async_trait;

use crate::{
    data::Result,
    limit::{LimitKey, Quota, Verdict},
};

/// The states of one limit, whose [`crate::limit::Shape`] it was made with.
#[async_trait]
pub trait Limiter: Send + Sync {
    /// `memory`, `redis`, …
    fn engine(&self) -> &'static str;

    /// Decides one check as [`crate::limit::Shape::admit`] does, on one clock for all who ask, and counts it if it is admitted:
    /// both in one step, so that checks at the same moment never admit more than one after the other would. What was counted
    /// stays counted when this answers; an error may have counted. What nobody needs any more is forgotten: no state is kept
    /// for ever.
    ///
    /// A cost above [`crate::limit::Shape::cost_max`] is never given.
    async fn check(&self, key: &LimitKey, quota: Quota, cost: u32) -> Result<Verdict>;

    /// How many identifiers are counted; none where the engine does not know.
    fn identifiers(&self) -> Option<usize> {
        None
    }

    /// Writes down what a restart must not forget.
    async fn close(&self) {}
}
