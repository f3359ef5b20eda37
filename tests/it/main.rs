//! Tests of the whole program: the built binary, real files, exact output.

mod answers;
mod approval;
mod as_of;
mod bad;
mod canary;
mod carried;
mod cases;
mod changes;
mod charsets;
mod cli;
mod columnar;
mod columns;
mod days;
mod deletion;
mod delta;
mod deploy;
mod detach;
mod docs;
mod drift;
mod effect;
mod events;
mod every_pair;
mod expect;
mod expressions;
mod faults;
mod feedback;
mod formats;
mod fuzz;
mod guard;
mod headers;
mod hierarchy;
mod house;
mod https;
mod identity;
mod infer;
mod items;
mod kept_safe;
mod keys;
mod keys_again;
mod kinds;
mod layouts;
mod layouts_hard;
mod ledger;
mod library;
mod limits;
mod lines;
mod lint;
mod marks;
mod matrix;
mod nested;
mod nginx;
mod nights;
mod of_run;
mod organisation;
mod otel;
mod packed;
mod pages;
mod pgp;
mod pieces;
mod pipelines;
mod plan;
mod preflight;
mod privacy;
mod process;
mod profiles;
mod quoting;
mod reading;
mod reference;
mod rejected;
mod rejects_encoding;
mod rejects_names;
mod rejects_workbook;
mod report;
mod requests;
mod retry;
mod run;
mod secrets;
mod several;
mod severity;
mod sftp;
mod shards;
mod sheets;
mod soak;
mod source;
mod spread;
mod state;
mod stated;
mod stores;
mod summary;
mod support;
mod terminal;
mod tls;
mod together;
mod told;
mod tools;
mod transform;
mod turns;
mod unknown;
mod unseen;
mod whose;
mod wrappers;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The built binary, in a folder, with an empty environment.
fn rostream(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rostream"));
    command
        .current_dir(folder)
        .args(args)
        .env_clear()
        .stdin(Stdio::null());
    command
}

/// Exit code, stdout and stderr.
fn outcome(output: Output) -> (i32, String, String) {
    (
        output.status.code().expect("ended by a signal"),
        String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    )
}

/// What is said without the lines of the pipeline file beneath, which lint's tests compare.
fn without_excerpts(said: &str) -> String {
    let is_excerpt = |line: &&str| {
        let number =
            line.trim_start_matches([' ', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        line.starts_with("  ") && number.starts_with('|')
    };
    let lines = said.lines().filter(|line| !is_excerpt(line));
    lines.map(|line| format!("{line}\n")).collect()
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    outcome(rostream(folder, args).output().expect("the binary runs"))
}
