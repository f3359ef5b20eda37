use std::time::Duration;

use super::spec::HttpsSpec;
use super::testing::{Deed, Manner, Site};
use crate::http::testing::answer;
use crate::settings::limits::Limits;
use crate::settings::units::Span;
use crate::source::spec::{Compression, Encoding};
use crate::source::{Input, Source, SourceError};
use crate::text::chain;

async fn found(inputs: &[Input]) -> Result<Source, SourceError> {
    let limits = Limits::default();
    Source::find(inputs, Compression::Auto, Encoding::Auto, limits).await
}

async fn read(source: &Source) -> Result<String, String> {
    let read = async {
        let mut text = source.open(0).await?;
        let mut got = Vec::new();
        text.fill(&mut got, usize::MAX).await?;
        Ok::<_, SourceError>(String::from_utf8(got).unwrap())
    };
    read.await.map_err(|error| chain(&error))
}

/// What comes of one answer.
async fn told(status: &str, headers: &[&str], body: &str) -> Result<String, String> {
    let site = Site::start(b"later".to_vec(), Manner::Tagged).await;
    site.will([Deed::Says(answer(status, headers, body))]);
    let shown = |error: String| error.replace(&site.address, "S");
    match found(&[site.input("/f?k=CANARY")]).await {
        Ok(source) => read(&source).await.map_err(shown),
        Err(error) => Err(shown(chain(&error))),
    }
}

#[tokio::test]
async fn what_answers_mean() {
    let wrong = async |status: &str, headers: &[&str], body: &str, expected: &str| {
        let expected = format!("S/f?…: {expected}");
        assert_eq!(told(status, headers, body).await, Err(expected), "{status}");
    };
    assert_eq!(told("200 OK", &[], "a,b\n").await.unwrap(), "a,b\n");
    assert_eq!(told("204 No Content", &[], "").await.unwrap(), "");
    // Tried again, and then there.
    for passing in [
        "202 Accepted",
        "429 Too Many Requests",
        "503 Service Unavailable",
    ] {
        assert_eq!(
            told(passing, &["Retry-After: 0"], "").await.unwrap(),
            "later"
        );
    }
    let html = ["Content-Type: text/html; charset=utf-8"];
    assert_eq!(told("200 OK", &html, "a,b\n").await.unwrap(), "a,b\n");
    wrong(
        "200 OK",
        &html,
        "\r\n <!DOCTYPE html><form>Mara</form>",
        "can't be read: the server answered with a web page instead of data, as it does where a log-in is wanted: check the \
         address, and who asks (source.https: basic, bearer or headers)",
    )
    .await;
    wrong("404 Not Found", &[], "Mara", "no such file").await;
    wrong(
        "401 Unauthorized",
        &[],
        "Mara",
        "can't be read: the server does not accept who asks (401): the permission in the address may have ended; get a new \
         address, or set source.https.basic, bearer or headers",
    )
    .await;
    wrong(
        "400 Bad Request",
        &[],
        r#"{"error":"unknown  property"}"#,
        r#"can't be read: the server answered 400 ({"error":"unknown property"})"#,
    )
    .await;
    wrong(
        "501 Not Implemented",
        &[],
        "Mara",
        "can't be read: the server answered 501 (Not Implemented)",
    )
    .await;
    wrong(
        "206 Partial Content",
        &["Content-Range: bytes 5-8/9"],
        "data",
        "can't be read: the server was asked for the file from byte 0 on, and sends another part of it",
    )
    .await;
    wrong(
        "206 Partial Content",
        &[],
        "data",
        "can't be read: the server answered with a part of the file (206), and does not say which",
    )
    .await;
    wrong(
        "200 OK",
        &["Content-Encoding: br"],
        "data",
        "can't be read: the server sends the file in an encoding that was not asked for (Content-Encoding)",
    )
    .await;
    wrong(
        "302 Found",
        &[],
        "",
        "can't be read: the server redirects, and does not say where to",
    )
    .await;
    wrong(
        "302 Found",
        &["Location: http://a.example/b?k=CANARY"],
        "",
        "can't be read: the server redirects to an address that is not https (http at a.example); nothing was sent there",
    )
    .await;
}

