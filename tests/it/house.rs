//! The rules of the house, as far as a test can read them in the source. What the compiler can see are lints of
//! `lib.rs` and `clippy.toml`.

mod arrows;
mod circle;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use arrows::{Arrow, Tree};

/// Arrows that the order of the rooms does not allow, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "orgvue/wire.rs",
    "upload",
    "how an empty value is written depends on the format of the upload",
)];

/// Circles that are being opened: all files of each.
const KNOWN: &[&[&str]] = &[];

/// Parts of the steps that config makes out of the pipeline file, beside their `*Spec` and their constants.
const MEANT: &[&str] = &[
    "Access",
    "Container",
    "Decrypt",
    "Input",
    "Key",
    "Keys",
    "Layout",
    "Place",
    "Sample",
    "Table",
    "Unusable",
    "Wrapping",
    "hosts",
    "sample",
];

/// The source of the program.
struct House {
    /// By the path below `src`.
    texts: BTreeMap<String, String>,
    tree: Tree,
    arrows: BTreeSet<Arrow>,
}

static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let below = path.strip_prefix(&src).unwrap().to_str().unwrap();
                texts.insert(below.to_owned(), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let tree = Tree::read(&texts);
    let arrows = tree.arrows();
    House {
        texts,
        tree,
        arrows,
    }
});

/// The rooms of the table in `lib.rs` with their floors: the higher a floor, the more it may use.
fn floors(lib: &str) -> BTreeMap<&str, usize> {
    let mut floor = 0;
    let mut floors = BTreeMap::new();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let cell = row.split(" | ").next().unwrap_or_default();
        if cell.starts_with("**") {
            floor += 1;
        } else if let Some(room) = cell.strip_prefix('`').and_then(|c| c.strip_suffix('`')) {
            floors.insert(room, floor);
        }
    }
    floors
}

/// The room that a file stands in.
fn room(file: &str) -> &str {
    let room = file.split('/').next().unwrap_or_default();
    room.strip_suffix(".rs").unwrap_or(room)
}

/// What is wrong with the arrows, beside the exceptions.
fn wrong_ways(
    arrows: &BTreeSet<Arrow>,
    floors: &BTreeMap<&str, usize>,
    exceptions: &[(&str, &str, &str)],
) -> Vec<String> {
    let mut unused: BTreeSet<_> = exceptions
        .iter()
        .map(|(from, to, _)| (*from, *to))
        .collect();
    let mut wrong = Vec::new();
    for arrow in arrows {
        let (from, to) = (room(&arrow.from), room(&arrow.to));
        let may =
            from == to || ["main", "lib"].contains(&from) || floors.get(to) < floors.get(from);
        let known = exceptions.iter().any(|e| (e.0, e.1) == (&*arrow.from, to));
        if known {
            unused.remove(&(arrow.from.as_str(), to));
        } else if !may {
            let Arrow {
                from: file,
                line,
                path,
                ..
            } = arrow;
            wrong.push(format!(
                "src/{file}:{line}: {from} must not use {to}: {path}"
            ));
        }
    }
    let gone = |(from, to): (&str, &str)| {
        format!("{from} -> {to} is no longer an exception: delete the line")
    };
    wrong.extend(unused.into_iter().map(gone));
    wrong
}

