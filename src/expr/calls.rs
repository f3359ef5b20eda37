//! Calls of functions: what they are given, made into what they take.

use cel::common::ast::{CallExpr, Expr as Node, IdedExpr, LiteralValue, operators};

use super::advice::{self, Side};
use super::functions::{self, Function};
use super::kinds::{Certain, Letters, Walk};
use super::number;
use super::part::{Part, call, even};
use super::time::Time;
use super::tree::{children, qualified_function};
use super::words::written;
use crate::batch::kinds::Kinds;

impl<'a> Walk<'a> {
    pub(super) fn function(&mut self, node: &'a IdedExpr, made: &'a CallExpr) -> Part {
        let whole = qualified_function(made.target.as_deref(), &made.func_name, &[]);
        let is_method = whole.is_none() && made.target.is_some();
        let name = whole.as_deref().unwrap_or(&made.func_name);
        if name == "today" {
            let today = Time::day(self.today).map(|day| self.constant(Box::new(day)));
            return Part {
                constant: true,
                by_day: true,
                ..Part::new(today.unwrap_or_else(|| node.clone()), Kinds::DATE)
            };
        }
        let target = made.target.as_deref().filter(|_| is_method);
        let values: Vec<&'a IdedExpr> = target.into_iter().chain(&made.args).collect();
        let function = functions::find(name);
        let mut parts = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let part = self.part(value);
            parts.push(match function {
                Some(function) => self.argument(node, function, at, value, part),
                // The place in a list.
                None if name == operators::INDEX && at == 1 => part.whole(),
                None => part,
            });
        }
        let mut gives = function.map_or(Kinds::ANY, |function| function.gives);
        if gives == Kinds::NUMBER && name.starts_with("math.") {
            even(&mut parts);
            gives = parts
                .iter()
                .fold(Kinds::NONE, |all, part| all | part.numbers());
            // The numbers of a list.
            if gives == Kinds::NONE {
                gives = Kinds::NUMBER;
            }
        }
        if name == "lowerAscii" || name == "upperAscii" {
            self.letters(node, name, values[0]);
        }
        let mut args: Vec<IdedExpr> = parts.iter().map(|part| part.node.clone()).collect();
        let made_of: Vec<&Part> = parts.iter().collect();
        let target = match is_method {
            true => Some(Box::new(args.remove(0))),
            false => made.target.clone(),
        };
        let called = IdedExpr {
            id: node.id,
            expr: Node::Call(CallExpr {
                func_name: made.func_name.clone(),
                target,
                args,
            }),
        };
        Part::made_of(called, gives, &made_of)
    }

    /// A value of a function, as the function takes it.
    fn argument(
        &mut self,
        node: &IdedExpr,
        function: &Function,
        at: usize,
        value: &IdedExpr,
        mut part: Part,
    ) -> Part {
        let Some(&takes) = function.takes.get(at).or(function.takes.last()) else {
            return part;
        };
        // One kind of number is made of the other.
        let offered = match part.kinds.meets(Kinds::NUMBER) {
            true => part.kinds | Kinds::NUMBER,
            false => part.kinds,
        };
        if !takes.meets(offered) {
            let text = written(node);
            let side = Side::new(value, part.kinds, self.columns);
            let message = format!(
                "`{text}`: `{}` takes {} here, and `{}` is {}{}",
                function.name,
                advice::taken(takes),
                written(value),
                advice::noun(part.kinds),
                advice::to_be_taken(&side, takes),
            );
            // What is the same for every row is so on any source.
            let surely =
                part.constant || part.kinds.within(Kinds::TIME) || takes.within(Kinds::TIME);
            let certain = match surely {
                true => Certain::Yes,
                false => Certain::OfText,
            };
            self.mistake(text, message, certain);
            return part;
        }
        match function.name {
            "int" | "uint" | "double" | "string" if part.exact.is_some() => {
                part.node = part.exact.take().unwrap_or(part.node);
            }
            _ => {}
        }
        if function.name == "string" && part.kinds.meets(Kinds::NUMBER) {
            part.node = call(number::TEXT, vec![part.node]);
            return part;
        }
        match takes & Kinds::NUMBER {
            Kinds::INT => {
                self.is_whole(node, function, value);
                part.whole()
            }
            Kinds::DOUBLE => part.double(),
            _ => part,
        }
    }

    /// Notes a function that leaves letters beyond ASCII as they are.
    fn letters(&mut self, node: &IdedExpr, name: &str, value: &IdedExpr) {
        let mut slots = Vec::new();
        let mut left = vec![value];
        while let Some(node) = left.pop() {
            match self.column(node) {
                Some(slot) => slots.push(slot),
                None => left.extend(children(node)),
            }
        }
        if slots.is_empty() {
            return;
        }
        let to = if name == "lowerAscii" {
            "lower"
        } else {
            "upper"
        };
        let message = format!(
            "`{}` changes only A to Z and leaves letters such as Ä and é as they are; a `case` stage (`to: {to}`) \
             changes them all",
            written(node)
        );
        self.letters.push(Letters { slots, message });
    }

    /// A number written with a fraction, where a whole one is needed, is a mistake.
    fn is_whole(&mut self, node: &IdedExpr, function: &Function, value: &IdedExpr) {
        if let Node::Literal(LiteralValue::Double(double)) = &value.expr
            && double.inner().fract() != 0.0
        {
            let text = written(node);
            let message = format!(
                "`{text}`: `{}` takes a whole number here, and `{}` has a fraction",
                function.name,
                written(value)
            );
            self.mistake(text, message, Certain::Yes);
        }
    }
}
