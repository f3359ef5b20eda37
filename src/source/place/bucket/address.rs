//! Addresses of what is in buckets: `s3://bucket/folder/workers-*.csv`.
//!
//! Keys are written as the services' own tools take them: nothing in them is encoded.

use std::fmt;

/// Whose protocol a bucket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Google,
    Azure,
}

impl Service {
    /// By the word that an address begins with.
    pub(crate) fn of_scheme(scheme: &str) -> Option<Service> {
        let all = [Service::S3, Service::Google, Service::Azure];
        all.into_iter()
            .find(|service| scheme.eq_ignore_ascii_case(service.scheme()))
    }

    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::Google => "gs",
            Service::Azure => "az",
        }
    }

    /// Whether its buckets are in regions that are told apart.
    pub(crate) const fn has_regions(self) -> bool {
        matches!(self, Service::S3)
    }

    /// The variables of the environment that say who asks, and where.
    pub(crate) const fn variables(self) -> &'static [&'static str] {
        match self {
            Service::S3 => &[
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
                "AWS_REGION",
                "AWS_DEFAULT_REGION",
                "AWS_ENDPOINT_URL",
                "AWS_ENDPOINT_URL_S3",
                "AWS_ENDPOINT_URL_STS",
                "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
                "AWS_REQUEST_PAYER",
                "AWS_SKIP_SIGNATURE",
                "AWS_ROLE_ARN",
                "AWS_ROLE_SESSION_NAME",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                "AWS_METADATA_ENDPOINT",
            ],
            Service::Google => &[
                "GOOGLE_APPLICATION_CREDENTIALS",
                "GOOGLE_SERVICE_ACCOUNT_KEY",
                "GOOGLE_BEARER_TOKEN",
                "GOOGLE_BASE_URL",
                "GOOGLE_SKIP_SIGNATURE",
            ],
            Service::Azure => &[
                "AZURE_STORAGE_ACCOUNT",
                "AZURE_STORAGE_ACCOUNT_NAME",
                "AZURE_STORAGE_KEY",
                "AZURE_STORAGE_ACCOUNT_KEY",
                "AZURE_STORAGE_SAS_TOKEN",
                "AZURE_STORAGE_ENDPOINT",
                "AZURE_STORAGE_TOKEN",
                "AZURE_STORAGE_USE_EMULATOR",
                "AZURE_CLIENT_ID",
                "AZURE_CLIENT_SECRET",
                "AZURE_TENANT_ID",
                "AZURE_AUTHORITY_HOST",
                "AZURE_FEDERATED_TOKEN_FILE",
                "AZURE_MSI_ENDPOINT",
            ],
        }
    }

    /// The variables to set first.
    #[cfg_attr(
        not(feature = "buckets"),
        expect(dead_code, reason = "without the feature nobody asks")
    )]
    pub(crate) const fn who(self) -> &'static str {
        match self {
            Service::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            Service::Google => "GOOGLE_APPLICATION_CREDENTIALS",
            Service::Azure => {
                "AZURE_STORAGE_ACCOUNT, and AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN"
            }
        }
    }
}

/// The address of what is in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(crate) service: Service,
    pub(crate) bucket: String,
    /// As the address has it, behind the bucket.
    pub(crate) key: String,
    /// Where the last part of the key is one.
    pub(crate) pattern: Option<glob::Pattern>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.service, &self.bucket, &self.key))
    }
}

/// An address in messages.
pub(in crate::source) fn shown(service: Service, bucket: &str, key: &str) -> String {
    format!("{}://{bucket}/{key}", service.scheme())
}

