//! What can be called in an expression: the form, how many arguments, and which kinds.

use crate::batch::kinds::Kinds;

/// A function: `f(x, ..)`, or a method, `x.f(..)`, or both.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// The fewest and the most values that it takes, the one before the dot included.
    pub(super) values: (usize, usize),
    /// What each value may be, as far as it matters; the last one stands for all that follow.
    pub(super) takes: &'static [Kinds],
    pub(super) gives: Kinds,
}

/// How a function is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `f(x)`
    Global,
    /// `x.f()`
    Method,
    Either,
}

const T: Kinds = Kinds::TEXT;
const N: Kinds = Kinds::NUMBER;
const I: Kinds = Kinds::INT;
const D: Kinds = Kinds::DOUBLE;
const B: Kinds = Kinds::BOOL;
const L: Kinds = Kinds::LIST;
const ANY: Kinds = Kinds::ANY;

/// What double() and uint() take, and int() beside points in time.
const DIGITS: Kinds = Kinds::ANY
    .without(Kinds::BOOL)
    .without(Kinds::NULL)
    .without(Kinds::LIST)
    .without(Kinds::TIME);

/// What has a size.
const SIZED: Kinds = Kinds::ANY
    .without(Kinds::NUMBER)
    .without(Kinds::BOOL)
    .without(Kinds::NULL)
    .without(Kinds::TIME);

/// What the bits of whole numbers are worked on in.
const BITS: Kinds = Kinds::INT.or(Kinds::LIST);

/// What has a year, and what has hours.
const DAY: Kinds = Kinds::DATE.or(Kinds::MOMENT);
const CLOCK: Kinds = Kinds::MOMENT.or(Kinds::SPAN);

const fn function(
    name: &'static str,
    form: Form,
    values: (usize, usize),
    takes: &'static [Kinds],
    gives: Kinds,
) -> Function {
    Function {
        name,
        form,
        values,
        takes,
        gives,
    }
}

/// Everything that can be called.
#[rustfmt::skip] // as a table
pub(super) const FUNCTIONS: &[Function] = {
    use Form::{Either, Global, Method};
    const MANY: usize = usize::MAX;
    &[
        function("bool", Global, (1, 1), &[Kinds::ANY.without(Kinds::NUMBER).without(Kinds::NULL).without(Kinds::TIME)], B),
        function("bytes", Global, (1, 1), &[ANY], Kinds::OTHER),
        function("charAt", Method, (2, 2), &[T, I], T),
        function("contains", Method, (2, 2), &[T, T], B),
        function("date", Global, (1, 1), &[T.or(Kinds::DATE)], Kinds::DATE),
        function("days", Global, (1, 1), &[I], Kinds::SPAN),
        function("double", Global, (1, 1), &[DIGITS], D),
        function("duration", Global, (1, 1), &[T.or(Kinds::SPAN)], Kinds::SPAN),
        function("dyn", Global, (1, 1), &[ANY], ANY),
        function("endsWith", Method, (2, 2), &[T, T], B),
        function("format", Method, (2, 2), &[T, L], T),
        function("getDate", Method, (1, 2), &[DAY, T], I),
        function("getDayOfMonth", Method, (1, 2), &[DAY, T], I),
        function("getDayOfWeek", Method, (1, 2), &[DAY, T], I),
        function("getDayOfYear", Method, (1, 2), &[DAY, T], I),
        function("getFullYear", Method, (1, 2), &[DAY, T], I),
        function("getHours", Method, (1, 2), &[CLOCK, T], I),
        function("getMilliseconds", Method, (1, 2), &[CLOCK, T], I),
        function("getMinutes", Method, (1, 2), &[CLOCK, T], I),
        function("getMonth", Method, (1, 2), &[DAY, T], I),
        function("getSeconds", Method, (1, 2), &[CLOCK, T], I),
        function("hasValue", Method, (1, 1), &[ANY], B),
        function("indexOf", Method, (2, 3), &[T, T, I], I),
        function("int", Global, (1, 1), &[DIGITS.or(Kinds::MOMENT)], I),
        function("join", Method, (1, 2), &[L, T], T),
        function("lastIndexOf", Method, (2, 3), &[T, T, I], I),
        function("lowerAscii", Method, (1, 1), &[T], T),
        function("matches", Either, (2, 2), &[T, T], B),
        function("math.abs", Global, (1, 1), &[N], N),
        function("math.bitAnd", Global, (2, MANY), &[BITS], I),
        function("math.bitNot", Global, (1, 1), &[I], I),
        function("math.bitOr", Global, (2, MANY), &[BITS], I),
        function("math.bitShiftLeft", Global, (2, 2), &[I], I),
        function("math.bitShiftRight", Global, (2, 2), &[I], I),
        function("math.bitXor", Global, (2, MANY), &[BITS], I),
        function("math.ceil", Global, (1, 1), &[D], D),
        function("math.floor", Global, (1, 1), &[D], D),
        function("math.greatest", Global, (1, MANY), &[N.or(L)], N),
        function("math.isFinite", Global, (1, 1), &[D], B),
        function("math.isInf", Global, (1, 1), &[D], B),
        function("math.isNaN", Global, (1, 1), &[D], B),
        function("math.least", Global, (1, MANY), &[N.or(L)], N),
        function("math.round", Global, (1, 1), &[D], D),
        function("math.sign", Global, (1, 1), &[N], N),
        function("math.sqrt", Global, (1, 1), &[N], D),
        function("math.trunc", Global, (1, 1), &[D], D),
        function("optional.none", Global, (0, 0), &[], ANY),
        function("optional.of", Global, (1, 1), &[ANY], ANY),
        function("optional.ofNonZeroValue", Global, (1, 1), &[ANY], ANY),
        function("or", Method, (2, 2), &[ANY], ANY),
        function("orValue", Method, (2, 2), &[ANY], ANY),
        function("replace", Method, (3, 4), &[T, T, T, I], T),
        function("reverse", Method, (1, 1), &[T], T),
        function("size", Either, (1, 1), &[SIZED], I),
        function("split", Method, (2, 3), &[T, T, I], L),
        function("startsWith", Method, (2, 2), &[T, T], B),
        function("string", Global, (1, 1), &[ANY], T),
        function("strings.quote", Global, (1, 1), &[T], Kinds::WORDS),
        function("substring", Method, (2, 3), &[T, I], T),
        function("timestamp", Global, (1, 1), &[T.or(I).or(Kinds::MOMENT)], Kinds::MOMENT),
        function("today", Global, (0, 0), &[], Kinds::DATE),
        function("trim", Method, (1, 1), &[T], T),
        function("type", Global, (1, 1), &[ANY], Kinds::OTHER),
        function("uint", Global, (1, 1), &[DIGITS], N),
        function("upperAscii", Method, (1, 1), &[T], T),
        function("value", Method, (1, 1), &[ANY], ANY),
    ]
};

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    // What the parser makes of the two that take any number of values.
    let name = match name {
        "math.@max" => "math.greatest",
        "math.@min" => "math.least",
        name => name,
    };
    FUNCTIONS.iter().find(|function| function.name == name)
}
