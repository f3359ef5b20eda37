//! Reads the source as a compiler would read its paths: which file uses an item of which other file.
//!
//! Tests are left out, re-exports are followed to the file that defines the item, and a module that is imported
//! under a name is followed through that name. A folder's `mod.rs` is the door to what is in the folder: that it
//! names its own children is no arrow, that they use it is one.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::str::FromStr;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// One file uses an item of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    pub line: usize,
    /// As it is written, `crate::text::Dates`.
    pub path: String,
}

/// A path as it is written.
#[derive(Debug)]
struct Written {
    segments: Vec<String>,
    line: usize,
}

#[derive(Debug, Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    /// Names of the items that stand here.
    items: BTreeSet<String>,
    /// What `use` brings in, by its name here.
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    written: Vec<Written>,
}

/// Every module that is not a test's, by its path.
pub struct Tree {
    modules: BTreeMap<Vec<String>, Module>,
    /// Files that hold only tests.
    pub tests: BTreeSet<String>,
}

impl Tree {
    /// Reads files by their path below `src`, beginning at `lib.rs`; and `main.rs`, where there is one.
    pub fn read(texts: &BTreeMap<String, String>) -> Tree {
        let mut tree = Tree {
            modules: BTreeMap::new(),
            tests: BTreeSet::new(),
        };
        tree.file(Vec::new(), "lib.rs", texts);
        if texts.contains_key("main.rs") {
            tree.file(vec!["main".to_owned()], "main.rs", texts);
        }
        tree
    }

    /// The files that `mod` leads to.
    pub fn files(&self) -> BTreeSet<&str> {
        self.modules.values().map(|m| m.file.as_str()).collect()
    }

    /// The modules of the crate's root.
    pub fn rooms(&self) -> BTreeSet<&str> {
        let root = &self.modules[&[] as &[String]];
        root.children.iter().map(String::as_str).collect()
    }

    fn file(&mut self, path: Vec<String>, file: &str, texts: &BTreeMap<String, String>) {
        let tokens = TokenStream::from_str(&texts[file]).unwrap_or_else(|e| panic!("{file}: {e}"));
        self.module(path, file, tokens, texts);
    }

    fn module(
        &mut self,
        path: Vec<String>,
        file: &str,
        tokens: TokenStream,
        texts: &BTreeMap<String, String>,
    ) {
        let module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        self.modules.insert(path.clone(), module);
        self.scan(&path, tokens, true, texts);
    }

    fn at(&mut self, path: &[String]) -> &mut Module {
        self.modules.get_mut(path).expect("a module")
    }

