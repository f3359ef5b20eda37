//! The sample as a source.

use crate::source::bytes::made;
use crate::source::bytes::raw::Raw;
use crate::source::place::sample::Sample;

/// Starts to make a sample.
pub(in crate::source) fn open(sample: Sample) -> Raw {
    made::by_thread(move |out| sample.write(out).map(drop))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::source::Input;
    use crate::source::Source;
    use crate::source::place::sample::Format;
    use crate::source::spec::{Compression, Encoding};

    const SAMPLE: Sample = Sample {
        rows: 20_000,
        seed: 3,
        errors_per_million: 10_000,
        format: Format::Csv,
    };

    #[tokio::test]
    async fn every_reading_has_the_bytes_that_are_written_to_a_file() {
        let mut expected = Vec::new();
        SAMPLE.write(&mut expected).unwrap();
        let source = Source::find(
            &[Input::Sample(SAMPLE)],
            Compression::Auto,
            Encoding::Auto,
            crate::settings::limits::Limits::default(),
        )
        .await
        .unwrap();
        assert!(source.can_repeat());
        assert_eq!(source.size(), None);
        assert_eq!(source.origins()[0].name, "sample (20,000 rows, seed 3)");
        for _ in 0..2 {
            let mut text = source.open(0).await.unwrap();
            let mut got = Vec::new();
            while !text.fill(&mut got, usize::MAX).await.unwrap() {}
            assert!(got == expected);
            assert_eq!(source.origins()[0].bytes(), expected.len() as u64);
        }
    }

    #[test]
    fn a_reader_that_stops_early_ends_the_thread() {
        // Dropping the runtime waits for its blocking threads: one that hung would hang the test.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let endless = Sample {
                rows: u64::MAX,
                ..SAMPLE
            };
            let mut reader = open(endless);
            let mut head = [0; 11];
            reader.read_exact(&mut head).await.unwrap();
            assert_eq!(&head, b"Employee ID");
            drop(reader);
            drop(open(endless));
        });
    }
}
