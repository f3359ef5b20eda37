//! One pass over the source: workers take blocks by themselves, and what they make of them comes out in order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::EngineError;
use super::ahead::Ahead;
use super::blocks::Blocks;
use super::process::{BlockError, Engine, Processed};
use super::written::WrittenRows;
use crate::format::block::Block;
use crate::report::rejects::{Records, RowWriter};
use crate::source::Source;

/// Blocks under way for every worker: the one that it works on, and those that are done and wait for an earlier one
/// of a worker that the system gives no core.
const UNDER_WAY: usize = 4;

/// The engine itself: every block through the stages and rules.
pub fn process(
    blocks: Blocks,
    source: Arc<Source>,
    engine: Arc<Engine>,
    workers: usize,
) -> impl Stream<Item = Result<Processed, EngineError>> + Send {
    over(blocks, source, engine, workers, Engine::process)
}

/// What the engine does with every block, whose text is in buffers that it takes turns with.
pub(crate) fn over<T: Send + 'static>(
    blocks: Blocks,
    source: Arc<Source>,
    engine: Arc<Engine>,
    workers: usize,
    work: impl Fn(&Engine, Block) -> Result<T, BlockError> + Send + Sync + 'static,
) -> impl Stream<Item = Result<T, EngineError>> + Send {
    let blocks = blocks.with_texts(&engine.pools().texts);
    in_order(blocks, source, workers, move |block| work(&engine, block))
}

/// The same, for whoever writes the rows at fault down: so do the workers. Where the source is `known`, the rules of the
/// whole file have seen it, and ask for nothing.
pub(crate) fn process_with_rejects(
    blocks: Blocks,
    source: Arc<Source>,
    engine: Arc<Engine>,
    rejects: Arc<RowWriter>,
    known: bool,
    workers: usize,
) -> impl Stream<Item = Result<Processed, EngineError>> + Send {
    let origins = source.clone();
    over(blocks, source, engine, workers, move |engine, block| {
        let mut processed = match known {
            true => engine.process_known(block)?,
            false => engine.process(block)?,
        };
        let file = &origins.origins()[processed.file as usize].name;
        let records = Records::new(&processed.batch, file, processed.line);
        processed.rejects = Some(rejects.write(&records));
        Ok(processed)
    })
}

/// The engine once more, where it is known which rows of every block are written.
pub(crate) fn again(
    blocks: Blocks,
    source: Arc<Source>,
    engine: Arc<Engine>,
    rows: Arc<WrittenRows>,
    workers: usize,
) -> impl Stream<Item = Result<Processed, EngineError>> + Send {
    over(blocks, source, engine, workers, move |engine, block| {
        engine.again(block, &rows)
    })
}

/// The engine where the rules of the whole file have seen the source, and ask for nothing.
pub(crate) fn process_known(
    blocks: Blocks,
    source: Arc<Source>,
    engine: Arc<Engine>,
    workers: usize,
) -> impl Stream<Item = Result<Processed, EngineError>> + Send {
    over(blocks, source, engine, workers, Engine::process_known)
}

/// What the rows send that are written, block by block, as hashes.
pub(crate) fn sent_again(
    blocks: Blocks,
    source: Arc<Source>,
    engine: Arc<Engine>,
    rows: Arc<WrittenRows>,
    workers: usize,
) -> impl Stream<Item = Result<Vec<u64>, EngineError>> + Send {
    over(blocks, source, engine, workers, move |engine, block| {
        engine.sent_again(block, &rows)
    })
}

