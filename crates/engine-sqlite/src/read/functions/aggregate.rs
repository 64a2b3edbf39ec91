//! Sums and their like of numbers that are kept as text: exact, with the digits that PostgreSQL shows.

use brigade_core::data::Numeric;
use rusqlite::{
    Connection, Error, Result,
    functions::{Aggregate, Context, FunctionFlags},
    types::ValueRef,
};

use super::keys::key;

pub(super) fn register(conn: &Connection, flags: FunctionFlags) -> Result<()> {
    conn.create_aggregate_function("brigade_sum", 1, flags, Sum { mean: false })?;
    conn.create_aggregate_function("brigade_avg", 1, flags, Sum { mean: true })?;
    conn.create_aggregate_function("brigade_min", 1, flags, Extreme { greatest: false })?;
    conn.create_aggregate_function("brigade_max", 1, flags, Extreme { greatest: true })
}

fn number(context: &Context<'_>) -> Result<Option<Numeric>> {
    let parsed = match context.get_raw(0) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(n) => n.to_string().parse(),
        ValueRef::Real(n) => n.to_string().parse(),
        other => other.as_str().unwrap_or_default().parse(),
    };
    parsed.map(Some).map_err(|_| Error::UserFunctionError("a numeric column holds no number".into()))
}

struct Sum {
    mean: bool,
}

impl Aggregate<Option<(Numeric, u64)>, Option<String>> for Sum {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<(Numeric, u64)>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Option<(Numeric, u64)>) -> Result<()> {
        if let Some(more) = number(context)? {
            *sum = Some(match sum.take() {
                None => (more, 1),
                Some((sum, n)) => (sum.plus(&more), n + 1),
            });
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Option<(Numeric, u64)>>) -> Result<Option<String>> {
        Ok(sum.flatten().map(|(sum, n)| if self.mean { sum.divided_by(n).to_string() } else { sum.to_string() }))
    }
}

struct Extreme {
    greatest: bool,
}

type Found = Option<(Vec<u8>, Numeric)>;

impl Aggregate<Found, Option<String>> for Extreme {
    fn init(&self, _: &mut Context<'_>) -> Result<Found> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, found: &mut Found) -> Result<()> {
        if let Some(number) = number(context)? {
            let bytes = key(&number);
            let is_better = found.as_ref().is_none_or(|(best, _)| (bytes > *best) == self.greatest && bytes != *best);
            if is_better {
                *found = Some((bytes, number));
            }
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, found: Option<Found>) -> Result<Option<String>> {
        Ok(found.flatten().map(|(_, number)| number.to_string()))
    }
}
