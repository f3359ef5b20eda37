use crate::orgvue::hosts::hosts;
use std::error::Error;

use super::*;
use crate::http::testing::{Reply, Seen, Server, answer};
use crate::orgvue::WaitError;
use crate::orgvue::spec::{Action, ActionSpec};
use crate::text::chain;

const TOKEN: &str = "eyCANARY.token.of-test_1";

fn client(base: &str) -> Client {
    let base = Url::parse(base).unwrap();
    let connection = Connection {
        result_location: None,
        hosts: hosts(&base, vec![], false),
        base,
        tenant: "ACME".into(),
        dataset: "6586F21B-AD4D-4D06-A309-712AF47184A2".into(),
        token: TOKEN.into(),
    };
    Client::new(connection, &TimeoutsSpec::default()).unwrap()
}

fn locations(base: &str) -> Locations {
    Locations {
        get: PresignedUrl::parse(&format!("{base}/get?s=CANARY")).unwrap(),
        put: PresignedUrl::parse(&format!("{base}/put?s=CANARY")).unwrap(),
        server_time: None,
        received: Instant::now(),
    }
}

/// Everything that an error would ever print.
fn shown(error: &(dyn Error + 'static)) -> String {
    let text = chain(error);
    let debug = format!("{error:?} {error:#?}");
    assert!(!debug.contains("CANARY"), "{debug}");
    assert!(!text.contains("CANARY"), "{text}");
    text
}

async fn generate(reply: Vec<u8>) -> (Result<Locations, OrgvueError>, Seen) {
    let mut server = Server::start([Reply::Full(reply)]).await;
    let result = client(&server.url(""))
        .generate_once(&Asked::new("generate"), "csv", "identity")
        .await;
    (result, server.finish().await.remove(0))
}

#[tokio::test]
async fn generate_over_the_wire() {
    let (result, seen) = generate(answer(
        "201 Created",
        &["Date: Mon, 01 Jan 2024 00:00:00 GMT"],
        r#"{"more":1,"get":"http://127.0.0.1:9/g?s=CANARY","put":"http://127.0.0.1:9/p?X-Amz-Date=20240101T000000Z&X-Amz-Expires=900"}"#,
    ))
    .await;
    let found = result.unwrap();
    assert_eq!(found.put.to_string(), "http://127.0.0.1:9/p?…");
    assert!(!format!("{found:?}").contains("CANARY"));
    let remaining = found.remaining().unwrap();
    assert!(remaining <= Duration::from_secs(900) && remaining > Duration::from_secs(800));

    assert_eq!(seen.line(), "POST /api/v1/ACME/files/generate HTTP/1.1");
    assert_eq!(
        seen.header("Content-Type"),
        Some("application/json; charset=UTF-8")
    );
    assert_eq!(
        seen.header("Authorization"),
        Some(&*format!("Bearer {TOKEN}"))
    );
    assert_eq!(seen.header("Content-Length"), Some("48"));
    assert!(seen.header("User-Agent").unwrap().starts_with("rostream/"));
    assert!(seen.header("Host").is_some());
    assert_eq!(seen.header("Transfer-Encoding"), None);
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        body,
        json!({"targetType": "csv", "targetEncoding": "identity"})
    );
}