/// The circles, file by file, beside those that are known.
fn wrong_circles(arrows: &BTreeSet<Arrow>, known: &[&[&str]]) -> Vec<String> {
    let mut open: Vec<BTreeSet<String>> = Vec::new();
    let mut wrong = Vec::new();
    for (files, circle) in circle::circles(arrows) {
        let is_known = |known: &&[&str]| {
            known.iter().copied().collect::<BTreeSet<_>>()
                == files.iter().map(String::as_str).collect()
        };
        if known.iter().any(is_known) {
            open.push(files);
            continue;
        }
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        let mut text = format!("a circle in {names:?}:");
        for Arrow {
            from,
            to,
            line,
            path,
        } in circle
        {
            text.push_str(&format!("\n    src/{from}:{line}: {path} is in src/{to}"));
        }
        wrong.push(text);
    }
    for known in known {
        let files: BTreeSet<String> = known.iter().map(|file| (*file).to_owned()).collect();
        if !open.contains(&files) {
            wrong.push(format!("{known:?} is no longer a circle: delete the line"));
        }
    }
    wrong
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn arrows_point_one_way() {
    let floors = floors(&HOUSE.texts["lib.rs"]);
    assert!(HOUSE.arrows.len() > 300, "{} arrows", HOUSE.arrows.len());
    none(wrong_ways(&HOUSE.arrows, &floors, EXCEPTIONS));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    none(wrong_circles(&HOUSE.arrows, KNOWN));
}

#[test]
fn every_room_has_its_place() {
    let House { texts, tree, .. } = &*HOUSE;
    let placed = floors(&texts["lib.rs"]).into_keys().collect();
    assert_eq!(tree.rooms(), placed, "the modules, and the table of them");
    let files = tree.files();
    let is_test = |file: &str| tree.tests.contains(file) || file.contains("/tests/");
    let lost = |file: &&String| !files.contains(file.as_str()) && !is_test(file);
    let lost: Vec<&String> = texts.keys().filter(lost).collect();
    assert!(lost.is_empty(), "no `mod` leads to {lost:?}");
}

/// What config reads of a step is how its settings are written, and how they are checked.
#[test]
fn config_knows_specs_and_not_how_steps_work() {
    let floors = floors(&HOUSE.texts["lib.rs"]);
    let mut wrong = Vec::new();
    for Arrow {
        from,
        to,
        line,
        path,
    } in &HOUSE.arrows
    {
        let is_step = room(to) != "config" && floors.get(room(to)) >= floors.get("format");
        let is_const = |word: &str| word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let may = |word| is_const(word) || word.ends_with("Spec") || MEANT.contains(&word);
        if room(from) == "config"
            && is_step
            && !to.ends_with("spec.rs")
            && !path.split("::").any(may)
        {
            wrong.push(format!("src/{from}:{line}: {path}"));
        }
    }
    none(wrong);
}

#[test]
fn only_config_reads_yaml() {
    let mut wrong = Vec::new();
    for (file, text) in &HOUSE.texts {
        if room(file) != "config" && text.contains("granit_parser") {
            wrong.push(file.clone());
        }
    }
    none(wrong);
}

#[test]
fn nothing_is_left_undone() {
    for (file, text) in &HOUSE.texts {
        // Written apart, so that a search for them doesn't find this.
        for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
            assert!(!text.contains(word), "{file}: {word}");
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (file, text) in &HOUSE.texts {
        let is_test = HOUSE.tree.tests.contains(file);
        assert!(is_test || text.starts_with("//! "), "{file}");
    }
}

/// The reader of arrows on files that are made up: what it finds, as `from:line -> to`.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let found = Tree::read(&made_up(files)).arrows();
    let shown = |arrow: &Arrow| format!("{}:{} -> {}", arrow.from, arrow.line, arrow.to);
    assert_eq!(
        found.iter().map(shown).collect::<Vec<_>>(),
        expected,
        "{files:?}"
    );
}

fn made_up(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = files
        .iter()
        .map(|(file, text)| (file.to_string(), text.to_string()));
    owned.collect()
}

#[test]
fn arrows_are_found() {
    let check = |a: &str, expected: &[&str]| {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", a),
            ("b.rs", "pub struct B; pub fn f() {}"),
            (
                "c/mod.rs",
                "mod d; mod e; pub use d::D; pub use e::*; fn own() { d::D; }",
            ),
            (
                "c/d.rs",
                "use super::E; pub struct D; fn f() { super::own(); }",
            ),
            ("c/e.rs", "pub struct E;"),
        ];
        let own = ["c/d.rs:1 -> c/e.rs", "c/d.rs:1 -> c/mod.rs"];
        check(&files, &[expected, &own].concat());
    };
    check("", &[]);
    check("use crate::b::B;", &["a.rs:1 -> b.rs"]);
    check("\nfn f() { crate::b::f() }", &["a.rs:2 -> b.rs"]);
    check(
        "fn f() { println!(\"{}\", super::b::f()) }",
        &["a.rs:1 -> b.rs"],
    );
    check("fn f(x: &[Vec<crate::b::B>]) {}", &["a.rs:1 -> b.rs"]);
    // Through re-exports, through globs, through braces and names.
    check("use crate::c::D;", &["a.rs:1 -> c/d.rs"]);
    check("use crate::c::E;", &["a.rs:1 -> c/e.rs"]);
    check(
        "use crate::{b::{self as x, B as Y}, c::{D, d}};",
        &["a.rs:1 -> b.rs", "a.rs:1 -> c/d.rs"],
    );
    check("use crate::b;\nfn f() { b::f() }", &["a.rs:2 -> b.rs"]);
    check(
        "use crate::{b as x, c};\nfn f() { x::f(); c::d::D::new() }",
        &["a.rs:2 -> b.rs", "a.rs:2 -> c/d.rs"],
    );
    check("mod inner { use super::super::b::B; }", &["a.rs:1 -> b.rs"]);
    // Neither comments, texts, tests nor other crates.
    check(
        "// crate::b::f\n/// [`crate::b::B`]\nconst X: &str = \"crate::b::f\";",
        &[],
    );
    check(
        "use b::B; use std::b; fn f() { std::b::f(); x.crate_b::<u8>(); }",
        &[],
    );
    check("#[cfg(test)]\nmod tests { use crate::b::B; }", &[]);
    check(
        "#[cfg(test)] use crate::b::{B};\nuse crate::c::D;",
        &["a.rs:2 -> c/d.rs"],
    );
    check(
        "#[cfg(test)]\n#[inline]\nfn f() { crate::b::f() }\nstruct S { #[cfg(test)] b: crate::b::B, d: crate::c::D }",
        &["a.rs:4 -> c/d.rs"],
    );
}

