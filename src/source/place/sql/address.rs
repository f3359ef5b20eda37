//! The address of a database, which is a secret, and how its server is trusted.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::source::place::remote::error::RemoteError;

/// The address of a database as it is written, and nothing else, as its parts may be those of a password.
const NOT_AN_ADDRESS: &str = "the address of source.sql.url is not `postgres://user:password@host/database`: of the \
    characters of a user or password, `%`, `/`, `?`, `#`, `@` and `:` are written as `%25`, `%2F`, `%3F`, `%23`, `%40` and `%3A`";

/// How far a server must be who it is taken for; as libpq has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Nothing is encrypted.
    Disable,
    /// Encrypted where the server can.
    Prefer,
    /// Encrypted.
    Require,
    /// Encrypted, and vouched for.
    VerifyCa,
    /// Encrypted, and vouched for by this name.
    VerifyFull,
}

impl Trust {
    const WORDS: [(&'static str, Trust); 6] = [
        ("disable", Trust::Disable),
        ("allow", Trust::Prefer),
        ("prefer", Trust::Prefer),
        ("require", Trust::Require),
        ("verify-ca", Trust::VerifyCa),
        ("verify-full", Trust::VerifyFull),
    ];
}

/// The address of a database.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    trust: Trust,
    /// Who vouches for servers, instead of those whom the system trusts.
    root: Option<String>,
}