impl Address {
    /// Reads an address, of which the scheme is known already.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) fn parse(
        service: Service,
        written: &str,
    ) -> Result<Address, (&'static str, &'static str)> {
        let rest = written.split_once("://").map_or("", |(_, rest)| rest);
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains(['@', ':']) {
            return Err((
                "the address carries who asks, or a port",
                "who asks stands in the environment; another server is `source: { bucket: { endpoint: ... } }`",
            ));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '$');
        if bucket.is_empty() || !bucket.chars().all(fits) {
            return Err((
                "expected the name of a bucket behind `://`",
                "write `s3://bucket/folder/file.csv`, or `gs://` or `az://`",
            ));
        }
        if key.is_empty() || key.ends_with('/') {
            return Err((
                "the address names no file",
                "add its name, or a pattern such as `*.csv`",
            ));
        }
        let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
        if key.split('/').any(odd) {
            return Err((
                "a key with an empty part, `.` or `..` cannot be asked for",
                "",
            ));
        }
        let (folder, last) = key.rsplit_once('/').unwrap_or(("", key));
        let special = ['*', '?', '['];
        if folder.contains(special) {
            return Err((
                "a pattern can stand only in the last part of the address",
                "name the folder",
            ));
        }
        let pattern = last.contains(special).then(|| glob::Pattern::new(last));
        let pattern = pattern.transpose().map_err(|_| {
            (
                "not a pattern of file names",
                "write `[[]` for the character `[`",
            )
        })?;
        Ok(Address {
            service,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            pattern,
        })
    }

    /// With what the keys begin that can match.
    #[cfg_attr(
        not(any(feature = "buckets", test)),
        expect(dead_code, reason = "without the feature nobody asks")
    )]
    pub(in crate::source) fn prefix(&self) -> &str {
        let end = self.key.find(['*', '?', '[']).unwrap_or(self.key.len());
        &self.key[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(written: &str) -> Result<Address, &'static str> {
        let scheme = written.split("://").next().unwrap();
        let service = Service::of_scheme(scheme).unwrap();
        Address::parse(service, written).map_err(|(message, _)| message)
    }

    #[test]
    fn read() {
        let address = parse("s3://hr-extracts/2026/workers 1%.csv.gz").unwrap();
        assert_eq!(address.bucket, "hr-extracts");
        assert_eq!(address.key, "2026/workers 1%.csv.gz");
        assert_eq!(address.pattern, None);
        assert_eq!(address.prefix(), address.key);
        assert_eq!(
            address.to_string(),
            "s3://hr-extracts/2026/workers 1%.csv.gz"
        );
        let address = parse("GS://b.c/a/w-*.csv").unwrap();
        assert_eq!(
            (address.prefix(), address.service),
            ("a/w-", Service::Google)
        );
        assert!(address.pattern.unwrap().matches("w-1.csv"));
        assert_eq!(parse("az://$web/*.csv").unwrap().prefix(), "");
        assert_eq!(address_of("s3://b/a[[]1].csv").prefix(), "a");
    }

    proptest::proptest! {
        #[test]
        fn any_address_is_read_or_refused(rest in "[a-z*?\\[\\]/.@: %é-]{0,40}") {
            if let Ok(address) = parse(&format!("s3://{rest}")) {
                proptest::prop_assert!(address.key.starts_with(address.prefix()));
                proptest::prop_assert_eq!(address.to_string(), format!("s3://{rest}"));
                let literal = address.prefix() == address.key;
                proptest::prop_assert_eq!(literal, address.pattern.is_none());
            }
        }
    }

    fn address_of(written: &str) -> Address {
        parse(written).unwrap()
    }

    #[test]
    fn refused() {
        for (written, message) in [
            ("s3://", "expected the name of a bucket behind `://`"),
            ("s3:///a", "expected the name of a bucket behind `://`"),
            (
                "s3://b ucket/a",
                "expected the name of a bucket behind `://`",
            ),
            (
                "s3://key:secret@b/a",
                "the address carries who asks, or a port",
            ),
            ("s3://b", "the address names no file"),
            ("s3://b/", "the address names no file"),
            ("s3://b/a/", "the address names no file"),
            (
                "s3://b/a//b",
                "a key with an empty part, `.` or `..` cannot be asked for",
            ),
            (
                "s3://b/../b",
                "a key with an empty part, `.` or `..` cannot be asked for",
            ),
            (
                "s3://b/*/b",
                "a pattern can stand only in the last part of the address",
            ),
            ("s3://b/[a", "not a pattern of file names"),
        ] {
            assert_eq!(parse(written), Err(message), "{written}");
        }
    }
}
