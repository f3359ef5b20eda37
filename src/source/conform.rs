//! What every place does, whatever it is: one suite that all of them run.
//!
//! Standard input belongs to the whole process: its tests are those of the program. A query needs a real server, and what
//! it gives is JSON that the place makes itself, so that no text can be had from it which all places have: its tests
//! (`tests/it/stores/postgres.rs`) hold it to the same promises, and are asked for.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::place::https::testing::{Deed, Manner, Site};
use super::place::sample::{Format, Sample};
use super::spec::{Compression, Keep, Pick};
use super::*;

const SAMPLE: Sample = Sample {
    rows: 5_000,
    seed: 3,
    errors_per_million: 0,
    format: Format::Csv,
};

/// Has a server have another text.
type Becomes = Box<dyn Fn(&str)>;

/// A source of one origin, and what is expected of it.
struct Stand {
    name: String,
    source: Source,
    text: Vec<u8>,
    /// Whether the size is known before it is read.
    sized: bool,
    /// Whether it can be opened again before its end was reached.
    repeats: bool,
    /// The file whose changes are seen.
    file: Option<PathBuf>,
    /// Has the server have another text, where it is at one.
    becomes: Option<Becomes>,
    /// The web server that has it.
    site: Option<Arc<Site>>,
    _folder: Option<tempfile::TempDir>,
}

async fn found(input: Input) -> Result<Source, SourceError> {
    let limits = Limits::default();
    Source::find(&[input], Compression::Auto, Encoding::Auto, limits).await
}

async fn found_kept(input: Input, keep: Option<Keep>) -> Result<Source, SourceError> {
    let wrapping = Wrapping {
        keep,
        ..Wrapping::default()
    };
    Source::find(&[input], wrapping, Encoding::Auto, Limits::default()).await
}

/// Text of more than one read.
fn text() -> Vec<u8> {
    let lines = (0..20_000).map(|n| format!("{n},Zoë\n"));
    lines.collect::<String>().into_bytes()
}

async fn file() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.csv");
    fs::write(&path, text()).unwrap();
    Stand {
        name: path.display().to_string(),
        source: found(Input::File(path.clone())).await.unwrap(),
        text: text(),
        sized: true,
        repeats: true,
        file: Some(path),
        becomes: None,
        site: None,
        _folder: Some(folder),
    }
}

async fn matched() -> Stand {
    let stand = file().await;
    let pattern = Path::new(&stand.name).with_file_name("*.csv");
    let pattern = pattern.to_str().unwrap().to_owned();
    Stand {
        source: found(Input::Glob(pattern, Pick::One)).await.unwrap(),
        ..stand
    }
}

/// A named pipe, and a writer who takes its time.
async fn pipe() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let writer = path.clone();
    std::thread::spawn(move || {
        let mut pipe = fs::File::options().write(true).open(writer).unwrap();
        for piece in text().chunks(50_001) {
            std::thread::sleep(Duration::from_millis(1));
            // A reader that has seen enough is no fault of the writer's.
            let _ = pipe.write_all(piece);
        }
    });
    Stand {
        name: path.display().to_string(),
        source: found(Input::File(path)).await.unwrap(),
        text: text(),
        sized: false,
        repeats: false,
        file: None,
        becomes: None,
        site: None,
        _folder: Some(folder),
    }
}

/// A command that writes a file, with a pause in it.
async fn command() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.csv"), text()).unwrap();
    let script = "head -c 50001 w.csv; sleep 0.01; tail -c +50002 w.csv";
    let args = ["-c", script].map(str::to_owned);
    Stand {
        name: "sh".to_owned(),
        source: found(Input::command("/bin/sh", &args, folder.path()))
            .await
            .unwrap(),
        text: text(),
        sized: false,
        repeats: false,
        file: None,
        becomes: None,
        site: None,
        _folder: Some(folder),
    }
}

async fn sample() -> Stand {
    let mut text = Vec::new();
    SAMPLE.write(&mut text).unwrap();
    Stand {
        name: SAMPLE.to_string(),
        source: found(Input::Sample(SAMPLE)).await.unwrap(),
        text,
        sized: false,
        repeats: true,
        file: None,
        becomes: None,
        site: None,
        _folder: None,
    }
}

