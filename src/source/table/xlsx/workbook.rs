//! What is in a workbook: its sheets, the texts and styles that their cells share, and the day that it counts from.

use quick_xml::events::{BytesStart, Event};

use super::moment::Epoch;
use super::parts::{Part, Parts};
use super::strings::Strings;
use super::styles::Styles;
use super::xml::{Xml, attribute, is_true};
use crate::settings::limits::Limits;
use crate::source::table::Wrong;
use crate::source::table::sheet_spec::SheetSpec;
use crate::text::compare::comparable;
use crate::text::shown::shown;

/// Sheets of one workbook, at most.
const MOST_SHEETS: usize = 1 << 16;

/// Names of sheets that a message tells.
const MOST_TOLD: usize = 20;

/// A workbook that has been opened.
pub(super) struct Workbook<'a> {
    parts: &'a Parts,
    pub(super) sheets: Vec<Sheet>,
    pub(super) strings: Strings,
    pub(super) styles: Styles,
    pub(super) epoch: Epoch,
    /// It is to be calculated when it is opened: what stands in formulas may be nothing that was calculated.
    pub(super) uncalculated: bool,
}

/// A sheet of cells.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) visible: bool,
    /// The part that it is.
    part: String,
}

/// A part that another one names.
struct Relation {
    id: String,
    kind: String,
    target: String,
}

