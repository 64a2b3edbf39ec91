//! How PostgreSQL would run a read: `EXPLAIN` of the very statement that the read is, with its values, in a transaction that
//! cannot write, and no longer than a statement may take.

use brigade_core::{
    data::{Error, Result, code, plan::Count},
    engine::{CheckedRead, Explain, PlanFormat},
};
use deadpool_postgres::ClientWrapper;
use futures_util::StreamExt;

use super::{
    node::{From, Sql},
    run::{self, Text},
};
use crate::{error::from_pg, truth::PostgresTruth};

pub(super) async fn explain(truth: &PostgresTruth, read: &CheckedRead, how: Explain) -> Result<String> {
    let mut session = truth.session().await?;
    session.begin();
    match attempt(session.client(), read, how).await {
        Ok(plan) => {
            session.end();
            Ok(plan)
        }
        Err(error) => {
            session.roll_back().await;
            Err(error)
        }
    }
}

async fn attempt(client: &ClientWrapper, read: &CheckedRead, how: Explain) -> Result<String> {
    let mut sql = Sql::default();
    sql.push(&format!("EXPLAIN (FORMAT {}", how.format.as_str()));
    for option in how.options.words() {
        sql.push(", ");
        sql.push(option);
    }
    sql.push(") ");
    run::page(&mut sql, read, read.count == Some(Count::Exact) && !read.is_whole(), From::of(read))?;
    client.batch_execute("BEGIN READ ONLY").await.map_err(from_pg)?;
    let statement = client.prepare(&sql.text).await.map_err(from_pg)?;
    let mut plan = String::new();
    {
        let rows = client.query_raw(&statement, &sql.params).await.map_err(from_pg)?;
        tokio::pin!(rows);
        while let Some(row) = rows.next().await {
            let text: Text = row.and_then(|row| row.try_get(0)).map_err(from_pg)?;
            plan.push_str(&text.0);
            plan.push_str(if how.format == PlanFormat::Text { "\n" } else { "" });
            if plan.len() > read.bytes_max {
                return Err(Error::new(code::LIMIT, format!("the plan is larger than {} bytes", read.bytes_max))
                    .details("ANSWER_BYTES_MAX")
                    .hint("ask for less in one read"));
            }
        }
    }
    client.batch_execute("COMMIT").await.map_err(from_pg)?;
    Ok(plan)
}
