//! Codes, statuses and headers, one line each.

use super::*;

#[test]
fn every_code_has_its_status() {
    for (code, number) in [
        ("BRG400", 400),
        ("BRG401", 401),
        ("BRG403", 403),
        ("BRG404", 404),
        ("BRG409", 409),
        ("BRG410", 410),
        ("BRG412", 412),
        ("BRG413", 413),
        ("BRG420", 409),
        ("BRG422", 422),
        ("BRG429", 429),
        ("BRG500", 500),
        ("BRG503", 503),
        ("BRG504", 503),
        ("BRG507", 507),
        ("BRGCFG", 400),
        ("BRG405", 405),
        ("BRG408", 408),
        ("BRG415", 415),
        ("23505", 409),
        ("23503", 409),
        ("23502", 400),
        ("23514", 400),
        ("22P02", 400),
        ("22003", 400),
        ("42703", 400),
        ("428C9", 400),
        ("42601", 400),
        ("42P01", 404),
        ("42501", 403),
        ("40001", 409),
        ("40P01", 409),
        ("53100", 507),
        ("53300", 503),
        ("57014", 503),
        ("08006", 503),
        ("0A000", 400),
        ("XX000", 500),
        ("25006", 405),
        ("", 400),
        ("é", 400),
    ] {
        assert_eq!(status(code), number, "{code}");
    }
}

#[test]
fn the_body_has_four_keys_and_the_headers_say_when_to_repeat() {
    for (error, after) in [
        (Error::new(code::KEY_RUNNING, "running"), Some("1")),
        (Error::unavailable("stopped", Duration::from_millis(4_001)), Some("5")),
        (Error::new(code::NOT_REACHED, "late"), Some("1")),
        (Error::new("53300", "too many"), Some("1")),
        (Error::new(code::NO_SPACE, "full"), None),
        (Error::new(code::UNIQUE, "twice \"x\""), None),
    ] {
        let mut text = String::new();
        write(&mut text, &error, false);
        let body: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 4, "{keys:?}");
        assert_eq!(body["message"], error.message());
        let response = Refusal::from(error).into_response();
        assert_eq!(response.headers().get(header::RETRY_AFTER).map(|v| v.to_str().unwrap()), after);
    }
    let response = Refusal::from(Error::new(code::UNAUTHENTICATED, "no token")).into_response();
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
}

#[test]
fn a_fault_of_our_own_has_an_id() {
    let error = with_id(Error::internal("broken"));
    assert!(error.get_details().unwrap().starts_with("id "));
    assert_eq!(with_id(Error::new(code::UNIQUE, "x")).get_details(), None);
}
