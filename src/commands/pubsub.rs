//! Publish and subscribe, and MONITOR. Subscribing belongs to a session (`session/subscribe.rs`), or to a
//! [`Subscription`] of a Rust program.

use super::spec::{Group, KeySpec, access::NOT_KEY, flag::*, key, keys};
use super::{Args, CommandSpec, reply_help};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::keyspace::Ctx;
use crate::reply::Reply;
use crate::store::{Kind, LockMode, Monitor, Store, Subscription};

const SHARD_CHANNELS: &[KeySpec] = &[keys(1, -1, 1, NOT_KEY)];

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::session("MONITOR")
        .summary("Shows every command that is run.")
        .since("1.0.0")
        .group(Group::Server)
        .arity(1)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
    subscribing("PSUBSCRIBE")
        .summary("Subscribes to the channels whose names fit patterns.")
        .since("2.0.0")
        .complexity("O(1) a pattern; each pattern is held against the channel of every message.")
        .syntax("pattern [pattern ...]")
        .arity(-2),
    CommandSpec::new("PUBLISH", publish_cmd)
        .summary("Sends a message to those who subscribe to a channel.")
        .since("2.0.0")
        .complexity("O(N+M), N being the number of the channel's subscribers, M that of all patterns.")
        .group(Group::Pubsub)
        .syntax("channel message")
        .arity(3)
        .flags(PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE),
    CommandSpec::container("PUBSUB", SUBCOMMANDS)
        .summary("Holds the commands that tell of subscriptions.")
        .since("2.8.0")
        .group(Group::Pubsub),
    subscribing("PUNSUBSCRIBE")
        .summary("Ends subscriptions to patterns, or to all of them.")
        .since("2.0.0")
        .complexity("O(1) a pattern.")
        .syntax("[pattern [pattern ...]]")
        .arity(-1),
    CommandSpec::new("SPUBLISH", spublish_cmd)
        .summary("Sends a message to those who subscribe to a channel by SSUBSCRIBE.")
        .since("7.0.0")
        .complexity("O(N), N being the number of the channel's subscribers.")
        .group(Group::Pubsub)
        .syntax("shardchannel message")
        .arity(3)
        .flags(PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE)
        .keys(&[key(1, NOT_KEY)]),
    subscribing("SSUBSCRIBE")
        .summary("Subscribes to channels of SPUBLISH.")
        .since("7.0.0")
        .complexity("O(1) a channel.")
        .syntax("shardchannel [shardchannel ...]")
        .arity(-2)
        .keys(SHARD_CHANNELS),
    subscribing("SUBSCRIBE")
        .summary("Subscribes to channels.")
        .since("2.0.0")
        .complexity("O(1) a channel.")
        .syntax("channel [channel ...]")
        .arity(-2),
    subscribing("SUNSUBSCRIBE")
        .summary("Ends subscriptions to channels of SPUBLISH, or to all of them.")
        .since("7.0.0")
        .complexity("O(1) a channel.")
        .syntax("[shardchannel [shardchannel ...]]")
        .arity(-1)
        .keys(SHARD_CHANNELS),
    subscribing("UNSUBSCRIBE")
        .summary("Ends subscriptions to channels, or to all of them.")
        .since("2.0.0")
        .complexity("O(1) a channel.")
        .syntax("[channel [channel ...]]")
        .arity(-1),
];

const fn subscribing(name: &'static str) -> CommandSpec {
    CommandSpec::session(name).group(Group::Pubsub).flags(PUBSUB | NOSCRIPT | LOADING | STALE)
}

const SUBCOMMANDS: &[CommandSpec] = &[
    telling("CHANNELS", channels_cmd)
        .summary("Lists the channels that somebody subscribes to.")
        .since("2.8.0")
        .complexity("O(N), N being the number of channels.")
        .syntax("[pattern]")
        .arity(-2),
    CommandSpec::server("HELP", help_cmd)
        .summary("Lists the subcommands.")
        .since("6.2.0")
        .group(Group::Pubsub)
        .arity(2)
        .flags(LOADING | STALE),
    telling("NUMPAT", numpat_cmd)
        .summary("Gives the number of patterns that somebody subscribes to.")
        .since("2.8.0")
        .arity(2),
    telling("NUMSUB", numsub_cmd)
        .summary("Gives the numbers of those who subscribe to channels by their names.")
        .since("2.8.0")
        .complexity("O(1) a channel.")
        .syntax("[channel [channel ...]]")
        .arity(-2),
    telling("SHARDCHANNELS", shardchannels_cmd)
        .summary("Lists the channels of SPUBLISH that somebody subscribes to.")
        .since("7.0.0")
        .complexity("O(N), N being the number of channels.")
        .syntax("[pattern]")
        .arity(-2),
    telling("SHARDNUMSUB", shardnumsub_cmd)
        .summary("Gives the numbers of those who subscribe to channels of SPUBLISH.")
        .since("7.0.0")
        .complexity("O(1) a channel.")
        .syntax("[shardchannel [shardchannel ...]]")
        .arity(-2),
];