    /// Notes what stands in `tokens`; items are the module's own only where they are not `inside` another.
    fn scan(
        &mut self,
        path: &[String],
        tokens: TokenStream,
        outside: bool,
        texts: &BTreeMap<String, String>,
    ) {
        let mut tokens = tokens.into_iter().peekable();
        let mut after_colons = false;
        while let Some(token) = tokens.next() {
            let continues = std::mem::take(&mut after_colons);
            match token {
                TokenTree::Punct(p) => match p.as_char() {
                    '#' if is_test(&mut tokens) => self.skip_test(path, &mut tokens, texts),
                    ':' => after_colons = colons(&mut tokens),
                    _ => {}
                },
                TokenTree::Group(group) => self.scan(path, group.stream(), false, texts),
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "use" if !continues => {
                        let line = word.span().start().line;
                        let tree = tokens.by_ref().take_while(|t| !is(t, ';')).collect();
                        self.import(path, Vec::new(), tree, line);
                    }
                    "mod" if outside => self.child(path, &mut tokens, texts),
                    "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static"
                        if outside =>
                    {
                        if let Some(TokenTree::Ident(name)) = tokens.peek() {
                            let name = name.to_string();
                            self.at(path).items.insert(name);
                        }
                    }
                    _ if continues => {}
                    _ => self.path(path, word, &mut tokens),
                },
                TokenTree::Literal(_) => {}
            }
        }
    }

    /// `mod name;` or `mod name { .. }`.
    fn child(
        &mut self,
        path: &[String],
        tokens: &mut impl Iterator<Item = TokenTree>,
        texts: &BTreeMap<String, String>,
    ) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        let name = name.to_string();
        let below = [path, std::slice::from_ref(&name)].concat();
        self.at(path).children.insert(name);
        match tokens.next() {
            Some(TokenTree::Group(body)) => {
                let file = self.at(path).file.clone();
                self.module(below, &file, body.stream(), texts);
            }
            _ => {
                let file = place(&below, texts);
                self.file(below, &file, texts);
            }
        }
    }

    /// Passes over what `#[cfg(test)]` stands before.
    fn skip_test(
        &mut self,
        path: &[String],
        tokens: &mut Peekable<impl Iterator<Item = TokenTree>>,
        texts: &BTreeMap<String, String>,
    ) {
        let mut words = Vec::new();
        while let Some(token) = tokens.next() {
            match &token {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    is_test(tokens);
                }
                TokenTree::Punct(p) if p.as_char() == ',' => break,
                TokenTree::Punct(p) if p.as_char() == ';' => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let to_semicolon = ["use", "const", "static", "type"];
                    if !words.iter().any(|w: &String| to_semicolon.contains(&&**w)) {
                        return;
                    }
                }
                TokenTree::Ident(word) => words.push(word.to_string()),
                _ => {}
            }
        }
        if let [.., word, name] = words.as_slice()
            && word == "mod"
        {
            let below = [path, std::slice::from_ref(name)].concat();
            self.tests.insert(place(&below, texts));
        }
    }

    /// A path in an expression, a type or a macro: it has two segments at least.
    fn path(
        &mut self,
        path: &[String],
        first: Ident,
        tokens: &mut Peekable<impl Iterator<Item = TokenTree>>,
    ) {
        let line = first.span().start().line;
        let mut segments = vec![first.to_string()];
        while tokens.peek().is_some_and(|t| is(t, ':')) {
            tokens.next();
            if !colons(tokens) {
                break;
            }
            match tokens.peek() {
                Some(TokenTree::Ident(next)) => segments.push(next.to_string()),
                _ => break,
            }
            tokens.next();
        }
        if segments.len() > 1 {
            self.at(path).written.push(Written { segments, line });
        }
    }

    /// What a `use` says, `before` being what stands before its braces.
    fn import(&mut self, path: &[String], before: Vec<String>, tree: TokenStream, line: usize) {
        let mut segments = before.clone();
        let mut name = None;
        let mut tokens = tree.into_iter().peekable();
        let is_end = |token: &TokenTree| is(token, ',');
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = tokens.next().map(|name| name.to_string());
                }
                TokenTree::Ident(word) if word == "self" && segments.len() > before.len() => {}
                TokenTree::Ident(word) if word == "self" && !before.is_empty() => {}
                TokenTree::Ident(word) => segments.push(word.to_string()),
                TokenTree::Punct(p) if p.as_char() == '*' => {
                    self.at(path).globs.push(std::mem::take(&mut segments));
                }
                TokenTree::Group(group) => {
                    self.import(path, std::mem::take(&mut segments), group.stream(), line);
                }
                _ => {}
            }
            if tokens.peek().is_none_or(is_end) {
                tokens.next();
                let segments = std::mem::replace(&mut segments, before.clone());
                let name = name.take().or_else(|| segments.last().cloned());
                // Braces and globs have taken the segments with them.
                if let (Some(name), true) = (name, segments.len() >= before.len().max(1)) {
                    let module = self.at(path);
                    module.imports.insert(name, segments.clone());
                    module.written.push(Written { segments, line });
                }
            }
        }
    }

    /// The path from the crate's root, or nothing for what another crate has.
    fn absolute(&self, at: &[String], written: &[String]) -> Option<Vec<String>> {
        let (mut base, mut rest) = match written.first()?.as_str() {
            "crate" | "rostream" => (Vec::new(), &written[1..]),
            "self" => (at.to_vec(), &written[1..]),
            "super" => (at.to_vec(), written),
            first => {
                let here = &self.modules[at];
                if here.children.contains(first) || here.items.contains(first) {
                    (at.to_vec(), written)
                } else {
                    let import = here
                        .imports
                        .get(first)
                        .filter(|import| *import != written)?;
                    (self.absolute(at, import)?, &written[1..])
                }
            }
        };
        while rest.first().is_some_and(|segment| segment == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The module that defines the item of an absolute path; nothing for a module without an item.
    fn definition(&self, absolute: &[String], depth: usize) -> Option<&Module> {
        let mut at = 0;
        while at < absolute.len() && self.modules.contains_key(&absolute[..=at]) {
            at += 1;
        }
        let module = self.modules.get(&absolute[..at])?;
        let item = absolute.get(at)?;
        if depth == 0 || module.items.contains(item) {
            return Some(module);
        }
        let follow = |import: &[String]| {
            let mut next = self.absolute(&absolute[..at], import)?;
            next.extend_from_slice(&absolute[at + 1..]);
            Some(self.definition(&next, depth - 1))
        };
        if let Some(import) = module.imports.get(item) {
            return follow(import).unwrap_or(Some(module));
        }
        for glob in &module.globs {
            let import = [glob.as_slice(), std::slice::from_ref(item)].concat();
            if let Some(Some(found)) = follow(&import)
                && found.items.contains(item)
            {
                return Some(found);
            }
        }
        Some(module)
    }

    /// Every arrow from one file to another.
    pub fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (at, module) in &self.modules {
            for written in &module.written {
                let Some(absolute) = self.absolute(at, &written.segments) else {
                    continue;
                };
                let Some(defines) = self.definition(&absolute, 8) else {
                    continue;
                };
                if defines.file != module.file && !is_door(&module.file, &defines.file) {
                    arrows.insert(Arrow {
                        from: module.file.clone(),
                        to: defines.file.clone(),
                        line: written.line,
                        path: written.segments.join("::"),
                    });
                }
            }
        }
        arrows
    }
}

/// Whether `from` is the `mod.rs` of a folder that `to` is in.
fn is_door(from: &str, to: &str) -> bool {
    let folder = from.strip_suffix("mod.rs").filter(|f| !f.is_empty());
    folder.is_some_and(|folder| to.starts_with(folder))
}

/// The file of a module.
fn place(path: &[String], texts: &BTreeMap<String, String>) -> String {
    let path = path.join("/");
    let (file, folder) = (format!("{path}.rs"), format!("{path}/mod.rs"));
    match texts.contains_key(&file) {
        true => file,
        false => folder,
    }
}

fn is(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == c)
}

/// After one colon: whether it is the first of two, which are then passed.
fn colons(tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) -> bool {
    tokens.next_if(|token| is(token, ':')).is_some()
}

/// After a `#`: whether it is `#[cfg(test)]`. The attribute is passed in any case.
fn is_test(tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) -> bool {
    let brackets = |token: &TokenTree| matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket);
    let attribute = tokens.next_if(brackets);
    attribute.is_some_and(|attribute| attribute.to_string() == "[cfg (test)]")
}
