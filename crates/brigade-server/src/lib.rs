//! brigade-server
