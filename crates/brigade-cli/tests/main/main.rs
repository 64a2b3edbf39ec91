//! The real binary from outside: what it prints, where, and with which exit code; and what is left after `kill -9`.

mod commands;
mod crash;
mod keys;
mod loading;
mod postgres;
mod running;
mod serving;
