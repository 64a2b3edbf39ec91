//! What lies in a spool, as a function from bytes: `fuzz/` calls it with whatever it invents, tests with the corpus.

use crate::{layout_bytes, spool::record};

/// A change of the spool, or a layout. Damaged bytes are refused; what is read is written the same.
///
/// # Panics
/// Where what was read is written in another way.
pub fn spool(bytes: &[u8]) {
    let _ = record::decode(bytes);
    if let Ok(layout) = layout_bytes::decode(bytes) {
        assert_eq!(layout_bytes::decode(&layout_bytes::encode(&layout)), Ok(layout));
    }
}

#[cfg(test)]
#[path = "../../../fuzz/corpus.rs"]
mod corpus;

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_is_read_or_refused() {
        super::corpus::replay("spool", super::spool);
    }
}
