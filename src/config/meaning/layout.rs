//! What the section `source` says of tables: files whose records are neither CSV nor JSON.

use super::Meaning;
use crate::config::pipeline::Source;
use crate::source::effect_spec::{self, Awaiting};
use crate::source::spec::{FixedSpec, HdlSpec, SourceFormat, SourceSpec, Unknown, XmlSpec};
use crate::source::table::spec::{Container, Layout, Stated, Table, Tables, Xml};

impl Meaning<'_> {
    /// What is stated of how the records stand.
    pub(super) fn layout(&mut self, source: &Source, spec: &SourceSpec) -> Layout {
        let trailer = || source.expect.trailer.clone();
        let hdl = Stated {
            spec: spec.hdl.clone(),
            trailer: trailer(),
        };
        let xml = Xml {
            record: spec.record.clone(),
            spec: spec.xml.clone(),
        };
        let book = self.workbook(spec);
        let wanted = match spec.json.unknown {
            Unknown::Ignore => spec.json.columns.clone(),
            Unknown::Reject => None,
        };
        self.hdl(&hdl.spec);
        self.xml(&xml.spec);
        match spec.format {
            SourceFormat::Auto if source.is_csv() || source.json.path.is_some() => Layout::Text,
            SourceFormat::Auto => Layout::Auto(Box::new(Tables {
                xml,
                hdl,
                book,
                wanted,
            })),
            SourceFormat::Fixed => {
                self.fixed(&spec.fixed);
                Layout::Table(Table::Fixed(Stated {
                    spec: spec.fixed.clone(),
                    trailer: trailer(),
                }))
            }
            SourceFormat::Hdl => Layout::Table(Table::Hdl(hdl)),
            SourceFormat::Xml => Layout::Table(Table::Xml(xml)),
            SourceFormat::Xlsx => Layout::Table(Table::Xlsx(book)),
            SourceFormat::Parquet => Layout::Table(Table::Columnar(Container::Parquet, wanted)),
            SourceFormat::Arrow => Layout::Table(Table::Columnar(Container::Arrow, wanted)),
            SourceFormat::Csv | SourceFormat::Tsv | SourceFormat::Json | SourceFormat::Ndjson => {
                Layout::Text
            }
        }
    }

    /// Settings of other formats than this.
    pub(super) fn without_effect(&mut self, format: SourceFormat) {
        let without = effect_spec::without(format, |key| self.states(key));
        for own in without {
            let belongs = own.belongs();
            let message = match own.is_section() {
                true => {
                    format!("these settings have no effect on this format: they are for {belongs}")
                }
                false => format!("this setting has no effect on this format: it is for {belongs}"),
            };
            let help = own.only().map(|only| format!("write `format: {only}`"));
            let path = format!("source.{}", own.key);
            self.warning(&path, message, &help.unwrap_or_default());
        }
    }

    /// What may turn out to have no effect, once it is known which format a file has. The presets of a profile are for
    /// whatever it may be.
    pub(super) fn awaiting(&self, format: SourceFormat) -> Awaiting {
        let profile = self.places.find("profile");
        let is_preset = |key: &str| self.places.find(&format!("source.{key}")) == profile;
        match format {
            SourceFormat::Auto => Awaiting::of(|key| self.states(key) && !is_preset(key)),
            _ => Awaiting::default(),
        }
    }

    fn states(&self, key: &str) -> bool {
        self.places.contains(&format!("source.{key}"))
    }

    fn hdl(&mut self, spec: &HdlSpec) {
        if spec
            .component
            .as_deref()
            .is_some_and(|name| name.trim().is_empty())
        {
            self.problem(
                "source.hdl.component",
                "expected the name of a component, such as `Worker`, found empty text",
                "",
            );
        }
    }

    fn xml(&mut self, spec: &XmlSpec) {
        let is_name = |name: &str| !name.is_empty() && !name.starts_with('@');
        if !spec.names_by.as_deref().is_none_or(is_name) {
            self.problem(
                "source.xml.names_by",
                "expected the name of an attribute as it stands in the file, such as `wd:type`",
                "",
            );
        }
    }

    fn fixed(&mut self, spec: &FixedSpec) {
        if spec.columns.is_empty() {
            self.problem(
                "source.fixed.columns",
                "expected the columns and their widths",
                "write `fixed: { columns: [{ name: employeeID, width: 8 }] }`",
            );
        }
        let mut behind = 0;
        for (i, column) in spec.columns.iter().enumerate() {
            let path = |key: &str| format!("source.fixed.columns.{i}.{key}");
            if column.width == 0 {
                self.problem(&path("width"), "expected at least 1", "");
            }
            if column.at == Some(0) {
                let message = "expected at least 1: the first character is 1";
                self.problem(&path("at"), message, "");
            } else if column.from(behind) < behind {
                let message = format!(
                    "this column begins before the one before it ends, which is with character {behind}"
                );
                self.warning(
                    &path("at"),
                    message,
                    "write the columns in the order of their places, or see whether a width is wrong",
                );
            }
            behind = behind.max(column.from(behind) + column.width as usize);
            if spec.columns[..i].iter().any(|c| c.name == column.name) {
                self.problem(&path("name"), "this column is named twice", "");
            }
        }
    }
}
