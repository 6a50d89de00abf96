//! Elements of collections on their way out.

use crate::blob::Blob;
use crate::ds::packed::Item;
use crate::reply::Reply;

/// Replies the text of an element.
#[inline]
pub(super) fn reply(item: Item<'_>, out: &mut dyn Reply) {
    match item {
        Item::Int(number) => out.bulk(itoa::Buffer::new().format(number).as_bytes()),
        Item::Bytes(bytes) => out.bulk(bytes),
    }
}

/// The text of an element for a typed method.
pub(super) fn blob(item: Item<'_>) -> Blob {
    match item {
        Item::Int(number) => Blob::from(itoa::Buffer::new().format(number)),
        Item::Bytes(bytes) => Blob::from(bytes),
    }
}
