//! Projects opened through the front door, on every engine that can be the truth.

mod apps;
mod histories;
mod lost_logs;
mod postgres;
mod projections;
mod property;
mod refused_rows;
mod rewrites;
mod scans;
mod schema;
mod suite;
mod support;
