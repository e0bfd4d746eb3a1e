//! What is done behind an answer's back: nobody waits for it but the end of the process.
//!
//! The server's workers have runtimes of their own, which end with them and drop what runs there. So all of it runs where
//! the app was built.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// Runs such work; clones share it.
#[derive(Clone)]
pub struct Background {
    runtime: Handle,
    tasks: TaskTracker,
}

impl fmt::Debug for Background {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Background")
            .field("tasks", &self.tasks.len())
            .finish_non_exhaustive()
    }
}

impl Background {
    /// Work of the runtime in which this is called.
    pub fn of_this_runtime() -> Self {
        let tasks = TaskTracker::new();
        // It takes tasks all the same; only an open one never has its work done.
        tasks.close();
        Self {
            runtime: Handle::current(),
            tasks,
        }
    }

    /// Begins it. What goes wrong is its own to say.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.runtime);
    }

    /// Returns when all that has begun is done.
    pub async fn done(&self) {
        self.tasks.wait().await;
    }

    /// As [`Background::done`], but no longer than this: whether it is done.
    pub async fn done_within(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.done()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_done_when_the_last_work_is_and_then_takes_more() {
        let background = Background::of_this_runtime();
        background.done().await;
        for _ in 0..2 {
            let (end, ended) = oneshot::channel();
            background.spawn(async move { ended.await.unwrap() });
            assert!(!background.done_within(Duration::ZERO).await);

            end.send(()).unwrap();

            background.done().await;
        }
    }

    #[test]
    fn work_outlives_the_runtime_in_which_it_was_asked_for() {
        let (ours, of_a_worker) = (runtime(), runtime());
        let background = ours.block_on(async { Background::of_this_runtime() });
        let (end, ended) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let asking = background.clone();
        of_a_worker.block_on(async move {
            asking.spawn(async move {
                ended.await.unwrap();
                tell.send(()).unwrap();
            });
        });

        drop(of_a_worker);
        end.send(()).unwrap();
        ours.block_on(background.done());

        assert_eq!(ours.block_on(told), Ok(()));
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    }
}
