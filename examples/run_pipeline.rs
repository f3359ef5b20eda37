//! A pipeline checked, and then run: `cargo run --example run_pipeline -- people.yaml`.

use rostream::{Pipeline, Report, RunError};

pub fn run(file: &str) -> Result<Report, RunError> {
    let pipeline = Pipeline::load(file)?;
    let checked = pipeline.check()?;
    println!(
        "{} of {} rejected",
        checked.counts.rejected, checked.counts.read
    );
    pipeline.run()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let done = run(&std::env::args().nth(1).ok_or("name a pipeline file")?)?;
    println!("{}: {} sent", done.outcome, done.counts.sent);
    Ok(())
}
