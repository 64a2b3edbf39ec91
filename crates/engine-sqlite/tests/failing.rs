//! A disk whose fsync fails: the default VFS of SQLite with another `xSync` for files below a folder named `failing`.

use std::{
    ffi::{CStr, c_char, c_int},
    sync::{
        Arc, Once, OnceLock,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
    },
};

use brigade_core::{
    data::code,
    engine::{Log, Truth},
};
use rusqlite::ffi;

use crate::support::{Store, open, store};

static FAILS: AtomicBool = AtomicBool::new(false);
static FAILED: AtomicU32 = AtomicU32::new(0);
static DEFAULT: AtomicPtr<ffi::sqlite3_vfs> = AtomicPtr::new(std::ptr::null_mut());
type Sync = unsafe extern "C" fn(*mut ffi::sqlite3_file, c_int) -> c_int;
static SYNC: OnceLock<Sync> = OnceLock::new();

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    if FAILS.load(Ordering::SeqCst) {
        FAILED.fetch_add(1, Ordering::SeqCst);
        return ffi::SQLITE_IOERR_FSYNC;
    }
    // SAFETY: the file was opened by the VFS whose method this is.
    unsafe { SYNC.get().unwrap()(file, flags) }
}

unsafe extern "C" fn opens(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let vfs = DEFAULT.load(Ordering::SeqCst);
    // SAFETY: the arguments are SQLite's own, handed on to the VFS they were made for; the methods are copied before one of
    // them is exchanged.
    unsafe {
        let code = (*vfs).xOpen.unwrap()(vfs, name, file, flags, out);
        let fails = !name.is_null() && CStr::from_ptr(name.cast::<c_char>()).to_string_lossy().contains("/failing/");
        if code == ffi::SQLITE_OK && fails {
            let mut methods = std::ptr::read((*file).pMethods);
            SYNC.get_or_init(|| methods.xSync.unwrap());
            methods.xSync = Some(sync);
            (*file).pMethods = Box::leak(Box::new(methods));
        }
        code
    }
}

fn install() {
    static ONCE: Once = Once::new();
    // SAFETY: the copy of the default VFS is never freed, and its name is static.
    ONCE.call_once(|| unsafe {
        let default = ffi::sqlite3_vfs_find(std::ptr::null());
        DEFAULT.store(default, Ordering::SeqCst);
        let mut vfs = std::ptr::read(default);
        vfs.zName = c"failing-fsync".as_ptr();
        vfs.xOpen = Some(opens);
        vfs.pNext = std::ptr::null_mut();
        assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 1), ffi::SQLITE_OK);
    });
}

#[tokio::test]
async fn after_a_failed_fsync_the_writer_stops_and_never_tries_again() {
    install();
    let other = store().await;
    let folder = other.folder.path().join("failing");
    std::fs::create_dir(&folder).unwrap();
    let truth = open(&folder.join("truth.db"), false).await;
    let store = Arc::new(Store { truth, ..other });
    let safe = store.commit(vec![store.account(1)]).await.unwrap();

    FAILS.store(true, Ordering::SeqCst);
    let tasks: Vec<_> = (2..20)
        .map(|id| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(vec![store.account(id)]).await.unwrap_err() })
        })
        .collect();
    let mut unknown = 0;
    for task in tasks {
        let error = task.await.unwrap();
        assert_eq!(error.code(), code::UNAVAILABLE, "{error}");
        unknown += u32::from(error.get_details().unwrap().contains("unknown"));
    }
    assert!(unknown > 0, "those whose fsync failed are told that the outcome is unknown");
    let failed = FAILED.load(Ordering::SeqCst);
    FAILS.store(false, Ordering::SeqCst);

    let later = store.commit(vec![store.account(99)]).await.unwrap_err();
    assert_eq!(later.code(), code::UNAVAILABLE);
    assert!(later.get_details().unwrap().contains("nothing was written"), "{later:?}");
    let stopped = Truth::status(&*store.truth).stopped.unwrap();
    assert!(stopped.contains("commit failed"), "{stopped}");
    assert_eq!(FAILED.load(Ordering::SeqCst), failed, "no fsync after the failed one");
    assert_eq!(*store.truth.tip().borrow(), safe.position, "nothing of it was published");
    assert_eq!(store.changes().await.len(), 2, "reads go on");
}
