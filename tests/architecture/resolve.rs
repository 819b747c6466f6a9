//! Follows a written path to what it names, through imports, renames, globs and re-exports.

use std::collections::BTreeSet;

use crate::source::{Crate, Entry, ROOT, Written};

/// A path from the root of this crate, or of another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Here(Vec<String>),
    Other(Vec<String>),
}

/// The crates that a path can begin with.
pub type Crates = BTreeSet<String>;

impl Crate {
    /// Everything that `path` names in `scope`: its target, and everything on the way.
    pub fn resolve(&self, crates: &Crates, scope: usize, path: &Written) -> Vec<Target> {
        let mut resolver = Resolver {
            krate: self,
            crates,
            under_way: Vec::new(),
            found: BTreeSet::new(),
        };
        resolver.resolve(scope, path);
        resolver.found.into_iter().collect()
    }

    fn module_scope(&self, mut scope: usize) -> usize {
        while let Some(outer) = self.scopes[scope].outer {
            scope = outer;
        }
        scope
    }
}

/// Types that have a name without being declared.
const PRIMITIVE: [&str; 17] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16",
    "u32", "u64", "u128", "usize",
];

/// Whether a name is declared in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Declared {
    No,
    /// It may be a value, which does not hide a module of the same name.
    Perhaps,
    Yes,
}

struct Resolver<'a> {
    krate: &'a Crate,
    crates: &'a Crates,
    /// The names on the way, so that `use tokio;` does not resolve to itself.
    under_way: Vec<(usize, String)>,
    found: BTreeSet<Target>,
}

impl Resolver<'_> {
    fn resolve(&mut self, scope: usize, path: &Written) {
        let Some((first, rest)) = path.names.split_first() else {
            return;
        };
        if path.is_extern {
            self.found.insert(Target::Other(path.names.clone()));
            return;
        }
        match first.as_str() {
            "crate" => self.walk(ROOT, rest),
            "self" => self.walk(self.krate.module_scope(scope), rest),
            "super" => {
                let here = self.krate.module_scope(scope);
                if let Some(parent) = self.krate.scopes[here].parent {
                    self.walk(parent, rest);
                }
            }
            _ => self.look_up(scope, first, rest),
        }
    }

    /// Looks for `name` in a scope and those around it, and then among the crates.
    fn look_up(&mut self, scope: usize, name: &str, rest: &[String]) {
        let mut next = Some(scope);
        let mut known = Declared::No;
        while let Some(scope) = next {
            known = known.max(self.declared(scope, name, rest));
            if known == Declared::Yes {
                return;
            }
            next = self.krate.scopes[scope].outer;
        }
        // An undeclared name may be a crate that the manifest does not list.
        let is_unknown = !rest.is_empty()
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && !PRIMITIVE.contains(&name)
            && known == Declared::No;
        if self.crates.contains(name) || is_unknown {
            let names = std::iter::once(name.to_owned()).chain(rest.iter().cloned());
            self.found.insert(Target::Other(names.collect()));
        }
    }

    /// Follows `rest` from a module.
    fn walk(&mut self, scope: usize, rest: &[String]) {
        let Some((name, after)) = rest.split_first() else {
            let module = self.krate.scopes[scope].module.clone();
            self.found.insert(Target::Here(module));
            return;
        };
        match name.as_str() {
            "self" => return self.walk(scope, after),
            "super" => {
                if let Some(parent) = self.krate.scopes[scope].parent {
                    self.walk(parent, after);
                }
                return;
            }
            _ => {}
        }
        if self.declared(scope, name, after) == Declared::No {
            // Made by a macro, or brought by the glob of another crate.
            self.found.insert(self.here(scope, name, after));
        }
    }

    fn here(&self, scope: usize, name: &str, rest: &[String]) -> Target {
        let mut path = self.krate.scopes[scope].module.clone();
        path.push(name.to_owned());
        path.extend(rest.iter().cloned());
        Target::Here(path)
    }

    /// Follows what `name` means in exactly this scope. A path can go on from a type or module.
    fn declared(&mut self, scope: usize, name: &str, rest: &[String]) -> Declared {
        let key = (scope, name.to_owned());
        if self.under_way.contains(&key) {
            return Declared::No;
        }
        self.under_way.push(key);
        let krate = self.krate;
        let entries = krate.scopes[scope].names.get(name);
        let mut declared = Declared::No;
        for entry in entries.into_iter().flatten() {
            let is_certain = match entry {
                Entry::Module(_) | Entry::Type => true,
                Entry::Value if !rest.is_empty() => continue,
                Entry::Value => true,
                Entry::Alias(_) => rest.is_empty(),
            };
            declared = declared.max(match is_certain {
                true => Declared::Yes,
                false => Declared::Perhaps,
            });
            match entry {
                Entry::Module(module) => self.walk(*module, rest),
                Entry::Type | Entry::Value => {
                    self.found.insert(self.here(scope, name, rest));
                }
                Entry::Alias(path) => {
                    self.found.insert(self.here(scope, name, rest));
                    let mut path = path.clone();
                    path.names.extend(rest.iter().cloned());
                    self.resolve(scope, &path);
                }
            }
        }
        if declared != Declared::Yes {
            declared = declared.max(self.through_globs(scope, name, rest));
        }
        self.under_way.pop();
        declared
    }

    fn through_globs(&mut self, scope: usize, name: &str, rest: &[String]) -> Declared {
        let krate = self.krate;
        let mut declared = Declared::No;
        for glob in &krate.scopes[scope].globs {
            for module in self.modules_of(scope, glob) {
                declared = declared.max(self.declared(module, name, rest));
            }
        }
        declared
    }

    /// The modules of this crate that a glob imports.
    fn modules_of(&self, scope: usize, glob: &Written) -> Vec<usize> {
        let mut resolver = Resolver {
            krate: self.krate,
            crates: self.crates,
            under_way: self.under_way.clone(),
            found: BTreeSet::new(),
        };
        resolver.resolve(scope, glob);
        let is_found = |scope: &usize| {
            let scope = &self.krate.scopes[*scope];
            scope.outer.is_none() && resolver.found.contains(&Target::Here(scope.module.clone()))
        };
        (0..self.krate.scopes.len()).filter(is_found).collect()
    }
}
