//! Power cuts at every write: the system calls of the real server are recorded once, and from them every disk is built
//! that a power cut could have left behind.
//!
//! For each recorded operation there are four disks: all that was not synced is lost, all of it is there, and two random
//! subsets of it, torn at 512 bytes. Each is opened and checked. `FULL` must lose nothing; `NORMAL` must be *seen* to lose
//! acknowledged transactions, and the recording of `FULL` with its syncs left out must be seen to be damaged, or the method
//! would prove nothing. Assumed, not checked: a file that was made is there.

mod check;
mod disk;
mod record;
mod trace;

use std::{collections::BTreeSet, path::Path};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use check::Finding;
use disk::{Disk, Random};
use trace::Event;

/// Random subsets of each operation.
const SUBSETS: usize = 2;

/// Without syncs all that was ever written is pending: disks are built of every this many operations.
const STRIDE_WITHOUT_SYNCS: u64 = 16;

/// Every this many disks one is opened by brigade itself, which replays its log against its tables.
const OPENED_BY_BRIGADE: u64 = 100;

/// Violations that are printed; the rest is counted.
const SHOWN_MAX: u64 = 10;

/// What was found over all disks of one recording.
#[derive(Debug, Default)]
struct Tally {
    operations: u64,
    syncs: u64,
    disks: u64,
    replayed: u64,
    lost: u64,
    lost_most: u64,
    broken: u64,
}

/// Records and checks both durabilities.
///
/// # Errors
/// A promise that is not kept, and a method that does not see what it must see.
pub async fn run(transactions: u64, seed: u64) -> Result<()> {
    println!("seed {seed}, {transactions} transactions");
    let full = recorded("full", transactions).await?;
    let kept = full.tally("full", seed, 1).await?;
    let mutant = Recording { events: full.events.into_iter().filter(|e| !is_sync(e)).collect(), ..full };
    let mutant = mutant.tally("no syncs", seed, STRIDE_WITHOUT_SYNCS).await?;
    let relaxed = recorded("relaxed", transactions).await?.tally("relaxed", seed, 1).await?;
    ensure!(kept.lost == 0 && kept.broken == 0, "full durability does not keep its promise");
    ensure!(relaxed.broken == 0, "relaxed durability may lose the newest transactions, and nothing else");
    ensure!(relaxed.lost > 0, "the method did not see that relaxed durability loses transactions: it is blind");
    ensure!(mutant.broken > 0, "the method did not see that disks are damaged without syncs: it is blind");
    Ok(())
}

/// What a server did, in the folder of its project.
struct Recording {
    folder: TempDir,
    events: Vec<Event>,
}

async fn recorded(durability: &str, transactions: u64) -> Result<Recording> {
    // In memory where that can be had: the disks that are checked are built here, not recorded.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
    let events = record::record(folder.path(), durability, transactions).await?;
    Ok(Recording { folder, events })
}

fn is_sync(event: &Event) -> bool {
    matches!(event, Event::Synced { .. })
}

impl Recording {
    /// Checks the disks of every `stride`th operation and says what was found. With a stride it is a mutant: what is broken
    /// in it is expected, so it is counted and not shown.
    async fn tally(&self, name: &str, seed: u64, stride: u64) -> Result<Tally> {
        let tally = enumerate(&self.events, self.folder.path(), seed, stride).await?;
        let Tally { operations, syncs, disks, replayed, lost, lost_most, broken } = tally;
        println!(
            "{name:<8} {operations} operations, {syncs} of them syncs; {disks} disks, {replayed} of them replayed by \
             brigade: {lost} had lost acknowledged transactions (at most {lost_most}), {broken} were broken; 95 % bound on \
             what was not seen: {:.1e}",
            3.0 / disks as f64
        );
        Ok(tally)
    }
}

/// Builds and checks every disk of a recording.
async fn enumerate(events: &[Event], folder: &Path, seed: u64, stride: u64) -> Result<Tally> {
    let image = folder.join("image");
    std::fs::create_dir_all(&image)?;
    let (mut disk, mut random) = (Disk::default(), Random::new(seed));
    let (mut acknowledged, mut tally) = (BTreeSet::new(), Tally::default());
    for event in events {
        match event {
            Event::Acknowledged(batches) => {
                acknowledged.extend(batches.iter().copied());
                continue;
            }
            other => disk.apply(other),
        }
        tally.operations += 1;
        tally.syncs += u64::from(is_sync(event));
        if tally.operations % stride != 0 {
            continue;
        }
        let all = disk.pending();
        let subsets = (0..SUBSETS).map(|_| random.subset(&all));
        for kept in [Vec::new(), disk::whole(&all)].into_iter().chain(subsets) {
            disk.write(&kept, &image)?;
            tally.disks += 1;
            let replay = stride == 1 && tally.disks % OPENED_BY_BRIGADE == 0;
            tally.replayed += u64::from(replay);
            for finding in check::check(&image, &acknowledged, replay).await? {
                tally.count(&finding, acknowledged.len(), stride == 1);
            }
        }
    }
    Ok(tally)
}

impl Tally {
    fn count(&mut self, finding: &Finding, acknowledged: usize, shown: bool) {
        match finding {
            Finding::Lost(transactions) => {
                self.lost += 1;
                self.lost_most = self.lost_most.max(*transactions);
            }
            Finding::Broken(why) => {
                self.broken += 1;
                if shown && self.broken <= SHOWN_MAX {
                    println!("  operation {}, {acknowledged} acknowledged: {why}", self.operations);
                }
            }
        }
    }
}
