//! The server over real sockets, with a real project on SQLite: what programs from outside are promised.

mod access;
mod budget;
mod caching;
mod changes;
mod clients;
mod differential;
mod harness;
mod health;
mod limiting;
mod limits;
mod live;
mod openapi;
mod operations;
mod places;
mod plans;
mod queries;
mod replicas;
mod rest;
mod sessions;
mod shutdown;
mod slowness;
mod streams;
mod transactions;
