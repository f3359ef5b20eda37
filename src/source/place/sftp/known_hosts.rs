//! Which keys a server is known by: OpenSSH's `known_hosts`, read as OpenSSH reads it. Plain functions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::address::Login;

/// What the list of known hosts says of a server's key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Known,
    /// It knows nothing of this server.
    Unknown,
    /// It knows the server by keys of other kinds, the first of them on this line.
    OtherKind {
        line: usize,
    },
    /// It knows the server by another key of this kind.
    Changed {
        line: usize,
    },
    /// It says that this key must not be trusted any more.
    Revoked {
        line: usize,
    },
    /// It knows who signs the server's certificate, and nothing of its key.
    Authority {
        line: usize,
    },
}

/// A line that says something of a server.
struct Entry {
    line: usize,
    marker: Marker,
    key: PublicKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
    Authority,
}

/// What a list says of the key of a server.
pub(super) fn trust(list: &str, login: &Login, key: &PublicKey) -> Trust {
    let trust = trust_in(list, &login.named(), key);
    // A server at a port of its own has the key of its host, as for OpenSSH.
    let by_host = || trust_in(list, &login.host, key) == Trust::Known;
    match trust {
        Trust::Unknown | Trust::OtherKind { .. } if login.named() != login.host && by_host() => {
            Trust::Known
        }
        trust => trust,
    }
}

fn trust_in(list: &str, name: &str, key: &PublicKey) -> Trust {
    let entries: Vec<Entry> = entries(list, name).collect();
    let line = |wanted: &dyn Fn(&Entry) -> bool| {
        let found = entries.iter().find(|entry| wanted(entry));
        found.map(|entry| entry.line)
    };
    let same = |entry: &Entry| entry.key.key_data() == key.key_data();
    let plain = |entry: &Entry| entry.marker == Marker::None;
    let kind = |entry: &Entry| is_same_kind(&entry.key.algorithm(), &key.algorithm());
    if let Some(line) = line(&|entry| entry.marker == Marker::Revoked && same(entry)) {
        Trust::Revoked { line }
    } else if line(&|entry| plain(entry) && same(entry)).is_some() {
        Trust::Known
    } else if let Some(line) = line(&|entry| plain(entry) && kind(entry)) {
        Trust::Changed { line }
    } else if let Some(line) = line(&plain) {
        Trust::OtherKind { line }
    } else if let Some(line) = line(&|entry| entry.marker == Marker::Authority) {
        Trust::Authority { line }
    } else {
        Trust::Unknown
    }
}

/// The algorithms with those first by whose keys the server is known: of its keys, it shows the one that is asked for first.
pub(super) fn known_first(list: &str, login: &Login, all: &[Algorithm]) -> Vec<Algorithm> {
    let known: Vec<Algorithm> = [login.named(), login.host.clone()]
        .iter()
        .flat_map(|name| entries(list, name))
        .filter(|entry| entry.marker == Marker::None)
        .map(|entry| entry.key.algorithm())
        .collect();
    let mut sorted = all.to_vec();
    sorted.sort_by_key(|one| !known.iter().any(|known| is_same_kind(known, one)));
    sorted
}

/// A line that makes a key known.
pub(super) fn line(login: &Login, key: &PublicKey) -> String {
    let key = PublicKey::from(key.key_data().clone());
    let key = key.to_openssh().unwrap_or_default();
    format!("{} {key}", login.named())
}

/// `SHA256:...`, as OpenSSH shows it.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether both are signed with keys of one kind. RSA keys sign in several ways.
fn is_same_kind(a: &Algorithm, b: &Algorithm) -> bool {
    a == b || matches!((a, b), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }))
}

/// The lines that say something of a name. What is not a line of this kind, or a kind of key that nobody here knows, says
/// nothing.
fn entries<'a>(list: &'a str, name: &'a str) -> impl Iterator<Item = Entry> + 'a {
    list.lines().enumerate().filter_map(move |(at, text)| {
        let mut words = text.split_ascii_whitespace().peekable();
        let marker = match *words.peek()? {
            "@revoked" => Marker::Revoked,
            "@cert-authority" => Marker::Authority,
            word if word.starts_with(['#', '@']) => return None,
            _ => Marker::None,
        };
        if marker != Marker::None {
            words.next();
        }
        let hosts = words.next()?;
        if !is_among(hosts, name) {
            return None;
        }
        let key = format!("{} {}", words.next()?, words.next()?);
        Some(Entry {
            line: at + 1,
            marker,
            key: PublicKey::from_openssh(&key).ok()?,
        })
    })
}

/// Whether a name is among hosts: `a,b`, `*.example.com,!c.example.com`, or hashed.
fn is_among(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return is_hashed(hashed, name).unwrap_or(false);
    }
    let matches = |pattern: &str| {
        // `[` begins a port here, and there are no other patterns than these.
        let pattern = pattern.to_ascii_lowercase().replace('[', "[[]");
        glob::Pattern::new(&pattern).is_ok_and(|pattern| pattern.matches(name))
    };
    let (but, of): (Vec<&str>, Vec<&str>) = hosts.split(',').partition(|one| one.starts_with('!'));
    of.into_iter().any(matches) && !but.into_iter().any(|one| matches(&one[1..]))
}

