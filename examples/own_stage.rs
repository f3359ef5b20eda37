//! A pipeline with a stage of one's own, checked: `cargo run --example own_stage -- people.yaml`.

use rostream::{OwnStage, Pipeline, Rows};

/// Grades such as `G7` have a level, `7`.
pub struct Level;

impl OwnStage for Level {
    fn name(&self) -> &'static str {
        "acme_level"
    }
    fn reads(&self) -> Vec<String> {
        vec!["Grade".to_owned()]
    }
    fn writes(&self) -> Vec<String> {
        vec!["Level".to_owned()]
    }
    fn apply(&self, rows: &mut Rows<'_>) {
        for row in rows.numbers() {
            let level = rows.text(row, 0).and_then(|grade| grade.strip_prefix('G'));
            match level.and_then(|level| level.parse::<u8>().ok()) {
                Some(level) => rows.set(row, 0, &level.to_string()),
                None => rows.reject(row, 0, "acme_level", "must be G and a number up to 255"),
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("name a pipeline file")?;
    match Pipeline::load(file)?.stage(Level).check() {
        Ok(report) => println!("{}: {} rejected", report.outcome, report.counts.rejected),
        Err(error) if error.is_retryable() => println!("try again: {error}"),
        Err(error) => println!(
            "{} (exit code {}): {error}",
            error.code(),
            error.exit_code()
        ),
    }
    Ok(())
}