const fn telling(name: &'static str, run: fn(&Store, Args<'_>, &mut dyn Reply) -> Result<()>) -> CommandSpec {
    CommandSpec::server(name, run).group(Group::Pubsub).flags(PUBSUB | LOADING | STALE)
}

/// What clients of a real server read on their screens, line by line.
const HELP: &[&str] = &[
    "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
    "HELP",
    "    Prints this help.",
];

fn publish_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(cx.publish(args.at(1), args.at(2), false));
    Ok(())
}

fn spublish_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(cx.publish(args.at(1), args.at(2), true));
    Ok(())
}

fn help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}

fn channels_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_names(store, Kind::Channel, args, out)
}

fn shardchannels_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_names(store, Kind::Shard, args, out)
}

fn reply_names(store: &Store, kind: Kind, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    if args.len() > 3 {
        return Err(Error::subcommand_or_arity(args.at(1), "PUBSUB"));
    }
    let names = store.inner.pubsub.names(kind, args.get(2));
    out.array(names.len());
    names.iter().for_each(|name| out.blob(name));
    Ok(())
}

fn numsub_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_numbers(store, Kind::Channel, args, out)
}

fn shardnumsub_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_numbers(store, Kind::Shard, args, out)
}

fn reply_numbers(store: &Store, kind: Kind, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let names = args.from(2);
    out.array(names.len() * 2);
    for name in names {
        out.bulk(name);
        out.length(store.inner.pubsub.readers(kind, name));
    }
    Ok(())
}

fn numpat_cmd(store: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(store.inner.pubsub.patterns());
    Ok(())
}

