//! The invariants of ARCHITECTURE.md, as queries on the source. No findings means that they hold.

mod errors;

use std::collections::BTreeSet;

use crate::{
    manifest::Manifest,
    resolve::{Crates, Target},
    source::{Crate, Finding, Mention, Place, ROOT, Reach},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// `lib.rs`.
    Root,
    Core,
    Provider,
    Chain,
    Layer,
    Emulator,
}

/// The area of each module of `lib.rs`. Add every new module here.
pub const AREAS: &[(&str, Area)] = &[
    ("blocking", Area::Core),
    ("bulk", Area::Core),
    ("call", Area::Core),
    ("chain", Area::Chain),
    ("conformance", Area::Core),
    ("emulator", Area::Emulator),
    ("error", Area::Core),
    ("hazmat", Area::Core),
    ("health", Area::Core),
    ("key_type", Area::Core),
    ("layer", Area::Layer),
    ("provider", Area::Provider),
    ("public_key", Area::Core),
    ("receipt", Area::Core),
    ("request", Area::Core),
    ("secret_key", Area::Core),
    ("signature", Area::Core),
    ("signer", Area::Core),
    ("telemetry", Area::Core),
    ("text", Area::Core),
    ("verifier", Area::Core),
];

/// Other modules that may use a feature's dependencies: parts of a chain that come with another
/// feature, and modules of the core that a feature extends or uses.
const ALSO_AT_HOME: &[(&str, &[&str])] = &[
    ("alloy", &["chain", "ethereum"]),
    ("_remote", &["call"]),
    ("blocking", &["blocking"]),
    ("conformance", &["conformance"]),
    ("jwk", &["public_key", "jwk"]),
    ("local", &["secret_key"]),
    ("metrics", &["telemetry"]),
];

/// Modules that may add methods to a type of the core: a user looks for `Error::from_alloy` on
/// `Error`.
const ADDS_METHODS: [(&[&str], &str); 1] = [(&["chain", "ethereum", "alloy"], "Error")];

/// The types inside `Signature`.
const PAYLOADS: [&str; 3] = ["Secp256k1Signature", "P256Signature", "Ed25519Signature"];

/// A crate with its manifest.
pub struct Rules<'a> {
    krate: &'a Crate,
    manifest: &'a Manifest,
    crates: Crates,
}

impl<'a> Rules<'a> {
    pub fn new(krate: &'a Crate, manifest: &'a Manifest) -> Self {
        Self {
            krate,
            manifest,
            crates: manifest.crates(),
        }
    }

    /// Every rule by name, with the findings against it.
    pub fn judge(&self) -> Vec<(&'static str, Vec<Finding>)> {
        vec![
            ("readable", self.unreadable()),
            ("dependencies point to the core", self.wrong_imports()),
            ("providers choose no hash", self.hashes_in_providers()),
            ("chains see no key id", self.key_ids_in_chains()),
            (
                "only the verifier makes signatures",
                self.forged_signatures(),
            ),
            ("lints stay on", self.lints()),
            ("dependencies stay at home", self.stray_dependencies()),
            ("no global state", self.global_state()),
            ("errors are made by constructors", self.error_literals()),
        ]
    }

    pub fn area_of(&self, path: &[String]) -> Option<Area> {
        let Some(first) = path.first() else {
            return Some(Area::Root);
        };
        match AREAS.iter().find(|(name, _)| name == first) {
            Some((_, area)) => Some(*area),
            // What `lib.rs` re-exports; each is followed to its source.
            None => (!self.is_module(first)).then_some(Area::Root),
        }
    }

    fn is_module(&self, name: &str) -> bool {
        let mut modules = self.krate.scopes.iter().map(|scope| &scope.module);
        modules.any(|module| module.first().is_some_and(|first| first == name))
    }

