use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures::{FutureExt, StreamExt};
use proptest::prelude::*;
use tokio::io::AsyncReadExt;

use super::*;

/// What a connection does when its turn has come.
#[derive(Clone, Debug)]
enum Turn {
    /// It is not made.
    Refused(u16),
    /// So many bytes, and a break.
    Breaks(usize),
    /// So many bytes, and an end.
    Ends(usize),
    /// So many bytes, and then nothing more.
    Stalls(usize),
    /// Another file stands there.
    Changed,
    /// The rest, in pieces of so many bytes.
    Whole(usize),
}

/// A server of one file.
struct Fake {
    text: Vec<u8>,
    mark: Mark,
    turns: Mutex<VecDeque<Turn>>,
    /// Where it was opened.
    opened: Mutex<Vec<u64>>,
}

const STALLED: Span = Span(Duration::from_secs(60));

impl Fake {
    fn new(text: Vec<u8>, version: Option<&str>, turns: impl IntoIterator<Item = Turn>) -> Fake {
        let mark = Mark {
            size: Some(text.len() as u64),
            version: version.map(str::to_owned),
            modified: None,
        };
        Fake {
            text,
            mark,
            turns: Mutex::new(turns.into_iter().collect()),
            opened: Mutex::default(),
        }
    }

    fn open(&self, at: u64) -> Result<Reply, RemoteError> {
        self.opened.lock().unwrap().push(at);
        let turn = self.turns.lock().unwrap().pop_front();
        let mut mark = self.mark.clone();
        let rest = self.text[at as usize..].to_vec();
        let give = |rest: &[u8], count: usize, step: usize| -> Vec<Result<Bytes, RemoteError>> {
            let rest = &rest[..count.min(rest.len())];
            let pieces = rest.chunks(step.max(1));
            pieces.map(|p| Ok(Bytes::copy_from_slice(p))).collect()
        };
        let broken = || RemoteError::Broken("the connection broke".to_owned(), None);
        let bytes: Pieces = match turn.expect("an opening that was not foreseen") {
            Turn::Refused(status) => {
                return Err(RemoteError::Refused {
                    status,
                    said: String::new(),
                    retry_after: None,
                });
            }
            Turn::Breaks(count) => {
                let mut pieces = give(&rest, count, 1000);
                pieces.push(Err(broken()));
                stream::iter(pieces).boxed()
            }
            Turn::Ends(count) => stream::iter(give(&rest, count, 1000)).boxed(),
            Turn::Stalls(count) => stream::iter(give(&rest, count, 1000))
                .chain(stream::pending())
                .boxed(),
            Turn::Changed => {
                mark.version = Some("another".to_owned());
                stream::iter(give(&rest, rest.len(), 1000)).boxed()
            }
            Turn::Whole(step) => stream::iter(give(&rest, rest.len(), step)).boxed(),
        };
        Ok(Reply { mark, bytes })
    }

    fn reader(self: &Arc<Fake>) -> Raw {
        let own = self.clone();
        let file = Resumed {
            name: "fake".to_owned(),
            mark: self.mark.clone(),
            stalled: STALLED,
            open: Box::new(move |at| std::future::ready(own.open(at)).boxed()),
        };
        file.read(None)
    }

    fn opened(&self) -> Vec<u64> {
        self.opened.lock().unwrap().clone()
    }
}

