//! A TCP proxy that fails on demand: between a client and a real server it delays, holds, swallows or refuses, and cuts.
//! What a network does to a program, without a network.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// What happens to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: they pass.
    None,
    /// They pass later by this much.
    Delay(Duration),
    /// They wait until the fault ends and pass then, as over a network that was parted.
    Hold,
    /// They never arrive; the connection stays open. It is of no use afterwards.
    Swallow,
    /// New connections are closed at once, and open ones at the next byte.
    Refuse,
}

/// A proxy before one server. Dropped, it cuts everything and takes no more.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens, on the loopback.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: u16,
    faults: Mutex<Faults>,
    changed: Condvar,
    /// Both ends of open connections.
    open: Mutex<Vec<TcpStream>>,
    taken: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Faults {
    requests: Fault,
    answers: Fault,
    ended: bool,
}

impl Proxy {
    /// Before the server at a port of the loopback.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let faults = Mutex::new(Faults { requests: Fault::None, answers: Fault::None, ended: false });
        let shared =
            Arc::new(Shared { to, faults, changed: Condvar::new(), open: Mutex::default(), taken: AtomicU64::new(0) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.faults().ended {
                    return;
                }
                accepting.take(client);
            }
        });
        Self { port, shared }
    }

    /// From now on this happens, both ways.
    pub fn set(&self, fault: Fault) {
        self.shared.set(|faults| (faults.requests, faults.answers) = (fault, fault));
    }

    /// From now on this happens to what the server answers; what it is asked passes.
    pub fn set_answers(&self, fault: Fault) {
        self.shared.set(|faults| (faults.requests, faults.answers) = (Fault::None, fault));
    }

    /// Closes all open connections.
    pub fn cut(&self) {
        for stream in self.shared.open().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many connections it has taken so far.
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.set(|faults| faults.ended = true);
        self.cut();
        // Wakes who accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, client: TcpStream) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        if self.faults().requests == Fault::Refuse {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.to)) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let clones = [client.try_clone(), server.try_clone(), client.try_clone(), server.try_clone()];
        let [Ok(client_out), Ok(server_out), Ok(client_kept), Ok(server_kept)] = clones else { return };
        self.open().extend([client_kept, server_kept]);
        let (requests, answers) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || requests.pump(client, server_out, |faults| faults.requests));
        thread::spawn(move || answers.pump(server, client_out, |faults| faults.answers));
    }

    /// Carries bytes one way until an end closes.
    fn pump(&self, mut from: TcpStream, mut to: TcpStream, fault: fn(Faults) -> Fault) {
        let mut bytes = [0; 16 << 10];
        while let Ok(n @ 1..) = from.read(&mut bytes) {
            let passes = match self.wait_while_held(fault) {
                Fault::None => true,
                Fault::Delay(delay) => {
                    thread::sleep(delay);
                    true
                }
                Fault::Swallow => false,
                Fault::Hold | Fault::Refuse => break,
            };
            if passes && to.write_all(&bytes[..n]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    /// What happens now, once it is no longer that bytes wait.
    fn wait_while_held(&self, fault: fn(Faults) -> Fault) -> Fault {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        while fault(*faults) == Fault::Hold && !faults.ended {
            faults = self.changed.wait(faults).unwrap_or_else(PoisonError::into_inner);
        }
        fault(*faults)
    }
}
