//! Where the next page of an extract is, by what a page says.

use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::spec::Paging;
use crate::source::place::remote::error::RemoteError;

/// A page as OData writes it: of its second version all is within `d`, which is an object where it has pages.
#[derive(Deserialize)]
struct Odata<'a> {
    #[serde(rename = "@odata.nextLink", alias = "odata.nextLink")]
    next: Option<String>,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Within {
    #[serde(rename = "__next")]
    next: Option<String>,
}

/// A page as Oracle writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Oracle {
    has_more: Option<bool>,
    offset: Option<u64>,
    count: Option<u64>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    rel: String,
    #[serde(default)]
    href: String,
}

/// The address of the page behind one that was read from `url`; none behind the last.
///
/// # Errors
/// The page can't be read, or does not say where the next one is, or that is at another host.
pub fn behind(paging: Paging, page: &[u8], url: &Url) -> Result<Option<Url>, RemoteError> {
    let link = match paging {
        Paging::Odata => {
            let page: Odata<'_> = read(page)?;
            match page.d.filter(|d| d.get().starts_with('{')) {
                Some(d) => read::<Within>(d.get().as_bytes())?.next.or(page.next),
                None => page.next,
            }
        }
        Paging::Oracle => {
            let page: Oracle = read(page)?;
            if page.has_more == Some(false) {
                return Ok(None);
            }
            let link = page.links.into_iter().find(|link| link.rel == "next");
            match (link, page.has_more, page.offset.zip(page.count)) {
                (Some(link), ..) => Some(link.href),
                (None, None | Some(false), _) => None,
                (None, Some(true), Some((offset, count @ 1..))) => {
                    return Ok(Some(at_offset(url, offset.saturating_add(count))));
                }
                (None, Some(true), _) => {
                    return Err(RemoteError::Unexpected(
                        "the page says with its member `hasMore` that another one follows, and has neither a link of the \
                         relation `next` nor `offset` and `count` that lead there"
                            .to_owned(),
                    ));
                }
            }
        }
    };
    match link.filter(|link| !link.is_empty()) {
        Some(link) => leads(&link, url).map(Some),
        None => Ok(None),
    }
}

fn read<'a, T: Deserialize<'a>>(page: &'a [u8]) -> Result<T, RemoteError> {
    let page = page.strip_prefix(b"\xef\xbb\xbf").unwrap_or(page);
    // Its own words may quote what stands there.
    serde_json::from_slice(page).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        RemoteError::Unexpected(match error.classify() {
            serde_json::error::Category::Data => format!(
                "what should say where the next page is (source.https.paging) is of another kind, at line {line}, column \
                 {column} of the page"
            ),
            _ => format!(
                "it is not well-formed JSON, at line {line}, column {column} of the page"
            ),
        })
    })
}

/// The address that a link leads to.
fn leads(link: &str, url: &Url) -> Result<Url, RemoteError> {
    let wrong = |message: &str| RemoteError::Unexpected(message.to_owned());
    let next = url.join(link);
    let mut next = next.map_err(|_| wrong("its link to the next page is not an address"))?;
    next.set_fragment(None);
    if next.origin() != url.origin() {
        return Err(wrong(
            "its link to the next page leads to another host, and who asks is told to no other one",
        ));
    }
    let _ = next.set_username("");
    let _ = next.set_password(None);
    Ok(next)
}

/// The same address, at another offset.
fn at_offset(url: &Url, offset: u64) -> Url {
    let mut next = url.clone();
    let others: Vec<_> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| name != "offset")
        .collect();
    next.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair("offset", &offset.to_string());
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::chain;

    fn told(paging: Paging, page: &str) -> String {
        let url = Url::parse("https://h.example:8443/a/b?x=1&offset=5").unwrap();
        match behind(paging, page.as_bytes(), &url) {
            Ok(None) => "last".to_owned(),
            Ok(Some(next)) => next.to_string(),
            Err(error) => chain(&error),
        }
    }

    #[test]
    fn odata() {
        let check = |page: &str, expected: &str| {
            assert_eq!(told(Paging::Odata, page), expected, "{page}");
        };
        let next = "https://h.example:8443/a/n?$skiptoken=2";
        for page in [
            r#"{"@odata.nextLink":"n?$skiptoken=2","value":[{"@odata.nextLink":"x"}]}"#,
            r#"{"value":[],"odata.nextLink":"https://h.example:8443/a/n?$skiptoken=2"}"#,
            r#"{"d":{"results":[{"__next":"x"}],"__next":"/a/n?$skiptoken=2"}}"#,
            "\u{feff}{\"d\":{\"__next\":\"https://u:p@h.example:8443/a/n?$skiptoken=2#f\"}}",
        ] {
            check(page, next);
        }
        for page in [
            r#"{"value":[]}"#,
            r#"{"@odata.nextLink":null}"#,
            r#"{"@odata.nextLink":""}"#,
            r#"{"d":[{"__next":"x"}]}"#,
            r#"{"d":{"results":[]}}"#,
            "{}",
        ] {
            check(page, "last");
        }
        let other =
            "its link to the next page leads to another host, and who asks is told to no other one";
        for link in ["https://h.example/n", "http://h.example:8443/n", "//x/n"] {
            check(&format!(r#"{{"@odata.nextLink":"{link}"}}"#), other);
        }
        check(
            r#"{"@odata.nextLink":"https://"}"#,
            "its link to the next page is not an address",
        );
        check(
            "{\n\"value\":[",
            "it is not well-formed JSON, at line 2, column 9 of the page",
        );
        check(
            r#"{"@odata.nextLink":7}"#,
            "what should say where the next page is (source.https.paging) is of another kind, at line 1, column 20 of \
             the page",
        );
    }

    #[test]
    fn oracle() {
        let check = |page: &str, expected: &str| {
            assert_eq!(told(Paging::Oracle, page), expected, "{page}");
        };
        check(
            r#"{"items":[],"hasMore":true,"links":[{"rel":"self","href":"/s"},{"rel":"next","href":"/n?offset=9"}]}"#,
            "https://h.example:8443/n?offset=9",
        );
        check(
            r#"{"links":[{"rel":"next","href":"/n"}]}"#,
            "https://h.example:8443/n",
        );
        check(
            r#"{"items":[{"hasMore":false}],"count":25,"hasMore":true,"limit":25,"offset":50}"#,
            "https://h.example:8443/a/b?x=1&offset=75",
        );
        check(
            r#"{"hasMore":false,"links":[{"rel":"next","href":"/n"}]}"#,
            "last",
        );
        check(r#"{"items":[]}"#, "last");
        for page in [
            r#"{"hasMore":true}"#,
            r#"{"hasMore":true,"offset":5,"count":0}"#,
        ] {
            assert!(told(Paging::Oracle, page).contains("neither a link"));
        }
        assert!(told(Paging::Oracle, r#"{"hasMore":"true"}"#).contains("of another kind"));
    }
}
