//! The one thread that writes. Transactions queue for it, and those that wait together share one commit and one fsync.
//!
//! Owns two invariants: nobody is answered before the group is durable, and after a failed fsync nothing is written again.

#![allow(clippy::vec_box, reason = "a member moves from the queue to its group and to its answer: as one pointer")]

mod begin;
mod call;
mod execute;
mod foreign;
mod group;
mod key;
mod member;
mod outside;
mod stamps;
mod state;

use std::{
    sync::{
        Arc, Mutex,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Error, IdempotencyKey, Receipt, Result},
    engine::CheckedTransaction,
    limits,
};
use tokio::{runtime::Handle, sync::oneshot};

use crate::shared::Shared;
pub(crate) use foreign::Broken;
pub(crate) use state::{Origin, Place, State, newest, stamp, tables_meta};

use member::Member;

/// How often the idle writer looks whether another program wrote: well under the 100 ms that readers are promised.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long a group waits for the members of the one before it to come back. It is the gap in which another program may
/// take the write lock, too.
const GATHER: Duration = Duration::from_micros(150);

/// When a full queue is worth another try.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread is asked to do.
enum Job {
    /// A transaction, which shares a group with its neighbours.
    Commit(Box<Member>),
    /// Anything that needs the connection for itself.
    Run(Box<dyn FnOnce(&mut State) + Send>),
    /// The end, once everything before it is done.
    Close(oneshot::Sender<()>),
}

/// The handle of the thread.
pub(crate) struct Writer {
    queue: SyncSender<Job>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(state: State) -> Result<Self> {
        let shared = Arc::clone(&state.shared);
        let (queue, jobs) = sync_channel(limits::QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || run(state, &jobs))
            .map_err(|e| Error::internal("cannot start the writer's thread").source(e))?;
        Ok(Self { queue, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a transaction and waits until its group is durable.
    pub(crate) async fn commit(&self, transaction: CheckedTransaction, key: Option<IdempotencyKey>) -> Result<Receipt> {
        let (reply, answer) = oneshot::channel();
        let runtime = Handle::try_current().ok();
        let member = Member { transaction, key, reply, runtime, queued: Instant::now() };
        self.queue(Job::Commit(Box::new(member)))?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs something alone on the writer's connection.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.queue(Job::Run(Box::new(move |state: &mut State| {
            let _ = reply.send(state.refuse_stopped().and_then(|()| work(state)));
        })))?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Finishes what is queued, then ends the thread.
    pub(crate) async fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        let (reply, done) = oneshot::channel();
        let mut job = Job::Close(reply);
        // The queue may be full: the writer empties it, and nothing new comes in.
        while let Err(TrySendError::Full(back)) = self.queue.try_send(job) {
            job = back;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _ = done.await;
        let thread = self.thread.lock().expect("writer thread").take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn queue(&self, job: Job) -> Result<()> {
        if self.shared.closing.load(Ordering::Acquire) {
            return Err(closed());
        }
        self.shared.depth.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|e| {
            self.shared.depth.fetch_sub(1, Ordering::Relaxed);
            match e {
                TrySendError::Full(_) => {
                    Error::unavailable(format!("{} transactions wait for the writer already", limits::QUEUE_MAX), RETRY)
                        .details("nothing was written: it is safe to repeat")
                }
                TrySendError::Disconnected(_) => closed(),
            }
        })
    }
}

fn closed() -> Error {
    Error::unavailable("the database is closed", RETRY).details("nothing was written: it is safe to repeat")
}

fn run(mut state: State, jobs: &Receiver<Job>) {
    let mut next = None;
    loop {
        let job = match next.take().map_or_else(|| jobs.recv_timeout(LOOK_EVERY), Ok) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                state.look_outside();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match job {
            Job::Commit(first) => {
                let mut members = vec![first];
                next = gather(jobs, &mut members, state.expected);
                state.taken(members.len());
                state.commit(members);
            }
            Job::Run(work) => {
                state.taken(1);
                work(&mut state);
            }
            Job::Close(done) => {
                state.close();
                let _ = done.send(());
                return;
            }
        }
        state.between_groups();
    }
}

/// Takes what is queued, and waits a moment while fewer have come than shared the last group. What is no transaction ends
/// the group and is done after it.
fn gather(jobs: &Receiver<Job>, members: &mut Vec<Box<Member>>, expected: usize) -> Option<Job> {
    let deadline = Instant::now() + GATHER;
    while members.len() < limits::GROUP_MAX {
        let job = match jobs.try_recv() {
            Ok(job) => job,
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if members.len() >= expected || left.is_zero() {
                    return None;
                }
                jobs.recv_timeout(left).ok()?
            }
        };
        match job {
            Job::Commit(member) => members.push(member),
            other => return Some(other),
        }
    }
    None
}
