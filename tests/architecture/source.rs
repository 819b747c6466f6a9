//! Reads the crate: its modules, the names that each declares, and every path in it.
//!
//! Code that only tests compile (`#[cfg(test)]`) is left out. Code that these tests cannot follow,
//! such as `include!`, is a finding, so that nothing is skipped silently.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use proc_macro2::Span;
use syn::{Attribute, Item, Meta, Token, punctuated::Punctuated};

use crate::visit::Collector;

/// Something that breaks a rule, and where.
#[derive(Clone, Debug)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.file, self.line, self.what)
    }
}

/// What a name means.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The scope of a module.
    Module(usize),
    /// A type or trait.
    Type,
    /// A function, constant or macro, which hides no type or module of its name.
    Value,
    /// Another path: of a `use`, a `type` or an `extern crate`. It may be a value as well.
    Alias(Written),
}

/// A path as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Whether it begins with `::`, and therefore with a crate's name.
    pub is_extern: bool,
    pub names: Vec<String>,
}

/// A module, or a block of code with names of its own.
#[derive(Debug)]
pub struct Scope {
    /// Where to look for names next; `None` for a module.
    pub outer: Option<usize>,
    /// The module around a module.
    pub parent: Option<usize>,
    /// The module this is in, from the root of the crate.
    pub module: Vec<String>,
    pub file: String,
    pub names: BTreeMap<String, Vec<Entry>>,
    pub globs: Vec<Written>,
}

/// The place of a path in the syntax.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Use,
    /// A type, an expression or a pattern.
    Code,
    /// The definition of a `type`.
    Alias,
    /// `Path { … }` as an expression.
    Construction,
    /// Among the tokens that a macro takes.
    Macro,
    /// The name of a macro that is called.
    Call,
    Attribute,
}

/// A path in the source.
#[derive(Clone, Debug)]
pub struct Mention {
    pub path: Written,
    pub place: Place,
    pub scope: usize,
    pub line: usize,
    /// The function around it.
    pub function: Option<Function>,
}

/// Which function this is. A function inside a method is not one of the type's.
#[derive(Clone, Debug)]
pub struct Function {
    /// The type that it is a method of.
    pub of: Option<Written>,
    pub name: String,
}

/// An `impl` without a trait, whose methods need no import.
#[derive(Clone, Debug)]
pub struct Inherent {
    pub of: Written,
    pub scope: usize,
    pub line: usize,
}

#[derive(Clone, Debug)]
pub struct Name {
    pub name: String,
    pub scope: usize,
    pub line: usize,
}

/// A function in the body of an `impl`.
#[derive(Clone, Debug)]
pub struct Method {
    pub name: Name,
    /// The type it belongs to, as it is written.
    pub of: Option<Written>,
    pub visibility: Reach,
    pub takes_self: bool,
    /// Whether it could change its type's value.
    pub takes_mut_self: bool,
    pub strings: Vec<String>,
}

/// How far an item is visible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    Everyone,
    Crate,
    Less,
}

#[derive(Clone, Debug)]
pub struct Struct {
    pub name: Name,
    pub fields: Vec<Reach>,
    pub derives: Vec<String>,
}

/// A lint that an attribute sets.
#[derive(Clone, Debug)]
pub struct Lint {
    pub level: String,
    pub name: String,
    /// Whether the attribute is at the top of the crate and also applies outside tests.
    pub is_for_crate: bool,
    pub scope: usize,
    pub line: usize,
}

#[derive(Debug, Default)]
pub struct Crate {
    pub scopes: Vec<Scope>,
    pub mentions: Vec<Mention>,
    /// Every identifier, including those in macros and after a dot.
    pub identifiers: Vec<Name>,
    pub statics: Vec<Name>,
    /// The names that `macro_rules!` defines. They are visible further than others.
    pub macros: Vec<Name>,
    pub methods: Vec<Method>,
    pub inherent: Vec<Inherent>,
    pub structs: Vec<Struct>,
    pub lints: Vec<Lint>,
    /// Modules that exist only with a feature, and that feature.
    pub gated: Vec<(String, Vec<String>)>,
    /// What these tests cannot follow.
    pub unreadable: Vec<Finding>,
}

/// The finding for a file that the compiler never sees.
pub const NOT_DECLARED: &str = "no module declares this file";

/// The scope of `lib.rs`.
pub const ROOT: usize = 0;

impl Crate {
    /// Reads the source of this crate.
    pub fn read() -> Self {
        let files = Self::files("src");
        assert!(files.len() > 20, "only {} files", files.len());
        Self::parse(&files, "lib.rs")
    }

