//! A server's files, copied while it is down: put back they are a restored snapshot, a recovery to an earlier time, or a
//! standby. No program is needed that a bare server comes without.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{
    Own, PATIENCE, Postgres,
    process::{NOBODY, is_root, run},
};

/// The files of a server as they were.
#[derive(Debug)]
pub struct Backup {
    folder: TempDir,
}

impl Backup {
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Postgres {
    /// Shuts it down, copies its files and starts it again.
    ///
    /// # Errors
    /// If it was not started here, or does not come back.
    pub fn back_up(&mut self) -> Result<Backup> {
        let backup = Backup { folder: tempfile::Builder::new().prefix("brigade-backup-").tempdir()? };
        self.shut_down();
        copy(&self.own()?.data(), &backup.data())?;
        self.restart()?;
        Ok(backup)
    }

    /// Puts its files back as they were, slots and timeline too, as the snapshot of a disk is put back.
    ///
    /// # Errors
    /// If it was not started here, or does not come back.
    pub fn put_back(&mut self, backup: &Backup) -> Result<()> {
        self.shut_down();
        let data = self.own()?.data();
        fs::remove_dir_all(&data)?;
        copy(&backup.data(), &data)?;
        self.restart()
    }

    /// Recovers the backup to its own end, as a base backup is: without slots, on a timeline of its own.
    ///
    /// # Errors
    /// If it was not started here, or does not come back.
    pub fn recover(&mut self, backup: &Backup) -> Result<()> {
        self.shut_down();
        let data = self.own()?.data();
        fs::remove_dir_all(&data)?;
        copy(&backup.data(), &data)?;
        forget_slots(&data)?;
        sign(&data, "recovery.signal", "restore_command = 'false'\n")?;
        self.restart()?;
        self.leave_recovery()
    }

    /// A standby of it, made of a backup: it streams from it, and takes no writes.
    ///
    /// # Errors
    /// If this one was not started here, or the standby does not start.
    pub fn standby(&self, backup: &Backup) -> Result<Postgres> {
        let own = self.own()?;
        let settings: Vec<&str> = own.settings.iter().map(String::as_str).collect();
        let standby = Self::in_new_folder(own.bin.clone(), &settings)?;
        let data = standby.own()?.data();
        fs::remove_dir(&data)?;
        copy(&backup.data(), &data)?;
        forget_slots(&data)?;
        let primary = format!("primary_conninfo = 'host=127.0.0.1 port={} user=postgres'\n", self.port);
        sign(&data, "standby.signal", &primary)?;
        standby.launched()
    }

    /// Makes a standby the primary.
    ///
    /// # Errors
    /// If it is none.
    pub fn promote(&self) -> Result<()> {
        self.psql("postgres", "SELECT pg_promote()")?;
        self.leave_recovery()
    }

    fn leave_recovery(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.psql("postgres", "SELECT pg_is_in_recovery()")? != "f" {
            if Instant::now() > until {
                bail!("the server is still in recovery: {}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn own(&self) -> Result<&Own> {
        self.own.as_ref().context("only a server that was started here has files")
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp").arg("-a").arg(from).arg(to))
}

/// A base backup holds no slots.
fn forget_slots(data: &Path) -> Result<()> {
    for slot in fs::read_dir(data.join("pg_replslot"))? {
        fs::remove_dir_all(slot?.path())?;
    }
    Ok(())
}

fn sign(data: &Path, name: &str, settings: &str) -> Result<()> {
    let signal = data.join(name);
    fs::write(&signal, "")?;
    fs::OpenOptions::new().append(true).open(data.join("postgresql.auto.conf"))?.write_all(settings.as_bytes())?;
    if is_root() {
        run(Command::new("chown").arg(NOBODY).arg(&signal))?;
    }
    Ok(())
}
