//! What the pipeline file says of buckets.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where `s3://`, `gs://` and `az://` are, as far as that is no secret and not the service's own. Who asks stands in the
/// environment, by the names that the services' own tools use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BucketSpec {
    /// The address of a server that speaks the service's protocol, such as `https://minio.example.com`. Plain http is
    /// accepted for this machine alone. It goes before `AWS_ENDPOINT_URL` and the like.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket, before `AWS_REGION`. Without both, `us-east-1`.
    pub region: Option<String>,
}
