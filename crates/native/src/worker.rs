//! The library's own thread, on which everything runs that needs the network or a lock.
//!
//! It starts when the first such work comes. Work runs to its end even when whoever asked is gone; dropping the
//! worker waits for it, up to a limit.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use gatepass_core::error::Error;
use tokio::sync::{mpsc as jobs, oneshot};

/// How long an exiting program waits for a transaction that is under way.
const JOIN_LIMIT: Duration = Duration::from_secs(10);

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A thread that may not have started yet.
#[derive(Debug, Default)]
pub(crate) struct Worker(Mutex<Option<Thread>>);

#[derive(Debug)]
struct Thread {
    jobs: jobs::UnboundedSender<Job>,
    ended: mpsc::Receiver<()>,
}

impl Worker {
    /// Runs `work` on the thread. The result can be waited for by blocking or by `await`.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Waiting<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::pin(async move {
            // Nobody may be waiting any more; the work was done all the same.
            drop(sender.send(work.await));
        });
        let mut thread = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            *thread = Thread::start().ok();
        }
        if let Some(thread) = thread.as_ref() {
            // If the thread has died, the receiver notices.
            drop(thread.jobs.send(job));
        }
        Waiting(receiver)
    }
}

impl Thread {
    fn start() -> std::io::Result<Self> {
        let (jobs, mut queue) = jobs::unbounded_channel::<Job>();
        let (end, ended) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name(String::from("gatepass")).spawn(move || {
            runtime.block_on(async {
                let mut running = tokio::task::JoinSet::new();
                loop {
                    tokio::select! {
                        job = queue.recv() => match job {
                            Some(job) => drop(running.spawn(job)),
                            None => break,
                        },
                        // What has ended is let go of, so that a program may run for years.
                        Some(_) = running.join_next() => {}
                    }
                }
                while running.join_next().await.is_some() {}
            });
            drop(end);
        })?;
        Ok(Self { jobs, ended })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let thread = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Thread { jobs, ended }) = thread {
            drop(jobs);
            // Ends with an error either way: the other end is dropped, or the limit is over.
            let _ = ended.recv_timeout(JOIN_LIMIT);
        }
    }
}

/// A result that is on its way.
#[derive(Debug)]
pub struct Waiting<T>(oneshot::Receiver<T>);

impl<T> Waiting<T> {
    /// A result that is there already.
    pub(crate) fn ready(result: T) -> Self {
        let (sender, receiver) = oneshot::channel();
        drop(sender.send(result));
        Self(receiver)
    }

    /// Blocks until the result is there. For callers without an async runtime.
    ///
    /// # Panics
    ///
    /// Inside an async runtime, which it would stop; use `.await` there.
    pub fn wait(self) -> Result<T, Error> {
        self.0.blocking_recv().map_err(|_| Error::Bug)
    }
}

impl<T> Future for Waiting<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(|_| Error::Bug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_even_if_nobody_waits() {
        let (sender, receiver) = mpsc::channel();
        let (go, gone) = oneshot::channel::<()>();
        let worker = Worker::default();
        let waiting = worker.run(async move {
            gone.await.unwrap();
            sender.send(()).unwrap();
        });
        drop(waiting);
        go.send(()).unwrap();
        drop(worker);
        assert_eq!(receiver.try_recv(), Ok(()));
    }
}
