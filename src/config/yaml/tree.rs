//! YAML as a tree in which every key and value knows its place and keeps its exact text.
//!
//! Nothing is typed here: `0123`, `1.10` and `NO` stay the text that they are until a typed setting
//! asks for a number or a truth value.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, StrInput};

use crate::config::problem::{Findings, Place};

/// Longest pipeline file in bytes: far above any that people write.
pub(in crate::config) const MAX_BYTES: usize = 1 << 20;

/// Deepest nesting of lists and maps, aliases followed.
const MAX_DEPTH: usize = 48;

/// Most values in a file, aliases followed: what an alias stands for is counted each time.
const MAX_NODES: usize = 100_000;

/// A value of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Node {
    pub(in crate::config) place: Place,
    pub(in crate::config) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    Scalar(Scalar),
    Seq(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// Had a problem that is reported; left out from here on.
    Removed,
    /// Stands for a key that is needed, and missing or removed: read as an empty value of any type, so
    /// that what is beside it can still be looked at.
    Filler,
}

/// A value that is neither list nor map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Scalar {
    pub(in crate::config) text: String,
    /// Written without quotes.
    pub(in crate::config) plain: bool,
    /// As it was written, where variables were filled in. Messages show this and not the text: a
    /// variable may hold what should not be shown.
    pub(in crate::config) template: Option<String>,
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Key {
    pub(in crate::config) place: Place,
    pub(in crate::config) text: String,
}

impl Scalar {
    pub(in crate::config) fn plain(text: &str) -> Scalar {
        Scalar {
            text: text.to_owned(),
            plain: true,
            template: None,
        }
    }

    /// Whether this is YAML's null: nothing at all, `~` or `null`, without quotes.
    pub(in crate::config) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Node {
    pub(in crate::config) const NULL: Node = Node {
        place: Place::Whole,
        kind: Kind::Scalar(Scalar {
            text: String::new(),
            plain: true,
            template: None,
        }),
    };

    /// The value at a path of keys and list positions.
    pub(in crate::config) fn at_mut(&mut self, path: &[String]) -> Option<&mut Node> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        match &mut self.kind {
            Kind::Map(entries) => entries
                .iter_mut()
                .find(|(k, _)| k.text == *first)?
                .1
                .at_mut(rest),
            Kind::Seq(items) => items.get_mut(first.parse::<usize>().ok()?)?.at_mut(rest),
            _ => None,
        }
    }
}

/// Parses one document. `Err` where nothing can be made of it; a repeated key is a problem too, and
/// its first value stands. The messages quote keys, never values.
pub(in crate::config) fn parse(text: &str, findings: &mut Findings) -> Option<Node> {
    if text.len() > MAX_BYTES {
        findings.problem(
            Place::Whole,
            format!("the file is larger than {} KiB", MAX_BYTES >> 10),
            "",
        );
        return None;
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        nodes: 0,
        findings,
    };
    match builder.document() {
        Ok(node) => Some(node),
        Err(Stop::Scan(error)) => {
            let (place, message, help) = scan_message(&error, text);
            findings.problem(place, message, help);
            None
        }
        Err(Stop::Here(place, message, help)) => {
            findings.problem(place, message, help);
            None
        }
    }
}

fn place(mark: Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place::At {
        line: number(mark.line().max(1)),
        column: number(mark.col() + 1),
    }
}

/// What the scanner's error means to people.
fn scan_message(error: &granit_parser::ScanError, text: &str) -> (Place, String, &'static str) {
    let mark = *error.marker();
    let first = mark.line().max(1);
    let line = text.lines().nth(first - 1).unwrap_or_default();
    // A plain text that goes on in the next lines is reported where it begins.
    let lines = match error.kind() {
        ErrorKind::TabInPlainScalar => usize::MAX,
        _ => 1,
    };
    let tab = text
        .lines()
        .zip(1..)
        .skip(first - 1)
        .take(lines)
        .find_map(|(line, number)| {
            let mut indent = line.chars().take_while(|c| c.is_whitespace());
            indent
                .position(|c| c == '\t')
                .map(|column| (number, column))
        });
    if let Some((line, column)) = tab {
        let mark = Marker::new(mark.index(), line, column);
        return (place(mark), TAB.0.to_owned(), TAB.1);
    }
    let (message, help) = match error.kind() {
        ErrorKind::UnknownAnchor => (
            "this alias names an anchor that is not defined before it",
            "put a text that begins with `*` in quotes",
        ),
        ErrorKind::RecursionLimitExceeded => (TOO_DEEP, ""),
        ErrorKind::MappingValueNotAllowed => (
            "a `:` is not allowed here",
            "put a text that holds `: ` in quotes, and check the indentation",
        ),
        ErrorKind::UnclosedQuotedScalar => ("a quote is not closed", ""),
        kind if line.contains("${") || line.contains("{run}") || line.contains("{date}") => {
            let help = "put a text that holds `{...}` or `${...}` in quotes inside `{ }` and `[ ]`";
            return (place(mark), format!("not valid YAML: {kind}"), help);
        }
        kind => return (place(mark), format!("not valid YAML: {kind}"), ""),
    };
    (place(mark), message.to_owned(), help)
}

