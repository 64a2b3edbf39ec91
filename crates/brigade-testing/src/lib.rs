//! brigade-testing