fn pieces() -> Stand {
    let pieces = text().into_iter().map(|b| Bytes::copy_from_slice(&[b]));
    Stand {
        name: "memory".to_owned(),
        source: Source::of_pieces("memory", pieces),
        text: text(),
        sized: true,
        repeats: true,
        file: None,
        becomes: None,
        site: None,
        _folder: None,
    }
}

/// A file that a web server has.
async fn web(manner: Manner) -> Stand {
    web_kept(manner, None).await
}

/// The same, of which a copy may be wanted.
async fn web_kept(manner: Manner, keep: Option<Keep>) -> Stand {
    let site = Site::start(text(), manner).await;
    // In pieces that come slowly, when it is read for the first time.
    site.will([Deed::Slow(50_001)]);
    let tells = manner != Manner::Made;
    let own = site.clone();
    Stand {
        name: format!("{}/w.csv?…", site.address),
        source: found_kept(site.input("/w.csv?key=CANARY"), keep)
            .await
            .unwrap(),
        text: text(),
        sized: tells,
        repeats: tells && keep.is_none(),
        file: None,
        becomes: Some(Box::new(move |text| own.becomes(text))),
        site: Some(site),
        _folder: None,
    }
}

/// A file that an SFTP server has, of which a copy may be wanted.
#[cfg(feature = "sftp")]
async fn sftp(keep: Option<Keep>) -> Stand {
    use super::place::sftp::testing::{Host, Shelf};
    let path = "/out/w.csv";
    let host = Host::open(Shelf::of(&[(path, &text(), 1)])).await;
    // The channel by which it is found, and one that breaks.
    host.shelf.cuts.lock().unwrap().extend([1 << 30, 100_000]);
    let input = host.input(path, Pick::All);
    Stand {
        name: host.shown(path),
        source: found_kept(input, keep).await.unwrap(),
        text: text(),
        sized: true,
        repeats: keep.is_none(),
        file: None,
        becomes: Some(Box::new(move |text| {
            host.shelf.put(path, text.as_bytes(), 1)
        })),
        site: None,
        _folder: None,
    }
}

/// A file in a bucket, found by its name or by a pattern.
#[cfg(feature = "buckets")]
async fn bucket() -> Stand {
    use super::place::bucket::spec::BucketSpec;
    let site = Site::start(text(), Manner::Tagged).await;
    site.will([Deed::Slow(50_001)]);
    let own = site.clone();
    let spec = BucketSpec {
        endpoint: Some(site.address.clone()),
        region: None,
    };
    let timeouts = crate::http::spec::TimeoutsSpec::default();
    let input = Input::bucket("s3://hr/in/w 1%.csv", &spec, &timeouts, Pick::All);
    let input = input.unwrap().unwrap();
    input.unlock_bucket(vec![("AWS_SKIP_SIGNATURE", "true".to_owned())]);
    Stand {
        name: "s3://hr/in/w 1%.csv".to_owned(),
        source: found(input).await.unwrap(),
        text: text(),
        sized: true,
        repeats: true,
        file: None,
        becomes: Some(Box::new(move |text| own.becomes(text))),
        site: Some(site),
        _folder: None,
    }
}

async fn places() -> Vec<Stand> {
    vec![
        #[cfg(feature = "sftp")]
        sftp(None).await,
        #[cfg(feature = "sftp")]
        sftp(Some(Keep::Plain)).await,
        #[cfg(feature = "buckets")]
        bucket().await,
        web(Manner::Tagged).await,
        web(Manner::Timed).await,
        web(Manner::Whole).await,
        web(Manner::Made).await,
        web_kept(Manner::Tagged, Some(Keep::Encrypted)).await,
        web_kept(Manner::Made, Some(Keep::Plain)).await,
        file().await,
        matched().await,
        pipe().await,
        command().await,
        sample().await,
        pieces(),
    ]
}

/// Reads an origin to its end, in steps that are no round number.
async fn read(source: &Source) -> Result<Vec<u8>, SourceError> {
    let mut text = source.open(0).await?;
    let mut got = Vec::new();
    let mut want = 1;
    while !text.fill(&mut got, want).await? {
        want = got.len() + 77_777;
    }
    Ok(got)
}

