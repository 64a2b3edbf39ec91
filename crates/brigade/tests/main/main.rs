//! Projects opened through the front door, on every engine that can be the truth.

mod apps;
mod postgres;
mod projections;
mod property;
mod scans;
mod schema;
mod suite;
mod support;
