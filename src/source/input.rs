//! What the pipeline names as its source.

use std::path::{Path, PathBuf};

use reqwest::header::HeaderMap;
use secrecy::SecretString;

use super::place::bucket::Bucket;
use super::place::bucket::address::{Address, Service};
use super::place::bucket::spec::BucketSpec;
use super::place::command::Command;
use super::place::glob;
use super::place::https::Request;
use super::place::https::spec::HttpsSpec;
use super::place::sample::Sample;
use super::place::sftp::spec::SftpSpec;
use super::place::sftp::{self, Server};
use super::place::sql::spec::SqlSpec;
use super::place::sql::{Access, Query};
use super::spec::Pick;
use crate::http::spec::TimeoutsSpec;
use crate::settings::secret::PresignedUrl;

/// What the pipeline names as its source: one entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file, absolute.
    File(PathBuf),
    /// A pattern of files, absolute, and which of those that it matches are meant.
    Glob(String, Pick),
    /// What a command writes.
    Command(Command),
    /// A made-up extract.
    Sample(Sample),
    /// What stands in a bucket at an address, and which of the files are meant that a pattern matches.
    Bucket(Bucket, Address, Pick),
    /// What a query gives.
    Sql(Query),
    /// What a web server has.
    Https(Request),
    /// What an SFTP server has at an address, and which files are meant of those that a pattern matches.
    Sftp(Server, Box<sftp::address::Address>, Pick),
}

impl Input {
    /// Whether a file at this path would be read.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        match self {
            Input::File(file) => file == path,
            Input::Glob(pattern, _) => glob::matches(pattern, path),
            Input::Stdin
            | Input::Sftp(..)
            | Input::Bucket(..)
            | Input::Command(_)
            | Input::Sample(_)
            | Input::Sql(_)
            | Input::Https(_) => false,
        }
    }

    /// What a program writes that runs in this folder with these arguments.
    pub(crate) fn command(program: &str, args: &[String], folder: &Path) -> Input {
        Input::Command(Command {
            program: program.to_owned(),
            args: args.to_vec(),
            folder: folder.to_owned(),
            withheld: Vec::new(),
        })
    }

    /// What a query gives.
    pub(crate) fn sql(spec: &SqlSpec, timeouts: &TimeoutsSpec) -> Input {
        Input::Sql(Query::new(spec, timeouts))
    }

    /// What the pipeline says of it, where it is a query.
    pub(crate) fn sql_spec(&self) -> Option<&SqlSpec> {
        match self {
            Input::Sql(query) => Some(query.spec()),
            _ => None,
        }
    }

    /// Tells a query what it is, and of whom it is asked.
    pub(crate) fn unlock_query(&self, url: SecretString, query: String) {
        if let Input::Sql(asked) = self {
            asked.unlock(Access { url, query });
        }
    }

    /// What stands in a bucket, where an address is one of those. What is wrong with it comes with what to do.
    pub(crate) fn bucket(
        written: &str,
        spec: &BucketSpec,
        timeouts: &TimeoutsSpec,
        pick: Pick,
    ) -> Option<Result<Input, (&'static str, &'static str)>> {
        let service = Service::of_scheme(written.split_once("://")?.0)?;
        let input = |address| Input::Bucket(Bucket::new(&address, spec, timeouts), address, pick);
        Some(Address::parse(service, written).map(input))
    }

    /// The service of the bucket that it stands in.
    pub(crate) fn service(&self) -> Option<Service> {
        match self {
            Input::Bucket(bucket, ..) => Some(bucket.service()),
            _ => None,
        }
    }

    /// Tells a bucket what the environment says of it.
    pub(crate) fn unlock_bucket(&self, access: Vec<(&'static str, String)>) {
        if let Input::Bucket(bucket, ..) = self {
            bucket.unlock(access);
        }
    }

    /// Whether it is a pattern, which stands for any number of files.
    pub(crate) fn is_pattern(&self) -> bool {
        match self {
            Input::Glob(..) => true,
            Input::Bucket(_, address, _) => address.pattern.is_some(),
            Input::Sftp(_, address, _) => address.is_pattern(),
            _ => false,
        }
    }

    /// What a web server has at an address. None where that can't be one.
    pub(crate) fn https(
        address: PresignedUrl,
        spec: &HttpsSpec,
        timeouts: &TimeoutsSpec,
    ) -> Option<Input> {
        Request::new(address, spec, timeouts).map(Input::Https)
    }

    /// How it is asked for, where it is at a web server.
    pub(crate) fn https_spec(&self) -> Option<&HttpsSpec> {
        match self {
            Input::Https(request) => Some(request.spec()),
            _ => None,
        }
    }

    /// Whether it may be made when it is asked for.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self, Input::Https(_))
    }

    /// The host that it is asked of, with its port.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Input::Https(request) => Some(request.host()),
            _ => None,
        }
    }

    /// Tells a web server's source what says who asks.
    pub(crate) fn unlock(&self, headers: HeaderMap) {
        if let Input::Https(request) = self {
            request.unlock(headers);
        }
    }

    /// What an SFTP server has, where an address is of one. Those of one server share its connection. What is wrong with it
    /// comes with what to do.
    pub(crate) fn sftp(
        written: &str,
        spec: &SftpSpec,
        timeouts: &TimeoutsSpec,
        pick: Pick,
        others: &[Input],
    ) -> Option<Result<Input, (&'static str, &'static str)>> {
        if !sftp::address::is_address(written) {
            return None;
        }
        let address = match sftp::address::Address::read(written) {
            Ok(address) => address,
            Err(wrong) => return Some(Err(wrong)),
        };
        let mut known = others.iter().filter_map(Input::sftp_server);
        let known = known.find(|known| known.login() == address.login());
        let new = || Server::new(address.login().clone(), spec, timeouts);
        let server = known.cloned().unwrap_or_else(new);
        Some(Ok(Input::Sftp(server, Box::new(address), pick)))
    }

    /// The host of the SFTP server that it is at, as lists of known hosts name it.
    pub(crate) fn sftp_host(&self) -> Option<String> {
        self.sftp_server().map(|server| server.login().named())
    }

    /// The SFTP server that it is at.
    pub(crate) fn sftp_server(&self) -> Option<&Server> {
        match self {
            Input::Sftp(server, ..) => Some(server),
            _ => None,
        }
    }

    /// Keeps these environment variables from a command.
    pub(crate) fn withhold(&mut self, variables: &[String]) {
        if let Input::Command(command) = self {
            command.withheld = variables.to_vec();
        }
    }

    /// Whether it can be read once only.
    pub(crate) fn is_once(&self) -> bool {
        matches!(self, Input::Stdin | Input::Command(_))
    }
}