    fn module(&self, mention: &Mention) -> &'a [String] {
        &self.krate.scopes[mention.scope].module
    }

    fn targets(&self, mention: &Mention) -> Vec<Target> {
        let mut targets = (self.krate).resolve(&self.crates, mention.scope, &mention.path);
        if mention.place == Place::Call {
            targets.extend(self.macros_named(mention));
        }
        targets
    }

    /// The macros of other modules that a call may mean.
    fn macros_named(&self, call: &Mention) -> Vec<Target> {
        let called = call.path.names.last();
        let macros = self.krate.macros.iter();
        let named = macros.filter(|defined| called == Some(&defined.name));
        let modules = named.map(|defined| &self.krate.scopes[defined.scope].module);
        let modules: Vec<_> = modules.collect();
        match modules
            .iter()
            .any(|module| module[..] == *self.module(call))
        {
            true => Vec::new(),
            false => modules.into_iter().cloned().map(Target::Here).collect(),
        }
    }

    fn at(&self, mention: &Mention, what: String) -> Finding {
        self.krate.finding(mention.scope, mention.line, what)
    }

    /// Each mention with each path that it leads to.
    fn each(&self, mut judge: impl FnMut(&Mention, &Target) -> Option<String>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for mention in &self.krate.mentions {
            for target in self.targets(mention) {
                if let Some(what) = judge(mention, &target) {
                    findings.push(self.at(mention, what));
                }
            }
        }
        findings
    }

    /// The rules cannot check what these tests cannot follow, so there must be none of it.
    fn unreadable(&self) -> Vec<Finding> {
        self.krate.unreadable.clone()
    }

    /// Invariant 1: core imports no provider, chain or layer; these import core, never one another.
    fn wrong_imports(&self) -> Vec<Finding> {
        let mut findings = self.wrong_mentions();
        findings.extend(self.methods_added_to_core());
        findings
    }

    /// A method that another area adds to a type of the core. The core could call it by name.
    fn methods_added_to_core(&self) -> Vec<Finding> {
        let inherent = self.krate.inherent.iter().filter(|inherent| {
            let module = &self.krate.scopes[inherent.scope].module;
            let own = self.area_of(module);
            let is_listed = ADDS_METHODS
                .iter()
                .any(|(listed, of)| module == listed && inherent.of.names == [*of]);
            let of = (self.krate).resolve(&self.crates, inherent.scope, &inherent.of);
            let is_of_core = of.iter().any(|target| match target {
                Target::Here(path) => self.area_of(path) == Some(Area::Core),
                Target::Other(_) => false,
            });
            is_of_core && !is_listed && !matches!(own, Some(Area::Core | Area::Root))
        });
        let findings = inherent.map(|inherent| {
            let what = format!("methods for {} of the core", inherent.of.names.join("::"));
            self.krate.finding(inherent.scope, inherent.line, what)
        });
        findings.collect()
    }

    fn wrong_mentions(&self) -> Vec<Finding> {
        self.each(|mention, target| {
            let Target::Here(path) = target else {
                return None;
            };
            let module = self.module(mention);
            let own = self.area_of(module);
            let is_allowed = match self.area_of(path)? {
                Area::Root | Area::Core => true,
                // A local variable may have the name of a module.
                _ if is_local_name(mention) && self.is_scope(path) => true,
                // The neutral part knows no key store, nor does one key store know another.
                Area::Emulator => {
                    own == Some(Area::Emulator)
                        && (!self.is_key_store(path) || module.get(1) == path.get(1))
                }
                // A provider, chain or layer names only itself, not even its siblings.
                area => own == Some(area) && (module.get(1) == path.get(1) || module.len() == 1),
            };
            (!is_allowed).then(|| format!("{} names {}", shown(module), shown(path)))
        })
    }

    /// Whether a path into the emulator leads to a key store's own part, which has a provider's
    /// name.
    fn is_key_store(&self, path: &[String]) -> bool {
        let name = path.get(1);
        let mut modules = self.krate.scopes.iter().map(|scope| &scope.module);
        modules.any(|module| {
            self.area_of(module) == Some(Area::Provider)
                && module.len() == 2
                && module.get(1) == name
        })
    }

    fn is_scope(&self, path: &[String]) -> bool {
        let mut modules = self.krate.scopes.iter();
        modules.any(|scope| scope.outer.is_none() && scope.module == path)
    }

    /// Invariant 2, first half. The crates that `request` computes digests with are hashes. So may
    /// be every other crate, except those of the provider's own feature and a few harmless ones.
    fn hashes_in_providers(&self) -> Vec<Finding> {
        let hashes = self.hash_crates();
        let chosen: BTreeSet<&str> = self.request_constructors().collect();
        self.each(|mention, target| {
            if self.area_of(self.module(mention)) != Some(Area::Provider) {
                return None;
            }
            let is_hash = match target {
                Target::Other(path) => {
                    path.iter().any(|name| hashes.contains(name))
                        || !is_local_name(mention) && !self.is_known_in_provider(mention, &path[0])
                }
                Target::Here(path) => {
                    let is_request =
                        |part: &[String]| part[0] == "request" || part[0] == "SignRequest";
                    let name = path.last().map(String::as_str);
                    path.first().is_some_and(|first| first == "hazmat")
                        || !path.is_empty()
                            && is_request(path)
                            && name.is_some_and(|name| chosen.contains(name))
                }
            };
            is_hash.then(|| format!("a provider names {}", mention.path.names.join("::")))
        })
    }

    /// Whether the provider at this mention may use the crate.
    fn is_known_in_provider(&self, mention: &Mention, name: &str) -> bool {
        const PLAIN: [&str; 9] = [
            "alloc",
            "async_trait",
            "base16ct",
            "clippy",
            "core",
            "futures_util",
            "std",
            "thiserror",
            "tracing",
        ];
        let module = self.module(mention);
        let features = self.manifest.bringing(name);
        let mut homes = features.iter().flat_map(|feature| self.homes(feature));
        PLAIN.contains(&name) || homes.any(|home| module.starts_with(&home))
    }

    pub fn hash_crates(&self) -> BTreeSet<String> {
        let of_request = |mention: &&Mention| self.module(mention) == ["request"];
        let mentions = self.krate.mentions.iter().filter(of_request);
        let targets = mentions.flat_map(|mention| self.targets(mention));
        let crates = targets.filter_map(|target| match target {
            Target::Other(path) => path.into_iter().next(),
            Target::Here(_) => None,
        });
        crates.filter(|name| name != "std").collect()
    }

    /// The functions that make a `SignRequest`: those in its `impl` without `self`.
    pub fn request_constructors(&self) -> impl Iterator<Item = &str> {
        let methods = self.krate.methods.iter().filter(|method| {
            let of = method.of.as_ref().and_then(|of| of.names.last());
            of.is_some_and(|of| of == "SignRequest") && !method.takes_self
        });
        methods.map(|method| method.name.name.as_str())
    }

    /// Invariant 2, second half.
    fn key_ids_in_chains(&self) -> Vec<Finding> {
        let identifiers = self.krate.identifiers.iter().filter(|name| {
            let module = &self.krate.scopes[name.scope].module;
            self.area_of(module) == Some(Area::Chain)
        });
        let key_ids = identifiers.filter(|name| {
            let words = words(&name.name);
            words.iter().any(|word| word == "arn")
                || words.windows(2).any(|two| two == ["key", "id"])
        });
        key_ids
            .map(|name| {
                let what = format!("a chain adapter has `{}`", name.name);
                self.krate.finding(name.scope, name.line, what)
            })
            .collect()
    }

    /// Invariant 3: only `verifier.rs` names a constructor of what a `Signature` holds, and nothing
    /// hides one of these types behind a name or a macro that these checks cannot follow.
    fn forged_signatures(&self) -> Vec<Finding> {
        let mut findings = self.each(|mention, target| {
            let Target::Here(path) = target else {
                return None;
            };
            let [first, payload, rest @ ..] = &path[..] else {
                return None;
            };
            if first != "signature" || !PAYLOADS.contains(&&**payload) {
                return None;
            }
            let module = self.module(mention);
            let is_in_new = mention.function.as_ref().is_some_and(|function| {
                let of = function.of.as_ref().and_then(|of| of.names.last());
                function.name == "new" && of == Some(payload)
            });
            let is_forged = match mention.place {
                _ if rest.first().is_some_and(|name| name == "new") => module != ["verifier"],
                Place::Construction => module != ["signature"] || !is_in_new,
                Place::Alias | Place::Macro => true,
                Place::Use | Place::Code | Place::Call | Place::Attribute => false,
            };
            is_forged.then(|| format!("{} makes a {payload}", shown(module)))
        });
        findings.extend(self.open_payloads());
        findings
    }

    /// The definitions themselves: private fields, one constructor inside the crate, and no way to
    /// change a value.
    fn open_payloads(&self) -> Vec<Finding> {
        const DERIVED: [&str; 5] = ["Clone", "Copy", "Debug", "Eq", "PartialEq"];
        let mut findings = Vec::new();
        let mut add = |name: &crate::source::Name, what: &str| {
            findings.push(self.krate.finding(name.scope, name.line, what));
        };
        let is_in_signature = |scope: usize| {
            let module = &self.krate.scopes[scope].module;
            module.first().is_some_and(|first| first == "signature")
        };
        for item in (self.krate.structs.iter()).filter(|item| PAYLOADS.contains(&&*item.name.name))
        {
            if item.fields.iter().any(|field| *field != Reach::Less) {
                add(&item.name, "a field of a signature that others can set");
            }
            if !item.derives.iter().all(|name| DERIVED.contains(&&**name)) {
                add(&item.name, "a derive that can make a signature");
            }
        }
        for method in &self.krate.methods {
            let of = method.of.as_ref().and_then(|of| of.names.last());
            let is_payload = of.is_some_and(|of| PAYLOADS.contains(&&**of) || of == "Signature");
            if is_payload && method.name.name == "new" && method.visibility != Reach::Crate {
                add(
                    &method.name,
                    "a constructor of signatures that is not pub(crate)",
                );
            }
            if is_payload && is_in_signature(method.name.scope) && method.takes_mut_self {
                add(&method.name, "a method that can change a signature");
            }
        }
        findings
    }

    /// Invariant 5: the lints that forbid unsafe code and panics are on, and nothing turns one off.
    fn lints(&self) -> Vec<Finding> {
        const FORBIDDEN: [&str; 5] = [
            "unsafe_code",
            "clippy::unwrap_used",
            "clippy::expect_used",
            "clippy::panic",
            "clippy::indexing_slicing",
        ];
        let mut findings = Vec::new();
        for name in FORBIDDEN {
            let is_on = self.krate.lints.iter().any(|lint| {
                let is_hard = ["deny", "forbid"].contains(&&*lint.level);
                lint.is_for_crate && is_hard && lint.name == name
            });
            if !is_on {
                findings.push(self.krate.finding(ROOT, 1, format!("lib.rs lacks {name}")));
            }
        }
        for lint in &self.krate.lints {
            let is_group =
                ["clippy::all", "clippy::restriction", "warnings"].contains(&&*lint.name);
            let is_soft = ["allow", "expect", "warn"].contains(&&*lint.level);
            if is_soft && (is_group || FORBIDDEN.contains(&&*lint.name)) {
                let what = format!("{}({})", lint.level, lint.name);
                findings.push(self.krate.finding(lint.scope, lint.line, what));
            }
        }
        findings
    }

    /// Invariant 6: a dependency that only a feature brings is named only in that feature's
    /// modules.
    fn stray_dependencies(&self) -> Vec<Finding> {
        let mut homes: Vec<(&str, Vec<Vec<String>>)> = Vec::new();
        for dependency in self.manifest.optional() {
            let features = self.manifest.bringing(dependency);
            let of_all = features.iter().flat_map(|feature| self.homes(feature));
            homes.push((dependency, of_all.collect()));
        }
        self.each(|mention, target| {
            let Target::Other(path) = target else {
                return None;
            };
            let (dependency, homes) = homes.iter().find(|(name, _)| path[0] == *name)?;
            let module = self.module(mention);
            let is_at_home = homes.iter().any(|home| module.starts_with(home));
            (!is_at_home).then(|| format!("{} names {dependency}", shown(module)))
        })
    }

    /// Where a feature's dependencies may be named: the provider, chain, layers or emulator that
    /// exists only with it, and the listed modules.
    pub fn homes(&self, feature: &str) -> Vec<Vec<String>> {
        let gated = self.krate.gated.iter().filter(|(gate, module)| {
            let is_core = self.area_of(module) == Some(Area::Core);
            gate == feature && module.len() <= 2 && !is_core
        });
        let listed = ALSO_AT_HOME.iter().filter(|(name, _)| *name == feature);
        let listed = listed.map(|(_, path)| path.iter().map(|&name| name.to_owned()).collect());
        gated
            .map(|(_, module)| module.clone())
            .chain(listed)
            .collect()
    }

    /// Invariant 9. `main.rs` compares the statics with the permitted ones.
    fn global_state(&self) -> Vec<Finding> {
        const ALLOWED: [&[&str]; 2] = [
            &["verifier", "ecdsa"],
            &["provider", "aws_kms", "client_state"],
        ];
        const GLOBAL: [&str; 10] = [
            "LazyLock",
            "lazy_static",
            "leak",
            "remove_var",
            "set_current_dir",
            "set_global_default",
            "set_global_recorder",
            "set_hook",
            "set_var",
            "thread_local",
        ];
        let statics = self.krate.statics.iter().filter(|name| {
            let module = &self.krate.scopes[name.scope].module;
            !ALLOWED.iter().any(|allowed| module == allowed)
        });
        let calls = self.krate.identifiers.iter();
        let calls = calls.filter(|name| GLOBAL.contains(&&*name.name));
        let names = statics.chain(calls);
        names
            .map(|name| {
                let what = format!("{} outlives every signer", name.name);
                self.krate.finding(name.scope, name.line, what)
            })
            .collect()
    }
}

/// Whether this may be the name of a local variable.
fn is_local_name(mention: &Mention) -> bool {
    let is_value = !matches!(mention.place, Place::Use | Place::Call);
    is_value && mention.path.names.len() == 1
}

pub fn shown(path: &[String]) -> String {
    std::iter::once("crate")
        .chain(path.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("::")
}

/// The words of a name: `key_arn` and `KeyArn` are both `key`, `arn`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() {
            words.push(String::new());
        }
        if letter != '_' {
            words.last_mut().unwrap().extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