#[tokio::test]
async fn nothing_there_is_nothing() {
    let site = Site::start(Vec::new(), Manner::Tagged).await;
    site.will([Deed::Says(answer("404 Not Found", &[], ""))]);
    let error = found(&[site.input("/f")]).await.unwrap_err();
    assert!(matches!(error, SourceError::Nothing(_)), "{error}");
    // An empty file is one.
    let source = found(&[site.input("/f")]).await.unwrap();
    assert_eq!(source.size(), Some(0));
    assert_eq!(read(&source).await.unwrap(), "");
}

#[tokio::test]
async fn one_file_named_twice() {
    let site = Site::start(b"a".to_vec(), Manner::Tagged).await;
    let twice = [site.input("/f?a=1"), site.input("/f?a=1#top")];
    let error = found(&twice).await.unwrap_err();
    assert!(matches!(error, SourceError::Twice { .. }), "{error}");
    assert!(!error.to_string().contains("a=1"), "{error}");
    let other = [site.input("/f?a=1"), site.input("/f?a=2")];
    assert_eq!(found(&other).await.unwrap().origins().len(), 2);
}

#[tokio::test]
async fn who_asks_is_told_to_no_other_host() {
    use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

    let other = Site::start(b"there".to_vec(), Manner::Tagged).await;
    let site = Site::start(b"here".to_vec(), Manner::Tagged).await;
    let leads = |to: String| {
        Deed::Says(answer(
            "307 Temporary Redirect",
            &[&format!("Location: {to}")],
            "",
        ))
    };
    site.will([
        leads("/own".to_owned()),
        leads(format!("{}/x", other.address)),
    ]);
    let input = site.input("/f");
    input.unlock(HeaderMap::from_iter([(
        AUTHORIZATION,
        HeaderValue::from_static("Bearer CANARY"),
    )]));
    assert_eq!(
        read(&found(&[input]).await.unwrap()).await.unwrap(),
        "there"
    );
    let told = |site: &Site| {
        let told = |head: &String| head.contains("authorization: bearer canary");
        site.seen().iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!((told(&site), told(&other)), (vec![true, true], vec![false]));
    assert!(other.seen()[0].contains("accept-encoding: identity"));
}

#[tokio::test]
async fn led_in_circles() {
    let site = Site::start(Vec::new(), Manner::Tagged).await;
    let leads = Deed::Says(answer("302 Found", &["Location: /f"], ""));
    site.will(vec![leads; 6]);
    let error = found(&[site.input("/f")]).await.unwrap_err();
    let error = chain(&error);
    assert!(
        error.ends_with("the server redirects more than 5 times"),
        "{error}"
    );
}

/// Each request may have the server make a report.
#[tokio::test]
async fn asked_once_more_where_no_answer_begins() {
    let spec = HttpsSpec {
        answer: Span(Duration::from_millis(300)),
        ..HttpsSpec::default()
    };
    let site = Site::start(b"report".to_vec(), Manner::Made).await;
    let input = [site.input_as("/f?k=CANARY", &spec)];
    site.will([Deed::Silent]);
    let source = found(&input).await.unwrap();
    assert_eq!(read(&source).await.unwrap(), "report");
    assert_eq!(site.seen().len(), 2);

    site.will([Deed::Silent, Deed::Silent]);
    let error = chain(&found(&input).await.unwrap_err());
    assert_eq!(
        error,
        format!(
            "{}/f?…: can't be read: the server was asked twice and did not answer within 300ms; where it takes longer to make \
             a report, raise source.https.answer",
            site.address
        )
    );
    assert_eq!(site.seen().len(), 4);

    // What comes of it as a refusal is tried as often as any.
    let busy = Deed::Says(answer("503 Service Unavailable", &["Retry-After: 0"], ""));
    site.will(vec![busy; 3]);
    let source = found(&input).await.unwrap();
    assert_eq!(read(&source).await.unwrap(), "report");
    assert_eq!(site.seen().len(), 8);
}

/// The same for what was broken off and is taken up.
#[tokio::test]
async fn asked_once_more_in_the_middle() {
    let spec = HttpsSpec {
        answer: Span(Duration::from_millis(300)),
        ..HttpsSpec::default()
    };
    let site = Site::start(vec![b'x'; 1000], Manner::Tagged).await;
    site.will([Deed::Cut(10), Deed::Silent, Deed::Silent]);
    let source = found(&[site.input_as("/f", &spec)]).await.unwrap();
    let error = read(&source).await.unwrap_err();
    assert!(error.ends_with("raise source.https.answer"), "{error}");
    assert_eq!(site.seen().len(), 3);
}
