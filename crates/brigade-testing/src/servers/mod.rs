//! Real servers for tests: each on a free port of this machine, in a folder of its own, ended with the test.

mod certificates;
mod postgres;
mod process;
mod redis;

pub use certificates::Certificates;
pub use postgres::{Backup, Database, Postgres};
pub use redis::{Redis, RedisCluster};
