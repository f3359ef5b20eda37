//! Files that a run reads besides the source: nothing that it writes may take their places.

use std::path::{Path, PathBuf};

use super::Meaning;
use crate::config::pipeline::{Rejects, Target};
use crate::config::spec::PipelineSpec;
use crate::files::ending::for_json;
use crate::files::of_run::is_of_a_run;
use crate::settings::secret::TokenSpec;
use crate::source::spec::DecryptSpec;
use crate::stage::hash::KeySpec;

/// A file that is read, and what it is.
type Read = (&'static str, PathBuf);

impl Meaning<'_> {
    /// The files that the pipeline reads besides the source.
    pub(super) fn reads(&self, spec: &PipelineSpec) -> Vec<Read> {
        let mut files: Vec<(&'static str, &str)> = Vec::new();
        if let Some(aliases) = &spec.aliases {
            files.push(("the file of aliases", &aliases.path));
        }
        for need in spec.stages.iter().flat_map(|stage| stage.needs()) {
            if let Some(table) = need.table() {
                files.push(("a lookup file", table.file));
            }
            if let Some(KeySpec::File(key)) = need.key() {
                files.push(("the key of a `hash` stage", key));
            }
        }
        if let Some(KeySpec::File(key)) = &spec.state.key {
            files.push(("the key of the state", key));
        }
        let decrypt = spec
            .source
            .as_ref()
            .and_then(|source| source.decrypt.as_ref());
        if let Some(DecryptSpec::Pgp(pgp)) = decrypt {
            files.extend(
                pgp.file
                    .as_deref()
                    .map(|file| ("the key of the source", file)),
            );
            if let Some(TokenSpec::File(file)) = &pgp.passphrase {
                files.push(("the passphrase of the source's key", file));
            }
            if let Some(by) = &pgp.signed_by {
                files.push(("the key of who signs the source", &by.file));
            }
        }
        if let Some(query) = spec.source.iter().find_map(|source| source.sql.as_ref()) {
            if let TokenSpec::File(file) = &query.url {
                files.push(("a secret of the source", file));
            }
            if let Some(file) = &query.query_file {
                files.push(("the query of the source", file));
            }
        }
        for (_, found) in spec.source.iter().flat_map(|source| source.https.secrets()) {
            if let TokenSpec::File(file) = found {
                files.push(("a secret of the source", file));
            }
        }
        for (_, found) in spec.source.iter().flat_map(|source| source.sftp.secrets()) {
            if let TokenSpec::File(file) = found {
                files.push(("a secret of the source", file));
            }
        }
        if let Some(file) = spec
            .source
            .as_ref()
            .and_then(|source| source.sftp.known_hosts.as_ref())
        {
            files.push(("the list of known hosts", file));
        }
        let path = |(what, file): (&'static str, &str)| (what, self.folder.join(file));
        files.into_iter().map(path).collect()
    }

    /// Whether a file that is written takes the place of one of these, or of the token's.
    pub(super) fn written_over(
        &mut self,
        mut reads: Vec<Read>,
        target: Option<&Target>,
        rejects: &Rejects,
        results: Option<&Path>,
    ) {
        if let Some(Target::Orgvue(to)) = target
            && let TokenSpec::File(token) = &to.token
        {
            reads.push(("the token file", self.folder.join(token)));
        }
        for (what, read) in reads {
            if is_of_a_run(&rejects.path, &read) || is_of_a_run(&for_json(&rejects.path), &read) {
                let message = format!("this is {what}, which the rejects would be written over");
                self.problem("rejects.path", message, "name another file");
            }
            let workbook = rejects.workbook.as_ref();
            if workbook.is_some_and(|workbook| is_of_a_run(workbook, &read)) {
                let message = format!("this is {what}, which the workbook would be written over");
                self.problem("rejects.workbook", message, "name another file");
            }
            if results.is_some_and(|results| is_of_a_run(results, &read)) {
                let message = format!("this is {what}, which the results would be written over");
                self.problem("results.path", message, "name another file");
            }
        }
    }
}
