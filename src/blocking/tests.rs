use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use futures_util::{FutureExt as _, future::join_all, poll};
use tokio::task::yield_now;

use super::*;

/// How long to wait for a thread. Only a failing test waits this long.
const SOON: Duration = Duration::from_secs(20);

/// Work that reports its start, and ends on command.
struct Gate {
    begun: mpsc::Receiver<()>,
    end: mpsc::Sender<()>,
}

fn gated<T: Send + 'static>(result: T) -> (Gate, impl FnOnce() -> Result<T> + Send + 'static) {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let work = move || {
        let _ = begin.send(());
        let _ = ended.recv();
        Ok(result)
    };
    (Gate { begun, end }, work)
}

impl Gate {
    fn wait_until_begun(&self) {
        self.begun.recv_timeout(SOON).unwrap();
    }
}

/// Reports when it is dropped, and on which thread.
struct Canary(mpsc::Sender<thread::ThreadId>);

impl Drop for Canary {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

#[tokio::test]
async fn work_runs_on_another_thread_and_its_result_comes_back() {
    let blocking = Blocking::new(2).unwrap();
    let here = thread::current().id();
    let there = blocking.run(|| Ok(thread::current().id())).await.unwrap();
    assert_ne!(here, there);
    let error = blocking.run(|| Err::<(), _>(Error::Cancelled)).await;
    assert!(matches!(error, Err(Error::Cancelled)));
}

#[test]
fn it_runs_under_any_executor() {
    let blocking = Blocking::new(2).unwrap();
    let name = blocking.run(|| Ok(thread::current().name().map(str::to_owned)));
    let name = block_on(name).unwrap();
    assert_eq!(name.as_deref(), Some("kms-signer-blocking"));
}

/// An executor without tokio, which polls when it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => thread::park_timeout(SOON),
        }
    }
}

#[tokio::test]
async fn work_whose_caller_left_runs_to_its_end_and_its_thread_drops_the_result() {
    let blocking = Blocking::new(1).unwrap();
    let (dropped, drops) = mpsc::channel();
    let (gate, work) = gated(Canary(dropped));
    let mut future = Box::pin(blocking.run(work));
    assert!(poll!(&mut future).is_pending());
    gate.wait_until_begun();
    drop(future);
    assert_eq!(blocking.under_way(), 1, "it cannot be stopped");
    assert!(drops.try_recv().is_err());
    gate.end.send(()).unwrap();
    let thread = drops.recv_timeout(SOON).unwrap();
    assert_ne!(thread, thread::current().id());
    // The place is free again; otherwise this would wait without an end.
    blocking.run(|| Ok(())).await.unwrap();
    assert_eq!(blocking.under_way(), 0);
}

#[tokio::test]
async fn a_key_store_that_hangs_blocks_a_bounded_number_of_threads() {
    let blocking = Blocking::new(2).unwrap();
    let (gates, works): (Vec<_>, Vec<_>) = (0..2).map(gated).unzip();
    for (gate, work) in gates.iter().zip(works) {
        let mut future = Box::pin(blocking.run(work));
        assert!(poll!(&mut future).is_pending());
        gate.wait_until_begun();
    }
    assert_eq!(blocking.under_way(), 2, "both callers have left");
    let begun = Arc::new(Mutex::new(0));
    for _ in 0..50 {
        let begun = Arc::clone(&begun);
        let work = move || {
            *begun.lock().unwrap() += 1;
            Ok(())
        };
        let mut waiting = Box::pin(blocking.run(work));
        assert!(poll!(&mut waiting).is_pending());
        yield_now().await;
    }
    for gate in gates {
        gate.end.send(()).unwrap();
    }
    blocking.run(|| Ok(())).await.unwrap();
    assert_eq!(*begun.lock().unwrap(), 0, "its caller had left before");
}

/// The runtime has one thread for blocking work, and it is busy.
#[test]
fn work_that_waits_for_a_thread_does_not_start_after_its_caller_left() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let blocking = Blocking::new(8).unwrap();
        let (gate, work) = gated(());
        let mut busy = Box::pin(blocking.run(work));
        assert!(poll!(&mut busy).is_pending());
        gate.wait_until_begun();
        let (begin, begun) = mpsc::channel();
        let mut unwanted = Box::pin(blocking.run(move || Ok(begin.send(()))));
        assert!(poll!(&mut unwanted).is_pending());
        drop(unwanted);
        gate.end.send(()).unwrap();
        busy.await.unwrap();
        // This is behind it in the same queue.
        blocking.run(|| Ok(())).await.unwrap();
        assert!(begun.try_recv().is_err());
    });
}

#[test]
fn work_that_has_started_outlives_the_runtime_and_no_other_work_starts_after_it() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.build().unwrap();
    let handle = runtime.handle().clone();
    let _guard = handle.enter();
    let blocking = Blocking::new(8).unwrap();
    let (gate, work) = gated(());
    let mut busy = Box::pin(blocking.run(work));
    assert!(busy.as_mut().now_or_never().is_none());
    gate.wait_until_begun();
    runtime.shutdown_background();
    gate.end.send(()).unwrap();
    assert!(block_on(busy).is_ok());
    let late = block_on(blocking.run(|| Ok(())));
    assert!(matches!(late, Err(Error::Cancelled)), "{late:?}");
    assert_eq!(blocking.under_way(), 0);
}

#[tokio::test]
async fn a_panic_is_an_error_and_frees_its_place() {
    let blocking = Blocking::new(1).unwrap();
    for _ in 0..3 {
        let result = blocking
            .run::<(), _>(|| panic!("expected in this test"))
            .await;
        let error = result.unwrap_err();
        assert_eq!((error.name(), error.is_retryable()), ("other", false));
    }
    assert_eq!(blocking.run(|| Ok(7)).await.unwrap(), 7);
}

#[tokio::test]
async fn no_more_work_runs_than_the_limit_allows() {
    for count in [1, 3] {
        let blocking = Blocking::new(count).unwrap();
        let most = Arc::new(Mutex::new(0));
        let runs = (0..40).map(|number| {
            let (most, inside) = (Arc::clone(&most), blocking.clone());
            blocking.run(move || {
                let mut most = most.lock().unwrap();
                *most = inside.under_way().max(*most);
                Ok(number)
            })
        });
        let results: Vec<usize> = join_all(runs)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(results, Vec::from_iter(0..40));
        assert!(*most.lock().unwrap() <= count);
    }
}

#[test]
fn an_impossible_count_is_rejected() {
    for count in [0, Semaphore::MAX_PERMITS + 1, usize::MAX] {
        let error = Blocking::new(count).unwrap_err();
        assert!(matches!(error, Error::InvalidConfig { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("count is {count}; use 1 to ")),
            "{text}"
        );
    }
    assert_eq!(
        Blocking::new(Semaphore::MAX_PERMITS).unwrap().under_way(),
        0
    );
}
