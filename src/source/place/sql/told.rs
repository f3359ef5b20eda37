//! What the server's errors mean. Its words are shown where they are about the query or whoever asks; words about the data
//! may hold some of it, and stay in the server's log.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, ErrorPosition};

use crate::http::text::sanitise;
use crate::settings::units::Span;
use crate::source::place::remote::error::RemoteError;

/// Characters of a message that are shown.
const MAX_SAID: usize = 300;

/// What is known when an error comes.
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    pub(super) query: &'a str,
    pub(super) timeout: Option<Span>,
}

impl Asked<'_> {
    /// What an error means that came before the first row.
    pub(super) fn told(&self, error: Error) -> RemoteError {
        match error.as_db_error() {
            Some(said) => self.said(said),
            None => self.unsaid(error),
        }
    }

    /// What an error means that came after so many rows: nobody can go on from there.
    pub(super) fn after(&self, rows: u64, error: Error) -> RemoteError {
        match self.told(error) {
            RemoteError::Broken(why, cause) => {
                let lost = format!(
                    "{why}, after {rows} rows; a query can't be taken up where it broke, and nothing of it is used"
                );
                RemoteError::Broken(lost, cause)
            }
            told => told,
        }
    }

    fn said(&self, said: &DbError) -> RemoteError {
        let code = said.code().code();
        let position = match said.position() {
            Some(ErrorPosition::Original(at)) => Some(*at),
            _ => None,
        };
        self.meant(code, said.message(), position)
    }

    fn meant(&self, code: &str, message: &str, position: Option<u32>) -> RemoteError {
        let said = sanitise(message, MAX_SAID);
        match (code.get(..2).unwrap_or_default(), code) {
            ("28", _) | (_, "3D000") => RemoteError::Setting(format!(
                "the server does not let us in ({code}: {said}); check the address of source.sql.url"
            )),
            (_, "25006") => RemoteError::Setting(format!(
                "the query would change something, and it may only read ({code}: {said})"
            )),
            (_, "42501") => RemoteError::Setting(format!(
                "whoever asks has no right to read this ({code}: {said})"
            )),
            ("42", _) => RemoteError::Setting(match position {
                Some(at) => {
                    let (line, column) = place(self.query, at);
                    format!("line {line}, column {column} of the query: {said} ({code})")
                }
                None => format!("the query can't be asked: {said} ({code})"),
            }),
            (_, "57014") => match self.timeout {
                Some(after) => RemoteError::Setting(format!(
                    "the query was ended by the server ({code}); it may take {after} (source.sql.timeout)"
                )),
                None => RemoteError::Unexpected(format!(
                    "the query was ended by the server ({code}), for the time that it took (its statement_timeout) or by an \
                     administrator"
                )),
            },
            ("08" | "40" | "53" | "57", _) => RemoteError::Broken(
                format!("the server ended the connection or the query ({code}: {said})"),
                None,
            ),
            (class, _) => RemoteError::Unexpected(format!(
                "the server ended the query with an error{} ({code}); its words may hold values, and stand in its own log",
                match class {
                    "22" => ": a value does not fit what the query does with it",
                    "23" | "P0" => ": raised by a function or rule",
                    "54" => ": a limit of the server",
                    "58" | "XX" => " of its own",
                    _ => "",
                }
            )),
        }
    }

    /// What went wrong without a word of the server's.
    fn unsaid(&self, error: Error) -> RemoteError {
        let words = error.to_string();
        let host = self.host;
        let untrusted = find_untrusted(&error);
        if let Some(why) = untrusted {
            return RemoteError::Setting(format!(
                "the server {host} is not trusted ({why}): sslrootcert=FILE in the address names who vouches for it"
            ));
        }
        match words.split(':').next().unwrap_or_default() {
            "error performing TLS handshake" => {
                let why = error.source().map(ToString::to_string).unwrap_or_default();
                match why.contains("does not support TLS") {
                    true => RemoteError::Setting(format!(
                        "the server {host} has no TLS, and the data and the password would go there for all to read: switch \
                         it on there, or write sslmode=disable in the address"
                    )),
                    false => RemoteError::Broken(
                        format!("no encrypted connection to {host}"),
                        error.into_source(),
                    ),
                }
            }
            "authentication error" | "invalid configuration" => {
                let why = error
                    .source()
                    .map(|why| sanitise(&why.to_string(), MAX_SAID));
                RemoteError::Setting(format!(
                    "the server {host} does not let us in ({}); check the address of source.sql.url",
                    why.unwrap_or_default()
                ))
            }
            "error connecting to server" => RemoteError::Broken(
                format!("no connection to the server {host}"),
                error.into_source(),
            ),
            "error parsing response from server" | "unexpected message from server" => {
                RemoteError::Unexpected(format!(
                    "the server {host} answers in a way that is not PostgreSQL's"
                ))
            }
            _ => RemoteError::Broken(
                format!("the connection to the server {host} broke"),
                error.into_source(),
            ),
        }
    }
}

