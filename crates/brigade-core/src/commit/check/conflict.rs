//! What an upsert goes by: just the columns of one unique constraint, since both engines need one that is the same.

use super::{
    Problems, find_column,
    insert::{Upsert, check_writable},
};
use crate::{
    data::{Action, code},
    engine::{CheckedRow, Conflict},
    schema::{Index, IndexOn, Table},
};

/// What an upsert goes by, and what it sets.
pub(super) fn check_conflict(
    table: &Table,
    (on, action, update): Upsert,
    rows: &[CheckedRow],
    problems: &mut Problems,
) -> Option<Conflict> {
    let before = problems.count();
    let target: Vec<usize> = if on.is_empty() {
        table.key().to_vec()
    } else {
        on.iter().filter_map(|name| find_column(table, name, "on", problems)).collect()
    };
    let mut columns = target.clone();
    columns.sort_unstable();
    if problems.count() == before && !is_unique(table, &columns) {
        let message = format!("no unique constraint of relation {:?} has just these columns", table.name);
        let hint = "name in \"on\" the columns of the primary key, a unique constraint or a unique index without WHERE";
        problems.push("on".to_owned(), code::NO_CONFLICT_TARGET, message, Some(hint.to_owned()));
    }
    let update = match action {
        Action::Ignore => None,
        Action::Update if update.is_empty() => Some(given_columns(rows, &target)),
        Action::Update => Some(
            update
                .iter()
                .enumerate()
                .filter_map(|(i, name)| {
                    let field = format!("update[{i}]");
                    let column = find_column(table, name, &field, problems)?;
                    check_writable(&table.columns[column], &|| field.clone(), problems).then_some(column)
                })
                .collect(),
        ),
    };
    (problems.count() == before).then_some(Conflict { target, update })
}

/// Every column that any row gives, the target's own left out.
fn given_columns(rows: &[CheckedRow], target: &[usize]) -> Vec<usize> {
    let mut given: Vec<usize> = Vec::new();
    for column in rows.iter().flat_map(|row| row.columns.iter()) {
        if !given.contains(column) && !target.contains(column) {
            given.push(*column);
        }
    }
    given
}

fn is_unique(table: &Table, sorted: &[usize]) -> bool {
    let same = |columns: &[usize]| {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        columns == sorted
    };
    let index = |index: &Index| {
        let columns: Option<Vec<usize>> = index
            .parts
            .iter()
            .map(|part| match &part.of {
                IndexOn::Column(name) => table.column(name),
                IndexOn::Expression(_) => None,
            })
            .collect();
        index.unique && index.predicate.is_none() && columns.is_some_and(|c| same(&c))
    };
    !sorted.is_empty()
        && (same(table.key()) || table.uniques.iter().any(|u| same(&u.columns)) || table.indexes.iter().any(index))
}