/// As a database is called in messages.
pub(super) fn name(url: &SecretString) -> Option<String> {
    let address = Address::parse(url).ok()?;
    let host = address.host();
    Some(match address.config.get_dbname() {
        Some(database) => format!("postgres://{host}/{database}"),
        None => format!("postgres://{host}"),
    })
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, and nothing of it.
    pub(super) fn parse(url: &SecretString) -> Result<Address, RemoteError> {
        let wrong = || RemoteError::Setting(NOT_AN_ADDRESS.to_owned());
        let written = url.expose_secret().trim();
        let (base, query) = written.split_once('?').unwrap_or((written, ""));
        if !(base.starts_with("postgres://") || base.starts_with("postgresql://")) {
            return Err(wrong());
        }
        let (mut trust, mut root, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", word)) => {
                    let known = Trust::WORDS.iter().find(|(known, _)| *known == word);
                    trust = Some(known.ok_or_else(unknown_mode)?.1);
                }
                Some(("sslrootcert", file)) => root = Some(decoded(file)),
                _ => rest.push(pair),
            }
        }
        let mut config: Config = match rest.as_slice() {
            [] => base.parse(),
            rest => format!("{base}?{}", rest.join("&")).parse(),
        }
        .map_err(|_| wrong())?;
        if config.get_hosts().is_empty() {
            return Err(wrong());
        }
        let is_local = config.get_hosts().iter().all(is_local);
        let trust = trust.unwrap_or(match is_local {
            true => Trust::Prefer,
            false => Trust::VerifyFull,
        });
        config.ssl_mode(match trust {
            Trust::Disable => SslMode::Disable,
            Trust::Prefer => SslMode::Prefer,
            Trust::Require | Trust::VerifyCa | Trust::VerifyFull => SslMode::Require,
        });
        let address = Address {
            config,
            // As libpq has it, who vouches is stated to be asked.
            trust: match (trust, &root) {
                (Trust::Require, Some(_)) => Trust::VerifyCa,
                _ => trust,
            },
            root,
        };
        if !is_local && address.trust < Trust::VerifyCa {
            tracing::warn!(
                "{}: the server is not checked, and may be another one; sslmode=verify-full in the address checks it",
                address.host()
            );
        }
        Ok(address)
    }

    /// The hosts, each with its port where that is not the usual one.
    pub(super) fn host(&self) -> String {
        let ports = self.config.get_ports();
        let shown = |(at, host): (usize, &Host)| {
            let host = match host {
                Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            match ports.get(at).or(ports.first()) {
                None | Some(5432) => host,
                Some(port) => format!("{host}:{port}"),
            }
        };
        let hosts = self.config.get_hosts().iter().enumerate().map(shown);
        hosts.collect::<Vec<_>>().join(",")
    }

    /// How a server is connected to.
    ///
    /// # Errors
    /// Nobody is there to vouch for it.
    pub(super) fn tls(&self) -> Result<MakeRustlsConnect, RemoteError> {
        let provider = Arc::new(ring::default_provider());
        let checks = match self.trust {
            Trust::Disable | Trust::Prefer | Trust::Require => Checks {
                inner: None,
                by_name: false,
                provider: provider.clone(),
            },
            Trust::VerifyCa | Trust::VerifyFull => Checks {
                inner: Some(self.vouching(&provider)?),
                by_name: self.trust == Trust::VerifyFull,
                provider: provider.clone(),
            },
        };
        let unusable = |error: Error| RemoteError::Unexpected(error.to_string());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(checks))
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    fn vouching(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, RemoteError> {
        let Some(file) = self.root.as_deref().filter(|file| *file != "system") else {
            let system = Verifier::new(provider.clone());
            return Ok(Arc::new(system.map_err(|error| {
                RemoteError::Setting(format!(
                    "{error}: sslrootcert=FILE in the address names who vouches for the server"
                ))
            })?));
        };
        let unreadable = |why: String| {
            RemoteError::Setting(format!(
                "the file {file} of sslrootcert does not hold certificates that can be used: {why}"
            ))
        };
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(file);
        for certificate in certificates.map_err(|error| unreadable(error.to_string()))? {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            let added = roots.add(certificate);
            added.map_err(|error| unreadable(error.to_string()))?;
        }
        let built = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
        let built = built
            .build()
            .map_err(|error| unreadable(error.to_string()))?;
        Ok(built)
    }
}

fn unknown_mode() -> RemoteError {
    RemoteError::Setting(
        "the address of source.sql.url has an unknown sslmode: expected disable, prefer, require, verify-ca or verify-full"
            .to_owned(),
    )
}

/// A value of the address' query.
fn decoded(value: &str) -> String {
    let pair = format!("v={value}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    // A plus is one in the address of a database.
    let plus = value.contains('+');
    match pairs.next() {
        Some((_, value)) if !plus => value.into_owned(),
        _ => value.to_owned(),
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

/// Whether a server's certificate is good enough.
#[derive(Debug)]
struct Checks {
    /// None where anybody will do.
    inner: Option<Arc<dyn ServerCertVerifier>>,
    by_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Checks {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        match inner.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.by_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, String> {
        Address::parse(&SecretString::from(url)).map_err(|error| error.to_string())
    }

    #[test]
    fn names_show_nobody_who_asks() {
        for (url, expected) in [
            (
                "postgres://u:CANARY@db.example/hr",
                "postgres://db.example/hr",
            ),
            (
                "postgresql://u:CANARY@db.example:5432/hr",
                "postgres://db.example/hr",
            ),
            (
                "postgres://u:CANARY@db.example:6432/hr?sslmode=require&application_name=x",
                "postgres://db.example:6432/hr",
            ),
            ("postgres://u:CANARY@[::1]:99/hr", "postgres://[::1]:99/hr"),
            ("postgres://u@localhost", "postgres://localhost"),
            ("postgres://u@%2Fvar%2Frun/hr", "postgres:///var/run/hr"),
            (" postgres://u:CANARY@a,b/hr\n", "postgres://a,b/hr"),
        ] {
            assert_eq!(name(&SecretString::from(url)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn trust_is_full_unless_stated_or_on_this_machine() {
        for (url, expected) in [
            ("postgres://u@db.example/hr", Trust::VerifyFull),
            ("postgres://u@localhost/hr", Trust::Prefer),
            ("postgres://u@127.0.0.2/hr", Trust::Prefer),
            ("postgres://u@localhost,db.example/hr", Trust::VerifyFull),
            ("postgres://u@%2Ftmp/hr", Trust::Prefer),
            ("postgres://u@db.example/hr?sslmode=disable", Trust::Disable),
            ("postgres://u@db.example/hr?sslmode=allow", Trust::Prefer),
            ("postgres://u@db.example/hr?sslmode=require", Trust::Require),
            (
                "postgres://u@db.example/hr?sslmode=require&sslrootcert=/ca.pem",
                Trust::VerifyCa,
            ),
            (
                "postgres://u@localhost/hr?sslmode=verify-full",
                Trust::VerifyFull,
            ),
        ] {
            assert_eq!(parse(url).unwrap().trust, expected, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_address() {
        for url in [
            "",
            "CANARY",
            "mysql://u:CANARY@h/d",
            "postgres://u:CANA?RY@h/d",
            "postgres://u:CANARY@h:port/d",
            "postgres://u@h/d?CANARY=1",
            "postgres:///d",
        ] {
            assert_eq!(parse(url).unwrap_err(), NOT_AN_ADDRESS, "{url}");
        }
        let error = parse("postgres://u@h/d?sslmode=CANARY").unwrap_err();
        assert!(error.contains("unknown sslmode") && !error.contains("CANARY"));
    }

    proptest::proptest! {
        #[test]
        fn any_address_is_read_or_refused(rest in ".{0,40}") {
            let url = format!("postgres://u:CANARY{rest}");
            if let Some(name) = name(&SecretString::from(url.as_str())) {
                proptest::prop_assert!(!name.contains("CANARY") || !rest.contains('@'), "{}", name);
            }
            let error = parse(&format!("{url}?sslmode=verify-full&x={rest}"));
            proptest::prop_assert!(!error.is_err_and(|error| error.contains("CANARY")));
        }
    }

    #[test]
    fn who_vouches_is_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca +.pem");
        let key = rcgen::generate_simple_self_signed(vec!["ca".to_owned()]).unwrap();
        std::fs::write(&file, key.cert.pem()).unwrap();
        let shown = file.display().to_string();
        let written = shown.replace(' ', "%20").replace('+', "%2B");
        let url = format!("postgres://u@h/d?sslrootcert={written}");
        parse(&url).unwrap().tls().unwrap();
        std::fs::write(&file, "none").unwrap();
        let error = parse(&url).unwrap().tls().err().unwrap();
        let expected = format!("the file {shown} of sslrootcert does not hold certificates");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