/// Whether `salt|hash` is of this name.
fn is_hashed(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let salt = STANDARD.decode(salt).ok()?;
    let hash = STANDARD.decode(hash).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use russh::keys::EcdsaCurve;

    use super::*;

    // Made for these tests.
    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const ANOTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHhBq4sBeVrYVvVzxtkZMOAW6VxVLtTbZbUVjZ0HC5MzSZz5rHcfhvHZJ8MSOcVnXr1dcKrJNSDjCHyGWQ8+OfE=";

    fn login(host: &str, port: u16) -> Login {
        Login {
            user: "hr".to_owned(),
            host: host.to_owned(),
            port,
        }
    }

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    #[test]
    fn trusted_or_not() {
        #[track_caller]
        fn check(list: &str, host: &str, port: u16, expected: Trust) {
            let list = list.replace("ED", ED25519).replace("ANOTHER", ANOTHER);
            assert_eq!(trust(&list, &login(host, port), &key(ED25519)), expected);
        }
        use Trust::*;
        check("", "h", 22, Unknown);
        check("h ED", "h", 22, Known);
        check("h ED and a comment # or two", "h", 22, Known);
        check("  h\t\tED\r\n", "h", 22, Known);
        check("H.Example,10.0.0.1 ED", "h.example", 22, Known);
        check("a,b,h ED", "h", 22, Known);
        check("# h ED", "h", 22, Unknown);
        check("hh ED\nah ED", "h", 22, Unknown);
        check("h ANOTHER", "h", 22, Changed { line: 1 });
        check("# a list\n\nh ANOTHER", "h", 22, Changed { line: 3 });
        // A server may have an old key and a new one.
        check("h ANOTHER\nh ED", "h", 22, Known);
        check("[h]:2222 ED", "h", 2222, Known);
        check("[h]:2222 ED", "h", 22, Unknown);
        check("[h]:2222 ED", "h", 2223, Unknown);
        // The host is known, at whichever port.
        check("h ED", "h", 2222, Known);
        check("h ANOTHER", "h", 2222, Unknown);
        check("[h]:2222 ANOTHER\nh ED", "h", 2222, Changed { line: 1 });
        check("::1 ED", "::1", 22, Known);
        check("[::1]:2222 ED", "::1", 2222, Known);
        // Patterns.
        check("*.example ED", "h.example", 22, Known);
        check("*.example ED", "example", 22, Unknown);
        check("h? ED", "h1", 22, Known);
        check("* ED", "h", 2222, Known);
        check("[*.example]:2222 ED", "h.example", 2222, Known);
        check("*.example,!h.example ED", "h.example", 22, Unknown);
        check("!h.example,*.example ED", "h.example", 22, Unknown);
        check("!a.example ED", "h.example", 22, Unknown);
        // Markers.
        check("@revoked * ED\nh ED", "h", 22, Revoked { line: 1 });
        check("h ED\n@revoked h ANOTHER", "h", 22, Known);
        check(
            "@cert-authority *.example ED",
            "h.example",
            22,
            Authority { line: 1 },
        );
        check("@cert-authority h ANOTHER\nh ED", "h", 22, Known);
        check("@unheard-of h ED", "h", 22, Unknown);
        // What is not a line of this kind.
        check("h", "h", 22, Unknown);
        check("h ssh-ed25519", "h", 22, Unknown);
        check("h ssh-ed25519 AAAA", "h", 22, Unknown);
        check("h 1024 37 1590", "h", 22, Unknown);
        check("h ssh-ed25519 !!!\nh ED", "h", 22, Known);
    }

    #[test]
    fn hashed_names() {
        // By OpenSSH's `ssh-keygen -H`.
        let check = |name: &str, host: &str, port: u16| {
            let salt = [7; 20];
            let hash = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
            let hash = hmac::sign(&hash, name.as_bytes());
            let (salt, hash) = (STANDARD.encode(salt), STANDARD.encode(hash));
            let list = format!("|1|{salt}|{hash} {ED25519}");
            trust(&list, &login(host, port), &key(ED25519))
        };
        assert_eq!(check("h", "h", 22), Trust::Known);
        assert_eq!(check("[h]:2222", "h", 2222), Trust::Known);
        assert_eq!(check("a", "h", 22), Trust::Unknown);
        // From another implementation's tests.
        let list = "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak= ssh-ed25519 \
            AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";
        let known = key(list.split_once(' ').unwrap().1);
        assert_eq!(trust(list, &login("example.com", 22), &known), Trust::Known);
        for broken in ["|1|", "|1||", "|1|a|b", "|2|O33E|nuu="] {
            let list = format!("{broken} {ED25519}");
            let trust = trust(&list, &login("h", 22), &key(ED25519));
            assert_eq!(trust, Trust::Unknown, "{broken}");
        }
    }

    #[test]
    fn the_kind_that_is_known_comes_first() {
        let ecdsa = Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        };
        let rsa = |hash| Algorithm::Rsa { hash };
        let all = [
            Algorithm::Ed25519,
            ecdsa.clone(),
            rsa(Some(HashAlg::Sha512)),
            rsa(Some(HashAlg::Sha256)),
        ];
        let sorted = |list: &str| known_first(list, &login("h", 2222), &all);
        assert_eq!(sorted(""), all);
        assert_eq!(sorted(&format!("a {ECDSA}")), all);
        let first = |list: &str| sorted(list).swap_remove(0);
        assert_eq!(first(&format!("[h]:2222 {ECDSA}")), ecdsa);
        assert_eq!(first(&format!("h {ECDSA}")), ecdsa);
        let other = trust(&format!("h {ECDSA}"), &login("h", 22), &key(ED25519));
        assert_eq!(other, Trust::OtherKind { line: 1 });
    }

    #[test]
    fn the_line_to_add_makes_it_known() {
        let with_comment = key(&format!("{ED25519} root@host"));
        for login in [login("h", 22), login("h", 2222), login("::1", 22)] {
            let line = line(&login, &with_comment);
            assert_eq!(line, format!("{} {ED25519}", login.named()));
            assert_eq!(trust(&line, &login, &with_comment), Trust::Known);
        }
        assert!(fingerprint(&with_comment).starts_with("SHA256:"));
    }
}
