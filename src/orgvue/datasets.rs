//! The tenant's data sets, and the properties of one: as far as the API tells them.
//!
//! That there is a list, and what an entry of it holds, is documented; its path is not, nor is that of a data set's
//! definition, which is read only where an entry links to it.

use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::http::asked::Asked;
use crate::orgvue::client::Client;
use crate::orgvue::error::OrgvueError;
use crate::settings::is_uuid;

/// A data set, as the tenant lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Dataset {
    /// Its UUID.
    pub id: String,
    pub name: String,
    /// `PEOPLE`, `POSITIONS`, ...
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Where its definition is, if the list says so.
    #[serde(skip)]
    definition: Option<Definition>,
}

/// Where a data set's definition is found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Definition {
    /// In the list itself.
    Here(Properties),
    At(Url),
}

/// The properties of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties {
    pub list: Vec<Property>,
    /// The property that `autoId` stands for.
    pub auto_id: Option<String>,
}

/// A property of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub key: String,
    /// `text`, `number`, `date`, ..., in lower case.
    pub kind: Option<String>,
}

impl Client {
    /// The tenant's data sets. Tried again only where nothing was sent.
    pub(crate) async fn datasets(&self) -> Result<Vec<Dataset>, OrgvueError> {
        const WHAT: &str = "list the tenant's data sets";
        let asked = Asked::new("datasets");
        let answer = self.look_up((WHAT, &asked), self.url(&["datasets"]));
        let answer = answer.await?;
        let list = match &answer.json {
            Value::Array(list) => Some(list),
            // Not documented, and what lists commonly are wrapped in.
            object => ["datasets", "items"]
                .iter()
                .find_map(|name| object.get(name)?.as_array()),
        };
        let found = list.map(|list| {
            let entries = list.iter().map(|entry| self.dataset(entry));
            entries.collect::<Option<Vec<_>>>()
        });
        match found {
            Some(Some(datasets)) => Ok(datasets),
            _ => Err(answer.unexpected("the answer is not a list of data sets")),
        }
    }

    /// The properties of a data set; nothing where the list does not lead to them.
    pub(crate) async fn properties(
        &self,
        dataset: &Dataset,
    ) -> Result<Option<Properties>, OrgvueError> {
        const WHAT: &str = "read the data set's properties";
        let url = match &dataset.definition {
            None => return Ok(None),
            Some(Definition::Here(properties)) => return Ok(Some(properties.clone())),
            Some(Definition::At(url)) => url.clone(),
        };
        let asked = Asked::new("properties");
        let answer = self.look_up((WHAT, &asked), url).await?;
        match properties(&answer.json) {
            Some(properties) => Ok(Some(properties)),
            None => Err(answer.unexpected("the answer does not define a data set")),
        }
    }

    fn dataset(&self, entry: &Value) -> Option<Dataset> {
        let text = |name: &str| Some(entry.get(name)?.as_str()?.to_owned());
        Some(Dataset {
            id: text("datasetId").filter(|id| is_uuid(id))?,
            name: text("name")?,
            kind: text("type"),
            definition: match properties(entry) {
                Some(properties) => Some(Definition::Here(properties)),
                None => self.definition(entry).map(Definition::At),
            },
        })
    }

    /// A link to a data set's definition. That to the data set itself leads to all its items, and is never followed; nor
    /// is one that leaves the tenant, for the token goes with it.
    fn definition(&self, entry: &Value) -> Option<Url> {
        let links = entry.get("_links")?.as_object()?;
        let (_, link) = links
            .iter()
            .find(|(name, _)| name.rsplit(':').next() == Some("metadata"))?;
        let method = link.get("method").and_then(Value::as_str);
        let url = Url::parse(link.get("url")?.as_str()?).ok()?;
        let tenant = self.url(&[]);
        let own = url.origin() == tenant.origin()
            && url.path().starts_with(&format!("{}/", tenant.path()));
        (own && method.is_none_or(|method| method == "GET")).then_some(url)
    }
}

