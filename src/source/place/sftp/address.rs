//! `sftp://user@host:port/path`: read without what URLs do to paths, because `?`, `#` and `..` stand in names and patterns.

use std::fmt;

use url::Host;

/// Where SSH is, unless the address says otherwise.
const PORT: u16 = 22;

/// What is wrong with an address, and what to do.
pub(crate) type Wrong = (&'static str, &'static str);

/// Who is let in where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Login {
    pub(crate) user: String,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A file at a server, or a pattern of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    login: Login,
    /// With `/` at its end; empty for the home folder.
    pub(crate) folder: String,
    pub(crate) last: Last,
}

/// The last part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Name(String),
    /// What the names of files match, and how it was written.
    Pattern(glob::Pattern, String),
}

impl Login {
    /// `host`, or `[host]:port` where the port is another than SSH's own: as it stands in lists of known hosts.
    pub(crate) fn named(&self) -> String {
        match self.port {
            PORT => self.host.clone(),
            port => format!("[{}]:{port}", self.host),
        }
    }
}

/// Without the user, who is nobody else's business.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Login { host, port, .. } = self;
        match host.contains(':') {
            true => write!(f, "sftp://[{host}]")?,
            false => write!(f, "sftp://{host}")?,
        }
        match *port {
            PORT => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = match &self.last {
            Last::Name(name) => name,
            Last::Pattern(_, written) => written,
        };
        f.write_str(&shown(&self.login, &format!("{}{last}", self.folder)))
    }
}

/// A path at a server, as it is called in messages.
pub(crate) fn shown(login: &Login, path: &str) -> String {
    match path.starts_with('/') {
        true => format!("{login}{path}"),
        false => format!("{login}/~/{path}"),
    }
}

/// Whether a text is an address of this kind.
pub(crate) fn is_address(text: &str) -> bool {
    after_scheme(text).is_some()
}

fn after_scheme(text: &str) -> Option<&str> {
    let scheme = text.get(..7)?;
    scheme.eq_ignore_ascii_case("sftp://").then(|| &text[7..])
}

impl Address {
    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// Whether several files may be meant.
    pub(crate) fn is_pattern(&self) -> bool {
        matches!(self.last, Last::Pattern(..))
    }

    /// Reads an address.
    ///
    /// # Errors
    /// Says what is wrong, and never repeats the address: it may hold a password.
    pub(crate) fn read(text: &str) -> Result<Address, Wrong> {
        let rest = after_scheme(text).ok_or(("not an address that begins with `sftp://`", ""))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let login = login(authority)?;
        let (folder, last) = match path.rsplit_once('/') {
            Some((folder, last)) => (format!("{folder}/"), last),
            None => (String::new(), path),
        };
        let home = ["~/", "./"];
        let folder = match home.iter().find_map(|home| folder.strip_prefix(home)) {
            Some(below) => below.to_owned(),
            None => format!("/{folder}"),
        };
        if has_pattern(&folder) {
            return Err((
                "a pattern can stand in the last part of an SFTP path alone",
                "name the folder; write %2A, %3F or %5B for the characters `*`, `?` and `[` themselves",
            ));
        }
        Ok(Address {
            login,
            folder: decoded(&folder, false)?,
            last: name(last)?,
        })
    }
}

fn login(authority: &str) -> Result<Login, Wrong> {
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) if !user.is_empty() => (user, place),
        _ => {
            return Err((
                "the address does not say who logs in",
                "write `sftp://user@host/path`",
            ));
        }
    };
    if user.contains(':') {
        return Err((
            "the address holds a password, which would be read by everybody who sees this file",
            "leave it out, and say where it is found: `sftp: { password: { env: NAME } }`",
        ));
    }
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    };
    let host = Host::parse(host).map_err(|_| ("the address has no valid host", ""))?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let port = match port.map(|text| (digits(text), text.parse())) {
        None => PORT,
        Some((true, Ok(port))) if port > 0 => port,
        Some(_) => return Err(("the port is not a number from 1 to 65535", "")),
    };
    Ok(Login {
        user: decoded(user, false)?,
        host: match host {
            Host::Domain(name) => name.trim_end_matches('.').to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        },
        port,
    })
}

fn name(written: &str) -> Result<Last, Wrong> {
    if has_pattern(written) {
        let pattern = glob::Pattern::new(&decoded(written, true)?).map_err(|_| {
            (
                "not a pattern of file names",
                "write `%5B` for the character `[`",
            )
        })?;
        return Ok(Last::Pattern(pattern, written.to_owned()));
    }
    match decoded(written, false)?.as_str() {
        "" | "~" | "." | ".." => Err((
            "the address names a folder",
            "name a file in it, or a pattern such as `sftp://user@host/folder/*.csv`",
        )),
        name => Ok(Last::Name(name.to_owned())),
    }
}

