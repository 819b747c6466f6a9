//! Walks the syntax of one module and records what it declares and names.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use syn::{
    Attribute, Expr, ImplItem, Item, Meta, QSelf, ReceiverKind, Visibility,
    visit::{self, Visit},
};

use crate::{
    names::{path_of_impl, plain_path},
    source::{
        Entry, Function, Inherent, Loader, Mention, Method, Name, Place, Reach, Scope, Struct,
        Written, attributes, features_of, is_for_tests, join, line,
    },
};

pub struct Collector<'a, 'f> {
    pub(crate) loader: &'a mut Loader<'f>,
    pub(crate) scope: usize,
    /// Where the files of the module's own modules are.
    folder: String,
    /// What `Self` means.
    self_type: Option<Written>,
    function: Option<Function>,
    /// Whether this is inside a function.
    is_in_block: bool,
}

impl<'a, 'f> Collector<'a, 'f> {
    pub fn new(loader: &'a mut Loader<'f>, scope: usize, folder: &str) -> Self {
        Self {
            loader,
            scope,
            folder: folder.to_owned(),
            self_type: None,
            function: None,
            is_in_block: false,
        }
    }

    pub fn items(&mut self, items: &[Item]) {
        for item in items {
            self.visit_item(item);
        }
    }

    pub fn crate_attributes(&mut self, attributes: &[Attribute]) {
        for attribute in attributes {
            self.visit_attribute(attribute);
        }
    }

    pub(crate) fn mention(&mut self, path: Written, place: Place, line: usize) {
        let path = self.with_self_type(path);
        self.loader.krate.mentions.push(Mention {
            path,
            place,
            scope: self.scope,
            line,
            function: self.function.clone(),
        });
    }

    /// Puts the type of the `impl` in the place of `Self`.
    fn with_self_type(&self, path: Written) -> Written {
        match (&self.self_type, path.names.split_first()) {
            (Some(of), Some((first, rest))) if first == "Self" => Written {
                is_extern: of.is_extern,
                names: of.names.iter().chain(rest).cloned().collect(),
            },
            _ => path,
        }
    }

    pub(crate) fn unreadable(&mut self, line: usize, what: &str) {
        let finding = self.loader.krate.finding(self.scope, line, what);
        self.loader.krate.unreadable.push(finding);
    }

    pub(crate) fn unknown(&mut self, tokens: &TokenStream) {
        let first = tokens.clone().into_iter().next();
        let at = first.map_or(1, |token| line(token.span()));
        self.unreadable(at, "syntax that is not known");
    }

    pub(crate) fn name(&self, ident: &Ident) -> Name {
        Name {
            name: text(ident),
            scope: self.scope,
            line: line(ident.span()),
        }
    }

    /// `<Type as Trait>::name`: the trait is one path, and `Type::name` another.
    fn qualified(&mut self, qself: Option<&QSelf>, path: &syn::Path, place: Place) {
        let line = start(path);
        for segment in &path.segments {
            self.visit_path_arguments(&segment.arguments);
            self.visit_ident(&segment.ident);
        }
        let Some(qself) = qself else {
            return self.mention(written(path), place, line);
        };
        self.visit_type(&qself.ty);
        let all = written(path);
        let (of_trait, rest) = all.names.split_at(qself.position);
        if !of_trait.is_empty() {
            let names = of_trait.to_vec();
            self.mention(
                Written {
                    names,
                    ..all.clone()
                },
                place,
                line,
            );
        }
        if let Some(mut of_type) = plain_path(&qself.ty) {
            of_type.names.extend(rest.iter().cloned());
            self.mention(of_type, place, line);
        }
    }

