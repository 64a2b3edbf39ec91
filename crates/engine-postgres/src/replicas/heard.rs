//! How old is what a replica shows? The clocks of two machines are not compared: the end of the primary's WAL is looked at
//! again and again, by this process's clock, and a replica is as old as the last look whose end it has replayed.

use std::{
    collections::VecDeque,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Looks kept: five minutes of a primary that is always written to; past it every second one goes.
const LOOKS_MAX: usize = 600;

/// The end of the primary's WAL, as it was heard of.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<VecDeque<Look>>);

#[derive(Clone, Copy, Debug)]
struct Look {
    /// When the primary was last asked and had no more than this.
    at: Instant,
    end: u64,
}

impl Heard {
    /// The primary's durable WAL ended at `end` at some time after `at`.
    pub fn note(&self, at: Instant, end: u64) {
        let mut looks = self.0.lock().expect("no panic under this lock");
        match looks.back_mut() {
            Some(last) if last.end == end => last.at = at,
            // It was put back: what was heard of it before says nothing of it now.
            Some(last) if last.end > end => {
                looks.clear();
                looks.push_back(Look { at, end });
            }
            _ => looks.push_back(Look { at, end }),
        }
        if looks.len() > LOOKS_MAX {
            let mut turn = 0;
            looks.retain(|_| {
                turn += 1;
                turn % 2 == 0
            });
        }
    }

    /// How old that is at most, which has been replayed up to here. None: older than all that was heard.
    pub fn age(&self, replayed: u64) -> Option<Duration> {
        let looks = self.0.lock().expect("no panic under this lock");
        looks.iter().rev().find(|look| look.end <= replayed).map(|look| look.at.elapsed())
    }

    /// Whether the primary was heard of after `at`, and its WAL then ended before `place`.
    pub fn ends_before(&self, place: u64, at: Instant) -> bool {
        let looks = self.0.lock().expect("no panic under this lock");
        looks.back().is_some_and(|look| look.at > at && look.end < place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_as_old_as_the_last_look_that_it_has_replayed() {
        let heard = Heard::default();
        assert_eq!(heard.age(u64::MAX), None, "nothing was heard");
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).expect("the machine is older");
        for (seconds, end) in [(40, 100), (30, 100), (20, 200), (10, 300)] {
            heard.note(ago(seconds), end);
        }
        for (replayed, age) in [(99, None), (100, Some(30)), (199, Some(30)), (200, Some(20)), (300, Some(10))] {
            assert_eq!(heard.age(replayed).map(|age| age.as_secs()), age, "{replayed}");
        }
        assert!(heard.ends_before(301, ago(11)) && !heard.ends_before(300, ago(11)) && !heard.ends_before(301, ago(9)));
        heard.note(ago(1), 50);
        assert_eq!(heard.age(49), None);
    }
}