#[tokio::test]
async fn odd_answers_to_generate() {
    async fn check(reply: Vec<u8>, expected: &str) -> OrgvueError {
        let (result, _) = generate(reply).await;
        let error = result.unwrap_err();
        assert_eq!(shown(&error), expected);
        error
    }
    let trace = "X-Amzn-Trace-Id: Root=1-2-3";
    let error = check(
        answer(
            "403 Forbidden",
            &[trace],
            format!(r#"{{"errors":[{{"message":"Token {TOKEN} expired at https://x/?a=CANARY","code":"40302","name":"ApiTokenExpired"}}]}}"#),
        ),
        "cannot get an upload address: the API refused with status 403; ApiTokenExpired (40302): Token [token] expired at \
         https://x/?… - make a new token on the tenant's Tokens page (trace Root=1-2-3)",
    )
    .await;
    assert_eq!(verdict(Step::Generate, error.outcome()), Verdict::Fail);
    assert_eq!(error.trace_id(), Some("Root=1-2-3"));
    check(
        answer("200 OK", &[], "<html>Sign in\n at https://x/?a=CANARY</html>"),
        "cannot get an upload address: the answer holds no `put` address (status 200, it begins with: <html>Sign in at https://x/?…</html>)",
    )
    .await;
    check(
        answer("200 OK", &[], ""),
        "cannot get an upload address: the answer holds no `put` address (status 200)",
    )
    .await;
    check(
        answer("200 OK", &[], r#"{"get":"https://x/?a=CANARY","put":5}"#),
        r#"cannot get an upload address: the answer holds no `put` address (status 200, it begins with: {"get":"https://x/?…","put":5})"#,
    )
    .await;
    check(
        answer("200 OK", &[], r#"{"put":"https://s3.amazonaws.com/?a=CANARY"}"#),
        r#"cannot get an upload address: the answer holds no `get` address (status 200, it begins with: {"put":"https://s3.amazonaws.com/?…"})"#,
    )
    .await;
    check(
        answer("200 OK", &[], r#"{"put":"http://x.example/?a=CANARY","get":"https://x/"}"#),
        "cannot get an upload address: the `put` address in the answer is not acceptable: the address is not https \
         (plain http is accepted for this machine alone)",
    )
    .await;
    check(
        answer("200 OK", &[], r#"{"put":"https://x.example/?a=CANARY","get":"https://x/"}"#),
        "cannot get an upload address: the `put` address in the answer is not acceptable: data may not go to the \
         host x.example: it is neither the API's nor AWS S3's; where it is right, name it in \
         `target.orgvue.storage_hosts`",
    )
    .await;
    check(
        answer("302 Found", &["Location: https://x/?a=CANARY"], ""),
        "cannot get an upload address: the server redirects elsewhere, which is not followed (status 302)",
    )
    .await;
    let error = check(
        answer("429 Too Many Requests", &["Retry-After: 9"], "{}"),
        "cannot get an upload address: the server refused (status 429, it begins with: {})",
    )
    .await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
    assert_eq!(verdict(Step::Generate, error.outcome()), Verdict::Retry);

    let (result, _) = generate(answer("502 Bad Gateway", &[], "é".repeat(5 << 19))).await;
    let text = shown(&result.unwrap_err());
    assert_eq!(text.chars().filter(|c| *c == 'é').count(), 200);

    let (result, _) = generate(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec()).await;
    let error = result.unwrap_err();
    assert!(
        shown(&error).starts_with("cannot get an upload address: the connection to 127.0.0.1:")
    );
    assert_eq!(error.outcome(), Outcome::Lost);
}

#[test]
fn addresses_lead_where_data_may_go() {
    let away = client("https://orgvue.example");
    for text in [
        "http://127.0.0.1/p",
        "https://localhost/p",
        "https://169.254.169.254/p",
        "https://10.1.2.3/p?s=CANARY",
        "https://bucket.example/p?s=CANARY",
    ] {
        let error = away.accept("x", "put", text).unwrap_err();
        let shown = shown(&error);
        assert!(shown.contains("data may not go to the host"), "{shown}");
        assert_eq!(verdict(Step::Generate, error.outcome()), Verdict::Fail);
    }
    let bucket = "https://b.s3.eu-west-1.amazonaws.com/p";
    assert!(away.accept("x", "put", bucket).is_ok());
}

#[test]
fn unusable_connections() {
    #[track_caller]
    fn check(base: &str, token: &str, expected: &str) {
        let base = Url::parse(base).unwrap();
        let connection = Connection {
            result_location: None,
            hosts: hosts(&base, vec![], false),
            base,
            tenant: "ACME".into(),
            dataset: "d".into(),
            token: token.into(),
        };
        let error = Client::new(connection, &TimeoutsSpec::default()).unwrap_err();
        assert!(shown(&error).starts_with(expected), "{error}");
    }
    check(
        "http://orgvue.example",
        TOKEN,
        "the base address is not usable: the address is not https",
    );
    check(
        "https://u:CANARY@orgvue.example",
        TOKEN,
        "the base address is not usable: the address carries a user name",
    );
    check(
        "data:x",
        TOKEN,
        "the base address is not usable: the address is not an absolute URL",
    );
    for token in ["", "a b", "CANARY\n", "\"CANARY\"", "é"] {
        check(
            "https://orgvue.example",
            token,
            "the API token holds a character that cannot be sent",
        );
    }
    assert!(!format!("{:?}", client("https://orgvue.example")).contains("CANARY"));
}

fn full_spec() -> ImportSpec {
    ImportSpec {
        action: ActionSpec::Constant(Action::Create),
        identify_by: Some(IdentifySpec::IdKey("Employee ID+é".into())),
        noop_token: Some("#N/A".into()),
        clear_token: Some("".into()),
        date_format: Some(DateFormat::Dmy),
        implicit_delete: crate::guard::spec::ImplicitDelete::On(Default::default()),
        on_property_access_denied: Some("skip".into()),
        on_item_access_denied: Some("fail".into()),
        on_action_validation_failure: Some("fail".into()),
        result_encoding: Some(ResultEncoding::Gzip),
        callback: Some("https://h.example/?s={{jobStatus}}".into()),
        ..ImportSpec::default()
    }
}

#[tokio::test]
async fn import_over_the_wire() {
    let mut server = Server::start_with(|base| {
        vec![
            Reply::Full(answer(
                "202 Accepted",
                &[],
                format!(
                    r#"{{"_links":{{"self":{{"url":"{base}/t?s=CANARY"}}}},"jobStatus":"created","_createdAt":"2022-06-29T20:28:04.274Z","_createdBy":"x@example.com","X-Amzn-Trace-Id":"Root=1-2-3"}}"#
                ),
            )),
            Reply::Full(answer("202 Accepted", &["X-Amzn-Trace-Id: Root=4"], r#"{"jobStatus":"failed","errors":[{"code":"400603"}]}"#)),
            Reply::Full(answer("400 Bad Request", &[], r#"{"jobStatus":"failed"}"#)),
        ]
    })
    .await;
    let base = server.url("");
    let client = client(&base);
    let ticket = client
        .import(&locations(&base), &full_spec())
        .await
        .unwrap();
    assert_eq!(ticket.status, JobStatus::Created);
    assert_eq!(ticket.trace_id.as_deref(), Some("Root=1-2-3"));
    assert_eq!(
        ticket.created_at.as_deref(),
        Some("2022-06-29T20:28:04.274Z")
    );
    assert_eq!(
        ticket.self_url.as_ref().unwrap().expose(),
        format!("{base}/t?s=CANARY")
    );
    assert!(!format!("{ticket:?}").contains("CANARY"));

    let failed = client
        .import(&locations(&base), &ImportSpec::default())
        .await
        .unwrap();
    assert_eq!(
        (failed.status, failed.trace_id.as_deref()),
        (JobStatus::Failed, Some("Root=4"))
    );
    assert_eq!(failed.errors[0].code, "400603");
    let failed = client
        .import(&locations(&base), &ImportSpec::default())
        .await
        .unwrap();
    assert_eq!(failed.status, JobStatus::Failed);

    let seen = server.finish().await;
    let path = "PUT /api/v1/ACME/datasets/6586F21B-AD4D-4D06-A309-712AF47184A2/items/import";
    assert_eq!(
        seen[0].line(),
        format!(
            "{path}?dateFormat=DD%2FMM%2FYYYY&idKey=Employee%20ID%2B%C3%A9&implicitDelete=true&noopToken=%23N%2FA&clearToken=\
             &onPropertyAccessDenied=skip&onItemAccessDenied=fail&onActionValidationFailure=fail&resultEncoding=gzip HTTP/1.1"
        )
    );
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(
        body,
        json!({
            "importLocation": {"method": "GET", "url": format!("{base}/get?s=CANARY")},
            "callback": {"method": "GET", "urlTemplate": "https://h.example/?s={{jobStatus}}"},
        })
    );
    assert_eq!(seen[1].line(), format!("{path} HTTP/1.1"));
    assert!(seen[1].header("Authorization").is_some());
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[1].body)
            .unwrap()
            .as_object()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn an_import_of_unknown_fate_is_asked_for_once() {
    async fn check(reply: Reply, expected: &str) -> ImportError {
        // One connection is all that it takes.
        let mut server = Server::start([reply]).await;
        let base = server.url("");
        let error = client(&base)
            .import(&locations(&base), &ImportSpec::default())
            .await
            .unwrap_err();
        assert_eq!(server.finish().await.len(), 1);
        let text = shown(&error);
        assert!(text.starts_with(expected), "{text}");
        error
    }
    let lost = "the import was requested, but no usable answer came: whether it began is not known: cannot start the import";
    check(Reply::Close, lost).await;
    check(Reply::Full(answer("504 Gateway Timeout", &[], "")), lost).await;
    check(Reply::Full(answer("200 OK", &[], "<html>")), lost).await;
    check(
        Reply::Full(answer(
            "202 Accepted",
            &[],
            r#"{"jobStatus":"created","_links":{"self":{"url":"ftp://x/?CANARY=1"}}}"#,
        )),
        lost,
    )
    .await;
    let error = check(
        Reply::Full(answer("400 Bad Request", &[], r#"{"errors":[{"name":"PathParameterMustBeUUIDString","code":"400603","message":"no"}]}"#)),
        "the import was refused: cannot start the import: the API refused with status 400; \
         PathParameterMustBeUUIDString (400603): no - `dataset` must be",
    )
    .await;
    assert!(matches!(error, ImportError::Refused(_)));
}

#[tokio::test]
async fn an_unreachable_api_was_not_asked() {
    let mut server = Server::start([]).await;
    let base = server.url("");
    server.finish().await;
    let error = client(&base)
        .import_once(
            &Asked::new("import"),
            &locations(&base),
            &ImportSpec::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(verdict(Step::Import, error.outcome()), Verdict::Retry);
    assert!(shown(&error).starts_with("cannot start the import: cannot connect to 127.0.0.1:"));
}

#[tokio::test]
async fn the_ticket_is_read_without_a_token() {
    let mut server = Server::start_with(|base| {
        vec![Reply::Full(answer(
            "200 OK",
            &[],
            format!(
                r#"{{"jobStatus":"completed","_links":{{"result":{{"url":"{base}/r?s=CANARY"}}}}}}"#
            ),
        ))]
    })
    .await;
    let base = server.url("");
    let ticket = Ticket {
        status: JobStatus::Created,
        trace_id: None,
        created_at: None,
        self_url: Some(PresignedUrl::parse(&format!("{base}/t?s=CANARY")).unwrap()),
        result_url: None,
        errors: vec![],
    };
    let mut heard = 0;
    let ticket = client(&base)
        .wait(ticket, Duration::from_secs(60), |_| heard += 1)
        .await
        .unwrap();
    assert_eq!(heard, 1);
    assert_eq!(
        ticket.result_url.unwrap().to_string(),
        format!("{base}/r?…")
    );
    let seen = server.finish().await;
    assert_eq!(seen[0].line(), "GET /t?s=CANARY HTTP/1.1");
    assert!(!seen[0].head.to_lowercase().contains("authorization"));
}

#[tokio::test]
async fn a_ticket_that_is_refused() {
    let xml = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X>CANARY</X></Error>";
    let mut server = Server::start([Reply::Full(answer("403 Forbidden", &[], xml))]).await;
    let base = server.url("");
    let ticket = Ticket {
        status: JobStatus::Running,
        trace_id: None,
        created_at: None,
        self_url: Some(PresignedUrl::parse(&format!("{base}/t?s=CANARY")).unwrap()),
        result_url: None,
        errors: vec![],
    };
    let client = client(&base);
    let wait = client.wait(ticket, Duration::from_secs(60), |_| ());
    let error = wait.await.unwrap_err();
    assert!(matches!(error, WaitError::Other { .. }));
    assert_eq!(
        shown(&error),
        "the import job cannot be watched any longer: how it ends is not known: cannot read the ticket: the server refused (status 403, it \
         begins with: RequestExpired: Request has expired)"
    );
    server.finish().await;
}