    fn module(&mut self, item: &syn::ItemMod) {
        let name = text(&item.ident);
        if self.is_in_block {
            self.unreadable(line(item.ident.span()), "a module inside of a function");
        }
        for feature in features_of(&item.attrs) {
            let mut module = self.loader.krate.scopes[self.scope].module.clone();
            module.push(name.clone());
            self.loader.krate.gated.push((feature, module));
        }
        let scope = match &item.content {
            None => self.loader.load_module(self.scope, &self.folder, &name),
            Some((_, items)) => {
                let mut path = self.loader.krate.scopes[self.scope].module.clone();
                path.push(name.clone());
                let file = self.loader.krate.scopes[self.scope].file.clone();
                let scope = self.loader.new_module(path, &file, Some(self.scope));
                let folder = join(&self.folder, &name);
                Collector::new(self.loader, scope, &folder).items(items);
                Some(scope)
            }
        };
        match scope {
            Some(scope) => self.declare(&item.ident, Entry::Module(scope)),
            None => self.unreadable(line(item.ident.span()), "a module without a file"),
        }
    }

    fn in_function(&mut self, of: Option<Written>, name: &Ident, inside: impl FnOnce(&mut Self)) {
        let name = text(name);
        let around = self.function.replace(Function { of, name });
        inside(self);
        self.function = around;
    }

    fn in_impl(&mut self, of: Option<Written>, inside: impl FnOnce(&mut Self)) {
        let around = std::mem::replace(&mut self.self_type, of);
        inside(self);
        self.self_type = around;
    }
}

