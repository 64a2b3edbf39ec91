//! Power cuts at every write: the system calls of the real server are recorded once, and from them every disk is built
//! that a power cut could have left behind.
//!
//! For each recorded operation there are four disks: all that was not synced is lost, all of it is there, and two random
//! subsets of it, torn at 512 bytes. Each is opened and checked. `FULL` must lose nothing; `NORMAL` must be *seen* to lose
//! acknowledged transactions, or the method would prove nothing. Assumed, not checked: a file that was made is there.

mod check;
mod disk;
mod record;
mod trace;

use std::{collections::BTreeSet, path::Path};

use anyhow::{Result, ensure};

use check::Finding;
use disk::{Disk, Random};
use trace::Event;

/// Random subsets of each operation.
const SUBSETS: usize = 2;

/// Every this many disks one is opened by brigade itself, which replays its log against its tables.
const OPENED_BY_BRIGADE: u64 = 100;

/// Violations that are printed; the rest is counted.
const SHOWN_MAX: u64 = 10;

/// What was found over all disks of one recording.
#[derive(Debug, Default)]
struct Tally {
    operations: u64,
    disks: u64,
    replayed: u64,
    lost: u64,
    lost_most: u64,
    broken: u64,
}

/// Records and checks both durabilities.
pub async fn run(transactions: u64, seed: u64) -> Result<()> {
    println!("seed {seed}, {transactions} transactions");
    let full = durability("full", transactions, seed).await?;
    let normal = durability("relaxed", transactions, seed).await?;
    ensure!(full.lost == 0 && full.broken == 0, "full durability does not keep its promise");
    ensure!(normal.broken == 0, "relaxed durability may lose the newest transactions, and nothing else");
    ensure!(normal.lost > 0, "the method did not see that relaxed durability loses transactions: it is blind");
    Ok(())
}

async fn durability(name: &str, transactions: u64, seed: u64) -> Result<Tally> {
    let folder = tempfile::tempdir()?;
    let events = record::record(folder.path(), name, transactions).await?;
    let tally = enumerate(&events, folder.path(), seed).await?;
    let Tally { operations, disks, replayed, lost, lost_most, broken } = tally;
    println!(
        "{name:<8} {operations} operations, {disks} disks ({replayed} of them replayed by brigade): {lost} lost \
         acknowledged transactions (at most {lost_most}), {broken} were broken; 95 % bound on what was not seen: {:.1e}",
        3.0 / disks as f64
    );
    Ok(tally)
}

/// Builds and checks every disk of a recording.
async fn enumerate(events: &[Event], folder: &Path, seed: u64) -> Result<Tally> {
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
        let all = disk.pending();
        let subsets = (0..SUBSETS).map(|_| random.subset(&all));
        for kept in [Vec::new(), disk::whole(&all)].into_iter().chain(subsets) {
            disk.write(&kept, &image)?;
            tally.disks += 1;
            let replay = tally.disks % OPENED_BY_BRIGADE == 0;
            tally.replayed += u64::from(replay);
            for finding in check::check(&image, &acknowledged, replay).await? {
                tally.count(&finding, acknowledged.len());
            }
        }
    }
    Ok(tally)
}

impl Tally {
    fn count(&mut self, finding: &Finding, acknowledged: usize) {
        match finding {
            Finding::Lost(transactions) => {
                self.lost += 1;
                self.lost_most = self.lost_most.max(*transactions);
            }
            Finding::Broken(why) => {
                self.broken += 1;
                if self.broken <= SHOWN_MAX {
                    println!("  operation {}, {acknowledged} acknowledged: {why}", self.operations);
                }
            }
        }
    }
}
