//! A record as JSON.

use super::names::{Names, RECORD};
use super::record::{Record, Value};
use crate::source::table::records::Records;

/// Where an element stands in the record: once, several times, or not. Those within one that comes several times have
/// its shape, so that their columns have the same order.
enum Shape {
    Absent,
    One(u32),
    Many(Vec<Shape>),
}

impl Record {
    /// Writes the members of the record.
    pub(super) fn write(&self, names: &mut Names, out: &mut Records<'_>) {
        self.note_texts(names);
        if self.repeats {
            let mut json = Vec::new();
            return self.write_shape(RECORD, &Shape::One(0), names, &mut json, out);
        }
        for element in &self.elements {
            let column = &names.node(element.node).column;
            match self.value(element, names) {
                Value::Nothing => {}
                Value::Null => out.json(column, "null"),
                Value::Text(text) => out.text(column, text),
            }
        }
    }

    /// Writes the columns of an element that stands so in the record, and of those within it.
    fn write_shape(
        &self,
        node: u32,
        shape: &Shape,
        names: &Names,
        json: &mut Vec<u8>,
        out: &mut Records<'_>,
    ) {
        json.clear();
        if self.push_values(shape, names, json) {
            out.json(&names.node(node).column, &json);
        }
        for child in &names.node(node).children {
            if names.node(*child).seen == self.number {
                let within = self.shape_within(*child, shape);
                self.write_shape(*child, &within, names, json, out);
            }
        }
    }

    /// Where the elements of a name stand within those around them.
    fn shape_within(&self, node: u32, around: &Shape) -> Shape {
        match around {
            Shape::Absent => Shape::Absent,
            Shape::Many(all) => {
                let all = all.iter().map(|around| self.shape_within(node, around));
                Shape::Many(all.collect())
            }
            Shape::One(around) => {
                let mut found: Vec<_> = (self.within(*around))
                    .filter(|at| self.elements[*at as usize].node == node)
                    .map(Shape::One)
                    .collect();
                match (found.pop(), found.is_empty()) {
                    (None, _) => Shape::Absent,
                    (Some(only), true) => only,
                    (Some(last), false) => {
                        found.push(last);
                        Shape::Many(found)
                    }
                }
            }
        }
    }

    /// The elements and attributes of an element.
    fn within(&self, around: u32) -> impl Iterator<Item = u32> {
        let end = self.elements[around as usize].end;
        let mut at = around + 1;
        std::iter::from_fn(move || {
            let this = at;
            let is_one = this < end;
            if is_one {
                at = self.elements[this as usize].end;
            }
            is_one.then_some(this)
        })
    }

    /// Appends values as JSON. False where there are none.
    fn push_values(&self, shape: &Shape, names: &Names, json: &mut Vec<u8>) -> bool {
        match shape {
            Shape::Absent => {
                json.extend_from_slice(b"null");
                false
            }
            Shape::One(element) => match self.value(&self.elements[*element as usize], names) {
                Value::Text(text) => {
                    json_escape_simd::escape_into(text, json);
                    true
                }
                value => {
                    json.extend_from_slice(b"null");
                    value == Value::Null
                }
            },
            Shape::Many(all) => {
                let mut any = false;
                for (at, shape) in all.iter().enumerate() {
                    json.push(if at == 0 { b'[' } else { b',' });
                    any |= self.push_values(shape, names, json);
                }
                json.push(b']');
                any
            }
        }
    }
}
