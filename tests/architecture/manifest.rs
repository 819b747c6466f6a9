//! What `Cargo.toml` says: the dependencies, and which features bring which.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use toml::{Table, Value};

use crate::resolve::Crates;

#[derive(Debug)]
pub struct Manifest {
    /// By the name in code: whether only a feature brings it.
    dependencies: BTreeMap<String, bool>,
    /// What each feature switches on.
    features: BTreeMap<String, Vec<String>>,
}

impl Manifest {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let text = fs::read_to_string(path).unwrap();
        let table: Table = text.parse().unwrap();
        let mut dependencies = BTreeMap::new();
        add_dependencies(&table, &mut dependencies);
        for target in
            (table.get("target").into_iter()).flat_map(|targets| as_table(targets).values())
        {
            add_dependencies(as_table(target), &mut dependencies);
        }
        let features = as_table(&table["features"]).iter();
        let features = features.map(|(name, parts)| {
            let parts = parts.as_array().unwrap().iter();
            let parts = parts.map(|part| part.as_str().unwrap().to_owned());
            (name.clone(), parts.collect())
        });
        Self {
            dependencies,
            features: features.collect(),
        }
    }

    /// The features of this crate, without `default`, which is a choice of them.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        let names = self.features.keys().map(String::as_str);
        names.filter(|name| *name != "default")
    }

    /// Every crate that a path can begin with.
    pub fn crates(&self) -> Crates {
        let own = self.dependencies.keys().cloned();
        own.chain(["alloc", "core", "std"].map(str::to_owned))
            .collect()
    }

    /// The dependencies that only features bring.
    pub fn optional(&self) -> impl Iterator<Item = &str> {
        let optional = self
            .dependencies
            .iter()
            .filter(|(_, is_optional)| **is_optional);
        optional.map(|(name, _)| name.as_str())
    }

    /// The features that switch on a dependency, directly or through other features.
    pub fn bringing(&self, dependency: &str) -> Vec<&str> {
        let brings = |feature: &&str| self.closure(feature).contains(dependency);
        self.features().filter(brings).collect()
    }

    /// The features and dependencies that come with a feature.
    fn closure(&self, feature: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![feature];
        while let Some(feature) = open.pop() {
            for part in self.features.get(feature).into_iter().flatten() {
                // `dep:name`, `name/feature`, or another feature; `name?/feature` brings nothing.
                let (name, inner) = part.split_once('/').unwrap_or((part, ""));
                let name = name.strip_prefix("dep:").unwrap_or(name);
                // A feature of what is there anyway brings nothing either.
                let is_there = self.dependencies.get(&in_code(name)) == Some(&false);
                if !name.ends_with('?')
                    && !is_there
                    && found.insert(in_code(name))
                    && inner.is_empty()
                {
                    open.push(name);
                }
            }
        }
        found
    }
}

fn add_dependencies(table: &Table, into: &mut BTreeMap<String, bool>) {
    let dependencies = table.get("dependencies").into_iter();
    for (name, settings) in dependencies.flat_map(as_table) {
        let is_optional = settings.get("optional").and_then(Value::as_bool);
        into.insert(in_code(name), is_optional.unwrap_or(false));
    }
}

fn as_table(value: &Value) -> &Table {
    value.as_table().unwrap()
}

fn in_code(name: &str) -> String {
    name.replace('-', "_")
}