fn properties(definition: &Value) -> Option<Properties> {
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let list = definition.get("properties")?.as_array()?;
    let list = list.iter().map(|property| {
        let kind = text(property, "type").map(|kind| kind.to_lowercase());
        text(property, "key").map(|key| Property { key, kind })
    });
    Some(Properties {
        list: list.collect::<Option<Vec<_>>>()?,
        auto_id: text(definition, "autoId"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::spec::TimeoutsSpec;
    use crate::http::testing::{Reply, Server, answer};
    use crate::orgvue::client::Connection;
    use crate::orgvue::hosts::hosts;
    use crate::text::chain;

    const ID: &str = "6586F21B-AD4D-4D06-A309-712AF47184A2";

    fn client(base: &str) -> Client {
        let base = Url::parse(base).unwrap();
        let connection = Connection {
            result_location: None,
            hosts: hosts(&base, vec![], false),
            base,
            tenant: "ACME".into(),
            dataset: String::new(),
            token: "eyCANARY".into(),
        };
        Client::new(connection, &TimeoutsSpec::default()).unwrap()
    }

    /// The list that comes of an answer, its names alone.
    async fn names(status: &str, body: &str) -> Result<Vec<String>, String> {
        let server = Server::start([Reply::Full(answer(status, &[], body))]).await;
        let list = client(&server.url("")).datasets().await;
        let seen = server_of(server).await;
        assert_eq!(seen, "GET /api/v1/ACME/datasets HTTP/1.1");
        match list {
            Ok(list) => Ok(list.into_iter().map(|set| set.name).collect()),
            Err(error) => Err(chain(&error)),
        }
    }

    async fn server_of(mut server: Server) -> String {
        let seen = server.finish().await.remove(0);
        assert_eq!(seen.header("Authorization"), Some("Bearer eyCANARY"));
        seen.line().to_owned()
    }

    #[tokio::test]
    async fn lists() {
        let one = format!(r#"{{"datasetId":"{ID}","name":"People","type":"PEOPLE"}}"#);
        let found = names("200 OK", &format!("[{one}]")).await;
        assert_eq!(found.unwrap(), ["People"]);
        let found = names("200 OK", &format!(r#"{{"datasets":[{one},{one}]}}"#)).await;
        assert_eq!(found.unwrap(), ["People", "People"]);
        assert_eq!(names("200 OK", "[]").await.unwrap(), Vec::<String>::new());
        // More than the answers that are meant to be small.
        let many = vec![one.as_str(); 2_000].join(",");
        assert_eq!(
            names("200 OK", &format!("[{many}]")).await.unwrap().len(),
            2_000
        );
        for body in [
            "",
            "null",
            "{}",
            "[1]",
            r#"[{"name":"x"}]"#,
            r#"[{"datasetId":"x","name":"x"}]"#,
            "<html>",
        ] {
            let error = names("200 OK", body).await.unwrap_err();
            assert!(error.contains("is not a list of data sets"), "{error}");
        }
        let error = names("404 Not Found", "").await.unwrap_err();
        assert!(error.contains("the server refused (status 404)"), "{error}");
    }

    /// Whether a link is followed, of an entry with such links.
    fn followed(links: &str) -> Option<String> {
        let client = client("https://api.example/gate/");
        let entry = format!(r#"{{"datasetId":"{ID}","name":"x","_links":{links}}}"#);
        let entry = serde_json::from_str(&entry).unwrap();
        match client.dataset(&entry).unwrap().definition {
            Some(Definition::At(url)) => Some(url.into()),
            _ => None,
        }
    }

    /// The token goes where a link leads, and some links lead to everything.
    #[test]
    fn links() {
        let own = "https://api.example/gate/api/v1/ACME/datasets/x/metadata";
        let link =
            |name: &str, url: &str| format!(r#"{{"{name}":{{"url":"{url}","method":"GET"}}}}"#);
        assert_eq!(
            followed(&link("dataset:metadata", own)).as_deref(),
            Some(own)
        );
        assert_eq!(followed(&link("metadata", own)).as_deref(), Some(own));
        for (name, url) in [
            ("dataset:retrieve", own),
            ("dataset:metadata:items", own),
            ("dataset:metadata", "http://api.example/gate/api/v1/ACME/x"),
            (
                "dataset:metadata",
                "https://api.example:8443/gate/api/v1/ACME/x",
            ),
            (
                "dataset:metadata",
                "https://evil.example/gate/api/v1/ACME/x",
            ),
            (
                "dataset:metadata",
                "https://api.example/gate/api/v1/ACMEX/x",
            ),
            (
                "dataset:metadata",
                "https://api.example/gate/api/v1/ACME/../OTHER/x",
            ),
            ("dataset:metadata", "/relative"),
        ] {
            assert_eq!(followed(&link(name, url)), None, "{name} {url}");
        }
        assert_eq!(followed("[]"), None);
        let post = format!(r#"{{"dataset:metadata":{{"url":"{own}","method":"POST"}}}}"#);
        assert_eq!(followed(&post), None);
    }

    #[test]
    fn definitions() {
        let read = |text: &str| properties(&serde_json::from_str(text).unwrap());
        let found = read(
            r#"{"name":"x","autoId":"id","properties":[{"key":"id","type":"Text"},{"key":" a  b "}]}"#,
        )
        .unwrap();
        let keys: Vec<_> = found
            .list
            .iter()
            .map(|p| (&*p.key, p.kind.as_deref()))
            .collect();
        // Keys are kept to the last blank: the API compares them so.
        assert_eq!(keys, [("id", Some("text")), (" a  b ", None)]);
        assert_eq!(found.auto_id.as_deref(), Some("id"));
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"properties":[{"name":"x"}]}"#), None);
        assert_eq!(read(r#"{"properties":{"x":1}}"#), None);
    }
}
