//! [`Settings`]: what CONFIG reads and writes, by the names that clients of a server know.
//!
//! Each setting is one row of a table. A setting is kept as the text that CONFIG GET answers; one that the store
//! acts on has a hook that tells the store its new value, or reads its value where the store keeps it. What the store
//! cannot change while it runs is fixed, and CONFIG SET refuses it as a server does.

use parking_lot::Mutex;

use super::Store;
use crate::ds::{Limit, Limits};
use crate::error::Error;
use crate::keyspace::POLICIES;

/// A setting's row.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// An older name for the same.
    pub(crate) alias: Option<&'static str>,
    kind: Kind,
    default: &'static str,
    /// Why it cannot be changed, if it cannot.
    fixed: Option<&'static str>,
    read: Option<fn(&Store) -> String>,
    apply: Option<Apply>,
    limit: Option<fn(&Limits) -> &Limit>,
}

/// Takes a new value over, or says what is wrong with it.
type Apply = fn(&Store, &[u8]) -> Result<(), String>;

/// Which values a setting takes.
#[derive(Clone, Copy)]
enum Kind {
    /// yes or no
    Flag,
    Number {
        least: i64,
        most: i64,
    },
    /// Bytes, with or without a unit.
    Memory {
        least: i64,
    },
    Word(&'static [&'static str]),
    /// Any text that the function takes, which gives it the form in which it is kept.
    Text(fn(&[u8]) -> Result<Vec<u8>, String>),
}

const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

impl Setting {
    const fn new(name: &'static str, kind: Kind, default: &'static str) -> Setting {
        Setting { name, alias: None, kind, default, fixed: None, read: None, apply: None, limit: None }
    }

    const fn flag(name: &'static str, default: &'static str) -> Setting {
        Setting::new(name, Kind::Flag, default)
    }

    const fn number(name: &'static str, default: &'static str, least: i64, most: i64) -> Setting {
        Setting::new(name, Kind::Number { least, most }, default)
    }

    const fn memory(name: &'static str, default: &'static str, least: i64) -> Setting {
        Setting::new(name, Kind::Memory { least }, default)
    }

    const fn word(name: &'static str, default: &'static str, words: &'static [&'static str]) -> Setting {
        Setting::new(name, Kind::Word(words), default)
    }

    const fn text(
        name: &'static str,
        default: &'static str,
        form: fn(&[u8]) -> Result<Vec<u8>, String>,
    ) -> Setting {
        Setting::new(name, Kind::Text(form), default)
    }

    /// One that says how it is, and cannot be changed.
    const fn fixed(name: &'static str, value: &'static str) -> Setting {
        let mut setting = Setting::text(name, value, any_text);
        setting.fixed = Some("can't set immutable config");
        setting
    }

    /// One that a server could change and a store cannot: it takes the value that it has.
    const fn only(name: &'static str, value: &'static [&'static str; 1]) -> Setting {
        Setting::word(name, value[0], value)
    }

    const fn alias(mut self, alias: &'static str) -> Setting {
        self.alias = Some(alias);
        self
    }

    const fn read(mut self, read: fn(&Store) -> String) -> Setting {
        self.read = Some(read);
        self
    }

    const fn apply(mut self, apply: Apply) -> Setting {
        self.apply = Some(apply);
        self
    }

    /// It is one of the limits that collections look at.
    const fn limit(mut self, limit: fn(&Limits) -> &Limit) -> Setting {
        self.limit = Some(limit);
        self
    }

    fn is_named(&self, name: &[u8]) -> bool {
        let is = |own: &str| own.as_bytes().eq_ignore_ascii_case(name);
        is(self.name) || self.alias.is_some_and(is)
    }

    /// The form in which a value is kept.
    fn form(&self, value: &[u8]) -> Result<Vec<u8>, String> {
        let text = String::from_utf8_lossy(value);
        match self.kind {
            Kind::Flag => match text.to_ascii_lowercase().as_str() {
                flag @ ("yes" | "no") => Ok(flag.into()),
                _ => Err("argument must be 'yes' or 'no'".into()),
            },
            Kind::Number { least, most } => {
                let number = crate::num::parse_i64(value);
                within(number.ok_or("argument couldn't be parsed into an integer")?, least, most)
            }
            Kind::Memory { least } => {
                let bytes = parse_memory(value).ok_or("argument must be a memory value")?;
                within(bytes, least, LONG)
            }
            Kind::Word(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(&text)) {
                Some(word) => Ok((*word).into()),
                None => Err(format!("argument(s) must be one of the following: {}", words.join(", "))),
            },
            Kind::Text(form) => form(value),
        }
    }
}

fn within(number: i64, least: i64, most: i64) -> Result<Vec<u8>, String> {
    if (least..=most).contains(&number) {
        Ok(number.to_string().into())
    } else {
        Err(format!("argument must be between {least} and {most} inclusive"))
    }
}

