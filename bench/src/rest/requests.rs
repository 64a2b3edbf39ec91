//! What is asked: the route that does nothing, a read by key, a page, a page with an embed, and a create.

use std::sync::atomic::{AtomicU64, Ordering};

use super::project::ROWS;

/// A kind of request.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Its name.
    pub name: &'static str,
    /// The status of its answer.
    pub status: u16,
    kind: Kind,
    /// The API key; the same for all, for as long as the measurement runs.
    key: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Nothing,
    ByKey,
    Page,
    Embed,
    Create,
}

/// All kinds, in the order in which they are measured.
pub fn requests(key: &str) -> Vec<Request> {
    let key: &'static str = Box::leak(key.to_owned().into_boxed_str());
    let of = |name, status, kind| Request { name, status, kind, key };
    vec![
        of("no-op", 200, Kind::Nothing),
        of("by key", 200, Kind::ByKey),
        of("page", 200, Kind::Page),
        of("page with embed", 200, Kind::Embed),
        of("create", 201, Kind::Create),
    ]
}

impl Request {
    /// The next one, in bytes. Rows are asked for in no order.
    pub fn next(&self) -> Vec<u8> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        match self.kind {
            Kind::Nothing => self.get("/livez"),
            Kind::ByKey => self.get(&format!("/rest/v1/customers?id=eq.{}", scattered % ROWS)),
            Kind::Page => self.get(&format!("/rest/v1/customers?country=eq.c{}&order=id&limit=20", scattered % 200)),
            Kind::Embed => self.get(&format!(
                "/rest/v1/customers?select=*,orders(id,total)&country=eq.c{}&order=id&limit=20",
                scattered % 200
            )),
            Kind::Create => {
                let id = ROWS + n;
                let body = format!(
                    r#"{{"id":{id},"name":"customer {id}","country":"c7","created_at":"2026-01-01T00:00:00Z"}}"#
                );
                let (key, length) = (self.key, body.len());
                format!(
                    "POST /rest/v1/customers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
                     Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
                )
                .into_bytes()
            }
        }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", self.key).into_bytes()
    }
}
