//! One process owns a data folder. The operating system's lock on `DATA/brigade.lock` says who; the file's text says how
//! to reach it. Only the lock counts: text that a killed process left behind is never believed.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use brigade_core::data::{Error, Result, code};
use serde::{Deserialize, Serialize};

/// The file's name in the data folder.
pub const LOCK_FILE: &str = "brigade.lock";

/// How long [`Lock::acquire`] tries again: [`holder`] takes a shared lock for an instant, which is no holder.
const PATIENCE: Duration = Duration::from_millis(300);

/// The right to use a data folder, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// The process that has a data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id; 0 where it has not said.
    pub pid: u32,
    /// Where it serves HTTP; none while it starts, or where it is a command that serves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What its administrative routes ask for, as `Authorization: Bearer TOKEN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Lock {
    /// Takes a data folder, and creates it where it is not there. Blocks for less than half a second.
    ///
    /// # Errors
    /// BRG503 naming pid and URL of the process that has it; BRGCFG where the folder cannot be written.
    pub fn acquire(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join(LOCK_FILE);
        fs::create_dir_all(data_dir).map_err(|e| unusable(data_dir, e))?;
        let file = open(&path).map_err(|e| unusable(&path, e))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => thread::sleep(PATIENCE / 20),
                Err(TryLockError::WouldBlock) => return Err(taken(data_dir, &read(&path).unwrap_or_else(unknown))),
                Err(TryLockError::Error(e)) => return Err(unusable(&path, e)),
            }
        }
        let lock = Self { file, path };
        lock.write(&Holder { pid: std::process::id(), url: None, token: None })?;
        Ok(lock)
    }

    /// Says where this process serves and what its administrative routes ask for, to whoever may read the file: its owner.
    ///
    /// # Errors
    /// BRGCFG where the file cannot be written.
    pub fn announce(&self, url: &str, token: &str) -> Result<()> {
        self.write(&Holder { pid: std::process::id(), url: Some(url.to_owned()), token: Some(token.to_owned()) })
    }

    /// The new text goes over the old one before the rest is cut, so that a reader never meets an empty file.
    fn write(&self, holder: &Holder) -> Result<()> {
        let text = serde_json::to_vec(holder).expect("strings and a number");
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&text))
            .and_then(|()| file.set_len(text.len() as u64))
            .map_err(|e| unusable(&self.path, e))
    }
}

impl Drop for Lock {
    /// The token is of no use to anyone after this. The lock itself goes with the file's descriptor.
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(%error, path = %self.path.display(), "the lock file keeps its old text");
        }
    }
}

/// Who has a data folder now; none where nobody has, whatever the file says.
pub fn holder(data_dir: &Path) -> Option<Holder> {
    let path = data_dir.join(LOCK_FILE);
    match File::open(&path).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read(&path).unwrap_or_else(unknown)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn read(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).ok()?.take(64 << 10).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn unknown() -> Holder {
    Holder { pid: 0, url: None, token: None }
}

/// The file holds a token: its owner alone may read it, also where it was there before with other rights.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

fn taken(data_dir: &Path, holder: &Holder) -> Error {
    let who = match holder {
        Holder { pid: 0, .. } => "another process".to_owned(),
        Holder { pid, url: Some(url), .. } => format!("process {pid}, which serves {url}"),
        Holder { pid, .. } => format!("process {pid}"),
    };
    Error::new(code::UNAVAILABLE, format!("the data folder is in use by {who}"))
        .details(data_dir.display().to_string())
        .hint("stop that process, or use another data folder with --data")
        .retry_after(Duration::from_secs(1))
}

fn unusable(path: &Path, error: io::Error) -> Error {
    Error::new(code::CONFIG, format!("the data folder cannot be used: {error}"))
        .details(path.display().to_string())
        .hint("make it a folder that this user may write, or use another one with --data")
        .source(error)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// A folder of this test's own, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("brigade-lock-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_second_one_is_refused_until_the_first_is_dropped() {
        let folder = Folder::new("second");
        let data = folder.0.join("deep/data");
        assert_eq!(holder(&data), None);
        let first = Lock::acquire(&data).unwrap();
        assert_eq!(holder(&data), Some(Holder { pid: std::process::id(), url: None, token: None }));
        first.announce("http://127.0.0.1:8600", "secret").unwrap();

        let refused = Lock::acquire(&data).unwrap_err();
        assert_eq!(refused.code(), code::UNAVAILABLE);
        let pid = std::process::id().to_string();
        assert!(refused.message().contains(&pid) && refused.message().contains("127.0.0.1:8600"), "{refused}");
        assert!(!format!("{refused:?}").contains("secret"));

        drop(first);
        assert_eq!(holder(&data), None);
        assert_eq!(fs::read_to_string(data.join(LOCK_FILE)).unwrap(), "");
        Lock::acquire(&data).unwrap();
    }

    #[test]
    fn probing_does_not_keep_anyone_away() {
        let folder = Folder::new("probe");
        drop(Lock::acquire(&folder.0).unwrap());
        let data = folder.0.clone();
        let begun = Instant::now();
        let prober = thread::spawn(move || {
            while begun.elapsed() < Duration::from_millis(200) {
                holder(&data);
            }
        });
        for _ in 0..50 {
            Lock::acquire(&folder.0).unwrap();
        }
        prober.join().unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_may_read_the_token() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("mode");
        fs::create_dir_all(&folder.0).unwrap();
        let path = folder.0.join(LOCK_FILE);
        fs::write(&path, "{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let _lock = Lock::acquire(&folder.0).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = Folder::new("readonly");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("file"), "").unwrap();
        let refused = Lock::acquire(&folder.0.join("file/data")).unwrap_err();
        assert_eq!(refused.code(), code::CONFIG);
        assert!(refused.get_details().unwrap().contains("file/data"));
    }

    #[test]
    fn what_a_killed_process_left_is_not_believed() {
        let folder = Folder::new("killed");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "lock::tests::holds_until_killed"])
            .env("BRIGADE_LOCK_TEST", &folder.0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while holder(&folder.0).is_none_or(|h| h.url.is_none()) {
            assert!(begun.elapsed() < Duration::from_secs(10), "the other process never took the lock");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(holder(&folder.0).unwrap().pid, child.id());
        assert!(Lock::acquire(&folder.0).unwrap_err().message().contains(&child.id().to_string()));

        child.kill().unwrap();
        child.wait().unwrap();
        assert!(fs::read_to_string(folder.0.join(LOCK_FILE)).unwrap().contains("http://nowhere"));
        assert_eq!(holder(&folder.0), None);
        Lock::acquire(&folder.0).unwrap();
    }

    /// The other process of the test above.
    #[test]
    #[ignore = "run by what_a_killed_process_left_is_not_believed"]
    fn holds_until_killed() {
        let Some(folder) = std::env::var_os("BRIGADE_LOCK_TEST") else { return };
        let lock = Lock::acquire(Path::new(&folder)).unwrap();
        lock.announce("http://nowhere", "secret").unwrap();
        thread::sleep(Duration::from_secs(60));
    }
}
