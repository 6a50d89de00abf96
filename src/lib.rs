//! Redmoon is an in-process, Redis-like store with atomic Lua scripting: Redis's data types, commands, scripts and
//! error texts as a library, with no server and no socket.
//!
//! ```
//! use redmoon::{Engine, Store};
//!
//! let store = Store::new();
//! store.set("stock:apples", "3")?;
//!
//! let engine = Engine::new(store.clone());
//! let take = engine.script(
//!     "local left = tonumber(redis.call('GET', KEYS[1]) or 0)
//!      if left < tonumber(ARGV[1]) then return redis.error_reply('SOLDOUT only ' .. left .. ' left') end
//!      return redis.call('DECRBY', KEYS[1], ARGV[1])",
//! );
//! assert_eq!(take.key("stock:apples").arg(2).invoke::<i64>()?, 1);
//! assert_eq!(take.key("stock:apples").arg(2).invoke::<i64>().unwrap_err().code(), "SOLDOUT");
//! # Ok::<(), redmoon::Error>(())
//! ```
//!
//! # Where to begin
//!
//! * [`Store`] holds the data. It has a typed method for each command, and [`Store::execute`] runs any by its name.
//! * [`Engine`] runs Lua scripts on a store; a [`Script`] is one that is called often.
//! * [`Session`] is one caller's conversation: every command by name, with SELECT and HELLO.
//! * [`ManualClock`] moves a store's time by hand, for tests that do not sleep.
//! * [`Value`] is a reply, and [`FromValue`] the way from it to Rust's types; an [`Error`] is the line that a server
//!   would send, with a [kind](ErrorKind) to decide by.
//!
//! # The layers
//!
//! Reading this list from top to bottom is reading the crate from the ground up. Imports point down only, to rows
//! further up in the list; `tests/layers.rs` holds the crate to it.
//!
//! | layer | modules | what it is |
//! |---|---|---|
//! | 0 | `error` `value` `blob` `clock` `rng` `num` `glob` `protocol` `reply` | the vocabulary |
//! | 1 | `ds` | pure data structures: no locks, no clock, no key names, no replies |
//! | 1' | `vm` | the sandboxed Lua; it knows values, nothing of the store |
//! | 2 | `keyspace` | keys and their values: entries, shards, expiry, the one door for writes |
//! | 3 | `rdb` | the format of dumps, over `Read` and `Write` only |
//! | 4 | `store` | the public handle, the builder, the shards' locks |
//! | 5 | `commands` | one file a family: table row, parser, operation, typed method |
//! | 6 | `dispatch` | a command by its name: look it up, check it, run it |
//! | 7 | `engine` `session` | scripting on top of `vm`; one caller's conversation |
//! | 8 | `resp` | the serialization protocol, and conversations over streams of other programs |
//! | 8 | `adapters` | other crates' interfaces, each behind a feature |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `lua51` | yes | scripts on a vendored, stock Lua 5.1, the language of Redis's scripts |
//! | `lua54` | no | in its place Lua 5.4, the language of Dragonfly's scripts |
//! | `luajit` | no | in its place LuaJIT, with its compiler turned off |
//! | `resp` | no | [`resp`]: RESP2 and RESP3 over any stream, [`resp::serve`], and a pipe in memory |
//! | `tokio` | no | [`resp::serve_async`]: the same over tokio's `AsyncRead` and `AsyncWrite` |
//! | `bytes` | no | conversions between [`Blob`] and `bytes::Bytes` |
//! | `metrics` | no | `Engine::publish_metrics`: an engine's figures through the `metrics` facade |
//! | `full` | no | all of them but the languages |
//!
//! # The language of scripts
//!
//! `lua51`, `lua54` and `luajit` exclude one another. Another one than the default is chosen so:
//!
//! ```toml
//! redmoon = { version = "0.1", default-features = false, features = ["lua54"] }
//! ```
//!
//! Sandbox, limits, libraries and conversions are the same with each. With `lua54` integers have 64 bits, as arguments and
//! as replies; with `luajit` the compiler is off, because nothing can end a loop that it has compiled, and an error after
//! `return redis.call(…)` does not say its line. Only `lua51` reads and rewrites the bytecode of scripts, which makes calls
//! faster, and only there is the order of `pairs` that of Redis. `docs/languages.md` lists all differences.

#[cfg(not(any(feature = "lua51", feature = "lua54", feature = "luajit")))]
compile_error!(
    "redmoon needs one language for scripts: enable `lua51` (a default feature), `lua54` or `luajit`"
);
#[cfg(any(
    all(feature = "lua51", feature = "lua54"),
    all(feature = "lua51", feature = "luajit"),
    all(feature = "lua54", feature = "luajit")
))]
compile_error!(
    "redmoon has one language for scripts: `lua51`, `lua54` and `luajit` exclude one another; turn the default one off \
     with `default-features = false`"
);
// LuaJIT's errors unwind the stack, which a program that is built to abort cannot let pass.
#[cfg(all(feature = "luajit", panic = "abort"))]
compile_error!("the feature `luajit` of redmoon needs `panic = \"unwind\"`, the default of Cargo's profiles");

mod adapters;
mod blob;
mod clock;
mod commands;
mod dispatch;
mod ds;
mod engine;
mod error;
mod glob;
mod keyspace;
mod num;
mod protocol;
mod rdb;
mod reply;
#[cfg(feature = "resp")]
pub mod resp;
mod rng;
mod session;
mod store;
mod value;
mod vm;

pub use blob::Blob;
pub use clock::{Clock, ManualClock, SystemClock};
pub use commands::*;
pub use ds::list::ListSide;
pub use engine::*;
pub use error::{Error, ErrorKind, Result};
pub use protocol::Protocol;
pub use session::{Begun, Session, WaitingCommand};
pub use store::{
    Cause, KeyEvent, Listener, Message, Messages, Monitor, Observed, Store, StoreBuilder, Subscription,
    Transaction,
};
pub use value::{FromValue, Value};

/// The README's code runs with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
