//! Pages: the header `Range` beside `limit` and `offset`, and `Content-Range` of the answer.

use axum::http::{HeaderMap, StatusCode, header};
use brigade::data::{Error, Result, plan::Node};

/// Narrows the page to what `Range` asks for.
pub(super) fn apply(headers: &HeaderMap, node: &mut Node) -> Result<()> {
    let Some(range) = headers.get(header::RANGE).and_then(|v| v.to_str().ok()) else { return Ok(()) };
    let range = range.strip_prefix("items=").unwrap_or(range);
    let Some((first, last)) = range.split_once('-') else { return Ok(()) };
    let Ok(first) = first.trim().parse::<u64>() else { return Ok(()) };
    let last = match last.trim() {
        "" => None,
        digits => match digits.parse::<u64>() {
            Ok(last) => Some(last),
            Err(_) => return Ok(()),
        },
    };
    if last.is_some_and(|last| last < first) {
        return Err(not_satisfiable(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ));
    }
    let begin = node.offset.unwrap_or(0).max(first);
    let end = |from: u64, length: u64| from.saturating_add(length);
    let asked = node.limit.map(|limit| end(node.offset.unwrap_or(0), limit));
    let given = last.map(|last| last.saturating_add(1));
    let until = match (asked, given) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    node.offset = Some(begin);
    node.limit = until.map(|until| until.saturating_sub(begin));
    Ok(())
}

/// PGRST103.
pub(super) fn not_satisfiable(details: &str) -> Error {
    Error::new("PGRST103", "Requested range not satisfiable").details(details)
}

/// `0-9/3573`, and the status that goes with it.
pub(super) fn of_answer(offset: u64, rows: u64, total: Option<u64>) -> Result<(String, StatusCode)> {
    if let Some(total) = total.filter(|&total| offset > total) {
        let details = format!("An offset of {offset} was requested, but there are only {total} rows.");
        return Err(not_satisfiable(&details));
    }
    let of = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    let range = match rows {
        0 => format!("*/{of}"),
        _ => format!("{offset}-{}/{of}", offset + rows - 1),
    };
    let partial = total.is_some_and(|total| rows < total && (rows > 0 || offset > 0 || total > 0));
    Ok((range, if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_is_what_range_and_limit_both_ask_for() {
        for (range, limit, offset, expected) in [
            ("0-9", None, None, (Some(10), Some(0))),
            ("5-", None, None, (None, Some(5))),
            ("5-9", Some(3), None, (Some(0), Some(5))),
            ("0-9", Some(3), Some(2), (Some(3), Some(2))),
            ("0-3", Some(30), Some(2), (Some(2), Some(2))),
            ("items=1-1", None, None, (Some(1), Some(1))),
            ("nonsense", Some(1), None, (Some(1), None)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            let mut node = Node { limit, offset, ..Node::default() };
            apply(&headers, &mut node).unwrap();
            assert_eq!((node.limit, node.offset), expected, "{range}");
        }
    }

    #[test]
    fn an_answer_says_where_it_stands() {
        for (offset, rows, total, range, status) in [
            (0, 10, None, "0-9/*", 200),
            (0, 0, None, "*/*", 200),
            (0, 0, Some(0), "*/0", 200),
            (0, 10, Some(15), "0-9/15", 206),
            (10, 5, Some(15), "10-14/15", 206),
            (0, 15, Some(15), "0-14/15", 200),
            (15, 0, Some(15), "*/15", 206),
        ] {
            let (shown, code) = of_answer(offset, rows, total).unwrap();
            assert_eq!((shown.as_str(), code.as_u16()), (range, status));
        }
        assert_eq!(of_answer(16, 0, Some(15)).unwrap_err().code(), "PGRST103");
    }
}