/// # Publish and subscribe
impl Store {
    /// Sends a message to those who subscribe to a channel (PUBLISH), and answers how many that are.
    ///
    /// Messages of one publisher come in their order, and all readers get the messages on one channel in the same
    /// order. In a [transaction](Store::transaction) the message is sent when it has succeeded.
    ///
    /// # Errors
    ///
    /// None outside a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// assert_eq!(store.publish("news", "nobody hears this")?, 0);
    /// let mut news = store.subscribe(&["news"]);
    /// assert_eq!(store.publish("news", "hello")?, 1);
    /// assert_eq!(news.try_next()?.expect("a message").payload, "hello");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn publish(&self, channel: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Result<usize> {
        self.send(channel.as_ref(), message.as_ref(), false)
    }

    /// As [`publish`](Store::publish), to those who subscribe by [`ssubscribe`](Store::ssubscribe) (SPUBLISH). On
    /// a cluster such a channel belongs to one shard; here it is only a name space of its own.
    ///
    /// # Errors
    ///
    /// None outside a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let mut orders = store.ssubscribe(&["orders"]);
    /// assert_eq!(store.publish("orders", "not these")?, 0);
    /// assert_eq!(store.spublish("orders", "one")?, 1);
    /// assert!(orders.try_next()?.expect("a message").is_sharded);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn spublish(&self, channel: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Result<usize> {
        self.send(channel.as_ref(), message.as_ref(), true)
    }

    fn send(&self, channel: &[u8], message: &[u8], is_sharded: bool) -> Result<usize> {
        self.with_keys([], LockMode::Read, |cx| Ok(cx.publish(channel, message, is_sharded)))
    }

    /// Subscribes to channels (SUBSCRIBE): messages that are published from now on are read from the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    /// use std::time::Duration;
    ///
    /// let store = Store::new();
    /// let mut jobs = store.subscribe(&["jobs", "alarms"]);
    /// let worker = std::thread::spawn(move || jobs.next_timeout(Duration::from_secs(10)));
    /// store.publish("jobs", "sweep")?;
    /// let job = worker.join().unwrap()?.expect("a message in time");
    /// assert_eq!(job.payload, "sweep");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn subscribe<N: AsRef<[u8]>>(&self, channels: &[N]) -> Subscription {
        Subscription::new(self, Kind::Channel, channels)
    }

    /// Subscribes to the channels whose names fit patterns (PSUBSCRIBE), `*`, `?` and `[a-z]` having their usual
    /// meanings.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let mut news = store.psubscribe(&["news.*"]);
    /// store.publish("news.moon", "it is red")?;
    /// let message = news.try_next()?.expect("a message");
    /// assert_eq!(message.channel, "news.moon");
    /// assert_eq!(message.pattern.as_deref(), Some(&b"news.*"[..]));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn psubscribe<N: AsRef<[u8]>>(&self, patterns: &[N]) -> Subscription {
        Subscription::new(self, Kind::Pattern, patterns)
    }

    /// Subscribes to channels of [`spublish`](Store::spublish) (SSUBSCRIBE).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let mut orders = store.ssubscribe(&["orders"]);
    /// store.spublish("orders", "one")?;
    /// assert_eq!(orders.try_next()?.expect("a message").payload, "one");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn ssubscribe<N: AsRef<[u8]>>(&self, channels: &[N]) -> Subscription {
        Subscription::new(self, Kind::Shard, channels)
    }

    /// The channels that somebody subscribes to by their names, those that fit a pattern if one is given
    /// (PUBSUB CHANNELS).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let news = store.subscribe(&["news"]);
    /// assert_eq!(store.pubsub_channels(Some("n*")), ["news"]);
    /// drop(news);
    /// assert!(store.pubsub_channels(None::<&str>).is_empty());
    /// ```
    #[must_use]
    pub fn pubsub_channels(&self, pattern: Option<impl AsRef<[u8]>>) -> Vec<Blob> {
        self.inner.pubsub.names(Kind::Channel, pattern.as_ref().map(AsRef::as_ref))
    }

    /// How many subscribe to each channel by its name (PUBSUB NUMSUB).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let _news = store.subscribe(&["news"]);
    /// assert_eq!(store.pubsub_numsub(&["news", "sports"]), [1, 0]);
    /// ```
    #[must_use]
    pub fn pubsub_numsub<N: AsRef<[u8]>>(&self, channels: &[N]) -> Vec<usize> {
        channels.iter().map(|name| self.inner.pubsub.readers(Kind::Channel, name.as_ref())).collect()
    }

    /// How many patterns somebody subscribes to (PUBSUB NUMPAT).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let _two = store.psubscribe(&["a*", "b*"]);
    /// assert_eq!(store.pubsub_numpat(), 2);
    /// ```
    #[must_use]
    pub fn pubsub_numpat(&self) -> usize {
        self.inner.pubsub.patterns()
    }

    /// As [`pubsub_channels`](Store::pubsub_channels) for channels of [`spublish`](Store::spublish)
    /// (PUBSUB SHARDCHANNELS).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let _orders = store.ssubscribe(&["orders"]);
    /// assert_eq!(store.pubsub_shardchannels(None::<&str>), ["orders"]);
    /// ```
    #[must_use]
    pub fn pubsub_shardchannels(&self, pattern: Option<impl AsRef<[u8]>>) -> Vec<Blob> {
        self.inner.pubsub.names(Kind::Shard, pattern.as_ref().map(AsRef::as_ref))
    }

    /// As [`pubsub_numsub`](Store::pubsub_numsub) for channels of [`spublish`](Store::spublish) (PUBSUB SHARDNUMSUB).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let _orders = store.ssubscribe(&["orders"]);
    /// assert_eq!(store.pubsub_shardnumsub(&["orders"]), [1]);
    /// ```
    #[must_use]
    pub fn pubsub_shardnumsub<N: AsRef<[u8]>>(&self, channels: &[N]) -> Vec<usize> {
        channels.iter().map(|name| self.inner.pubsub.readers(Kind::Shard, name.as_ref())).collect()
    }

    /// Watches the commands that are run by name (MONITOR), from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// let mut monitor = store.monitor();
    /// store.execute(&["PING"])?;
    /// assert_eq!(monitor.try_next()?.expect("a command").args, ["PING"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn monitor(&self) -> Monitor {
        Monitor::new(self)
    }
}
