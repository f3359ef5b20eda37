//! How a workbook's cells show numbers.

use std::collections::HashMap;

use quick_xml::events::Event;

use super::format::{Format, GENERAL};
use super::xml::{Xml, attribute};
use crate::source::table::Wrong;

/// Styles of one workbook, at most; Excel knows a few less.
const MOST_STYLES: usize = 1 << 16;

/// The formats of numbers, by the number of a cell's style.
#[derive(Default)]
pub(super) struct Styles {
    formats: Vec<Format>,
}

impl Styles {
    /// The format of a style; that of any number where there is no such style.
    #[inline]
    pub(super) fn format(&self, style: usize) -> &Format {
        self.formats.get(style).unwrap_or(&GENERAL)
    }

    /// Reads them.
    ///
    /// # Errors
    /// The part can't be read.
    pub(super) fn read(mut xml: Xml) -> Result<Styles, Wrong> {
        let mut codes: HashMap<u32, Format> = HashMap::new();
        let mut styles = Styles::default();
        // There are styles of cells, and others by which these are named.
        let mut of_cells = false;
        loop {
            let event = xml.next()?;
            let read = match &event {
                Event::Start(element) => match element.local_name().into_inner() {
                    "numFmt" => number(element, "numFmtId").and_then(|id| {
                        let code = attribute(element, "formatCode")?;
                        codes.extend(id.zip(code).map(|(id, code)| (id, Format::read(&code))));
                        Ok(())
                    }),
                    "cellXfs" => {
                        of_cells = true;
                        Ok(())
                    }
                    "xf" if of_cells => number(element, "numFmtId").map(|id| {
                        let id = id.unwrap_or_default();
                        let format = codes.get(&id).cloned();
                        let format = format.unwrap_or_else(|| Format::built_in(id));
                        styles.formats.push(format);
                    }),
                    _ => Ok(()),
                },
                Event::End(element) if element.local_name().into_inner() == "cellXfs" => {
                    return Ok(styles);
                }
                Event::Eof => return Ok(styles),
                _ => Ok(()),
            };
            if let Err(what) = read {
                return Err(xml.wrong(what));
            }
            if styles.formats.len().max(codes.len()) > MOST_STYLES {
                return Err(xml.wrong("there are too many styles"));
            }
        }
    }
}

/// An attribute that is a number.
fn number(
    element: &quick_xml::events::BytesStart<'_>,
    name: &str,
) -> Result<Option<u32>, &'static str> {
    let value = attribute(element, name)?;
    Ok(value.and_then(|value| value.trim().parse().ok()))
}
