//! The API: who may call, and the four calls.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::callback::Callback;
use super::dataset::upper;
use super::error::{ApiError, ApiErrors, json as json_response};
use super::head::Head;
use super::job::{self, Import};
use super::options::{Property, TokenState};
use super::params::ImportParams;
use super::payload::Format;
use super::shared::Shared;
use super::sign::hex;

/// The most that a request's body may hold. They are small documents.
const MAX_BODY: usize = 1024 * 1024;
/// Items read back at once, while the data set is held.
const PAGE: usize = 500;

/// The data set's name and type.
const NAME: &str = "Sandbox";
const TYPE: &str = "PEOPLE";

/// The trace of one call, `Root=1-8hex-24hex`.
#[derive(Clone)]
pub(super) struct Trace(String);

/// Every call passes here: trace, then throttle, then token.
pub(super) async fn gate(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let trace = format!(
        "Root=1-{:08x}-{}",
        Timestamp::now().as_second() as u32,
        hex(&rand::random::<[u8; 12]>())
    );
    request.extensions_mut().insert(Trace(trace.clone()));
    let mut response = match admit(&shared, &request) {
        Ok(()) => next.run(request).await,
        Err(errors) => errors.into_response(),
    };
    if let Ok(value) = HeaderValue::from_str(&trace) {
        response.headers_mut().insert("x-amzn-trace-id", value);
    }
    response
}

fn admit(shared: &Shared, request: &Request) -> Result<(), ApiErrors> {
    let call = shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
    if let Some(throttle) = shared.settings.throttle
        && call.is_multiple_of(throttle.every.get())
    {
        return Err(ApiErrors {
            retry_after: Some(throttle.retry_after),
            ..ApiError::new("Throttled", "42901", "Too many requests").into()
        });
    }
    if let Some(head) = request.extensions().get::<Head>() {
        let odd = head.odd_names();
        if !odd.is_empty() {
            return Err(ApiError::new(
                "SandboxHeaderCase",
                "400930",
                format!("Header names are case-sensitive: {}", odd.join(", ")),
            )
            .into());
        }
    }
    authorize(shared, request.headers()).map_err(ApiErrors::from)
}

fn authorize(shared: &Shared, headers: &HeaderMap) -> Result<(), ApiError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes().trim_ascii())
        .unwrap_or_default();
    if value.is_empty() {
        return Err(ApiError::new(
            "AuthorizationHeaderEmpty",
            "40101",
            "The Authorization header is missing or empty",
        ));
    }
    let Some(token) = value.strip_prefix(b"Bearer ") else {
        return Err(ApiError::new(
            "BearerTokenNotFound",
            "40103",
            "The Authorization header is not of the form Bearer {APIToken}",
        ));
    };
    if token.trim_ascii() != shared.token.expose_secret().as_bytes() {
        return Err(ApiError::new(
            "ApiTokenInvalid",
            "40102",
            "The API token is not valid",
        ));
    }
    match shared.settings.token_state {
        TokenState::Valid => Ok(()),
        TokenState::NotYetActive => Err(ApiError::new(
            "ApiTokenNotYetActive",
            "40301",
            "The API token is not active yet",
        )),
        TokenState::Expired => Err(ApiError::new(
            "ApiTokenExpired",
            "40302",
            "The API token has expired",
        )),
        TokenState::SubnetViolation => Err(ApiError::new(
            "ApiTokenSubnetViolation",
            "40303",
            "The IP address 127.0.0.1 is not in the API token's subnets",
        )),
        TokenState::TenantNotEnabled => Err(ApiError::new(
            "TenantUsagePlanNotConfigured",
            "40345",
            "The tenant is not enabled for the API",
        )),
    }
}