const TAB: (&str, &str) = (
    "a tab is used for indentation, which YAML does not allow",
    "use spaces",
);

const TOO_DEEP: &str = "lists and maps are nested too deeply";

enum Stop {
    Scan(granit_parser::ScanError),
    Here(Place, String, &'static str),
}

/// What an anchor stands for.
struct Anchored {
    node: Node,
    /// How many nodes it holds, with itself.
    nodes: usize,
    /// How many levels of nodes it holds, with itself.
    depth: usize,
}

struct Builder<'a, 'f> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    /// Nodes so far, those of aliases with them.
    nodes: usize,
    findings: &'f mut Findings,
}

type Next<'a> = (Event<'a>, Place);

impl<'a> Builder<'a, '_> {
    fn next(&mut self) -> Result<Next<'a>, Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span.start))),
            Some(Err(error)) => Err(Stop::Scan(error)),
            None => Ok((Event::StreamEnd, Place::Whole)),
        }
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, place) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root.unwrap_or(Node::NULL)),
                Event::DocumentStart(..) if root.is_some() => {
                    let message = "a second document begins here".to_owned();
                    return Err(Stop::Here(place, message, "write one pipeline per file"));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node((event, place), 1)?.0),
            }
        }
    }

    /// Builds the node that begins with an event, `level` levels deep; says how deep it goes itself.
    fn node(&mut self, (event, place): Next<'a>, level: usize) -> Result<(Node, usize), Stop> {
        let nodes_before = self.nodes;
        self.count(1, level, &place)?;
        let mut depth = 1;
        let (kind, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                    template: None,
                };
                (Kind::Scalar(scalar), anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        next => {
                            let (item, below) = self.node(next, level + 1)?;
                            depth = depth.max(below + 1);
                            items.push(item);
                        }
                    }
                }
                (Kind::Seq(items), anchor, tag)
            }
            Event::MappingStart(_, anchor, tag) => {
                let mut entries: Vec<(Key, Node)> = Vec::new();
                let mut first_places: HashMap<String, Place> = HashMap::new();
                loop {
                    let key = match self.next()? {
                        (Event::MappingEnd, _) => break,
                        next => self.key(next, level + 1)?,
                    };
                    let next = self.next()?;
                    let (value, below) = self.node(next, level + 1)?;
                    depth = depth.max(below + 1);
                    match first_places.get(&key.text) {
                        Some(first) => {
                            let before = match first {
                                Place::At { line, .. } => format!(", first on line {line}"),
                                _ => String::new(),
                            };
                            self.findings.problem(
                                key.place,
                                format!("the key `{}` is written twice{before}", key.text),
                                "",
                            );
                        }
                        None => {
                            first_places.insert(key.text.clone(), key.place.clone());
                            entries.push((key, value));
                        }
                    }
                }
                (Kind::Map(entries), anchor, tag)
            }
            Event::Alias(id) => {
                let Some(anchored) = self.anchors.get(&id) else {
                    let message = "this alias is inside the anchor that it names".to_owned();
                    return Err(Stop::Here(place, message, ""));
                };
                let (node, nodes, depth) = (anchored.node.clone(), anchored.nodes, anchored.depth);
                self.count(nodes - 1, level + depth - 1, &place)?;
                return Ok((node, depth));
            }
            // The parser balances its events, and comments and unknown aliases are not asked for.
            _ => return Err(Stop::Here(place, "not valid YAML".to_owned(), "")),
        };
        let mut node = Node { place, kind };
        if let Some(tag) = tag {
            match &mut node.kind {
                Kind::Scalar(scalar) if tag.is_yaml_core_schema_tag("str") => scalar.plain = false,
                _ => {
                    let message = "YAML tags (`!`) have no meaning here".to_owned();
                    return Err(Stop::Here(node.place, message, "leave the tag out"));
                }
            }
        }
        if anchor != 0 {
            let anchored = Anchored {
                node: node.clone(),
                nodes: self.nodes - nodes_before,
                depth,
            };
            self.anchors.insert(anchor, anchored);
        }
        Ok((node, depth))
    }

    fn key(&mut self, next: Next<'a>, level: usize) -> Result<Key, Stop> {
        let place = next.1.clone();
        let (node, _) = self.node(next, level)?;
        match node.kind {
            Kind::Scalar(scalar) if scalar.plain && scalar.text == "<<" => Err(Stop::Here(
                place,
                "the merge key `<<` is not part of YAML 1.2".to_owned(),
                "write the keys out, or use an alias for the whole value",
            )),
            Kind::Scalar(scalar) => Ok(Key {
                place,
                text: scalar.text,
            }),
            _ => Err(Stop::Here(
                place,
                "a list or a map cannot be a key".to_owned(),
                "put a text that begins with `{` or `[` in quotes",
            )),
        }
    }

    fn count(&mut self, nodes: usize, level: usize, place: &Place) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("with its aliases the file holds more than {MAX_NODES} values");
            return Err(Stop::Here(place.clone(), message, ""));
        }
        if level > 2 * MAX_DEPTH {
            return Err(Stop::Here(place.clone(), TOO_DEEP.to_owned(), ""));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node) -> String {
        match &node.kind {
            Kind::Scalar(s) if s.plain => s.text.clone(),
            Kind::Scalar(s) => format!("{:?}", s.text),
            Kind::Seq(items) => {
                let items: Vec<_> = items.iter().map(show).collect();
                format!("[{}]", items.join(","))
            }
            Kind::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(k, n)| format!("{}:{}", k.text, show(n)))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
            Kind::Removed | Kind::Filler => "-".into(),
        }
    }

    fn check(text: &str, expected: &str) {
        let mut findings = Findings::new("p.yaml");
        let tree = parse(text, &mut findings);
        let found = findings.finish();
        let mut lines: Vec<_> = tree.iter().map(show).collect();
        lines.extend(found.problems.iter().map(|p| p.to_string()));
        assert_eq!(lines.join("\n"), expected, "{text}");
    }

    #[test]
    fn scalars_keep_their_text() {
        check("a: 0123", "{a:0123}");
        check(
            "a: [1.10, NO, '5', \"x\\ty\", ~, 0x1F]",
            "{a:[1.10,NO,\"5\",\"x\\ty\",~,0x1F]}",
        );
        check("a: !!str 5", "{a:\"5\"}");
        check(
            "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
            "{a:\"x\\ny\\n\",b:\"x y\"}",
        );
        check("\u{feff}a: 1\r\nb: 2\r\n", "{a:1,b:2}");
        check("", "");
        check("NO: x\n? y\n: z\n", "{NO:x,y:z}");
        check("a: &x [1, 2]\nb: *x\n", "{a:[1,2],b:[1,2]}");
        check(
            "- trim:\n- rename: {A B: c}\n",
            "[{trim:~},{rename:{A B:c}}]",
        );
    }

    #[test]
    fn problems_have_their_place() {
        check(
            "a: 1\nb:\n  c: 2\n  c: 3\n",
            "{a:1,b:{c:2}}\np.yaml:4:3: the key `c` is written twice, first on line 3",
        );
        check(
            "a:\n\tb: 1\n",
            "p.yaml:2:1: a tab is used for indentation, which YAML does not allow\n  help: use spaces",
        );
        check(
            "a:\n  b: 1\n\tc: 1\n",
            "p.yaml:3:1: a tab is used for indentation, which YAML does not allow\n  help: use spaces",
        );
        check(
            "a: b: c\n",
            "p.yaml:1:5: a `:` is not allowed here\n  help: put a text that holds `: ` in quotes, and check the indentation",
        );
        check(
            "a: *nothing\n",
            "p.yaml:1:4: this alias names an anchor that is not defined before it\n  help: put a text that begins with `*` in quotes",
        );
        check(
            "a: &x [*x]\n",
            "p.yaml:1:8: this alias is inside the anchor that it names",
        );
        check(
            "a: 1\n---\nb: 2\n",
            "p.yaml:2:1: a second document begins here\n  help: write one pipeline per file",
        );
        check(
            "a: !x 1\n",
            "p.yaml:1:7: YAML tags (`!`) have no meaning here\n  help: leave the tag out",
        );
        check(
            "é: [1, 2\n",
            "p.yaml:1:4: not valid YAML: unclosed bracket '['",
        );
        check(
            "<<: {}\n",
            "p.yaml:1:1: the merge key `<<` is not part of YAML 1.2\n  help: write the keys out, or use an alias for the whole value",
        );
        check(
            "{a: 1}: 2\n",
            "p.yaml:1:1: a list or a map cannot be a key\n  help: put a text that begins with `{` or `[` in quotes",
        );
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..9 {
            let alias = format!("*a{}, ", i - 1).repeat(10);
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", alias.trim_end_matches(", ")));
        }
        check(
            &bomb,
            "p.yaml:5:45: with its aliases the file holds more than 100000 values",
        );

        let mut chain = String::from("a0: &a0 [x]\n");
        for i in 1..500 {
            chain.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
        }
        check(&chain, "p.yaml:95:12: lists and maps are nested too deeply");

        check(
            &"[".repeat(5000),
            "p.yaml:1:49: lists and maps are nested too deeply",
        );
        let large = "# x\n".repeat(MAX_BYTES);
        check(&large, "p.yaml: the file is larger than 1024 KiB");
    }
}
