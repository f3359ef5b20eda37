//! `rostream sandbox`: the embedded Orgvue in a process of its own, until Ctrl-C.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::sandbox::options::{
    CsvCells, Meaning, Property, ResultOrder, Throttle, TokenState, UnknownProperty,
};
use crate::sandbox::{Sandbox, SandboxError, SandboxSettings};
use crate::settings::units::{Size, Span};

/// An imitation of Orgvue's import API and its storage, on 127.0.0.1, for trying and testing
#[derive(Clone, Debug, clap::Args)]
pub struct SandboxArgs {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Name of the tenant
    #[arg(long, default_value = "SANDBOX")]
    pub tenant: String,
    /// Id of the dataset [default: 6586F21B-AD4D-4D06-A309-712AF47184A2]
    #[arg(long, value_name = "UUID")]
    pub dataset: Option<Uuid>,
    /// File that holds the API token; if there is none, one is created and deleted at the end
    #[arg(long, value_name = "FILE", default_value = "rostream-sandbox.token")]
    pub token_file: PathBuf,
    /// Folder for the private folder that keeps uploads [default: the system's temporary folder]
    #[arg(long)]
    pub folder: Option<PathBuf>,

    /// Property that autoId=true stands for
    #[arg(
        long,
        value_name = "KEY",
        default_value = "employeeID",
        help_heading = "Dataset"
    )]
    pub auto_id: String,
    /// Properties as KEY or KEY:TYPE (text, number, date, boolean) [default: any]
    #[arg(
        long,
        value_name = "PROPERTY",
        value_delimiter = ',',
        help_heading = "Dataset"
    )]
    pub properties: Option<Vec<Property>>,
    /// JSON array of items to begin with
    #[arg(long, value_name = "FILE", help_heading = "Dataset")]
    pub items: Option<PathBuf>,

    /// Whether the token is accepted: valid, not_yet_active, expired, subnet, tenant_not_enabled
    #[arg(
        long,
        value_name = "STATE",
        default_value = "valid",
        help_heading = "Faults"
    )]
    pub token_state: TokenState,
    /// Answers 429 to every n-th API call
    #[arg(long, value_name = "N", help_heading = "Faults")]
    pub throttle: Option<NonZeroU64>,
    /// What Retry-After says then
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        help_heading = "Faults"
    )]
    pub retry_after: Span,
    /// Refuses API requests whose header names are not in Title-Case
    #[arg(long, help_heading = "Faults")]
    pub strict_header_case: bool,
    /// How long upload URLs are valid; 0s makes them expired
    #[arg(
        long,
        value_name = "TIME",
        default_value = "15m",
        help_heading = "Faults"
    )]
    pub url_life: Span,
    /// How long uploads and results are kept
    #[arg(
        long,
        value_name = "TIME",
        default_value = "15m",
        help_heading = "Faults"
    )]
    pub file_life: Span,
    /// How long a new ticket is answered with 404
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        help_heading = "Faults"
    )]
    pub ticket_delay: Span,
    /// Least time that a job takes
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        help_heading = "Faults"
    )]
    pub job_time: Span,
    /// Makes every job fail with this message
    #[arg(long, value_name = "MESSAGE", help_heading = "Faults")]
    pub job_fails: Option<String>,

    /// Takes uploads with Transfer-Encoding: chunked
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub accept_chunked: bool,
    /// Refuses targetEncoding gzip
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub refuse_gzip: bool,
    /// Binds the upload to its exact Content-Type
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub sign_content_type: bool,
    /// Largest upload
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "5GiB",
        help_heading = "Where the documentation is silent"
    )]
    pub max_object: Size,
    /// Gives an upload its MD5 for an ETag, as a storage without encryption does
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub md5_etag: bool,
    /// What becomes of an item with an unknown property: accept, fail
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "fail",
        help_heading = "Where the documentation is silent"
    )]
    pub unknown_property: UnknownProperty,
    /// What CSV cells hold: text, or what the reader that Orgvue has published makes of them (orgvue)
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "text",
        help_heading = "Where the documentation is silent"
    )]
    pub csv_cells: CsvCells,
    /// Meaning of an empty CSV cell: no_change, clear, keep
    #[arg(
        long,
        value_name = "MEANING",
        default_value = "no_change",
        help_heading = "Where the documentation is silent"
    )]
    pub empty_cell: Meaning,
    /// Meaning of JSON's null: no_change, clear, keep
    #[arg(
        long,
        value_name = "MEANING",
        default_value = "clear",
        help_heading = "Where the documentation is silent"
    )]
    pub json_null: Meaning,
    /// Lets implicitDelete with an empty upload delete everything
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub empty_implicit_delete: bool,
    /// Lets implicitDelete delete items that a noop names
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub noop_names_nobody: bool,
    /// Lets implicitDelete delete items that only failed rows name
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub failed_names_nobody: bool,
    /// Lets create of an item that exists update it
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub create_updates: bool,
    /// Lets update of an item that does not exist create it
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub update_creates: bool,
    /// Lets delete of an item that does not exist succeed
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub delete_missing: bool,
    /// Leaves the identifying property out of the results
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub no_echo_identifier: bool,
    /// Order of the results: input, shuffled
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "input",
        help_heading = "Where the documentation is silent"
    )]
    pub result_order: ResultOrder,
    /// Puts the results into the place of the upload
    #[arg(long, help_heading = "Where the documentation is silent")]
    pub result_in_place: bool,
}

