//! Real servers for tests: each on a free port of this machine, in a folder of its own, ended with the test.

mod postgres;

pub use postgres::{Backup, Certificates, Database, Postgres};
