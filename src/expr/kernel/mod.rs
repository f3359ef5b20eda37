//! Expressions over columns: what a bound expression means, compiled to operations that go through the rows of a batch
//! one column at a time.
//!
//! The interpreter is what an expression means; this is how it gets there sooner. An operation gives a value for each
//! row or says that it is [undecided](Lane::Undecided): it came upon an error, or upon kinds of values that are too rare
//! to have an operation of their own. What is undecided in the end is asked of the interpreter, row by row, so that
//! errors are found and told in one place. What has no operation is a part that the interpreter evaluates, within those
//! that have one.
//!
//! `&&` and `||` look at their second condition where the first leaves it open, and a choice takes one way a row, as the
//! interpreter does.

mod call;
mod compare;
mod compile;
mod each;
mod eval;
mod groups;
mod lane;
mod outcome;
mod question;
mod reads;

use std::collections::HashSet;
use std::sync::Arc;

use cel::common::ast::IdedExpr;
use regex::Regex;

use crate::batch::{Batch, Cell};
use lane::Lane;
use question::Question;
pub(crate) use reads::Reads;

/// A compiled expression.
pub(super) struct Kernel {
    root: Node,
    /// The texts of its constants.
    constants: String,
}

/// An operation and what it is of.
struct Node {
    op: Op,
    /// The physical columns that it reads, in order.
    slots: Vec<usize>,
    /// How much it costs to look at one row, in comparisons of short texts.
    operations: u32,
    /// What others may ask, too, where it is a condition.
    question: Option<Arc<Question>>,
}

enum Op {
    /// The cells of a physical column; a number with all its digits where it is exact.
    Column {
        slot: usize,
        is_exact: bool,
        /// Whether cells of it can hold numbers.
        has_numbers: bool,
    },
    Constant(Lane),
    Not(Box<Node>),
    /// `&&` or `||`: which of both truths decides it alone.
    Joined {
        decisive: bool,
        parts: Box<[Node; 2]>,
    },
    Compared(Comparison, Box<[Node; 2]>),
    /// `in` with a list of constants, and with one that is made of a row.
    In(Box<Node>, Set),
    Among(Box<Node>, Vec<Node>),
    Tested(Test, Box<[Node; 2]>),
    Matches(Box<Node>, Regex),
    /// A condition and what it chooses from.
    Choice(Box<[Node; 3]>),
    /// Summands, from left to right: numbers, texts, or times.
    Sum(Vec<Node>),
    Computed(Arithmetic, Box<[Node; 2]>),
    Call(Function, Box<Node>),
    /// `substring`: a text and where its part begins, and where it ends if not with the text.
    Part(Vec<Node>),
    /// `replace`: a text, what is replaced in it, and by what.
    Replaced(Box<[Node; 3]>),
    /// What the interpreter evaluates.
    Interpreted(Box<IdedExpr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is asked of a text and a part of it.
enum Test {
    StartsWith,
    EndsWith,
    /// The finder is of a part that is the same for all rows.
    Contains(Option<Box<memchr::memmem::Finder<'static>>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arithmetic {
    Minus,
    Times,
    /// By zero is an error.
    Divide,
    Remainder,
}

/// Functions of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Negate,
    Size,
    Double,
    Int,
    Text,
    /// What [`number`](super::number) makes of numbers, and leaves all else alone.
    AsDouble,
    AsWhole,
    AsText,
    Date,
    Days,
    LowerAscii,
    UpperAscii,
    Trim,
    Round,
    Ceil,
    Floor,
    Trunc,
    Abs,
    Year,
    Month,
    DayOfMonth,
}

/// A list of constants.
struct Set {
    /// Its texts of up to eight bytes, as numbers: a row's is compared with all of them at once.
    short: Vec<u64>,
    long: Vec<Box<str>>,
    /// All the texts, where they are many.
    many: Option<HashSet<Box<str>>>,
    others: Vec<Lane>,
}

/// Texts of a list beyond which they are looked up by their hash.
const MANY: usize = 24;

impl Set {
    fn new(texts: Vec<Box<str>>, others: Vec<Lane>) -> Set {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for text in &texts {
            match as_number(text) {
                Some(number) => short.push(number),
                None => long.push(text.clone()),
            }
        }
        Set {
            short,
            long,
            many: (texts.len() > MANY).then(|| texts.into_iter().collect()),
            others,
        }
    }

    #[inline]
    fn has_text(&self, text: &str) -> bool {
        match (&self.many, as_number(text)) {
            (Some(many), _) => many.contains(text),
            (None, Some(number)) => self.has_number(number),
            (None, None) => self.long.iter().any(|other| **other == *text),
        }
    }

    #[inline]
    fn has_number(&self, number: u64) -> bool {
        let short = self.short.iter();
        short.fold(false, |is, other| is | (*other == number))
    }

    /// Whether the text of a cell is among its texts.
    #[inline]
    fn has_cell(&self, batch: &Batch, cell: Cell) -> bool {
        match batch.word(cell) {
            Some(word) if self.many.is_none() && !ends_with_zero(word, cell.len()) => {
                self.has_number(word)
            }
            _ => self.has_text(batch.text(cell)),
        }
    }
}

/// A text of up to eight bytes as a number, with zeros behind it.
#[inline]
fn word(text: &str) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    Some(u64::from_le_bytes(word))
}

/// The same, where no other text has that number: zeros at the end are characters like others.
#[inline]
fn as_number(text: &str) -> Option<u64> {
    word(text).filter(|_| !text.ends_with('\0'))
}

/// Whether the last of so many bytes of a word is zero.
#[inline]
fn ends_with_zero(word: u64, len: usize) -> bool {
    len > 0 && word >> (8 * (len - 1)) == 0
}