/// Bytes written as a number and a unit, such as `100mb`: `k` is a thousand, `kb` 1024.
pub(crate) fn parse_memory(text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let unit: i64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    std::str::from_utf8(number).ok()?.parse::<i64>().ok()?.checked_mul(unit)
}

/// A value that [`Setting::form`] made of a number.
fn number(value: &[u8]) -> i64 {
    crate::num::parse_i64(value).unwrap_or_default()
}

fn size(value: &[u8]) -> usize {
    usize::try_from(number(value)).unwrap_or(usize::MAX)
}

/// All settings. Those without a hook are kept for clients that read or set them; nothing in the store acts on them.
pub(crate) const SETTINGS: &[Setting] = &[
    // How collections are kept.
    Setting::number("hash-max-listpack-entries", "", 0, LONG)
        .alias("hash-max-ziplist-entries")
        .limit(|limits| &limits.hash_entries),
    Setting::memory("hash-max-listpack-value", "", 0)
        .alias("hash-max-ziplist-value")
        .limit(|limits| &limits.hash_value),
    Setting::number("list-max-listpack-size", "", -1 - INT, INT)
        .alias("list-max-ziplist-size")
        .limit(|limits| &limits.list_size),
    Setting::number("set-max-intset-entries", "", 0, LONG).limit(|limits| &limits.intset_entries),
    Setting::number("set-max-listpack-entries", "", 0, LONG).limit(|limits| &limits.set_entries),
    Setting::memory("set-max-listpack-value", "", 0).limit(|limits| &limits.set_value),
    Setting::number("zset-max-listpack-entries", "", 0, LONG)
        .alias("zset-max-ziplist-entries")
        .limit(|limits| &limits.zset_entries),
    Setting::memory("zset-max-listpack-value", "", 0)
        .alias("zset-max-ziplist-value")
        .limit(|limits| &limits.zset_value),
    Setting::number("list-compress-depth", "0", 0, INT),
    // Strings and databases.
    Setting::memory("proto-max-bulk-len", "", 1 << 20)
        .read(|store| store.inner.space.max_string.get().to_string())
        .apply(|store, value| {
            store.inner.space.max_string.set(size(value));
            Ok(())
        }),
    Setting::fixed("databases", "").read(|store| store.inner.space.databases.to_string()),
    // Clients.
    Setting::text("requirepass", "", any_text),
    Setting::number("maxclients", "10000", 1, u32::MAX as i64).apply(|store, value| {
        store.inner.space.tunables.max_clients.set(size(value));
        Ok(())
    }),
    Setting::number("timeout", "0", 0, INT),
    Setting::number("tcp-keepalive", "300", 0, INT),
    Setting::memory("client-query-buffer-limit", "1073741824", 1 << 20),
    Setting::text(
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        output_buffer_limits,
    ),
    Setting::number("tracking-table-max-keys", "1000000", 0, LONG),
    Setting::number("acllog-max-len", "128", 0, LONG),
    Setting::word("acl-pubsub-default", "resetchannels", &["allchannels", "resetchannels"]),
    Setting::text("notify-keyspace-events", "", any_text).read(|store| store.notify_keyspace_events()).apply(
        |store, value| {
            store
                .set_notify_keyspace_events(&String::from_utf8_lossy(value))
                .map_err(|_| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned())
        },
    ),
    // Scripts. Past this time a script goes on, and others get BUSY, as on a server; an engine's own limit ends it.
    Setting::number("busy-reply-threshold", "5000", 0, LONG).alias("lua-time-limit").apply(|store, value| {
        store.inner.space.tunables.set_script_millis(number(value));
        Ok(())
    }),
    // Memory. Nothing is evicted yet: the limit and the policy are kept for when it is.
    Setting::memory("maxmemory", "0", 0).apply(|store, value| {
        store.inner.space.tunables.max_memory.set(size(value));
        Ok(())
    }),
    Setting::word("maxmemory-policy", "noeviction", POLICIES).apply(|store, value| {
        let place = POLICIES.iter().position(|policy| policy.as_bytes() == value);
        store.inner.space.tunables.policy.set(place.unwrap_or_default());
        Ok(())
    }),
    Setting::number("maxmemory-samples", "5", 1, INT),
    Setting::number("maxmemory-eviction-tenacity", "10", 0, 100),
    Setting::memory("maxmemory-clients", "0", 0),
    Setting::number("lfu-log-factor", "10", 0, INT),
    Setting::number("lfu-decay-time", "1", 0, INT),
    Setting::flag("lazyfree-lazy-eviction", "no"),
    Setting::flag("lazyfree-lazy-expire", "no"),
    Setting::flag("lazyfree-lazy-server-del", "no"),
    Setting::flag("lazyfree-lazy-user-del", "no"),
    Setting::flag("lazyfree-lazy-user-flush", "no"),
    Setting::flag("activedefrag", "no").apply(|_, value| match value {
        b"no" => Ok(()),
        _ => Err(
            "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified \
                  Jemalloc like the one shipped by default with the Redis source distribution"
                .into(),
        ),
    }),
    // Time. Writers remove what is past its time a bounded share each time, whatever these say.
    Setting::text("hz", "10", hz).apply(|store, value| {
        store.inner.space.tunables.hz.set(size(value));
        Ok(())
    }),
    Setting::flag("dynamic-hz", "yes"),
    Setting::number("active-expire-effort", "1", 1, 10),
    Setting::flag("activerehashing", "yes"),
    // Figures and logs.
    Setting::number("slowlog-log-slower-than", "10000", -1, LONG).apply(|store, value| {
        store.inner.space.tunables.set_slow_micros(number(value));
        Ok(())
    }),
    Setting::number("slowlog-max-len", "128", 0, LONG).apply(|store, value| {
        store.inner.slow_log.set_most(size(value));
        Ok(())
    }),
    Setting::number("latency-monitor-threshold", "0", 0, LONG),
    Setting::only("latency-tracking", &["no"]),
    Setting::text("latency-tracking-info-percentiles", "50 99 99.9", percentiles),
    Setting::word("loglevel", "notice", &["debug", "verbose", "notice", "warning"]),
    Setting::fixed("logfile", ""),
    // Persistence, of which there is none yet.
    Setting::text("save", "", save_points),
    Setting::flag("appendonly", "no").apply(|_, value| match value {
        b"no" => Ok(()),
        _ => Err("there is no append only file here".into()),
    }),
    Setting::word("appendfsync", "everysec", &["everysec", "always", "no"]),
    Setting::flag("stop-writes-on-bgsave-error", "yes"),
    Setting::fixed("dir", "").read(|_| {
        std::env::current_dir().map_or_else(|_| String::new(), |folder| folder.display().to_string())
    }),
    Setting::fixed("dbfilename", "dump.rdb"),
    // What a server is and this is not.
    Setting::only("port", &["0"]),
    Setting::only("tls-port", &["0"]),
    Setting::only("bind", &[""]),
    Setting::fixed("unixsocket", ""),
    Setting::fixed("tcp-backlog", "511"),
    Setting::only("protected-mode", &["no"]),
    Setting::fixed("cluster-enabled", "no"),
    Setting::fixed("replicaof", "").alias("slaveof"),
    Setting::fixed("daemonize", "no"),
    Setting::fixed("supervised", "no"),
    Setting::fixed("pidfile", ""),
    Setting::fixed("aclfile", ""),
    Setting::fixed("io-threads", "1"),
    Setting::fixed("io-threads-do-reads", "no"),
    Setting::fixed("enable-protected-configs", "no"),
    Setting::fixed("enable-module-command", "no"),
    Setting::fixed("enable-debug-command", "")
        .read(|store| if store.inner.space.tunables.allows_debug() { "yes".into() } else { "no".into() }),
];

