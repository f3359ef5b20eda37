//! The texts that a workbook's cells share: all of them, held in one buffer.

use quick_xml::events::Event;

use super::xml::{Xml, append, unescaped};
use crate::settings::units::Size;
use crate::source::table::Wrong;

/// Texts by their number.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Strings {
    pub(super) fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start = match number {
            0 => 0,
            _ => self.ends[number - 1],
        };
        self.text.get(start as usize..end as usize)
    }

    /// Reads them.
    ///
    /// # Errors
    /// The part can't be read; they are more than is allowed.
    pub(super) fn read(mut xml: Xml, most: Size) -> Result<Strings, Wrong> {
        let mut strings = Strings::default();
        let mut string = String::new();
        // How a text is pronounced stands beside it.
        let (mut within, mut spoken) = (false, false);
        loop {
            let event = xml.next()?;
            match &event {
                Event::Start(element) => match element.local_name().into_inner() {
                    "si" => string.clear(),
                    "t" => within = !spoken,
                    "rPh" => spoken = true,
                    _ => {}
                },
                Event::End(element) => match element.local_name().into_inner() {
                    "si" => strings.push(&unescaped(&string), most)?,
                    "t" => within = false,
                    "rPh" => spoken = false,
                    _ => {}
                },
                Event::Eof => return Ok(strings),
                event if within => {
                    if let Err(what) = append(event, &mut string) {
                        return Err(xml.wrong(what));
                    }
                    if string.len() as u64 > most.0 {
                        return Err(too_many(most));
                    }
                }
                _ => {}
            }
        }
    }

    fn push(&mut self, string: &str, most: Size) -> Result<(), Wrong> {
        self.text.push_str(string);
        let bytes = self.text.len() + self.ends.len() * size_of::<u32>();
        let end = u32::try_from(self.text.len()).ok();
        match end.filter(|_| bytes as u64 <= most.0) {
            Some(end) => self.ends.push(end),
            None => return Err(too_many(most)),
        }
        Ok(())
    }
}

fn too_many(most: Size) -> Wrong {
    let message = format!(
        "the texts that the workbook's cells share take more than {most} of memory (limits.shared_strings); raise the limit, \
         or export the sheet as CSV"
    );
    Wrong::data(0, message)
}
