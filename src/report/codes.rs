//! The codes of errors, as they are explained to people.

/// Every code; whether trying again helps (`depends` where the error itself says so); what it means.
pub(crate) const CODES: [(&str, &str, &str); 67] = [
    (
        "busy",
        "yes",
        "another run has the pipeline, the data set, the rejects file or the store",
    ),
    (
        "network",
        "yes",
        "no connection, or one that broke or stalled",
    ),
    (
        "unavailable",
        "yes",
        "the server is overloaded or out of order (408, 429, 5xx)",
    ),
    (
        "source_missing",
        "yes",
        "no such file, or none that matches: it may be late",
    ),
    (
        "source_changed",
        "yes",
        "the source changed while it was read",
    ),
    (
        "not_the_same",
        "no",
        "`resume --retry-import` would send another upload than the one whose import it repeats",
    ),
    ("lookup_missing", "yes", "a lookup table is not there"),
    ("interrupted", "yes", "told to stop"),
    (
        "upload_too_slow",
        "depends",
        "the upload is slower than its address lives; retryable where this was measured, not where `upload.rate` says so",
    ),
    (
        "answer",
        "depends",
        "an answer that the API does not promise; retryable where it came from the storage",
    ),
    (
        "source_unreadable",
        "no",
        "a file that can't be read or is damaged",
    ),
    (
        "data_unreadable",
        "no",
        "text that can't be read as records",
    ),
    ("no_records", "no", "a source without records"),
    (
        "late",
        "no",
        "with `upload.length: chunked`, a row that was found at fault after it had been sent",
    ),
    ("too_many_records", "no", "more than 4,294,967,295"),
    (
        "pipeline",
        "no",
        "the pipeline names what the source does not have",
    ),
    (
        "source_refused",
        "no",
        "the source's server does not accept who asks, or what is asked",
    ),
    (
        "rejects_as_source",
        "no",
        "a rejects file as the source of `implicit_delete`",
    ),
    (
        "lookup_unreadable",
        "no",
        "a lookup table that can't be read",
    ),
    (
        "too_many_rejects",
        "no",
        "more than `rejects.at_most`, or than the `at_most` of a rule",
    ),
    (
        "too_many_warned",
        "no",
        "more rows break a rule of `severity: warn` than its `at_most`",
    ),
    (
        "rejects_block",
        "no",
        "rows were rejected, and `implicit_delete` blocks then; or one that is to be carried forward has no key that is certain",
    ),
    ("nothing_left", "no", "no row is left to send"),
    (
        "not_whole",
        "yes",
        "the extract is not what `source.expect` says: the rest of it may be on its way",
    ),
    (
        "drift",
        "no",
        "the source has changed since the last accepted run, and `source.drift` does not allow it",
    ),
    ("too_few_rows", "no", "fewer than `guard.min_rows`"),
    (
        "too_many_deletes",
        "no",
        "more would be deleted than `guard.max_delete`",
    ),
    (
        "too_many_changes",
        "no",
        "more than another limit of `guard`",
    ),
    (
        "baseline_lost",
        "no",
        "what runs are compared with is gone, or can't be compared any more",
    ),
    (
        "approval",
        "no",
        "`--approve` with a hash that is unknown, used, too old, or of something else",
    ),
    (
        "plan",
        "no",
        "a plan that is not applied: used, too old, changed by hand, not approved, or something else would be done now",
    ),
    (
        "shards",
        "no",
        "checks of shards that are no parts of one thing, do not add up, or were stopped by guards",
    ),
    ("plan_file", "no", "the plan can't be written"),
    ("withheld_file", "no", "`withheld.csv` can't be written"),
    ("hierarchy", "no", "`validate.hierarchy` says stop"),
    (
        "first_unknown",
        "no",
        "`implicit_delete` without a run to compare with",
    ),
    (
        "too_many_refused",
        "no",
        "the server refused more than `refused.at_most`, or all",
    ),
    ("token", "no", "the API does not take the token"),
    (
        "quota",
        "no",
        "the tenant's requests for the day are used up",
    ),
    ("refused", "no", "the API said no"),
    ("upload_refused", "no", "the storage said no"),
    (
        "upload_too_large",
        "no",
        "more than the storage takes at once",
    ),
    (
        "untrusted",
        "no",
        "a certificate, a host or a proxy that is not trusted",
    ),
    ("import_failed", "no", "the import job failed at the server"),
    ("import_running", "no", "the job goes on: `resume`"),
    (
        "import_unknown",
        "no",
        "whether the import began is not known: `resume`",
    ),
    (
        "results",
        "no",
        "the import is through, its results are not: `results`",
    ),
    (
        "nothing_imported",
        "no",
        "`resume` of a run that was not imported: `run`",
    ),
    (
        "store",
        "no",
        "the store of a difference can't be used, or is another data set's",
    ),
    ("state_folder", "no", "the state folder can't be used"),
    ("state_missing", "no", "not a folder that `state init` made"),
    (
        "state_damaged",
        "no",
        "a state file that this version does not read",
    ),
    (
        "state_sealed",
        "no",
        "the ticket does not open with this token",
    ),
    ("rejects_file", "no", "the rejects file can't be written"),
    (
        "results_file",
        "no",
        "the import is through, and the results file can't be written: `rostream results RUN`",
    ),
    (
        "overtaken",
        "no",
        "a newer run has sent its rows since, so that older ones are not sent again",
    ),
    (
        "refused_unknown",
        "no",
        "which rows of a run were refused is not known: `rostream results RUN`",
    ),
    ("report_file", "no", "the run report can't be written"),
    ("temporary_file", "no", "the spool can't be written"),
    ("disk_full", "no", "no space left for the spool"),
    ("body", "no", "the body can't be made"),
    ("sandbox", "no", "the embedded sandbox can't be started"),
    (
        "counts",
        "no",
        "the counts do not add up: a bug in rostream",
    ),
    (
        "defect",
        "no",
        "something that cannot happen, or a worker that gave up: a bug in rostream",
    ),
    (
        "usage",
        "no",
        "the command line or a pipeline file is wrong (in no report)",
    ),
    (
        "stopped",
        "no",
        "one of several runs was stopped (in no report)",
    ),
    ("failed", "no", "what has no code of its own (in no report)"),
];
