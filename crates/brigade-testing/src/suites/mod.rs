//! One suite for each role. A sentence of a trait's contract is a test of its suite, and bears its name.
