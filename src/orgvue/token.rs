//! What an API token says of itself: it is a JWT, whose middle part anybody can read. Nothing of it is believed but
//! its dates and the networks that it may be used from, and none of its text is ever shown.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// How far this machine's clock may be behind before a token counts as one that is not good yet.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Members that may hold the networks: the token page calls the field *Subnets*, and what it is called in the token is
/// not documented.
const SUBNETS: [&str; 4] = ["subnets", "Subnets", "subnet", "allowedSubnets"];

/// What a token says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    not_before: Option<Timestamp>,
    expires: Option<Timestamp>,
    subnets: Vec<Subnet>,
}

/// Why a token can't be used, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Its time is over.
    #[error(
        "the API token has expired, on {0} by its own word; make a new one on the tenant's Tokens page. Nothing was sent"
    )]
    Expired(Timestamp),
    /// Its time has not come.
    #[error(
        "the API token is good only from {0} on, by its own word; wait for it, or make one that is valid now. Nothing \
         was sent"
    )]
    NotBefore(Timestamp),
}

/// How a token stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is good for as long as it is needed.
    Good,
    /// It is good, and ends before it may be needed for the last time.
    EndsAt(Timestamp),
    /// It is good only from then on.
    NotBefore(Timestamp),
    /// It was good until then.
    Expired(Timestamp),
    /// It says nothing of dates.
    NoDates,
}

/// Whether a token may be used from an address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It names no networks.
    Anywhere,
    Within,
    Outside,
    /// The address is one of a network behind a gateway, and the server sees another.
    Unknown,
}

impl Claims {
    /// Reads a token; nothing where it is not a JWT.
    pub fn of(token: &SecretString) -> Option<Claims> {
        let mut parts = token.expose_secret().split('.');
        let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        claims.is_object().then(|| Claims {
            not_before: moment(claims.get("nbf")),
            expires: moment(claims.get("exp")),
            subnets: subnets(&claims),
        })
    }

    /// How it stands `now`, where it is needed for so long.
    pub fn standing(&self, now: Timestamp, needed: Duration) -> Standing {
        // A wait without end is one that no token outlives.
        let last = SignedDuration::try_from(needed)
            .ok()
            .and_then(|needed| now.checked_add(needed).ok())
            .unwrap_or(Timestamp::MAX);
        match (self.not_before, self.expires) {
            (_, Some(end)) if end <= now => Standing::Expired(end),
            (Some(begin), _) if begin.duration_since(now) > SKEW => Standing::NotBefore(begin),
            (_, Some(end)) if end <= last => Standing::EndsAt(end),
            (None, None) => Standing::NoDates,
            _ => Standing::Good,
        }
    }

    /// Whether it may be used from `own`, the address that this machine reaches the API from.
    pub fn reach(&self, own: Option<IpAddr>) -> Reach {
        match own {
            _ if self.subnets.is_empty() => Reach::Anywhere,
            Some(own) if self.subnets.iter().any(|subnet| subnet.holds(own)) => Reach::Within,
            Some(own) if is_public(own) => Reach::Outside,
            _ => Reach::Unknown,
        }
    }
}

/// A moment in seconds since the beginning of 1970, whole or not.
fn moment(value: Option<&Value>) -> Option<Timestamp> {
    let value = value?;
    let seconds = value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
    // Years of more than four digits are as good as no end.
    Timestamp::from_second(seconds).ok()
}

fn subnets(claims: &Value) -> Vec<Subnet> {
    let texts = |value: &Value| -> Vec<String> {
        match value {
            Value::String(text) => text.split(',').map(str::to_owned).collect(),
            Value::Array(list) => list
                .iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    };
    let found = SUBNETS.iter().find_map(|name| claims.get(*name));
    let texts = found.map(texts).unwrap_or_default();
    texts.iter().filter_map(|text| Subnet::read(text)).collect()
}

/// A network in CIDR notation, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subnet {
    address: IpAddr,
    bits: u8,
}