#[tokio::test]
async fn listed() {
    for stand in places().await {
        let [origin] = stand.source.origins() else {
            panic!("{}", stand.name);
        };
        assert_eq!(origin.name, stand.name);
        let size = stand.sized.then_some(stand.text.len() as u64);
        assert_eq!(stand.source.size(), size, "{}", stand.name);
        let is_file = stand.file.is_some();
        assert!(stand.becomes.is_some() || origin.modified().is_some() == is_file);
        assert_eq!(stand.source.can_repeat(), stand.repeats, "{}", stand.name);
        // Whoever writes to a pipe waits for its reader.
        read(&stand.source).await.unwrap();
    }
}

#[tokio::test]
async fn read_to_the_end_and_again() {
    for stand in places().await {
        for time in 1..=3 {
            let got = read(&stand.source).await.unwrap();
            assert!(got == stand.text, "{}, reading {time}", stand.name);
            let length = stand.text.len() as u64;
            assert_eq!(stand.source.origins()[0].bytes(), length);
            let counted = stand.source.bytes_read();
            let counted = counted.load(std::sync::atomic::Ordering::Relaxed);
            assert_eq!(counted, time * length, "{}", stand.name);
        }
        stand.source.is_unchanged().await.unwrap();
    }
}

/// Nothing but the end of a stream says that its copy is whole.
#[tokio::test]
async fn left_before_the_end() {
    for stand in places().await {
        let mut text = stand.source.open(0).await.unwrap();
        let mut head = Vec::new();
        assert!(!text.fill(&mut head, 10).await.unwrap());
        let again = read(&stand.source).await;
        drop(text);
        let after = read(&stand.source).await;
        for got in [again, after] {
            match got {
                Ok(got) => assert!(stand.repeats && got == stand.text, "{}", stand.name),
                Err(error) => assert!(
                    !stand.repeats && matches!(error, SourceError::OnlyOnce(_)),
                    "{error}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn changed_in_between() {
    for stand in places().await {
        read(&stand.source).await.unwrap();
        if let Some(becomes) = &stand.becomes {
            changed_at_server(&stand, becomes).await;
        }
        let Some(path) = &stand.file else { continue };
        stand.source.is_unchanged().await.unwrap();
        let mut file = fs::File::options().append(true).open(path).unwrap();
        file.write_all(b"x\n").unwrap();
        let error = stand.source.is_unchanged().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{}: the file is still being written: its size is not what it was when the run began",
                stand.name
            )
        );
        fs::remove_file(path).unwrap();
        assert!(stand.source.is_unchanged().await.is_err());
        assert!(read(&stand.source).await.is_err());
    }
}

async fn changed_at_server(stand: &Stand, becomes: &dyn Fn(&str)) {
    stand.source.is_unchanged().await.unwrap();
    becomes("another");
    // What is made for each request was copied when it was read.
    if !stand.repeats {
        stand.source.is_unchanged().await.unwrap();
        assert_eq!(read(&stand.source).await.unwrap(), stand.text);
        return;
    }
    let expected = format!(
        "{}: the file is not the one that the server had when the run began; where it makes a new one for every request, set \
         source.keep: plain",
        stand.name
    );
    for error in [
        stand.source.is_unchanged().await.unwrap_err(),
        read(&stand.source).await.unwrap_err(),
    ] {
        assert_eq!(error.to_string(), expected);
    }
}

/// A connection that breaks is taken up where it broke, and never on another file.
#[tokio::test]
async fn broken_in_the_middle() {
    for stand in places().await {
        let Some(site) = &stand.site else { continue };
        read(&stand.source).await.unwrap();
        if !stand.repeats {
            continue;
        }
        site.will([Deed::Cut(100_000)]);
        assert_eq!(read(&stand.source).await.unwrap(), stand.text);
        let seen = site.seen();
        assert!(
            seen.last()
                .unwrap()
                .contains("\r\nrange: bytes=100000-\r\n")
        );
        site.will([Deed::Cut(100_000)]);
        let mut text = stand.source.open(0).await.unwrap();
        site.becomes([&stand.text[..], b"more"].concat());
        let mut got = Vec::new();
        let error = text.fill(&mut got, usize::MAX).await.unwrap_err();
        assert!(matches!(error, SourceError::Changed { .. }), "{error}");
    }
}

/// What is made for a request and breaks in the middle can't be taken up.
#[tokio::test]
async fn broken_and_made_anew() {
    let site = Site::start(text(), Manner::Made).await;
    site.will([Deed::Cut(100_000)]);
    let source = found(site.input("/w.csv")).await.unwrap();
    let error = crate::text::chain(&read(&source).await.unwrap_err());
    assert!(error.contains("it broke off after 9999"), "{error}");
    assert_eq!(site.seen().len(), 1);
}

#[tokio::test]
async fn compressed_and_cut_off() {
    let whole = {
        use async_compression::tokio::write::GzipEncoder;
        use tokio::io::AsyncWriteExt;
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(&text()).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.csv");
    for (bytes, is_whole) in [(&whole[..], true), (&whole[..whole.len() - 5], false)] {
        fs::write(&path, bytes).unwrap();
        let pieces = bytes.iter().map(|b| Bytes::copy_from_slice(&[*b]));
        for source in [
            found(Input::File(path.clone())).await.unwrap(),
            Source::of_pieces("memory", pieces),
        ] {
            match read(&source).await {
                Ok(got) => assert!(is_whole && got == text()),
                Err(error) => assert!(
                    !is_whole && matches!(error, SourceError::Damaged { .. }),
                    "{error}"
                ),
            }
            assert_eq!(source.origins()[0].compression(), Some("gzip"));
            assert_eq!(source.size(), Some(bytes.len() as u64));
        }
    }
}

/// What a command has written is whole only if it ended well.
#[tokio::test]
async fn commands_that_fail() {
    let told = async |program: &str, script: &str| {
        let args = ["-c", script].map(str::to_owned);
        let source = found(Input::command(program, &args, Path::new("/"))).await;
        match read(&source.unwrap()).await {
            Ok(text) => String::from_utf8(text).unwrap(),
            Err(error) => crate::text::chain(&error),
        }
    };
    assert_eq!(told("sh", "pwd").await, "/\n");
    let failed = "so its output is incomplete; nothing from it is imported";
    for (script, how) in [
        ("exit 3", "exit status 3"),
        ("echo whole; exit 3", "exit status 3"),
        ("kill -9 $$", "signal: 9 (SIGKILL)"),
        // Compressed, and cut off.
        ("printf '\\037\\213\\010'; exit 3", "exit status 3"),
    ] {
        let expected = format!("sh: the command of source.command failed ({how}), {failed}");
        assert_eq!(told("sh", script).await, expected);
    }
    let absent = "none: the command of source.command can't be started: No such file or directory (os error 2)";
    assert_eq!(told("./none", "").await, absent);
}

#[tokio::test]
async fn refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let told = async |input: Input| {
        let error = found(input).await.unwrap_err();
        let text = error
            .to_string()
            .replace(folder.path().to_str().unwrap(), "D");
        (text, matches!(error, SourceError::Nothing(_)))
    };
    assert_eq!(
        told(Input::File(at("none.csv"))).await,
        ("D/none.csv: no such file".to_owned(), true)
    );
    assert_eq!(
        told(Input::Glob(
            at("*.csv").to_str().unwrap().to_owned(),
            Pick::All
        ))
        .await,
        ("D/*.csv: no file matches".to_owned(), true)
    );
    assert_eq!(
        told(Input::File(at(""))).await,
        (
            "D: is a directory; name a file, or a pattern such as D/*.csv".to_owned(),
            false
        )
    );
    fs::write(at("a\x1b[2J.csv"), "").unwrap();
    assert_eq!(
        found(Input::File(at("a\x1b[2J.csv")))
            .await
            .unwrap()
            .origins()[0]
            .name,
        at("a\x1b[2J.csv").display().to_string()
    );
    // Half of a list is not nothing.
    let both = [Input::File(at("a\x1b[2J.csv")), Input::File(at("none.csv"))];
    let limits = Limits::default();
    let error = Source::find(&both, Compression::Auto, Encoding::Auto, limits)
        .await
        .unwrap_err();
    assert!(matches!(error, SourceError::NotFound(_)), "{error}");
}
