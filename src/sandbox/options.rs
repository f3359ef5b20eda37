//! What the sandbox can be told: its addresses, its data set, and everything that Orgvue's public
//! documentation leaves open.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use uuid::{Uuid, uuid};

/// The sandbox's settings. The default is a sandbox that follows the documented contract and takes
/// the safe side wherever the contract is silent.
///
/// The groups below say which is which: *place* and *data set* are the sandbox's own affair;
/// *documented* switches on something that the documentation describes; *unknown* chooses among the
/// readings that the documentation allows.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    // -- place ------------------------------------------------------------------------------------
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The tenant's name, `^[A-Z][A-Z0-9_]{0,29}$`.
    pub tenant: String,
    /// The data set's id.
    pub dataset: Uuid,
    /// The API token; without it, a random one is made at each start.
    pub token: Option<SecretString>,
    /// Where the private folder for uploads is made; without it, the system's temporary folder.
    pub folder: Option<PathBuf>,

    // -- data set ---------------------------------------------------------------------------------
    /// The property that `autoId=true` stands for.
    pub auto_id: String,
    /// The data set's properties. Without them every name is accepted and every value is stored
    /// as it comes.
    pub properties: Option<Vec<Property>>,
    /// A JSON array of items that the data set holds at the start; no `_action` in it.
    pub items: Option<PathBuf>,

    // -- documented -------------------------------------------------------------------------------
    /// Whether the token is accepted, or the reason for which it isn't.
    pub token_state: TokenState,
    /// Answers 429 to some of the API calls.
    pub throttle: Option<Throttle>,
    /// Refuses API requests whose header names are not in Title-Case. Every connection then carries
    /// one request.
    pub strict_header_case: bool,
    /// How long generated files and results are kept (documented as "currently 15 minutes").
    pub file_life: Duration,
    /// How long the two URLs of a generated file are valid, in whole seconds; 0 makes them expired
    /// from the start. Documented as "short".
    pub url_life: Duration,

    // -- unknown: storage -------------------------------------------------------------------------
    /// How long the URLs of tickets and results are valid, in whole seconds.
    pub ticket_life: Duration,
    /// Whether the storage takes `Transfer-Encoding: chunked`. S3 does not.
    pub accept_chunked: bool,
    /// Whether the upload's `Content-Type` is signed: `application/json` or `text/csv`, exactly.
    pub sign_content_type: bool,
    /// Whether `files/generate` takes `targetEncoding: gzip`.
    pub accept_gzip: bool,
    /// The largest upload in bytes.
    pub max_object: u64,
    /// Whether an upload's ETag is its MD5, as for files that are not encrypted at rest. Off, it is a random
    /// one: Orgvue says that its files are encrypted, and such an ETag says nothing of the content.
    pub md5_etag: bool,

    // -- unknown: import --------------------------------------------------------------------------
    /// What becomes of an item with a property that [`SandboxSettings::properties`] doesn't name.
    pub unknown_property: UnknownProperty,
    /// What CSV cells hold.
    pub csv_cells: CsvCells,
    /// What an empty CSV cell means.
    pub empty_cell: Meaning,
    /// What JSON's `null` means.
    pub json_null: Meaning,
    /// Whether `noopToken` and `clearToken` work in JSON payloads also.
    pub tokens_in_json: bool,
    /// The value of `onActionValidationFailure` for which one failed item undoes the whole job.
    pub transaction_word: String,
    /// Whether an upload without items may delete the whole data set by `implicitDelete`. If not,
    /// the job fails.
    pub empty_implicit_delete: bool,
    /// Whether a `noop` names its item, so that `implicitDelete` leaves the item alone.
    pub noop_names: bool,
    /// Whether an item of the payload that failed does.
    pub failed_names: bool,
    /// Whether `create` of an item that exists updates it. If not, it fails.
    pub create_updates: bool,
    /// Whether `update` of an item that does not exist creates it, as it does for links. If not, it fails.
    pub update_creates: bool,
    /// Whether `delete` of an item that does not exist succeeds. If not, it fails.
    pub delete_missing: bool,

    // -- unknown: ticket and results --------------------------------------------------------------
    /// Whether results repeat the property that identifies the item.
    pub echo_identifier: bool,
    /// The order of the results.
    pub result_order: ResultOrder,
    /// Whether the results replace the upload under its own URL, or get a place of their own.
    pub result_in_place: bool,
    /// Whether items that `implicitDelete` deleted appear in the results, after all others.
    pub implicit_delete_results: bool,
    /// For how long a new ticket is answered with 404.
    pub ticket_delay: Duration,
    /// The least time that a job takes.
    pub job_time: Duration,
    /// Makes every job fail with this message, before it changes anything.
    pub job_fails: Option<String>,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        SandboxSettings {
            port: 0,
            tenant: "SANDBOX".into(),
            dataset: uuid!("6586F21B-AD4D-4D06-A309-712AF47184A2"),
            token: None,
            folder: None,
            auto_id: "employeeID".into(),
            properties: None,
            items: None,
            token_state: TokenState::Valid,
            throttle: None,
            strict_header_case: false,
            file_life: Duration::from_secs(15 * 60),
            url_life: Duration::from_secs(15 * 60),
            ticket_life: Duration::from_secs(60 * 60),
            accept_chunked: false,
            sign_content_type: false,
            accept_gzip: true,
            max_object: 5 * 1024 * 1024 * 1024,
            md5_etag: false,
            unknown_property: UnknownProperty::Fail,
            csv_cells: CsvCells::Text,
            empty_cell: Meaning::NoChange,
            json_null: Meaning::Clear,
            tokens_in_json: true,
            transaction_word: "fail".into(),
            empty_implicit_delete: false,
            noop_names: true,
            failed_names: true,
            create_updates: false,
            update_creates: false,
            delete_missing: false,
            echo_identifier: true,
            result_order: ResultOrder::Input,
            result_in_place: false,
            implicit_delete_results: false,
            ticket_delay: Duration::ZERO,
            job_time: Duration::ZERO,
            job_fails: None,
        }
    }
}

