//! What the SQL half promises, against SQLite itself.