fn any_text(value: &[u8]) -> Result<Vec<u8>, String> {
    Ok(value.to_vec())
}

fn hz(value: &[u8]) -> Result<Vec<u8>, String> {
    let number = crate::num::parse_i64(value).ok_or("argument couldn't be parsed into an integer")?;
    // Past its bounds a server takes the nearest.
    within(number, 0, INT).map(|_| number.clamp(1, 500).to_string().into())
}

fn words(value: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(value).split_ascii_whitespace().map(str::to_owned).collect()
}

/// Pairs of seconds and changes.
fn save_points(value: &[u8]) -> Result<Vec<u8>, String> {
    let words = words(value);
    let numbers: Option<Vec<i64>> = words.iter().map(|word| word.parse().ok()).collect();
    let is_good = |numbers: &Vec<i64>| {
        numbers.len().is_multiple_of(2) && numbers.chunks(2).all(|pair| pair[0] >= 1 && pair[1] >= 0)
    };
    match numbers.filter(is_good) {
        Some(_) => Ok(words.join(" ").into()),
        None => Err("Invalid save parameters".into()),
    }
}

fn percentiles(value: &[u8]) -> Result<Vec<u8>, String> {
    for word in words(value) {
        let number: f64 = word.parse().map_err(|_| "Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&number) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
    }
    Ok(words(value).join(" ").into())
}

/// Classes that are not named keep the limits that they had by default.
fn output_buffer_limits(value: &[u8]) -> Result<Vec<u8>, String> {
    let mut limits = [
        ("normal", "0 0 0".to_owned()),
        ("slave", "268435456 67108864 60".to_owned()),
        ("pubsub", "33554432 8388608 60".to_owned()),
    ];
    let words = words(value);
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in words.chunks(4) {
        let class = if group[0].eq_ignore_ascii_case("replica") { "slave" } else { &group[0] };
        let Some((_, limit)) = limits.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(class)) else {
            return Err("Invalid client class specified in buffer limit configuration.".into());
        };
        let (hard, soft) = (parse_memory(group[1].as_bytes()), parse_memory(group[2].as_bytes()));
        match (hard, soft, group[3].parse::<u32>()) {
            (Some(hard), Some(soft), Ok(seconds)) => *limit = format!("{hard} {soft} {seconds}"),
            _ => {
                return Err(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.".into()
                );
            }
        }
    }
    let all: Vec<String> = limits.iter().map(|(class, limit)| format!("{class} {limit}")).collect();
    Ok(all.join(" ").into())
}