/// A property of the data set. Written `salary:number`; without a type it is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its key, exactly as payloads write it.
    pub key: String,
    pub kind: PropertyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyKind {
    /// Stored as it comes.
    Text,
    /// A number, or text that is one in JSON's grammar; stored as a number with the same digits.
    Number,
    /// A date in the import's `dateFormat`; stored as YYYY-MM-DD.
    Date,
    /// `true` or `false`, also as text.
    Boolean,
}

impl PropertyKind {
    /// The word in a data set's definition.
    pub(super) const fn word(self) -> &'static str {
        match self {
            PropertyKind::Text => "text",
            PropertyKind::Number => "number",
            PropertyKind::Date => "date",
            PropertyKind::Boolean => "boolean",
        }
    }
}

/// Whether the API accepts the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenState {
    /// It does.
    #[default]
    Valid,
    /// 40301.
    NotYetActive,
    /// 40302.
    Expired,
    /// 40303.
    SubnetViolation,
    /// 40345: the tenant has no usage plan.
    TenantNotEnabled,
}

/// Every n-th API call is answered with 429 and the error 42901.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// The n. With 1 every call is refused.
    pub every: NonZeroU64,
    /// What `Retry-After` says, in whole seconds.
    pub retry_after: Duration,
}

/// What CSV cells hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvCells {
    /// Text.
    Text,
    /// What the CSV reader that Orgvue has published makes of them: trimmed text, numbers wherever JavaScript's `Number`
    /// finds one, `true` and `false` in any case. Blank cells are empty, blank records are passed over, records of too
    /// few cells are filled up and surplus cells left out.
    Orgvue,
}

/// What a value that isn't there means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The property keeps its value.
    NoChange,
    /// The property loses its value.
    Clear,
    /// The value is stored as it is: empty text, or `null`.
    Keep,
}

/// What becomes of an item with an unknown property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownProperty {
    /// The property is stored like any other.
    Accept,
    Fail,
}

/// The order of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultOrder {
    /// As the items came.
    Input,
    /// Mixed within each batch (the items of some 256 KiB), never as the items came where a batch
    /// holds two or more.
    Shuffled,
}

/// Words of a closed set, for the command line.
macro_rules! words {
    ($($type:ident: $($word:literal => $value:ident),+;)*) => {$(
        impl FromStr for $type {
            type Err = String;
            fn from_str(s: &str) -> Result<$type, String> {
                match s {
                    $($word => Ok($type::$value),)+
                    _ => Err(format!("expected one of {}, found `{s}`", [$($word),+].join(", "))),
                }
            }
        }
    )*};
}

words! {
    TokenState: "valid" => Valid, "not_yet_active" => NotYetActive, "expired" => Expired,
        "subnet" => SubnetViolation, "tenant_not_enabled" => TenantNotEnabled;
    CsvCells: "text" => Text, "orgvue" => Orgvue;
    Meaning: "no_change" => NoChange, "clear" => Clear, "keep" => Keep;
    UnknownProperty: "accept" => Accept, "fail" => Fail;
    ResultOrder: "input" => Input, "shuffled" => Shuffled;
    PropertyKind: "text" => Text, "number" => Number, "date" => Date, "boolean" => Boolean;
}

impl FromStr for Property {
    type Err = String;
    fn from_str(s: &str) -> Result<Property, String> {
        let (key, kind) = match s.rsplit_once(':') {
            Some((key, kind)) => (key, kind.parse()?),
            None => (s, PropertyKind::Text),
        };
        if key.is_empty() || key.starts_with('_') {
            return Err("a property's key is not empty and does not begin with _".into());
        }
        Ok(Property {
            key: key.into(),
            kind,
        })
    }
}