/// What is wrong with a call's path and, where it has a body, its `Content-Type`. All at once.
fn check(
    shared: &Shared,
    tenant: &str,
    dataset: Option<&str>,
    body: Option<&HeaderMap>,
) -> Result<(), ApiErrors> {
    let mut errors = Vec::new();
    if tenant != shared.settings.tenant {
        errors.push(ApiError::new(
            "SandboxTenantNotFound",
            "404901",
            "The sandbox has no such tenant",
        ));
    }
    match dataset.map(Uuid::try_parse) {
        None => {}
        Some(Ok(id)) if id == shared.settings.dataset => {}
        Some(Ok(_)) => errors.push(ApiError::new(
            "SandboxDatasetNotFound",
            "404902",
            "The sandbox has no such dataset",
        )),
        Some(Err(_)) => errors.push(ApiError {
            path_parameter: Some("{datasetId}"),
            ..ApiError::new(
                "PathParameterMustBeUUIDString",
                "400603",
                "The path parameter must be a UUID string",
            )
        }),
    }
    if let Some(headers) = body {
        let media_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            errors.push(ApiError::new(
                "ContentTypeIsNotImplemented",
                "415001",
                "The content type is not implemented; use application/json",
            ));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiErrors {
            errors,
            retry_after: None,
        })
    }
}

