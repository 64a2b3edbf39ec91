//! The corpus of a target, replayed by the crate that owns it. Included by path: it belongs to no crate.

use std::path::Path;

/// Gives every file of `fuzz/corpus/TARGET/` to `run`.
pub fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).expect("a corpus").map(|f| f.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        // Shown where the next line panics.
        println!("{}", file.display());
        run(&std::fs::read(&file).expect("a file"));
    }
}
