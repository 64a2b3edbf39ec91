//! The gate between readers and the checkpointer.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// How long the gate holds a reader back at most.
const HELD_MAX: Duration = Duration::from_millis(500);

/// Counts readers, and holds new ones back while it is closed.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    inside: usize,
    closed: bool,
}

/// A reader inside the gate.
pub(super) struct Passed(Arc<Gate>);

impl Gate {
    /// Waits while readers are held back, for [`HELD_MAX`] at most.
    pub(super) fn pass(self: &Arc<Self>) -> Passed {
        let state = self.state.lock().expect("gate");
        let (mut state, _) = self.changed.wait_timeout_while(state, HELD_MAX, |s| s.closed).expect("gate");
        state.inside += 1;
        Passed(Arc::clone(self))
    }

    /// Unless readers are held back.
    pub(super) fn try_pass(self: &Arc<Self>) -> Option<Passed> {
        let mut state = self.state.lock().expect("gate");
        if state.closed {
            return None;
        }
        state.inside += 1;
        Some(Passed(Arc::clone(self)))
    }

    /// Holds new readers back until those inside have left or `wait` is over. [`Gate::open`] must follow.
    pub(crate) fn close(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        let mut state = self.state.lock().expect("gate");
        state.closed = true;
        while state.inside > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).expect("gate").0;
        }
    }

    /// Lets readers in again.
    pub(crate) fn open(&self) {
        self.state.lock().expect("gate").closed = false;
        self.changed.notify_all();
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().expect("gate");
        state.inside -= 1;
        // Only the checkpointer waits for readers to leave.
        if state.closed {
            self.0.changed.notify_all();
        }
    }
}
