//! A projection made anew: filled beside the old one, brought up to date, compared with the truth, and only then swapped
//! in. The old one answers, and goes on applying, until that moment. Killed in the middle, the old one is what is left.

use std::sync::Arc;

use super::{
    Progress,
    fill::fill,
    line::Line,
    verify::{Held, compare},
};
use crate::data::{Error, Result};

/// Makes a projection anew; returns its rows.
pub(crate) async fn rebuild(line: &Arc<Line>, progress: Option<&Progress>) -> Result<u64> {
    let _work = line.work.lock().await;
    let mut beside = fill(line, progress).await?;
    let tip = *line.sources.log.tip().borrow();
    beside.advance(tip).await?;
    if line.projection.as_cache().is_some() {
        return beside.swap().await;
    }
    let found = compare(line, &mut Held::Beside(&mut beside), false, None).await?;
    if let Some(difference) = found.differences.first() {
        return Err(Error::internal("the new generation differs from the truth and was discarded").details(format!(
            "{} differences, the first in table {} at {:?}",
            found.differences.len() as u64 + found.more,
            difference.table,
            difference.key
        )));
    }
    beside.swap().await
}
