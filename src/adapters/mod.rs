//! Layer 8: other crates' interfaces, each behind a feature of its own. What is here uses the public API and nothing
//! else: an application could have written it.

#[cfg(feature = "metrics")]
mod metrics;
