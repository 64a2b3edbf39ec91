//! A receipt becomes the answer of `POST /transactions`.

use axum::{http::HeaderValue, response::Response};
use brigade::data::{Durability, Receipt, StatementResult};

use crate::{
    error,
    json::{Object, list, record},
};

/// The answer: body, and the headers `Brigade-Position` and, for a replay, `Idempotency-Replayed`.
pub fn response(receipt: &Receipt) -> Response {
    let mut response = error::json(body(receipt));
    let headers = response.headers_mut();
    let position = HeaderValue::try_from(receipt.position.to_string()).expect("a position is printable ASCII");
    headers.insert(error::POSITION, position);
    if receipt.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}

fn body(receipt: &Receipt) -> String {
    let mut out = String::with_capacity(128 + receipt.results.len() * 32);
    let mut object = Object::begin(&mut out);
    object.quoted("position", receipt.position);
    list(object.key("results"), &receipt.results, write_result);
    if receipt.durability == Durability::Relaxed {
        object.text("durability", "relaxed");
    }
    object.end();
    out
}

fn write_result(out: &mut String, result: &StatementResult) {
    let mut object = Object::begin(out);
    object.plain("rows", result.rows);
    if let Some(returned) = &result.returned {
        list(object.key("returned"), &returned.rows, |out, row| {
            record(out, returned.columns.iter().map(|(name, _)| name.as_str()).zip(row));
        });
    }
    object.end();
}

#[cfg(test)]
mod tests {
    use brigade::data::{Position, Returned, SqlType, Value};

    use super::*;

    #[test]
    fn writes_exact_values_in_column_order() {
        let columns = [
            ("id".to_owned(), SqlType::BigInt),
            ("price".to_owned(), SqlType::Text),
            ("é\"".to_owned(), SqlType::Text),
        ];
        let row = vec![Value::Int(i64::MAX), Value::Numeric("12.50".parse().unwrap()), Value::Null];
        let returned = Returned { columns: columns.into(), rows: vec![row] };
        let receipt = Receipt {
            position: Position { order: 10, tag: 11 },
            results: vec![
                StatementResult { returned: Some(returned), ..StatementResult::of(1) },
                StatementResult::of(0),
            ],
            replayed: true,
            durability: Durability::Relaxed,
        };
        let position = "0000000000000000000000000000000a-000000000000000b";
        let expected = format!(
            "{{\"position\":\"{position}\",\"results\":[{{\"rows\":1,\"returned\":[{{\"id\":9223372036854775807,\
             \"price\":12.50,\"é\\\"\":null}}]}},{{\"rows\":0}}],\"durability\":\"relaxed\"}}"
        );
        assert_eq!(body(&receipt), expected);
        let response = response(&receipt);
        assert_eq!(response.headers()["brigade-position"], position);
        assert_eq!(response.headers()["idempotency-replayed"], "true");
    }
}