/// Runs `work` over every block on `workers` threads and yields what comes of them in the order of the source.
///
/// This is all the concurrency, all the ordering and all the back-pressure of the engine. A worker that is free takes
/// the next block from the one reader, so none of them waits to be handed work. No more than `UNDER_WAY * workers`
/// blocks are under way: a block's permit is taken before it is read and given back when it is *delivered*, not when
/// it is done, as what is done would pile up behind a worker that the system lets wait. Permits are taken in the order
/// of the blocks, so the block that everybody waits for always has one.
///
/// Dropping the stream ends the threads, each after the block that it works on. A panic in `work` is an error like any
/// other.
pub(crate) fn in_order<T, F>(
    blocks: Blocks,
    source: Arc<Source>,
    workers: usize,
    work: F,
) -> impl Stream<Item = Result<T, EngineError>> + Send
where
    T: Send + 'static,
    F: Fn(Block) -> Result<T, BlockError> + Send + Sync + 'static,
{
    let queue = Queue {
        ahead: blocks.ahead(),
        workers: workers.max(1),
        reader: Mutex::new(Reader {
            blocks,
            turn: 0,
            ended: false,
        }),
        permits: Arc::new(Semaphore::new(UNDER_WAY * workers.max(1))),
        stop: CancellationToken::new(),
        source,
        work,
    };
    // Nothing is read before somebody asks, and then there is a runtime.
    stream::once(async move { queue.start() }).flatten()
}

/// What the workers share.
struct Queue<F> {
    ahead: Ahead,
    workers: usize,
    reader: Mutex<Reader>,
    permits: Arc<Semaphore>,
    stop: CancellationToken,
    source: Arc<Source>,
    work: F,
}

struct Reader {
    blocks: Blocks,
    /// The number of the next block. The end of the source has one too: without it, threads that the system ended
    /// would look like the end.
    turn: u64,
    ended: bool,
}

impl Reader {
    /// The next block; nothing where the workers are told to stop. A profile knows by this function what is done under
    /// the lock.
    #[inline(never)]
    fn next(
        &mut self,
        runtime: &Handle,
        stop: &CancellationToken,
    ) -> Option<Result<Option<Block>, EngineError>> {
        let next = stop.run_until_cancelled(self.blocks.next());
        match catch_unwind(AssertUnwindSafe(|| runtime.block_on(next))) {
            Ok(next) => next,
            Err(_) => Some(Err(self.blocks.gave_up())),
        }
    }
}

/// What came of a block, or nothing: the end.
struct Turn<T> {
    number: u64,
    made: Option<Result<T, EngineError>>,
    /// Given back when this is dropped.
    _permit: OwnedSemaphorePermit,
}

impl<F> Queue<F> {
    fn start<T>(self) -> impl Stream<Item = Result<T, EngineError>> + Send
    where
        T: Send + 'static,
        F: Fn(Block) -> Result<T, BlockError> + Send + Sync + 'static,
    {
        // Not bounded: the permits are its bound.
        let (done, turns) = mpsc::unbounded_channel();
        let delivery = Delivery {
            turns,
            early: BTreeMap::new(),
            next: 0,
            _stop: self.stop.clone().drop_guard(),
        };
        let queue = Arc::new(self);
        for _ in 0..queue.workers {
            let (queue, done, runtime) = (queue.clone(), done.clone(), Handle::current());
            tokio::task::spawn_blocking(move || queue.pull(&runtime, &done));
        }
        stream::unfold(Some(delivery), |delivery| async {
            let mut delivery = delivery?;
            let made = delivery.turn().await?;
            // After an error nothing is wanted any more.
            let delivery = made.is_ok().then_some(delivery);
            Some((made, delivery))
        })
    }

    /// What a worker does: it takes block after block, until there is none or nobody wants any.
    fn pull<T>(&self, runtime: &Handle, done: &UnboundedSender<Turn<T>>)
    where
        F: Fn(Block) -> Result<T, BlockError>,
    {
        while let Some((number, permit, next)) = self.take(runtime) {
            let made = match next {
                Ok(Some(block)) => Some(self.work_on(block)),
                Ok(None) => None,
                Err(error) => Some(Err(error)),
            };
            let turn = Turn {
                number,
                made,
                _permit: permit,
            };
            if done.send(turn).is_err() {
                return;
            }
        }
    }

