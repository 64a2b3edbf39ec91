//! engine-postgres
