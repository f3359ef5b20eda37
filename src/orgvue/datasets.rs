//! The tenant's data sets, and the properties of one: as far as the API tells them.
//!
//! That there is a list, and what an entry of it holds, is documented; its path is not, nor is that of a data set's
//! definition, which is read only where an entry links to it.

use serde::Serialize;
use serde_json::Value;
use url::Url;

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
        let answer = self.look_up(WHAT, self.url(&["datasets"])).await?;
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
        let answer = self.look_up(WHAT, url).await?;
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