    /// The next block and its number: one thread at a time cuts, and the others read and work meanwhile. The source
    /// may have to be waited for; being told to stop ends that.
    fn take(
        &self,
        runtime: &Handle,
    ) -> Option<(
        u64,
        OwnedSemaphorePermit,
        Result<Option<Block>, EngineError>,
    )> {
        // Of a panic there the reader is told, when it waits for the piece.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let read = self.ahead.read(self.workers);
            runtime.block_on(self.stop.run_until_cancelled(read))
        }));
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.ended || self.stop.is_cancelled() {
            return None;
        }
        let permit = self.permits.clone().acquire_owned();
        let permit = runtime.block_on(self.stop.run_until_cancelled(permit))?;
        let next = reader.next(runtime, &self.stop)?;
        let number = reader.turn;
        reader.turn += 1;
        reader.ended = !matches!(next, Ok(Some(_)));
        Some((number, permit.ok()?, next))
    }

    fn work_on<T>(&self, block: Block) -> Result<T, EngineError>
    where
        F: Fn(Block) -> Result<T, BlockError>,
    {
        let (file, line) = (block.file, block.line);
        // What a panic says may hold a value: it goes no further than its place, which the hook has told.
        match catch_unwind(AssertUnwindSafe(|| (self.work)(block))) {
            Ok(made) => made.map_err(|error| EngineError::in_block(&self.source, error)),
            Err(_) => Err(EngineError::gave_up(&self.source, file as usize, line)),
        }
    }
}

/// Puts what comes from the workers in order.
struct Delivery<T> {
    turns: UnboundedReceiver<Turn<T>>,
    early: BTreeMap<u64, Turn<T>>,
    next: u64,
    _stop: DropGuard,
}