impl SandboxArgs {
    /// The settings that the arguments stand for, with a token.
    fn settings(self, token: Option<SecretString>) -> SandboxSettings {
        let default = SandboxSettings::default();
        SandboxSettings {
            port: self.port,
            tenant: self.tenant,
            dataset: self.dataset.unwrap_or(default.dataset),
            token,
            folder: self.folder,
            auto_id: self.auto_id,
            properties: self.properties,
            items: self.items,
            token_state: self.token_state,
            throttle: self.throttle.map(|every| Throttle {
                every,
                retry_after: self.retry_after.0,
            }),
            strict_header_case: self.strict_header_case,
            url_life: self.url_life.0,
            file_life: self.file_life.0,
            ticket_delay: self.ticket_delay.0,
            job_time: self.job_time.0,
            job_fails: self.job_fails,
            accept_chunked: self.accept_chunked,
            accept_gzip: !self.refuse_gzip,
            sign_content_type: self.sign_content_type,
            max_object: self.max_object.0,
            md5_etag: self.md5_etag,
            unknown_property: self.unknown_property,
            csv_cells: self.csv_cells,
            empty_cell: self.empty_cell,
            json_null: self.json_null,
            empty_implicit_delete: self.empty_implicit_delete,
            noop_names: !self.noop_names_nobody,
            failed_names: !self.failed_names_nobody,
            create_updates: self.create_updates,
            update_creates: self.update_creates,
            delete_missing: self.delete_missing,
            echo_identifier: !self.no_echo_identifier,
            result_order: self.result_order,
            result_in_place: self.result_in_place,
            ..default
        }
    }
}

/// Why `rostream sandbox` fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxCommandError {
    /// The sandbox can't start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The token file can't be read or written.
    #[error("the token file {} can't be read or made", path.display())]
    TokenFile { path: PathBuf, source: io::Error },
    /// The process can't be told to stop.
    #[error("the sandbox can't listen for Ctrl-C")]
    Signal(#[source] io::Error),
}

/// A token file that goes with the sandbox that made it.
struct MadeFile(PathBuf);

impl Drop for MadeFile {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs a sandbox until it is told to stop. The banner goes to stderr, the base URL alone to stdout.
///
/// # Errors
/// When the sandbox can't start or its token file can't be read or made.
pub(crate) async fn run(args: SandboxArgs) -> Result<(), SandboxCommandError> {
    let path = args.token_file.clone();
    let broken = |source| SandboxCommandError::TokenFile {
        path: path.clone(),
        source,
    };
    let token = match fs::read_to_string(&path) {
        Ok(text) => Some(SecretString::from(text.trim().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(broken(e)),
    };
    let known = token.is_some();
    // Before anything is announced, so that no signal is missed.
    let stopped = super::stop::watch()
        .map_err(SandboxCommandError::Signal)?
        .asked();
    let sandbox = Sandbox::start(args.settings(token)).await?;
    let _made = if known {
        None
    } else {
        write_token(&path, sandbox.token()).map_err(broken)?;
        Some(MadeFile(path.clone()))
    };
    super::say_lines(format_args!(
        "{}\ntoken:    in {}\n\nCtrl-C ends it.",
        sandbox.about(),
        path.display()
    ));
    // Where nobody reads the address, it is on stderr, too.
    let _ = super::put(format!("{}\n", sandbox.base_url()).as_bytes());
    stopped.await;
    super::say_lines(format_args!(
        "\n{} uploads, {} imports, {} items at the end",
        sandbox.uploads(),
        sandbox.imports(),
        sandbox.item_count()
    ));
    sandbox.shutdown().await;
    Ok(())
}

/// Writes the token into a new file that only its owner can read.
fn write_token(path: &Path, token: &SecretString) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}", token.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SandboxArgs,
    }

    #[test]
    fn without_arguments_the_settings_are_the_default() {
        let args = Cli::try_parse_from(["x"]).expect("no arguments").args;
        let settings = SandboxSettings {
            port: 0,
            ..args.settings(None)
        };
        assert_eq!(
            format!("{settings:?}"),
            format!("{:?}", SandboxSettings::default())
        );
    }

    #[test]
    fn arguments() {
        for (arguments, accepted) in [
            ("--properties k,salary:number --empty-cell clear", true),
            ("--throttle 3 --retry-after 2s --url-life 0s", true),
            ("--throttle 0", false),
            ("--properties salary:money", false),
            ("--empty-cell maybe", false),
            ("--csv-cells orgvue", true),
            ("--noop-names-nobody --failed-names-nobody", true),
            ("--create-updates --update-creates --delete-missing", true),
            ("--csv-cells number", false),
            ("--token secret", false),
        ] {
            let words = ["x"].into_iter().chain(arguments.split(' '));
            assert_eq!(Cli::try_parse_from(words).is_ok(), accepted, "{arguments}");
        }
    }
}