/// What is read, and how that ends.
async fn read(fake: &Arc<Fake>) -> (Vec<u8>, Result<(), String>) {
    let mut text = Vec::new();
    let ended = fake.reader().read_to_end(&mut text).await;
    (text, ended.map(drop).map_err(|error| chain(&error)))
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn taken_up_where_it_broke() {
    use Turn::*;
    let many = || (0..40).map(|_| Breaks(70_000));
    for (length, turns, opened) in [
        (0, vec![], vec![]),
        (10, vec![Whole(3)], vec![0]),
        (5000, vec![Breaks(3000), Whole(100)], vec![0, 3000]),
        (5000, vec![Ends(3000), Whole(100)], vec![0, 3000]),
        (5000, vec![Stalls(3000), Whole(9999)], vec![0, 3000]),
        (
            5000,
            vec![Refused(503), Breaks(1), Refused(503), Whole(1)],
            vec![0, 0, 1, 1],
        ),
        // All bytes have come: how the connection ends then does not matter.
        (5000, vec![Stalls(5000)], vec![0]),
        (
            70_000 * 40 + 1,
            many().chain([Whole(65_536)]).collect(),
            (0..=40).map(|n| n * 70_000).collect(),
        ),
    ] {
        let fake = Arc::new(Fake::new(text(length), Some("a"), turns));
        assert_eq!(read(&fake).await, (text(length), Ok(())));
        assert_eq!(fake.opened(), opened);
    }
}

#[tokio::test(start_paused = true)]
async fn given_up() {
    use Turn::*;
    let changed = "the file was changed at the server while it was read";
    let all = |turn: Turn| vec![turn; ATTEMPTS];
    for (version, turns, got, expected) in [
        (Some("a"), vec![Breaks(3000), Changed], 3000, changed),
        (Some("a"), vec![Refused(404)], 0, "the server answered 404"),
        (Some("a"), all(Refused(503)), 0, "the server answered 503"),
        // A byte at a time is no progress.
        (Some("a"), all(Breaks(1)), 4, "the connection broke"),
        (
            Some("a"),
            all(Ends(10)),
            40,
            "it ended after 40 bytes, and the server had said that it has 5000",
        ),
        (
            Some("a"),
            all(Stalls(0)),
            0,
            "no byte came for 1m, although some were still to come (timeouts.stalled)",
        ),
        (
            None,
            vec![Breaks(3000)],
            3000,
            "it broke off after 3000 bytes, and the rest can't be fetched alone: the server does not say whether the file \
             has changed since: the connection broke",
        ),
    ] {
        let fake = Arc::new(Fake::new(text(5000), version, turns));
        let expected = (text(5000)[..got].to_vec(), Err(expected.to_owned()));
        assert_eq!(read(&fake).await, expected);
    }
    // Nothing was given out, so that it does not matter which state of the file it was.
    let fake = Arc::new(Fake::new(text(5000), None, [Breaks(0), Whole(9)]));
    assert_eq!(read(&fake).await, (text(5000), Ok(())));
}

/// Whoever does not read is not kept waiting.
#[tokio::test(start_paused = true)]
async fn a_pause_of_the_reader_is_not_a_stall() {
    let fake = Arc::new(Fake::new(text(5000), Some("a"), [Turn::Whole(1000)]));
    let mut reader = fake.reader();
    let mut head = [0; 1500];
    reader.read_exact(&mut head).await.unwrap();
    tokio::time::sleep(STALLED.0 * 100).await;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.unwrap();
    assert_eq!([&head[..], &rest].concat(), text(5000));
    assert_eq!(fake.opened(), [0]);
}

#[tokio::test(start_paused = true)]
async fn more_than_was_said() {
    let mut fake = Fake::new(text(5000), Some("a"), [Turn::Whole(999)]);
    fake.mark.size = Some(4000);
    let (got, ended) = read(&Arc::new(fake)).await;
    assert_eq!(got, text(5000)[..3996]);
    assert!(ended.unwrap_err().contains("was changed"));
}

proptest! {
    /// However often it breaks, and wherever: the text is whole, or there is an error.
    #[test]
    fn never_short_and_never_spliced(
        length in 0usize..20_000,
        version in prop::option::of(Just("a")),
        turns in prop::collection::vec(prop_oneof![
            (0usize..9000).prop_map(Turn::Breaks),
            (0usize..9000).prop_map(Turn::Ends),
            (0usize..9000).prop_map(Turn::Stalls),
            Just(Turn::Refused(503)),
            Just(Turn::Changed),
        ], 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let turns = turns.into_iter().chain([Turn::Whole(777)]);
        let fake = Arc::new(Fake::new(text(length), version, turns));
        let (got, ended) = runtime.block_on(read(&fake));
        match ended {
            Ok(()) => prop_assert_eq!(got, text(length)),
            Err(_) => prop_assert_eq!(&got[..], &text(length)[..got.len()]),
        }
    }
}
