//! Lists in pages: limits and markers.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::error::{Code, KmsError};

/// One page of a list.
pub(super) struct Page<'a, T> {
    pub(super) items: Vec<&'a T>,
    /// Where the next page starts; `None` on the last page.
    pub(super) next_marker: Option<String>,
}

/// The first `limit` items after `marker` that are `wanted`, in order of their names.
///
/// A marker is the type of list and the name of the last item, in base64. It stays valid when items
/// are added or removed between two pages. A marker of another list is rejected.
pub(super) fn after<'a, T>(
    items: &'a BTreeMap<String, T>,
    kind: &str,
    limit: usize,
    marker: Option<&str>,
    wanted: impl Fn(&T) -> bool,
) -> Result<Page<'a, T>, KmsError> {
    let start = match marker {
        Some(marker) => Excluded(read_marker(kind, marker)?),
        None => Unbounded,
    };
    let mut rest = items
        .range((start, Unbounded))
        .filter(|(_, item)| wanted(item));
    let page: Vec<(&String, &T)> = rest.by_ref().take(limit).collect();
    let next_marker = match (page.last(), rest.next()) {
        (Some((name, _)), Some(_)) => Some(BASE64_STANDARD.encode(format!("{kind}:{name}"))),
        _ => None,
    };
    Ok(Page {
        items: page.into_iter().map(|(_, item)| item).collect(),
        next_marker,
    })
}

fn read_marker(kind: &str, marker: &str) -> Result<String, KmsError> {
    BASE64_STANDARD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| {
            let name = text.strip_prefix(kind)?.strip_prefix(':')?;
            Some(name.to_owned())
        })
        .ok_or_else(|| {
            KmsError::new(
                Code::InvalidMarker,
                format!("Could not deserialize NextToken {marker}"),
            )
        })
}
