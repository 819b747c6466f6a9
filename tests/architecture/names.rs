//! Which names a scope has: those it declares and those it imports.

use proc_macro2::Ident;
use syn::{Item, Type, UseTree};

use crate::{
    source::{Entry, Place, Written, line},
    visit::{Collector, text, written},
};

impl Collector<'_, '_> {
    pub(crate) fn declare_item(&mut self, item: &Item) {
        match item {
            Item::Const(item) => self.declare(&item.ident, Entry::Value),
            Item::Enum(item) => self.declare(&item.ident, Entry::Type),
            Item::Fn(item) => self.declare(&item.sig.ident, Entry::Value),
            Item::Static(item) => self.declare(&item.ident, Entry::Value),
            Item::Struct(item) => self.declare(&item.ident, Entry::Type),
            Item::Trait(item) => self.declare(&item.ident, Entry::Type),
            Item::Union(item) => self.declare(&item.ident, Entry::Type),
            Item::Macro(item) => {
                if let Some(name) = &item.ident {
                    self.declare(name, Entry::Value);
                    let name = self.name(name);
                    self.loader.krate.macros.push(name);
                }
            }
            Item::Type(item) => match plain_path(&item.ty) {
                Some(path) => self.declare(&item.ident, Entry::Alias(path)),
                None => self.declare(&item.ident, Entry::Type),
            },
            Item::ExternCrate(item) => {
                let is_extern = item.ident != "self";
                let of = if is_extern {
                    text(&item.ident)
                } else {
                    "crate".to_owned()
                };
                let path = Written {
                    is_extern,
                    names: vec![of],
                };
                let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                self.bind(path, text(name), line(item.ident.span()));
            }
            Item::Verbatim(tokens) => self.unknown(tokens),
            _ => {}
        }
    }

    pub(crate) fn declare(&mut self, ident: &Ident, entry: Entry) {
        let names = &mut self.loader.krate.scopes[self.scope].names;
        names.entry(text(ident)).or_default().push(entry);
    }

    /// Records every path of a `use`, with the name it brings.
    pub(crate) fn import(&mut self, tree: &UseTree, before: &Written, line: usize) {
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(before, &path.ident), line),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, line);
                }
            }
            UseTree::Glob(_) => {
                self.mention(before.clone(), Place::Use, line);
                let scope = &mut self.loader.krate.scopes[self.scope];
                scope.globs.push(before.clone());
            }
            UseTree::Name(name) => {
                // `path::{self}` brings the last name of the path.
                let path = match name.ident == "self" && !before.names.is_empty() {
                    true => before.clone(),
                    false => with(before, &name.ident),
                };
                let bound = path.names.last().cloned().unwrap_or_default();
                self.bind(path, bound, line);
            }
            UseTree::Rename(rename) => {
                let path = match rename.ident == "self" && !before.names.is_empty() {
                    true => before.clone(),
                    false => with(before, &rename.ident),
                };
                self.bind(path, text(&rename.rename), line);
            }
        }
    }

    fn bind(&mut self, path: Written, name: String, line: usize) {
        self.mention(path.clone(), Place::Use, line);
        if name != "_" {
            let names = &mut self.loader.krate.scopes[self.scope].names;
            names.entry(name).or_default().push(Entry::Alias(path));
        }
    }
}

/// The path that a type is, through references and parentheses.
pub(crate) fn plain_path(of: &Type) -> Option<Written> {
    match of {
        Type::Path(path) if path.qself.is_none() => Some(written(&path.path)),
        Type::Group(group) => plain_path(&group.elem),
        Type::Paren(paren) => plain_path(&paren.elem),
        Type::Reference(reference) => plain_path(&reference.elem),
        _ => None,
    }
}

/// The path that an `impl` is for: of a type, or of the trait of `dyn Trait`.
pub(crate) fn path_of_impl(of: &Type) -> Option<Written> {
    let Type::TraitObject(object) = of else {
        return plain_path(of);
    };
    object.bounds.iter().find_map(|bound| match bound {
        syn::TypeParamBound::Trait(bound) => Some(written(&bound.path)),
        _ => None,
    })
}

fn with(before: &Written, ident: &Ident) -> Written {
    let mut path = before.clone();
    path.names.push(text(ident));
    path
}