/// Why a certificate is not accepted, where that is the cause.
fn find_untrusted(error: &Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(rustls) = error.downcast_ref::<rustls::Error>() {
            return is_untrusted(rustls);
        }
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(rustls) = wrapped.and_then(|wrapped| wrapped.downcast_ref::<rustls::Error>()) {
            return is_untrusted(rustls);
        }
        cause = error.source();
    }
    None
}

fn is_untrusted(error: &rustls::Error) -> Option<String> {
    matches!(error, rustls::Error::InvalidCertificate(_))
        .then(|| sanitise(&error.to_string(), MAX_SAID))
}

/// The line and column of a character of the query, all from 1.
fn place(query: &str, at: u32) -> (usize, usize) {
    let before = query.chars().take(at.saturating_sub(1) as usize);
    before.fold((1, 1), |(line, column), c| match c {
        '\n' => (line + 1, 1),
        _ => (line, column + 1),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ASKED: Asked<'_> = Asked {
        host: "db",
        query: "SELECT id,\n  näme FORM p",
        timeout: None,
    };

    #[test]
    fn the_query_s_faults_have_a_place() {
        let told = ASKED.meant("42601", "syntax error at or near \"FORM\"", Some(19));
        assert_eq!(
            told.to_string(),
            "line 2, column 8 of the query: syntax error at or near \"FORM\" (42601)"
        );
        assert!(told.is_setting());
        assert_eq!(place("abc", 1), (1, 1));
        assert_eq!(place("a\n\nb", 4), (3, 1));
        assert_eq!(place("a", 99), (1, 2));
    }

    #[test]
    fn values_are_not_shown() {
        let told = ASKED.meant(
            "22P02",
            "invalid input syntax for type integer: \"CANARY\"",
            None,
        );
        assert_eq!(
            told.to_string(),
            "the server ended the query with an error: a value does not fit what the query does with it (22P02); its words \
             may hold values, and stand in its own log"
        );
        for code in ["23505", "P0001", "XX000", "54000", "0A000", "", "ä"] {
            let told = ASKED.meant(code, "CANARY", None);
            assert!(!told.to_string().contains("CANARY"), "{told}");
        }
    }

    #[test]
    fn who_can_mend_it() {
        let setting = |code| ASKED.meant(code, "said", None).is_setting();
        for code in ["28P01", "28000", "3D000", "25006", "42501", "42P01"] {
            assert!(setting(code), "{code}");
        }
        for code in ["57P01", "53300", "40001", "22012", "57014"] {
            assert!(!setting(code), "{code}");
        }
        let limited = Asked {
            timeout: Some(Span(Duration::from_secs(60))),
            ..ASKED
        };
        assert_eq!(
            limited.meant("57014", "said", None).to_string(),
            "the query was ended by the server (57014); it may take 1m (source.sql.timeout)"
        );
    }
}
