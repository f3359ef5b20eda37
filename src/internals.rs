//! What benches, fuzz targets and integration tests reach into. No promise is made of any of it.
//!
//! The modules mirror those of the crate, which are private: what is not named here, in the facade or by another
//! module is dead code, and the compiler says so.

pub mod batch {
    pub use crate::batch::{Arrangement, Batch, Columns, Kind, Row, RowState};
}
pub mod config {
    pub use crate::config::{Override, Pipeline, Place, load, parse, process_env, schema};
}
pub mod delta {
    pub mod head {
        pub use crate::delta::head::{Head, Marks};
    }
    pub mod items {
        pub use crate::delta::items::{What, Writer};
    }
    pub mod key {
        pub use crate::delta::key::StoreKey;
    }
    pub mod merge {
        pub use crate::delta::merge::Fate;
    }
    pub mod place {
        pub use crate::delta::place::{Part, Place};
    }
    pub mod store {
        pub use crate::delta::store::{Lost, Row, Store};
    }
}
pub mod engine {
    pub use crate::engine::EngineError;
    pub mod blocks {
        pub use crate::engine::blocks::{BLOCK, Blocks};
    }
    pub mod body {
        pub use crate::engine::body::{Assembly, Digest, Resend, Slot, stream, taken};
    }
    pub mod order {
        pub use crate::engine::order::process;
    }
    pub mod bind {
        pub use crate::engine::bind::Terms;
    }
    pub mod process {
        pub use crate::engine::process::Engine;
    }
}
pub mod expr {
    pub use crate::expr::{Expr, Use};
}
pub mod format {
    pub use crate::format::{Header, Reading, RecordFormat};
    pub mod block {
        pub use crate::format::block::{Block, Boundary};
        pub use crate::format::cut::{Cut, CutError};
    }
    pub mod closing {
        pub use crate::format::closing::Closing;
    }
    pub mod csv {
        pub use crate::format::csv::{Delimiter, Form, Naming, OnRagged, Parser};
    }
    pub mod encode {
        pub use crate::format::encode::{Empties, Encoder, Format, Lead, LeadValue};
    }
    pub mod json {
        pub use crate::format::json::{Arrays, Form, Layout, Parser, Path, Reason, discover};
        pub mod cut {
            pub use crate::format::json::cut::Cutter;
        }
    }
}
pub mod guard {
    pub mod spec {
        pub use crate::guard::spec::GuardSpec;
    }
}
pub mod http {
    pub use crate::http::{MAX_RETRY_AFTER, retry_after};
    pub mod spec {
        pub use crate::http::spec::TimeoutsSpec;
    }
    pub mod text {
        pub use crate::http::text::{MAX_EXCERPT, MAX_MESSAGE, StorageError, excerpt};
    }
}
pub mod infer {
    pub use crate::infer::drafted;
}
pub mod orgvue {
    pub use crate::orgvue::{Client, Connection, ItemResult};
    pub mod hosts {
        pub use crate::orgvue::hosts::hosts;
    }
    pub mod spec {
        pub use crate::orgvue::spec::{ActionSpec, Empty, ImportSpec};
    }
    pub mod splitter {
        pub use crate::orgvue::splitter::Splitter;
    }
    pub mod token {
        pub use crate::orgvue::token::{Claims, Reach, Standing};
    }
}
pub mod report {
    pub mod rejects {
        pub use crate::report::rejects::{ADDED, RejectsFile};
    }
}
pub mod rule {
    pub use crate::rule::ValidateSpec;
}
pub mod run {
    pub use crate::run::{RunError, bind, laid_out, reading, rejects_header, source};
    pub mod survey {
        pub use crate::run::survey::{Settled, Survey};
    }
}
pub mod sandbox {
    pub use crate::sandbox::{Sandbox, SandboxSettings};
    pub mod options {
        pub use crate::sandbox::options::{
            Property, PropertyKind, ResultOrder, SandboxSettings, Throttle, TokenState,
            UnknownProperty,
        };
    }
}
pub mod settings {
    pub mod pattern {
        pub use crate::settings::pattern::Pattern;
    }
    pub mod units {
        pub use crate::settings::units::{Amount, Rate, Size, Span};
    }
    pub mod limits {
        pub use crate::settings::limits::Limits;
    }
    pub mod secret {
        pub use crate::settings::secret::PresignedUrl;
    }
}
pub mod source {
    pub use crate::source::{Input, Source, Text};
    pub mod place {
        pub mod https {
            pub use crate::source::place::https::next::behind;
            pub use crate::source::place::https::spec::Paging;
        }
        pub mod sample {
            pub use crate::source::place::sample::{Format, Sample};
        }
        #[cfg(feature = "sftp")]
        pub mod sftp {
            pub use crate::source::place::sftp::packet::{Answer, Entry, Malformed, State, answer};
        }
    }
    pub mod spec {
        pub use crate::source::spec::{Compression, Encoding, Ragged, Unknown};
    }
}
pub mod stage {
    pub use crate::stage::{Resources, StageSpec};
}
pub mod state {
    pub use crate::state::{Entry, Folder};
}
pub mod text {
    pub mod dates {
        pub use crate::text::dates::{Date, Format, Rewrite, Rewritten, Settings, Tally, Today};
    }
    pub mod decimal {
        pub use crate::text::decimal::{Decimal, Number, is_json_number};
    }
    pub mod javascript {
        pub use crate::text::javascript::{is_kept, is_plain_integer, number, trim};
    }
    pub mod charset {
        pub use crate::text::charset::proposal;
    }
    pub mod unseen {
        pub use crate::text::unseen::{
            as_seen, has_high_control, has_low_control, hidden, is_blank, is_control, is_invisible,
            is_plain_ascii, trimmed,
        };
    }
    pub mod scan {
        pub use crate::text::scan::{Dialect, Hits, Quoting, count_lines};
    }
}
pub mod upload {
    pub mod spec {
        pub use crate::upload::spec::UploadFormat;
    }
}
pub mod whole {
    pub mod keys {
        pub use crate::whole::keys::Keys;
    }
}