async fn read<T: for<'de> Deserialize<'de>>(body: Body) -> Result<T, ApiErrors> {
    let invalid = || {
        ApiErrors::from(ApiError::new(
            "SandboxBodyInvalid",
            "400931",
            "The body is not the JSON document that the documentation shows",
        ))
    };
    let bytes = axum::body::to_bytes(body, MAX_BODY)
        .await
        .map_err(|_| invalid())?;
    serde_json::from_slice(&bytes).map_err(|_| invalid())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GenerateBody {
    target_type: String,
    target_encoding: Option<String>,
}

/// `POST .../files/generate`.
pub(super) async fn generate(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    request: Request,
) -> Result<Response, ApiErrors> {
    check(&shared, &tenant, None, Some(request.headers()))?;
    let body: GenerateBody = read(request.into_body()).await?;
    let (format, content_type) = match body.target_type.as_str() {
        "json" => (Format::Json, "application/json"),
        "csv" => (Format::Csv, "text/csv"),
        _ => {
            return Err(ApiError::new(
                "SandboxTargetTypeInvalid",
                "400932",
                "The targetType must be json or csv",
            )
            .into());
        }
    };
    let gzip = match body.target_encoding.as_deref() {
        None | Some("identity") => false,
        Some("gzip") if shared.settings.accept_gzip => true,
        Some(_) => {
            return Err(ApiError::new(
                "SandboxTargetEncodingInvalid",
                "400933",
                "The targetEncoding is not implemented",
            )
            .into());
        }
    };
    let path = format!("/storage/files/{}", shared.store.generate(format, gzip));
    let signed_type = shared.settings.sign_content_type.then_some(content_type);
    let life = shared.settings.url_life;
    Ok(json_response(
        StatusCode::OK,
        &json!({
            "get": shared.signer.url(&Method::GET, &path, life, None),
            "put": shared.signer.url(&Method::PUT, &path, life, signed_type),
        }),
    ))
}

#[derive(Deserialize)]
struct Location {
    method: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallbackBody {
    method: String,
    url_template: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportBody {
    import_location: Location,
    result_location: Option<Location>,
    callback: Option<CallbackBody>,
}

/// `PUT .../datasets/{dataset}/items/import`.
pub(super) async fn import(
    State(shared): State<Arc<Shared>>,
    Path((tenant, dataset)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Extension(Trace(trace)): Extension<Trace>,
    request: Request,
) -> Result<Response, ApiErrors> {
    check(&shared, &tenant, Some(&dataset), Some(request.headers()))?;
    let params = ImportParams::parse(query.as_deref().unwrap_or_default())?;
    let body: ImportBody = read(request.into_body()).await?;

    let own_file = |method: Method, location: &Location| {
        if location.method != method.as_str() {
            return None;
        }
        let path = shared.signer.own_path(&method, &location.url)?;
        path.strip_prefix("/storage/files/").map(str::to_owned)
    };
    // A source that can't be read is the job's failure, as it would be with the real one.
    let source = own_file(Method::GET, &body.import_location).ok_or_else(|| {
        ApiError::new(
            "SandboxImportLocationInvalid",
            "400923",
            "The import location is not a valid GET URL of this sandbox's storage, or it has expired",
        )
    });
    let result = match &body.result_location {
        None => None,
        Some(location) => Some(own_file(Method::PUT, location).ok_or_else(|| {
            ApiError::new(
                "SandboxResultLocationInvalid",
                "400924",
                "The result location is not a valid PUT URL of this sandbox's storage, or it has expired",
            )
        })?),
    };
    let callback = match &body.callback {
        None => None,
        Some(callback) => Some(
            Callback::new(&callback.url_template)
                .filter(|_| callback.method == "GET")
                .ok_or_else(|| {
                    ApiError::new(
                        "SandboxCallbackInvalid",
                        "400925",
                        "The callback must be a GET to a plain http URL of this machine: the sandbox calls nobody else",
                    )
                })?,
        ),
    };
    shared.imports.fetch_add(1, Ordering::Relaxed);
    let ticket = job::start(
        &shared,
        Import {
            params,
            source,
            result,
            callback,
            trace,
        },
    );
    Ok(json_response(StatusCode::ACCEPTED, &ticket))
}

/// `GET .../datasets`.
pub(super) async fn datasets(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
) -> Result<Response, ApiErrors> {
    check(&shared, &tenant, None, None)?;
    let id = upper(shared.settings.dataset);
    let url = format!("{}/api/v1/{tenant}/datasets/{id}", shared.base_url);
    let content_type = "application/json; charset=UTF-8";
    let link = |url| json!({ "url": url, "method": "GET", "type": content_type });
    let mut links = json!({ "dataset:retrieve": link(url.clone()) });
    if shared.settings.properties.is_some() {
        links["dataset:metadata"] = link(format!("{url}/metadata"));
    }
    Ok(json_response(
        StatusCode::OK,
        &json!([{
            "datasetId": id,
            "name": NAME,
            "type": TYPE,
            "isPermissionedView": false,
            "_links": links,
        }]),
    ))
}

/// `GET .../datasets/{dataset}/metadata`: its definition, where the properties are stated.
pub(super) async fn metadata(
    State(shared): State<Arc<Shared>>,
    Path((tenant, dataset)): Path<(String, String)>,
) -> Result<Response, ApiErrors> {
    check(&shared, &tenant, Some(&dataset), None)?;
    let Some(properties) = &shared.settings.properties else {
        return Err(not_found().await);
    };
    let auto_id = &shared.settings.auto_id;
    let property = |property: &Property| {
        let key = &property.key;
        let kind = property.kind.word();
        json!({ "key": key, "name": key, "type": kind, "isRequired": key == auto_id })
    };
    let properties: Vec<_> = properties.iter().map(property).collect();
    Ok(json_response(
        StatusCode::OK,
        &json!({ "name": NAME, "type": TYPE, "autoId": auto_id, "properties": properties }),
    ))
}

/// `GET .../datasets/{dataset}` and `GET .../datasets/{dataset}/items`: all items, in the order of their creation.
pub(super) async fn items(
    State(shared): State<Arc<Shared>>,
    Path((tenant, dataset)): Path<(String, String)>,
) -> Result<Response, ApiErrors> {
    check(&shared, &tenant, Some(&dataset), None)?;
    // A page at a time, so that neither the text nor the lock is held for long.
    let pages = futures::stream::unfold(Some((0u32, true)), move |place| {
        let shared = shared.clone();
        async move {
            let (mut slot, mut first) = place?;
            let mut text = Vec::new();
            if first && slot == 0 {
                text.push(b'[');
            }
            let dataset = shared.dataset();
            let end = dataset.places() as u32;
            let mut written = 0;
            while slot < end && written < PAGE {
                if let Some(item) = dataset.get(slot) {
                    if !first {
                        text.extend_from_slice(b",\n");
                    }
                    first = false;
                    written += 1;
                    item.write(&mut text);
                }
                slot += 1;
            }
            let next = if slot < end {
                Some((slot, first))
            } else {
                text.push(b']');
                None
            };
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), next))
        }
    });
    Ok((
        [(header::CONTENT_TYPE, "application/json; charset=UTF-8")],
        Body::from_stream(pages),
    )
        .into_response())
}

pub(super) async fn not_found() -> ApiErrors {
    ApiError::new(
        "SandboxPathNotFound",
        "404900",
        "The sandbox has no such path",
    )
    .into()
}

pub(super) async fn method_not_allowed() -> ApiErrors {
    ApiError::new(
        "SandboxMethodNotAllowed",
        "405900",
        "The path does not take this method",
    )
    .into()
}