    /// The Rust files in a folder of this package, by their paths in it.
    pub fn files(folder: &str) -> BTreeMap<String, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        files.retain(|name, _| name.ends_with(".rs"));
        files
    }

    /// Reads the files of a crate, by their paths in the folder of its root.
    pub fn parse(files: &BTreeMap<String, String>, root: &str) -> Self {
        let mut loader = Loader {
            files,
            krate: Self::default(),
            read: BTreeSet::new(),
            tests: Vec::new(),
        };
        loader.load_file(root, Vec::new(), "", None);
        let Loader {
            mut krate,
            read,
            tests,
            ..
        } = loader;
        for file in files.keys().filter(|file| !read.contains(*file)) {
            if !tests.iter().any(|test| is_test_file(file, test)) {
                krate.unreadable.push(Finding {
                    file: file.clone(),
                    line: 1,
                    what: NOT_DECLARED.to_owned(),
                });
            }
        }
        krate
    }

    pub fn finding(&self, scope: usize, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            file: self.scopes[scope].file.clone(),
            line,
            what: what.into(),
        }
    }
}

fn collect(root: &Path, folder: &Path, into: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, into);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            into.insert(name.to_owned(), text);
        }
    }
}

/// Whether `file` is the module at `stem`, or inside it.
fn is_test_file(file: &str, stem: &str) -> bool {
    let rest = file.strip_prefix(stem);
    rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

pub struct Loader<'a> {
    files: &'a BTreeMap<String, String>,
    pub krate: Crate,
    read: BTreeSet<String>,
    /// The files of test-only modules, without their extension.
    tests: Vec<String>,
}

impl Loader<'_> {
    /// Reads a file as the module `path`, whose own modules lie in `folder`.
    fn load_file(
        &mut self,
        file: &str,
        path: Vec<String>,
        folder: &str,
        parent: Option<usize>,
    ) -> usize {
        let text = &self.files[file];
        self.read.insert(file.to_owned());
        let parsed = syn::parse_file(text)
            .unwrap_or_else(|error| panic!("src/{file}: {error} at {:?}", error.span().start()));
        let scope = self.new_module(path, file, parent);
        let mut collector = Collector::new(self, scope, folder);
        collector.crate_attributes(&parsed.attrs);
        collector.items(&parsed.items);
        scope
    }

    pub fn new_module(&mut self, module: Vec<String>, file: &str, parent: Option<usize>) -> usize {
        self.krate.scopes.push(Scope {
            outer: None,
            parent,
            module,
            file: file.to_owned(),
            names: BTreeMap::new(),
            globs: Vec::new(),
        });
        self.krate.scopes.len() - 1
    }

    /// Reads the file of `mod name;` in `scope`, whose modules lie in `folder`.
    pub fn load_module(&mut self, scope: usize, folder: &str, name: &str) -> Option<usize> {
        let mut path = self.krate.scopes[scope].module.clone();
        path.push(name.to_owned());
        let stem = join(folder, name);
        let file = [format!("{stem}.rs"), format!("{stem}/mod.rs")]
            .into_iter()
            .find(|file| self.files.contains_key(file))?;
        Some(self.load_file(&file, path, &stem, Some(scope)))
    }

    pub fn skip_tests(&mut self, folder: &str, name: &str) {
        self.tests.push(join(folder, name));
    }
}

pub fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

pub fn line(span: Span) -> usize {
    span.start().line
}

/// Whether this item is compiled for tests only.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    let mut predicates = attributes.iter().filter_map(cfg_of);
    predicates.any(|predicate| needs_test(&predicate))
}

fn cfg_of(attribute: &Attribute) -> Option<Meta> {
    let is_cfg = attribute.path().is_ident("cfg");
    is_cfg.then(|| attribute.parse_args().unwrap())
}

fn needs_test(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test") || path.is_ident("doctest"),
        Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(needs_test),
        Meta::List(list) if list.path.is_ident("any") => parts(list).iter().all(needs_test),
        _ => false,
    }
}

fn parts(list: &syn::MetaList) -> Vec<Meta> {
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    parts.unwrap().into_iter().collect()
}

/// The features without which an item is not compiled.
pub fn features_of(attributes: &[Attribute]) -> Vec<String> {
    fn add(predicate: &Meta, into: &mut Vec<String>) {
        match predicate {
            Meta::NameValue(pair) if pair.path.is_ident("feature") => {
                if let syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(name),
                    ..
                }) = &pair.value
                {
                    into.push(name.value());
                }
            }
            Meta::List(list) if list.path.is_ident("all") => {
                parts(list).iter().for_each(|part| add(part, into));
            }
            _ => {}
        }
    }
    let mut features = Vec::new();
    for predicate in attributes.iter().filter_map(cfg_of) {
        add(&predicate, &mut features);
    }
    features
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