impl<'ast> Visit<'ast> for Collector<'_, '_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            if let Item::Mod(module) = item {
                let name = text(&module.ident);
                self.loader.skip_tests(&self.folder, &name);
            }
            return;
        }
        self.declare_item(item);
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        for attribute in &item.attrs {
            self.visit_attribute(attribute);
        }
        self.module(item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let before = Written {
            is_extern: item.leading_colon.is_some(),
            names: Vec::new(),
        };
        self.import(&item.tree, &before, line(item.use_token.span));
        visit::visit_item_use(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if let Some(path) = plain_path(&item.ty) {
            self.mention(path, Place::Alias, line(item.ident.span()));
        }
        visit::visit_item_type(self, item);
    }

    fn visit_impl_item_type(&mut self, item: &'ast syn::ImplItemType) {
        if let Some(path) = plain_path(&item.ty) {
            self.mention(path, Place::Alias, line(item.ident.span()));
        }
        visit::visit_impl_item_type(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let name = self.name(&item.ident);
        self.loader.krate.statics.push(name);
        visit::visit_item_static(self, item);
    }

    fn visit_foreign_item_static(&mut self, item: &'ast syn::ForeignItemStatic) {
        let name = self.name(&item.ident);
        self.loader.krate.statics.push(name);
        visit::visit_foreign_item_static(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let name = self.name(&item.ident);
        self.loader.krate.structs.push(Struct {
            name,
            fields: item.fields.iter().map(|field| reach(&field.vis)).collect(),
            derives: derives(&item.attrs),
        });
        let of = Written {
            is_extern: false,
            names: vec![text(&item.ident)],
        };
        self.in_impl(Some(of), |this| visit::visit_item_struct(this, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = path_of_impl(&item.self_ty);
        if let (None, Some(of)) = (&item.trait_, of.clone()) {
            let (scope, line) = (self.scope, line(item.impl_token.span));
            let inherent = Inherent { of, scope, line };
            self.loader.krate.inherent.push(inherent);
        }
        self.in_impl(of, |this| visit::visit_item_impl(this, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.in_impl(None, |this| visit::visit_item_trait(this, item));
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let takes_mut_self = item.sig.inputs.iter().any(|input| match input {
            syn::FnArg::Receiver(receiver) => is_mutable(receiver),
            _ => false,
        });
        let mut strings = Strings::default();
        strings.visit_block(&item.block);
        let method = Method {
            name: self.name(&item.sig.ident),
            of: self.self_type.clone(),
            visibility: reach(&item.vis),
            takes_self: item.sig.receiver().is_some(),
            takes_mut_self,
            strings: strings.0,
        };
        self.loader.krate.methods.push(method);
        self.in_function(self.self_type.clone(), &item.sig.ident, |this| {
            visit::visit_impl_item_fn(this, item)
        });
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.in_function(None, &item.sig.ident, |this| {
            visit::visit_item_fn(this, item)
        });
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let outer = &self.loader.krate.scopes[self.scope];
        let inner = Scope {
            outer: Some(self.scope),
            parent: None,
            module: outer.module.clone(),
            file: outer.file.clone(),
            names: BTreeMap::new(),
            globs: Vec::new(),
        };
        self.loader.krate.scopes.push(inner);
        let inner = self.loader.krate.scopes.len() - 1;
        let around = std::mem::replace(&mut self.scope, inner);
        let was_in_block = std::mem::replace(&mut self.is_in_block, true);
        visit::visit_block(self, block);
        self.scope = around;
        self.is_in_block = was_in_block;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.qualified(None, path, Place::Code);
    }

    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        self.qualified(node.qself.as_ref(), &node.path, Place::Code);
    }

    fn visit_type_path(&mut self, node: &'ast syn::TypePath) {
        self.qualified(node.qself.as_ref(), &node.path, Place::Code);
    }

    fn visit_pat_struct(&mut self, node: &'ast syn::PatStruct) {
        self.qualified(node.qself.as_ref(), &node.path, Place::Code);
        for field in &node.fields {
            self.visit_field_pat(field);
        }
    }

    fn visit_pat_tuple_struct(&mut self, node: &'ast syn::PatTupleStruct) {
        self.qualified(node.qself.as_ref(), &node.path, Place::Code);
        for part in &node.elems {
            self.visit_pat(part);
        }
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        self.qualified(node.qself.as_ref(), &node.path, Place::Construction);
        for field in &node.fields {
            self.visit_field_value(field);
        }
        if let Some(rest) = &node.rest {
            self.visit_expr(rest);
        }
    }

    /// The modules it may name are those around it.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        self.visit_path(&node.path);
        self.mention(written(&node.path), Place::Call, start(&node.path));
        if node
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "include")
        {
            self.unreadable(start(&node.path), "include!");
        }
        self.tokens(node.tokens.clone(), Place::Macro);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        if path.is_ident("doc") || path.is_ident("cfg") {
            return;
        }
        self.visit_path(path);
        self.lints(attribute);
        self.module_path(&attribute.meta);
        match &attribute.meta {
            Meta::List(list) => self.tokens(list.tokens.clone(), Place::Attribute),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
            Meta::Path(_) => {}
        }
    }

    fn visit_expr(&mut self, node: &'ast Expr) {
        if let Expr::Verbatim(tokens) = node {
            self.unknown(tokens);
        }
        visit::visit_expr(self, node);
    }

    fn visit_ident(&mut self, ident: &'ast Ident) {
        let name = self.name(ident);
        self.loader.krate.identifiers.push(name);
    }
}

/// The string literals of a function.
#[derive(Default)]
struct Strings(Vec<String>);

impl Visit<'_> for Strings {
    fn visit_lit_str(&mut self, text: &syn::LitStr) {
        self.0.push(text.value());
    }
}

fn is_mutable(receiver: &syn::Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Value => receiver.mutability.is_some(),
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        _ => true,
    }
}

fn derives(attributes: &[Attribute]) -> Vec<String> {
    let mut names = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|one| one.path().is_ident("derive"))
    {
        let _ = attribute.parse_nested_meta(|meta| {
            let last = meta.path.segments.last();
            names.extend(last.map(|segment| text(&segment.ident)));
            Ok(())
        });
    }
    names
}

fn reach(visibility: &Visibility) -> Reach {
    match visibility {
        Visibility::Public(_) => Reach::Everyone,
        Visibility::Restricted(to) if to.path.is_ident("crate") => Reach::Crate,
        Visibility::Restricted(_) | Visibility::Inherited => Reach::Less,
    }
}

pub(crate) fn written(path: &syn::Path) -> Written {
    Written {
        is_extern: path.leading_colon.is_some(),
        names: (path.segments.iter())
            .map(|segment| text(&segment.ident))
            .collect(),
    }
}

/// The line on which a path begins.
fn start(path: &syn::Path) -> usize {
    let first = path.segments.first();
    first.map_or(1, |segment| line(segment.ident.span()))
}

/// A raw identifier is the same name as a plain one.
pub(crate) fn text(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}
