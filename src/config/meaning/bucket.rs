//! What `source.bucket` means.

use url::Url;

use super::Meaning;
use crate::settings::secret::{PresignedUrl, UrlError};
use crate::source::Input;
use crate::source::spec::BucketSpec;

impl Meaning<'_> {
    /// Where the buckets of the source are.
    pub(super) fn bucket(&mut self, spec: &BucketSpec, inputs: &[Input]) {
        if !self.places.contains("source.bucket") {
            return;
        }
        let mut services = inputs.iter().filter_map(Input::service);
        let first = services.next();
        if first.is_none() && !inputs.is_empty() {
            self.warning(
                "source.bucket",
                "this setting has no effect: `path` has no address of a bucket",
                "buckets are `s3://`, `gs://` and `az://`",
            );
        }
        if spec.endpoint.is_some() && services.any(|service| Some(service) != first) {
            self.problem(
                "source.bucket.endpoint",
                "the buckets of the source are of several services, which cannot all be at one address",
                "write a pipeline for each",
            );
        }
        if let Some(endpoint) = &spec.endpoint {
            self.endpoint(endpoint);
        }
        let Some(region) = &spec.region else { return };
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if region.is_empty() || !region.chars().all(fits) {
            self.problem(
                "source.bucket.region",
                "expected the name of a region, such as `eu-central-1`",
                "",
            );
        } else if first.is_some_and(|service| !service.has_regions()) {
            self.warning(
                "source.bucket.region",
                "this setting has no effect: it is for `s3://`",
                "",
            );
        }
    }

    fn endpoint(&mut self, endpoint: &str) {
        let wrong = match PresignedUrl::parse(endpoint) {
            Err(UrlError::NotAUrl) => Some((
                "this is not a complete address",
                "write `https://host`, without the bucket",
            )),
            Err(UrlError::NotHttps) => Some((
                "the address is not https",
                "write `https://`; plain http is accepted for this machine alone",
            )),
            Err(UrlError::UserInfo) => Some((
                "the address carries a user name",
                "who asks stands in the environment",
            )),
            Ok(_) => Url::parse(endpoint)
                .is_ok_and(|url| url.query().is_some() || url.fragment().is_some())
                .then_some(("the address of a server has no query", "")),
        };
        if let Some((message, help)) = wrong {
            self.problem("source.bucket.endpoint", message, help);
        }
    }
}
