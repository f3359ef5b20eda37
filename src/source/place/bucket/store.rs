//! A bucket as the crate has it, told what the environment says.

use std::fs::File;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::{ObjectStore, RetryConfig};

use super::address::Service;
use super::requests::Requests;
use super::spec::BucketSpec;
use super::told::told;
use crate::source::place::remote::error::RemoteError;

/// Variables with their values.
pub(super) type Access = Vec<(&'static str, String)>;

/// A bucket.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) listing: Arc<dyn PaginatedListStore>,
}

impl Store {
    fn new<T: ObjectStore + PaginatedListStore>(store: T) -> Store {
        let store = Arc::new(store);
        Store {
            objects: store.clone(),
            listing: store,
        }
    }

    /// # Errors
    /// What the environment says does not belong together.
    pub(super) fn open(
        service: Service,
        bucket: &str,
        spec: &BucketSpec,
        access: &Access,
        requests: Requests,
    ) -> Result<Store, RemoteError> {
        let opened = match service {
            Service::S3 => s3(bucket, spec, access, requests),
            Service::Google => google(bucket, spec, access, requests)?,
            Service::Azure => azure(bucket, spec, access, requests),
        };
        opened.map_err(|error| {
            let why = match told(error) {
                RemoteError::Unexpected(why) => why.split_once(": ").map(|(_, why)| why.to_owned()),
                _ => None,
            };
            RemoteError::Setting(format!(
                "what the environment says of the bucket does not belong together: {}",
                why.unwrap_or_default()
            ))
        })
    }
}

/// Failures are tried again by whoever reads.
fn once() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

fn s3(
    bucket: &str,
    spec: &BucketSpec,
    access: &Access,
    requests: Requests,
) -> object_store::Result<Store> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_retry(once())
        .with_http_connector(requests);
    for (name, value) in access {
        let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse()?;
        builder = builder.with_config(key, value);
    }
    if let Some(region) = &spec.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &spec.endpoint {
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    builder.build().map(Store::new)
}

fn google(
    bucket: &str,
    spec: &BucketSpec,
    access: &Access,
    requests: Requests,
) -> Result<object_store::Result<Store>, RemoteError> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_retry(once())
        .with_http_connector(requests);
    for (name, value) in access {
        if *name == "GOOGLE_APPLICATION_CREDENTIALS" {
            File::open(value).map_err(|error| {
                RemoteError::Broken(
                    format!("the file of {name} can't be opened"),
                    Some(error.into()),
                )
            })?;
        }
        if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = &spec.endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    let built = builder.build().map(Store::new);
    // What is wrong with the key's file may be told with what stands in it.
    built.map(Ok).map_err(|_| {
        RemoteError::Setting(
            "the credentials can't be used: GOOGLE_APPLICATION_CREDENTIALS names the JSON file of a service account's key"
                .to_owned(),
        )
    })
}

fn azure(
    bucket: &str,
    spec: &BucketSpec,
    access: &Access,
    requests: Requests,
) -> object_store::Result<Store> {
    let mut builder = MicrosoftAzureBuilder::new()
        .with_container_name(bucket)
        .with_retry(once())
        .with_http_connector(requests);
    for (name, value) in access {
        // As Azure's own tools call them.
        let name = match *name {
            "AZURE_STORAGE_ACCOUNT" => "azure_storage_account_name",
            "AZURE_STORAGE_KEY" => "azure_storage_account_key",
            name => name,
        };
        let key: AzureConfigKey = name.to_ascii_lowercase().parse()?;
        builder = builder.with_config(key, value);
    }
    if let Some(endpoint) = &spec.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    builder.build().map(Store::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::spec::TimeoutsSpec;
    use crate::source::place::bucket::told::Asker;

    fn open(service: Service, access: &[(&'static str, &str)]) -> Result<(), String> {
        let asker = Asker {
            service,
            bucket: "hr".to_owned(),
            is_known: true,
        };
        let requests = Requests::new(asker, &TimeoutsSpec::default());
        let access = access
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let spec = BucketSpec::default();
        let store = Store::open(service, "hr", &spec, &access.collect(), requests);
        store.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn every_variable_is_one_that_the_crate_knows() {
        let known = |name: &str| {
            let lower = name.to_ascii_lowercase();
            match name.split('_').next() {
                Some("AWS") => lower.parse::<AmazonS3ConfigKey>().is_ok(),
                Some("GOOGLE") => lower.parse::<GoogleConfigKey>().is_ok(),
                _ => lower.parse::<AzureConfigKey>().is_ok(),
            }
        };
        for service in [Service::S3, Service::Google, Service::Azure] {
            for name in service.variables() {
                let renamed = ["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY"].contains(name);
                assert!(renamed || known(name), "{name}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_said_and_no_secret() {
        let secret = ("AWS_SECRET_ACCESS_KEY", "CANARY");
        for (service, access, expected) in [
            (
                Service::S3,
                vec![secret],
                "what the environment says of the bucket does not belong together: Missing AccessKeyId",
            ),
            (
                Service::Azure,
                vec![],
                "what the environment says of the bucket does not belong together: Account must be specified",
            ),
            (
                Service::Google,
                vec![("GOOGLE_APPLICATION_CREDENTIALS", "/none.json")],
                "the file of GOOGLE_APPLICATION_CREDENTIALS can't be opened",
            ),
            (
                Service::Google,
                vec![("GOOGLE_SERVICE_ACCOUNT_KEY", "{\"private_key\": 5}")],
                "the credentials can't be used: GOOGLE_APPLICATION_CREDENTIALS names the JSON file of a service account's key",
            ),
        ] {
            assert_eq!(open(service, &access), Err(expected.to_owned()));
        }
        let key = ("AWS_ACCESS_KEY_ID", "AKIA");
        assert_eq!(open(Service::S3, &[key, secret]), Ok(()));
        let account = ("AZURE_STORAGE_ACCOUNT", "hr");
        let key = ("AZURE_STORAGE_KEY", "c2VjcmV0");
        assert_eq!(open(Service::Azure, &[account, key]), Ok(()));
    }
}