impl<'a> Workbook<'a> {
    /// Reads all but the sheets.
    ///
    /// # Errors
    /// It is not a workbook, or can't be read.
    pub(super) fn read(parts: &'a Parts, limits: &Limits) -> Result<Workbook<'a>, Wrong> {
        let name = main_part(parts)?;
        let relations = relations(parts, &name)?;
        let Some(part) = parts.part(&name)? else {
            return Err(foreign(parts));
        };
        let mut workbook = Workbook {
            parts,
            sheets: Vec::new(),
            strings: Strings::default(),
            styles: Styles::default(),
            epoch: Epoch::default(),
            uncalculated: false,
        };
        workbook.read_main(Xml::new(&name, part), &relations)?;
        for relation in &relations {
            let Some(part) = parts.part(&relation.target)? else {
                continue;
            };
            let xml = Xml::new(&relation.target, part);
            match &*relation.kind {
                "sharedStrings" => workbook.strings = Strings::read(xml, limits.shared_strings)?,
                "styles" => workbook.styles = Styles::read(xml)?,
                _ => {}
            }
        }
        Ok(workbook)
    }

    fn read_main(&mut self, mut xml: Xml, relations: &[Relation]) -> Result<(), Wrong> {
        loop {
            let event = xml.next()?;
            let read = match &event {
                Event::Start(element) => self.element(element, relations),
                Event::Eof => return Ok(()),
                _ => Ok(()),
            };
            if let Err(what) = read {
                return Err(xml.wrong(what));
            }
        }
    }

    fn element(
        &mut self,
        element: &BytesStart<'_>,
        relations: &[Relation],
    ) -> Result<(), &'static str> {
        let says = |name| -> Result<bool, &'static str> {
            Ok(attribute(element, name)?.is_some_and(|value| is_true(&value)))
        };
        match element.local_name().into_inner() {
            "workbookPr" if says("date1904")? => self.epoch = Epoch::Of1904,
            "calcPr" => self.uncalculated = says("fullCalcOnLoad")?,
            "sheet" => {
                if self.sheets.len() == MOST_SHEETS {
                    return Err("there are too many sheets");
                }
                let id = attribute(element, "id")?.unwrap_or_default();
                let relation = relations.iter().find(|relation| relation.id == id);
                // Charts and macros are sheets, too.
                let Some(relation) = relation.filter(|relation| relation.kind == "worksheet")
                else {
                    return Ok(());
                };
                let state = attribute(element, "state")?;
                self.sheets.push(Sheet {
                    name: attribute(element, "name")?.unwrap_or_default().into_owned(),
                    visible: state.is_none_or(|state| state == "visible"),
                    part: relation.target.clone(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// The sheet that is meant: the one that is stated; else the only one, or the only one that can be seen and has
    /// something in it.
    ///
    /// # Errors
    /// There is no such sheet, or it is not clear which one is meant.
    pub(super) fn choose(&self, stated: Option<&SheetSpec>) -> Result<&Sheet, Wrong> {
        match (stated, &self.sheets[..]) {
            (_, []) => Err(Wrong::data(0, "the workbook has no sheet of cells")),
            (None, [only]) => Ok(only),
            (None, _) => self.only_one(),
            (Some(SheetSpec::Number(number)), sheets) => {
                let sheet = (*number as usize)
                    .checked_sub(1)
                    .and_then(|at| sheets.get(at));
                sheet.ok_or_else(|| self.not_there(&format!("source.sheet is {number}, and")))
            }
            (Some(SheetSpec::Name(name)), sheets) => {
                let is = |sheet: &&Sheet| sheet.name == *name;
                // Two sheets of a workbook never differ in case alone.
                let small = |name: &str| comparable(name).to_lowercase();
                let is_like = |sheet: &&Sheet| small(&sheet.name) == small(name);
                let found = sheets.iter().find(is).or(sheets.iter().find(is_like));
                found.ok_or_else(|| {
                    self.not_there(&format!("source.sheet is `{}`, and", shown(name)))
                })
            }
        }
    }

    fn only_one(&self) -> Result<&Sheet, Wrong> {
        let mut filled = Vec::new();
        for sheet in self.sheets.iter().filter(|sheet| sheet.visible) {
            if self.has_cells(sheet)? {
                filled.push(sheet);
            }
        }
        match filled[..] {
            [only] => Ok(only),
            // None has anything in it: so has the first.
            [] => Ok(&self.sheets[0]),
            _ => {
                let names = filled.iter().map(|sheet| sheet.name.clone()).collect();
                let wrong = self.not_there("set source.sheet to the one that is meant:");
                Err(wrong.of_several("sheet", names))
            }
        }
    }

    /// Whether anything stands in a sheet.
    pub(super) fn has_cells(&self, sheet: &Sheet) -> Result<bool, Wrong> {
        let mut xml = self.open(sheet)?;
        loop {
            match xml.next()? {
                Event::Start(element)
                    if matches!(element.local_name().into_inner(), "v" | "is") =>
                {
                    return Ok(true);
                }
                Event::End(element) if element.local_name().into_inner() == "sheetData" => {
                    return Ok(false);
                }
                Event::Eof => return Ok(false),
                _ => {}
            }
        }
    }

    pub(super) fn open(&self, sheet: &Sheet) -> Result<Xml, Wrong> {
        match self.parts.part(&sheet.part)? {
            Some(part) => Ok(Xml::new(&sheet.part, part)),
            None => Err(Wrong::data(
                0,
                format!(
                    "the workbook is damaged: the sheet `{}` is missing",
                    shown(&sheet.name)
                ),
            )),
        }
    }

    /// The tables of a sheet: their names, and themselves.
    pub(super) fn tables(&self, sheet: &Sheet) -> Result<Vec<(String, Part)>, Wrong> {
        let mut tables = Vec::new();
        for relation in relations(self.parts, &sheet.part)? {
            if relation.kind == "table"
                && let Some(part) = self.parts.part(&relation.target)?
            {
                tables.push((relation.target, part));
            }
        }
        Ok(tables)
    }

    fn not_there(&self, what: &str) -> Wrong {
        let names = self.sheets.iter().take(MOST_TOLD);
        let names: Vec<_> = names
            .map(|sheet| format!("`{}`", shown(&sheet.name)))
            .collect();
        let more = match self.sheets.len().saturating_sub(MOST_TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{what} the workbook has the sheets {}{more}",
            names.join(", ")
        );
        Wrong::setting(0, message)
    }
}

/// The name of the part that names the sheets.
fn main_part(parts: &Parts) -> Result<String, Wrong> {
    let relations = relations(parts, "")?;
    let main = relations
        .into_iter()
        .find(|relation| relation.kind == "officeDocument");
    let name = main.map_or_else(|| "xl/workbook.xml".to_owned(), |main| main.target);
    match name.ends_with(".bin") || !parts.has(&name) {
        true => Err(foreign(parts)),
        false => Ok(name),
    }
}

/// What an archive is that is not a workbook of this kind.
fn foreign(parts: &Parts) -> Wrong {
    let what = if parts.has("xl/workbook.bin") {
        "this is a binary workbook (.xlsb)"
    } else if parts.has("content.xml") && parts.has("mimetype") {
        "this is an OpenDocument file (.ods)"
    } else if parts.has("word/document.xml") {
        "this is a Word document"
    } else {
        "this is an archive, and there is no workbook in it"
    };
    Wrong::data(
        0,
        format!("{what}; save it as an Excel workbook (.xlsx), or export it as CSV"),
    )
}

/// The parts that a part names; without a name, those that the archive begins with.
fn relations(parts: &Parts, name: &str) -> Result<Vec<Relation>, Wrong> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let slash = if folder.is_empty() { "" } else { "/" };
    let own = format!("{folder}{slash}_rels/{file}.rels");
    let Some(part) = parts.part(&own)? else {
        return Ok(Vec::new());
    };
    let mut xml = Xml::new(&own, part);
    let mut found = Vec::new();
    loop {
        let event = xml.next()?;
        let relation = match &event {
            Event::Start(element) if element.local_name().into_inner() == "Relationship" => {
                relation(element, folder)
            }
            Event::Eof => return Ok(found),
            _ => continue,
        };
        match relation {
            Ok(relation) => found.push(relation),
            Err(what) => return Err(xml.wrong(what)),
        }
        if found.len() > MOST_SHEETS {
            return Err(xml.wrong("there are too many relations"));
        }
    }
}

fn relation(element: &BytesStart<'_>, folder: &str) -> Result<Relation, &'static str> {
    let text = |name| -> Result<String, &'static str> {
        Ok(attribute(element, name)?.unwrap_or_default().into_owned())
    };
    let kind = text("Type")?;
    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Relation {
        id: text("Id")?,
        kind,
        target: path(folder, &text("Target")?),
    })
}

/// The name of a part, as another one of that folder names it.
fn path(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let folder = match target.starts_with('/') {
        true => "",
        false => folder,
    };
    let mut path: Vec<&str> = Vec::new();
    for step in folder.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts() {
        for (folder, target, expected) in [
            ("", "xl/workbook.xml", "xl/workbook.xml"),
            ("", "/xl/workbook.xml", "xl/workbook.xml"),
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            (
                "xl",
                "/xl/worksheets/sheet1.xml",
                "xl/worksheets/sheet1.xml",
            ),
            ("xl", "..\\sheet1.xml", "sheet1.xml"),
            ("xl", "./../../../sheet1.xml", "sheet1.xml"),
        ] {
            assert_eq!(path(folder, target), expected);
        }
    }
}
