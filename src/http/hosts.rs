//! Where data may go: the hosts of addresses that a server hands out.
//!
//! Whoever can put an address into an answer could have the whole extract sent to a place of their own,
//! or have this machine call services of its own network. So an address must lead to a host that was to be
//! expected, and that host must be out in the world. The name is looked at before anything is opened, and what it
//! stands for when it is resolved, in the client itself: what is judged is what is connected to.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use crate::settings::secret::is_loopback;

/// One host (`files.example.com`), or all below a domain (`*.example.com`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// In lower case, as a URL has it; of a domain without `*.`.
    name: String,
    below: bool,
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<HostPattern, String> {
        let (below, host) = match text.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, text),
        };
        let bracketed = host.parse::<Ipv6Addr>().map(|ip| format!("[{ip}]"));
        let name = match Host::parse(bracketed.as_deref().unwrap_or(host)) {
            Ok(host) if !below || matches!(host, Host::Domain(_)) => host.to_string(),
            _ => String::new(),
        };
        // A pattern of a whole top-level domain is no limit at all.
        if name.is_empty() || name.contains('*') || (below && !name.contains('.')) {
            return Err(format!(
                "expected a host without scheme, port and path, such as files.example.com or *.example.com, found `{text}`"
            ));
        }
        Ok(HostPattern { name, below })
    }
}

impl HostPattern {
    pub(crate) fn holds(&self, host: &str) -> bool {
        match self.below {
            true => is_below(host, &self.name),
            false => host == self.name,
        }
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for HostPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A host (files.example.com), or all below a domain (*.example.com).",
        })
    }
}

/// Whether a host is below a domain: of `example.com` that is `a.example.com`, and not itself.
pub(crate) fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .and_then(|host| host.strip_suffix('.'))
        .is_some_and(|host| !host.is_empty())
}

/// Why an address is not used: its host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is none of those that data may go to.
    #[error("data may not go to the host {host}: {}", words.unexpected)]
    Unexpected {
        /// The host.
        host: String,
        /// What to say of it.
        words: Words,
    },
    /// It is this machine, or one of its own network.
    #[error(
        "data may not go to the host {host}: {}; {}",
        if address.is_empty() { "it is this machine or one in its network".to_owned() } else { format!("its address {address} is this machine's or its network's") },
        words.private
    )]
    Private {
        /// The host.
        host: String,
        /// What its name stands for; empty where the name says it itself.
        address: String,
        /// What to do about it.
        words: Words,
    },
}

/// What the user is told of a host that is refused: why, and the setting that would allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Of a host that was not to be expected.
    pub unexpected: &'static str,
    /// Of one in this machine's network.
    pub private: &'static str,
}

/// The hosts that data may go to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<Inner>);

struct Inner {
    /// The host that hands them out.
    own: String,
    /// It is this machine, so what it hands out may be, too.
    local: bool,
    expected: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Hosts of this machine's network are fine.
    private: bool,
    words: Words,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts")
            .field("own", &self.own)
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

impl Hosts {
    /// The host of the server `own` that hands out the addresses, and those that are `expected`, a name in lower case;
    /// none of them in the network of this machine, unless `private`.
    pub(crate) fn new(
        own: &Url,
        expected: impl Fn(&str) -> bool + Send + Sync + 'static,
        private: bool,
        words: Words,
    ) -> Hosts {
        Hosts(Arc::new(Inner {
            own: host(own),
            local: is_loopback(own),
            expected: Box::new(expected),
            private,
            words,
        }))
    }

    /// Whether an address may be used, as far as it says itself.
    ///
    /// # Errors
    /// Names the host, and the setting that would allow it.
    pub fn check(&self, url: &Url) -> Result<(), HostError> {
        let host = host(url);
        let address = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        let this_machine = is_loopback(url);
        if self.is_own(&host) || (this_machine && self.0.local) {
            return Ok(());
        }
        if !self.0.private && (this_machine || address.is_some_and(|ip| !is_public(ip))) {
            return Err(HostError::Private {
                host,
                address: String::new(),
                words: self.0.words,
            });
        }
        match self.is_expected(&host) {
            true => Ok(()),
            false => Err(HostError::Unexpected {
                host,
                words: self.0.words,
            }),
        }
    }

    fn is_own(&self, host: &str) -> bool {
        host == self.0.own
    }

    fn is_expected(&self, host: &str) -> bool {
        (self.0.expected)(host)
    }

    /// Of what a name stands for, the addresses that may be connected to. The names of proxies come here as well:
    /// they are the user's own, and were not handed out.
    pub(crate) fn filter(
        &self,
        name: &str,
        found: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, HostError> {
        let host = normal(name);
        if self.0.private || self.is_own(&host) || !self.is_expected(&host) {
            return Ok(found);
        }
        let first = found.first().map(SocketAddr::ip);
        let public: Vec<_> = found.into_iter().filter(|a| is_public(a.ip())).collect();
        match first {
            Some(ip) if public.is_empty() => Err(HostError::Private {
                host,
                address: ip.to_string(),
                words: self.0.words,
            }),
            _ => Ok(public),
        }
    }
}

impl Resolve for Hosts {
    fn resolve(&self, name: Name) -> Resolving {
        let hosts = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found = hosts.filter(name.as_str(), found.collect())?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The name of a URL's host.
pub(crate) fn host(url: &Url) -> String {
    url.host_str().map(normal).unwrap_or_default()
}

/// A host's name without the dot that may end it.
fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether an error is about a host that must not be connected to.
pub(super) fn is_refused(error: &(dyn Error + 'static)) -> bool {
    error.is::<HostError>()
}

/// Whether an address is out in the world: none of this machine, its network segment, a private network, or one
/// that leads to such an IPv4 address (RFC 6890, and RFC 6052 and 3056 for what embeds one).
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 224;
    !(special || ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // ::, ::1, IPv4-compatible and IPv4-mapped
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => embedded(high, low),
        // NAT64 and 6to4
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, 1, ..] => false,
        [0x2002, high, low, ..] => embedded(high, low),
        // documentation
        [0x2001, 0xdb8, ..] => false,
        // unique local, link-local and site-local, multicast
        [first, ..] => {
            (first & 0xfe00) != 0xfc00 && (first & 0xff80) != 0xfe80 && (first & 0xff00) != 0xff00
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        #[track_caller]
        fn good(text: &str, hosts: &[&str], others: &[&str]) {
            let pattern: HostPattern = text.parse().unwrap();
            assert!(hosts.iter().all(|host| pattern.holds(host)), "{text}");
            assert!(!others.iter().any(|host| pattern.holds(host)), "{text}");
        }
        good("Files.example", &["files.example"], &["a.files.example"]);
        good(
            "*.example.com",
            &["a.example.com", "b.a.example.com"],
            &["example.com", "notexample.com"],
        );
        good("minio", &["minio"], &["a.minio"]);
        good("[fd00::1]", &["[fd00::1]"], &[]);
        for bad in [
            "",
            "*",
            "*.",
            "*.com",
            "a.*",
            "https://a.example",
            "a.example/b",
            "a.example:9000",
            "*.10.0.0.1",
            "a b",
        ] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_out_in_the_world() {
        for ip in [
            "1.1.1.1",
            "52.218.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:db8::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
