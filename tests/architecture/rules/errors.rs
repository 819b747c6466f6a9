//! Errors are made by their constructors, so that a field can be added in one place.

use super::{Finding, Place, Rules, Target};

impl Rules<'_> {
    /// `Error::Variant { … }` and `…Fault::Variant { … }` as expressions, outside of `error`.
    pub(super) fn error_literals(&self) -> Vec<Finding> {
        self.each(|mention, target| {
            let (Target::Here(path), Place::Construction) = (target, mention.place) else {
                return None;
            };
            let [first, of, variant] = &path[..] else {
                return None;
            };
            let is_error = first == "error" && (of == "Error" || of.ends_with("Fault"));
            let is_elsewhere = self.module(mention).first() != Some(first);
            (is_error && is_elsewhere).then(|| format!("a literal of {of}::{variant}"))
        })
    }
}