impl<T> Delivery<T> {
    async fn turn(&mut self) -> Option<Result<T, EngineError>> {
        loop {
            if let Some(turn) = self.early.remove(&self.next) {
                self.next += 1;
                return turn.made;
            }
            match self.turns.recv().await {
                Some(turn) => self.early.insert(turn.number, turn),
                None => return Some(Err(EngineError::Interrupted)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Condvar, Weak};
    use std::time::Duration;

    use futures::TryStreamExt;

    use super::*;
    use crate::format::csv::{Delimiter, Form, Naming};
    use crate::format::{Reading, RecordFormat};
    use crate::settings::limits::Limits;
    use crate::text::scan::Quoting;

    /// A source of so many records, each a block of its own.
    async fn blocks(records: usize) -> (Blocks, Arc<Source>) {
        let text: String = (0..=records).map(|n| format!("{n:07}\n")).collect();
        open(Source::of_pieces("f", [text.into()])).await
    }

    async fn open(source: Source) -> (Blocks, Arc<Source>) {
        let source = Arc::new(source);
        let reading = Reading {
            format: RecordFormat::Csv(Form {
                delimiter: Delimiter::Stated(b','),
                quoting: Quoting::default(),
                comment: None,
                skip_lines: 0,
                naming: Naming::default(),
            }),
            block: 8,
            added: &[],
            named: Arc::default(),
            limits: Limits::default(),
            closing: Default::default(),
        };
        let blocks = Blocks::open(source.clone(), reading).await.unwrap();
        (blocks, source)
    }

    fn numbers(workers: usize) -> impl Stream<Item = Result<u64, EngineError>> + Send {
        stream::once(async move {
            let (blocks, source) = blocks(500).await;
            in_order(blocks, source, workers, |block| {
                // Those with an even number are slower.
                std::thread::sleep(Duration::from_micros(300 * (block.number % 2)));
                Ok(block.number)
            })
        })
        .flatten()
    }

    #[test]
    fn blocks_come_in_the_order_of_the_source() {
        let expected: Vec<u64> = (0..500).collect();
        for workers in [0, 1, 2, 7] {
            for mut runtime in [
                tokio::runtime::Builder::new_current_thread(),
                tokio::runtime::Builder::new_multi_thread(),
            ] {
                let runtime = runtime.enable_all().build().unwrap();
                let found: Vec<u64> = runtime.block_on(numbers(workers).try_collect()).unwrap();
                assert_eq!(found, expected, "{workers} workers");
            }
        }
    }

    /// Holds back whoever waits at it until it is opened.
    #[derive(Default)]
    struct Gate(Mutex<bool>, Condvar);

    impl Gate {
        fn wait(&self) {
            let open = self.0.lock().unwrap();
            drop(self.1.wait_while(open, |open| !*open).unwrap());
        }

        fn open(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_all();
        }
    }

    /// What the system does on a busy machine: one worker gets no core, and the others go on.
    #[tokio::test]
    async fn what_is_done_does_not_pile_up_behind_a_worker_that_is_held_back() {
        const WORKERS: usize = 3;
        let (blocks, source) = blocks(500).await;
        let gate = Arc::new(Gate::default());
        let begun = Arc::new(AtomicUsize::new(0));
        let work = {
            let (gate, begun) = (gate.clone(), begun.clone());
            move |block: Block| {
                begun.fetch_add(1, SeqCst);
                if block.number == 5 {
                    gate.wait();
                }
                Ok(block.number)
            }
        };
        let mut made = Box::pin(in_order(blocks, source, WORKERS, work));
        for number in 0..5 {
            assert_eq!(made.next().await.unwrap().unwrap(), number);
        }
        // Those before it are delivered, and as many as there are permits are under way: it, and those behind it.
        let most = 5 + UNDER_WAY * WORKERS;
        let mut turns = 0;
        while begun.load(SeqCst) < most || turns < 100 {
            assert!(
                futures::poll!(made.next()).is_pending(),
                "nothing overtakes it"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
            turns += usize::from(begun.load(SeqCst) >= most);
        }
        assert_eq!(begun.load(SeqCst), most);
        gate.open();
        let rest: Vec<u64> = made.try_collect().await.unwrap();
        assert_eq!(rest, (5..500).collect::<Vec<_>>());
    }

    /// Whoever holds it still uses the work.
    async fn until_gone(work: Weak<()>) {
        while work.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn threads_end_when_the_stream_is_dropped() {
        // In the middle; before the first block; while the source gives nothing.
        for take in [3, 0] {
            let (blocks, source) = blocks(500).await;
            let used = Arc::new(());
            let gone = Arc::downgrade(&used);
            let mut made = Box::pin(in_order(blocks, source, 2, move |block| {
                let _used = &used;
                Ok(block.number)
            }));
            for _ in 0..take {
                made.next().await.unwrap().unwrap();
            }
            drop(made);
            until_gone(gone).await;
        }
    }

    #[tokio::test]
    async fn an_error_of_a_block_comes_in_its_turn_and_is_the_last() {
        let (blocks, source) = blocks(500).await;
        let mut made = Box::pin(in_order(blocks, source, 2, |block| match block.number {
            40 => Err(BlockError {
                file: 0,
                line: block.line,
                column: None,
                message: "no".into(),
            }),
            number => Ok(number),
        }));
        for number in 0..40 {
            assert_eq!(made.next().await.unwrap().unwrap(), number);
        }
        let error = made.next().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "f:42: no");
        assert!(made.next().await.is_none());
    }

    #[tokio::test]
    async fn a_panic_of_a_worker_is_an_error_of_the_run() {
        let (blocks, source) = blocks(500).await;
        let used = Arc::new(());
        let gone = Arc::downgrade(&used);
        let mut made = Box::pin(in_order(blocks, source, 2, move |block| {
            let _used = &used;
            assert!(block.number != 7, "0000007 is a cell's value");
            Ok(block.number)
        }));
        for number in 0..7 {
            assert_eq!(made.next().await.unwrap().unwrap(), number);
        }
        let error = made.next().await.unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a worker gave up (panic) at the block that begins on line 9 of f; this is a bug in rostream, please \
             report it"
        );
        assert!(made.next().await.is_none());
        until_gone(gone).await;
    }
}