impl Subnet {
    fn read(text: &str) -> Option<Subnet> {
        let text = text.trim();
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.trim().parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Subnet { address, bits })
    }

    fn holds(&self, other: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let rest = width - u32::from(self.bits);
            rest == width || a >> rest == b >> rest
        };
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// Whether the world sees this address as it is: it is not one of a private network.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> SecretString {
        let claims = URL_SAFE_NO_PAD.encode(claims);
        format!("eyJhbGciOiJIUzI1NiJ9.{claims}.CANARY").into()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn dates() {
        let now = at("2026-11-26T20:00:00Z");
        let check = |claims: &str, expected: Standing| {
            let claims = Claims::of(&token(claims)).unwrap();
            let found = claims.standing(now, Duration::from_secs(30 * 60));
            assert_eq!(found, expected, "{claims:?}");
        };
        let second = now.as_second();
        check("{}", Standing::NoDates);
        check(r#"{"sub":"x","exp":null}"#, Standing::NoDates);
        check(r#"{"exp":"tomorrow"}"#, Standing::NoDates);
        check(&format!(r#"{{"exp":{second}}}"#), Standing::Expired(now));
        let before = at("2026-11-26T19:59:59Z");
        check(
            &format!(r#"{{"exp":{}}}"#, second - 1),
            Standing::Expired(before),
        );
        let at_end = at("2026-11-26T20:30:00Z");
        check(
            &format!(r#"{{"exp":{}}}"#, second + 1800),
            Standing::EndsAt(at_end),
        );
        check(
            &format!(r#"{{"exp":{}.9}}"#, second + 1800),
            Standing::EndsAt(at_end),
        );
        check(&format!(r#"{{"exp":{}}}"#, second + 1801), Standing::Good);
        check(r#"{"exp":99999999999999}"#, Standing::NoDates);
        check(&format!(r#"{{"nbf":{}}}"#, second - 1), Standing::Good);
        // This machine's clock may be a little behind.
        check(&format!(r#"{{"nbf":{}}}"#, second + 60), Standing::Good);
        check(
            &format!(r#"{{"nbf":{}}}"#, second + 61),
            Standing::NotBefore(at("2026-11-26T20:01:01Z")),
        );
        let both = format!(r#"{{"nbf":{},"exp":{}}}"#, second + 99, second - 1);
        check(&both, Standing::Expired(before));
    }

    #[test]
    fn a_wait_without_end_is_outlived_by_no_token() {
        let now = at("2026-11-26T20:00:00Z");
        let claims = Claims::of(&token(r#"{"exp":4000000000}"#)).unwrap();
        let found = claims.standing(now, Duration::MAX);
        assert!(matches!(found, Standing::EndsAt(_)));
    }

    #[test]
    fn what_is_not_a_jwt() {
        for text in [
            "",
            "abc",
            "a.b",
            "a.b.c",
            "a.e30",
            "a.e30.c.d",
            "a.W10.c",
            "a.!!.c",
            "..",
        ] {
            assert_eq!(Claims::of(&text.into()), None, "{text}");
        }
        for text in ["a.e30.c", "a.e30=.c", "a.e30."] {
            assert_eq!(Claims::of(&text.into()), Some(Claims::default()), "{text}");
        }
    }

    #[test]
    fn networks() {
        let check = |claims: &str, own: &str, expected: Reach| {
            let claims = Claims::of(&token(claims)).unwrap();
            let own = (!own.is_empty()).then(|| own.parse().unwrap());
            assert_eq!(claims.reach(own), expected, "{claims:?} {own:?}");
        };
        check("{}", "8.8.8.8", Reach::Anywhere);
        check(r#"{"subnets":""}"#, "8.8.8.8", Reach::Anywhere);
        let list = r#"{"subnets":"203.0.113.0/24, 8.8.8.8"}"#;
        check(list, "203.0.113.255", Reach::Within);
        check(list, "203.0.114.0", Reach::Outside);
        check(list, "8.8.8.8", Reach::Within);
        check(list, "::ffff:8.8.8.8", Reach::Within);
        check(list, "2001:db8::1", Reach::Outside);
        check(list, "10.1.2.3", Reach::Unknown);
        check(list, "100.64.0.1", Reach::Unknown);
        check(list, "127.0.0.1", Reach::Unknown);
        check(list, "fd00::1", Reach::Unknown);
        check(list, "", Reach::Unknown);
        let list = r#"{"Subnets":["10.0.0.0/8","2001:db8::/32"]}"#;
        check(list, "10.1.2.3", Reach::Within);
        check(list, "2001:db8:ffff::1", Reach::Within);
        check(list, "2001:db9::1", Reach::Outside);
        check(r#"{"subnets":["0.0.0.0/0"]}"#, "1.2.3.4", Reach::Within);
        check(r#"{"subnets":["::/0"]}"#, "2001:db8::1", Reach::Within);
        // What can't be read limits nothing that we know of.
        check(
            r#"{"subnets":["1.2.3.4/33", "x"]}"#,
            "8.8.8.8",
            Reach::Anywhere,
        );
    }
}