#[test]
fn a_wrong_arrow_is_found() {
    let table = "//! | **low** | |\n//! | `a` | x |\n//! | `b` | x |\n//! | **high** | |\n//! | `c` | x |\n";
    let check = |a: &str, b: &str, exceptions: &[_], expected: &[&str]| {
        let lib = format!("{table}mod a; mod b; mod c;");
        let files = made_up(&[
            ("lib.rs", &lib),
            ("a.rs", a),
            ("b.rs", b),
            ("c.rs", "use crate::a::A; pub struct C;"),
        ]);
        let arrows = Tree::read(&files).arrows();
        assert_eq!(wrong_ways(&arrows, &floors(&lib), exceptions), expected);
    };
    check("pub struct A;", "", &[], &[]);
    check(
        "pub struct A;\nuse crate::c::C;",
        "",
        &[],
        &["src/a.rs:2: a must not use c: crate::c::C"],
    );
    check(
        "pub struct A;",
        "use crate::a::A;",
        &[],
        &["src/b.rs:1: b must not use a: crate::a::A"],
    );
    check(
        "pub struct A;",
        "use crate::a::A;",
        &[("b.rs", "a", "why")],
        &[],
    );
    check(
        "",
        "",
        &[("b.rs", "a", "why")],
        &["b.rs -> a is no longer an exception: delete the line"],
    );
}

#[test]
fn a_circle_is_found() {
    let check = |d: &str, known: &[&[&str]], expected: &[&str]| {
        let files = made_up(&[
            ("lib.rs", "mod a;"),
            (
                "a/mod.rs",
                "mod b; mod c; mod d; pub use b::B; pub trait T {}",
            ),
            ("a/b.rs", "use super::c::C;\nuse super::T;\npub struct B;"),
            ("a/c.rs", "\nuse super::d::D;\npub struct C;"),
            ("a/d.rs", d),
        ]);
        assert_eq!(wrong_circles(&Tree::read(&files).arrows(), known), expected);
    };
    let circle = "a circle in [\"a/b.rs\", \"a/c.rs\", \"a/d.rs\"]:\n    src/a/b.rs:1: super::c::C is in src/a/c.rs\n    src/a/c.rs:2: super::d::D is in src/a/d.rs\n    src/a/d.rs:1: super::B is in src/a/b.rs";
    check("pub struct D;", &[], &[]);
    check("use super::B; pub struct D;", &[], &[circle]);
    check(
        "use super::B; pub struct D;",
        &[&["a/b.rs", "a/c.rs", "a/d.rs"]],
        &[],
    );
    check(
        "use super::B; pub struct D;",
        &[&["a/b.rs", "a/c.rs"]],
        &[
            circle,
            "[\"a/b.rs\", \"a/c.rs\"] is no longer a circle: delete the line",
        ],
    );
    check(
        "pub struct D;",
        &[&["a/b.rs", "a/c.rs"]],
        &["[\"a/b.rs\", \"a/c.rs\"] is no longer a circle: delete the line"],
    );
}