fn has_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A text in which `%20` and the like stand for characters. Within a pattern these mean themselves.
fn decoded(text: &str, in_pattern: bool) -> Result<String, Wrong> {
    const PERCENT: Wrong = (
        "`%` is followed by two hexadecimal digits in an address",
        "write %25 for the character `%` itself",
    );
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).ok_or(PERCENT)?;
        let is_hex = code.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u8::from_str_radix(code, 16).map_err(|_| PERCENT)?;
        match code {
            _ if !is_hex => return Err(PERCENT),
            b'*' | b'?' | b'[' | b']' if in_pattern => bytes.extend([b'[', code, b']']),
            code => bytes.push(code),
        }
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => Err(("an address cannot hold a NUL character", "")),
        Ok(text) => Ok(text),
        Err(_) => Err(("the address is not UTF-8", "")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses() {
        #[track_caller]
        fn check(text: &str, expected: (&str, &str, u16, &str, &str)) {
            let address = Address::read(text).unwrap();
            let last = match &address.last {
                Last::Name(name) => name.clone(),
                Last::Pattern(pattern, _) => format!("pattern {pattern}"),
            };
            let Login { user, host, port } = &address.login;
            let got = (&**user, &**host, *port, &*address.folder, &*last);
            assert_eq!(got, expected, "{text}");
        }
        check("sftp://hr@h/a.csv", ("hr", "h", 22, "/", "a.csv"));
        check("SFTP://hr@H:22/a.csv", ("hr", "h", 22, "/", "a.csv"));
        check(
            "sftp://hr@files.example:2222/out/day/a b.csv",
            ("hr", "files.example", 2222, "/out/day/", "a b.csv"),
        );
        check("sftp://hr@h/~/a.csv", ("hr", "h", 22, "", "a.csv"));
        check("sftp://hr@h/./in/a.csv", ("hr", "h", 22, "in/", "a.csv"));
        check("sftp://hr@h/../a.csv", ("hr", "h", 22, "/../", "a.csv"));
        check("sftp://hr@h//a.csv", ("hr", "h", 22, "//", "a.csv"));
        check("sftp://a@b@[::1]:23/a#1", ("a@b", "::1", 23, "/", "a#1"));
        check("sftp://a%40b@[::1]/a", ("a@b", "::1", 22, "/", "a"));
        check("sftp://hr@10.0.0.8/a", ("hr", "10.0.0.8", 22, "/", "a"));
        check(
            "sftp://hr@bücher.example./a",
            ("hr", "xn--bcher-kva.example", 22, "/", "a"),
        );
        check(
            "sftp://hr@h/d/w-*.csv",
            ("hr", "h", 22, "/d/", "pattern w-*.csv"),
        );
        check(
            "sftp://hr@h/%2A/%2Aa%25.csv",
            ("hr", "h", 22, "/*/", "*a%.csv"),
        );
        check(
            "sftp://hr@h/[ab]%5B?",
            ("hr", "h", 22, "/", "pattern [ab][[]?"),
        );
    }

    #[test]
    fn refused() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(Address::read(text).unwrap_err().0, expected, "{text}");
        }
        let who = "the address does not say who logs in";
        check("sftp://h/a.csv", who);
        check("sftp://@h/a.csv", who);
        let password =
            "the address holds a password, which would be read by everybody who sees this file";
        check("sftp://hr:secret@h/a.csv", password);
        check("sftp://hr:@h/a.csv", password);
        let host = "the address has no valid host";
        check("sftp://hr@/a.csv", host);
        check("sftp://hr@a b/a.csv", host);
        check("sftp://hr@[::1/a.csv", host);
        check("sftp://hr@::1/a.csv", host);
        let port = "the port is not a number from 1 to 65535";
        for bad in ["", "0", "65536", "ssh", "+22"] {
            check(&format!("sftp://hr@h:{bad}/a.csv"), port);
        }
        let folder = "the address names a folder";
        for bad in ["", "/", "/out/", "/~", "/~/", "/.", "/a/.."] {
            check(&format!("sftp://hr@h{bad}"), folder);
        }
        check("sftp://hr@h/a[.csv", "not a pattern of file names");
        check(
            "sftp://hr@h/*/a.csv",
            "a pattern can stand in the last part of an SFTP path alone",
        );
        let percent = "`%` is followed by two hexadecimal digits in an address";
        for bad in ["%", "%2", "%zz", "100%.csv", "%+1", "%é"] {
            check(&format!("sftp://hr@h/{bad}"), percent);
        }
        check("sftp://hr@h/%FF", "the address is not UTF-8");
        check("sftp://hr@h/%00", "an address cannot hold a NUL character");
        check("https://h/a", "not an address that begins with `sftp://`");
    }

    #[test]
    fn shown_without_the_user() {
        for (text, expected) in [
            ("sftp://hr@h/d/a.csv", "sftp://h/d/a.csv"),
            ("sftp://hr@h:2222/~/w-*.csv", "sftp://h:2222/~/w-*.csv"),
            ("sftp://hr@[::1]:22/a", "sftp://[::1]/a"),
        ] {
            assert_eq!(Address::read(text).unwrap().to_string(), expected);
        }
    }

    proptest! {
        /// Whatever is written, there is an answer, and what is understood means the same when it is shown.
        #[test]
        fn any_text(text in "(sftp://)?[a-z@:/\\[\\]%*?~.0-9é ]{0,30}") {
            if let Ok(address) = Address::read(&text) {
                let user = format!("//{}@", address.login.user);
                let shows = address.to_string().contains(&user);
                prop_assert!(!shows);
                prop_assert!(!address.folder.contains('\0'));
            }
        }
    }
}
