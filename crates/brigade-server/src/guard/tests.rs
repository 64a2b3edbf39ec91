//! Who is let in, and what a fault of one handler does to the others.

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue},
    routing::get,
};
use brigade::{Brigade, OpenOptions};
use http_body_util::BodyExt as _;
use tokio::sync::watch;
use tower_service::Service as _;

use super::*;
use crate::{ServerOptions, guarded};

fn check(method: Method, given: &[(&'static str, &'static str)], allowed: bool) {
    let headers =
        given.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect::<HeaderMap>();
    let admitted = allow_host(&headers).and_then(|()| allow_origin(&method, &headers, false));
    assert_eq!(admitted.is_ok(), allowed, "{method} {given:?}");
}

#[test]
fn a_page_of_another_origin_may_not_write() {
    check(Method::POST, &[("host", "127.0.0.1:8080")], true);
    check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "same-origin")], true);
    check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "none")], true);
    check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "cross-site")], false);
    check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "same-site")], false);
    check(Method::POST, &[("host", "localhost:8080"), ("origin", "http://localhost:8080")], true);
    check(Method::POST, &[("host", "localhost:8080"), ("origin", "http://localhost:3000")], false);
    check(Method::DELETE, &[("host", "localhost:8080"), ("origin", "null")], false);
    check(Method::GET, &[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")], true);
    check(Method::GET, &[("host", "evil.example:8080")], false);
    check(Method::GET, &[("host", "[::1]:8080")], true);
    check(Method::GET, &[("host", "app.localhost:80")], true);
    check(Method::GET, &[("host", "x")], true);
    check(Method::GET, &[], true);
}

/// What a handler said of a row stays inside; the server answers the next request.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_answered_counted_and_over() {
    async fn explode() -> &'static str {
        panic!("of a row: secret")
    }
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("migrations")).unwrap();
    std::fs::write(folder.path().join("brigade.toml"), "").unwrap();
    metrics::install();
    let options = OpenOptions { project: folder.path().to_owned(), data: None, migrate: true, run: false };
    let brigade = Brigade::open(options).await.unwrap();
    let (_stop, stopping) = watch::channel(false);
    let server = Server::new(brigade.clone(), ServerOptions::default(), stopping).unwrap();
    let mut router: Router =
        guarded(Router::new().route("/explode", get(explode)).route("/fine", get(async || "fine")), server);
    let mut ask = async |path: &str| {
        let answer = router.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    let (status, text) = ask("/explode").await;
    assert_eq!(status, 500);
    assert!(text.contains("\"BRG500\"") && text.contains("\"details\":\"id ") && !text.contains("secret"), "{text}");
    assert_eq!(ask("/fine").await, (200, "fine".to_owned()));
    assert!(metrics::install().render().contains("brigade_http_panics_total 1"));
    brigade.close().await;
}