/// The values of the settings that are kept here, in the order of the table.
pub(crate) struct Settings(Mutex<Vec<Vec<u8>>>);

impl Default for Settings {
    fn default() -> Settings {
        Settings(Mutex::new(SETTINGS.iter().map(|setting| setting.default.into()).collect()))
    }
}

impl Settings {
    fn get(&self, at: usize) -> Vec<u8> {
        self.0.lock().get(at).cloned().unwrap_or_default()
    }

    fn set(&self, at: usize, value: Vec<u8>) {
        if let Some(kept) = self.0.lock().get_mut(at) {
            *kept = value;
        }
    }

    fn place(name: &[u8]) -> Option<usize> {
        SETTINGS.iter().position(|setting| setting.is_named(name))
    }

    /// The password that AUTH asks for; empty is none.
    pub(crate) fn password(&self) -> Vec<u8> {
        Settings::place(b"requirepass").map_or_else(Vec::new, |at| self.get(at))
    }

    pub(super) fn set_password(&self, password: Vec<u8>) {
        if let Some(at) = Settings::place(b"requirepass") {
            self.set(at, password);
        }
    }
}

/// The settings of a store, by name.
impl Store {
    fn setting(&self, at: usize) -> Vec<u8> {
        let Some(setting) = SETTINGS.get(at) else { return Vec::new() };
        match (setting.limit, setting.read) {
            (Some(limit), _) => limit(&self.inner.space.limits).signed().to_string().into(),
            (None, Some(read)) => read(self).into(),
            (None, None) => self.inner.settings.get(at),
        }
    }

    /// All names, older ones beside their newer, and their values, as far as `wanted` says.
    pub(crate) fn settings(&self, wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, Vec<u8>)> {
        let mut found = Vec::new();
        for (at, setting) in SETTINGS.iter().enumerate() {
            for name in [Some(setting.name), setting.alias].into_iter().flatten() {
                if wanted(name) {
                    found.push((name, self.setting(at)));
                }
            }
        }
        found
    }

    /// Changes settings, all of them or none.
    ///
    /// # Errors
    ///
    /// What CONFIG SET replies.
    pub(crate) fn change_settings(&self, pairs: &[(&[u8], &[u8])]) -> Result<(), Error> {
        let mut changes = Vec::with_capacity(pairs.len());
        for (nth, &(name, value)) in pairs.iter().enumerate() {
            let at = Settings::place(name).ok_or_else(|| Error::unknown_setting(name))?;
            let setting = &SETTINGS[at];
            if let Some(reason) = setting.fixed {
                return Err(Error::setting(name, reason));
            }
            if pairs[..nth].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(Error::setting(name, "duplicate parameter"));
            }
            changes.push((at, name, value));
        }
        let mut formed = Vec::with_capacity(changes.len());
        for (at, name, value) in changes {
            match SETTINGS[at].form(value) {
                Ok(value) => formed.push((at, name, value)),
                Err(reason) => return Err(Error::setting(name, &reason)),
            }
        }
        let mut done: Vec<(usize, Vec<u8>)> = Vec::new();
        for (at, name, value) in formed {
            let old = self.setting(at);
            if let Err(reason) = self.apply(at, value) {
                for (at, old) in done.into_iter().rev() {
                    let _ = self.apply(at, old);
                }
                return Err(Error::setting(name, &reason));
            }
            done.push((at, old));
        }
        Ok(())
    }

    fn apply(&self, at: usize, value: Vec<u8>) -> Result<(), String> {
        let Some(setting) = SETTINGS.get(at) else { return Ok(()) };
        if let Some(limit) = setting.limit {
            let number = number(&value);
            limit(&self.inner.space.limits).set(number.cast_unsigned() as usize);
        }
        if let Some(apply) = setting.apply {
            apply(self, &value)?;
        }
        self.inner.settings.set(at, value);
        Ok(())
    }
}
