//! [`Error`], and every error text of the crate.
//!
//! A text is the line that a Redis server sends, without the leading dash; its first word is the code. Texts that
//! Redis does not have (the engine's limits, conversions to Rust types) follow the same form.

mod scripts;
mod server;

use std::fmt;

pub(crate) use scripts::{HostComplaint, ScriptTexts};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in words (`Display` is the exact line that Redis would send) and by [kind](Error::kind).
///
/// # Examples
///
/// ```
/// use redmoon::{ErrorKind, Store};
///
/// let store = Store::new();
/// store.set("name", "moon")?;
/// let error = store.incr("name").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
/// assert_eq!(error.code(), "ERR");
/// assert_eq!(error.to_string(), "ERR value is not an integer or out of range");
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, thiserror::Error)]
#[error("{}", String::from_utf8_lossy(self.as_bytes()))]
pub struct Error(Repr);

/// The broad sort of an [`Error`], for a program that decides by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key holds a value of another type than the command works on (`WRONGTYPE`).
    WrongType,
    /// An argument is malformed or out of its range, or the options contradict each other.
    InvalidArgument,
    /// The command has too few or too many arguments.
    WrongArity,
    /// No command or subcommand of this name.
    UnknownCommand,
    /// A key that must exist does not.
    NoSuchKey,
    /// A string would grow past the largest size that the store takes.
    TooLarge,
    /// A script does not compile, or its first line is wrong.
    ScriptCompile,
    /// A script raised an error.
    ScriptRuntime,
    /// No script of this SHA is cached (`NOSCRIPT`).
    NoScript,
    /// A script was ended by [`Engine::script_kill`](crate::Engine::script_kill).
    ScriptKilled,
    /// A script ran into one of the engine's limits (time, reply size).
    ScriptLimit,
    /// A script that ran out of time after it had written holds the keys (`BUSY`).
    Busy,
    /// There is no script to kill (`NOTBUSY`).
    NotBusy,
    /// The running script has written and so cannot be killed (`UNKILLABLE`).
    Unkillable,
    /// The command may not run here: not from a script, not in a read-only script, not in this context.
    NotAllowed,
    /// A reply does not fit the Rust type that was asked for.
    Conversion,
    /// Any other error, those that a script made itself included.
    Other,
}

/// Two words, so that a `Result<()>` is returned in registers: it is on the path of every call from a script.
#[derive(Clone)]
enum Repr {
    Fixed(&'static Fixed),
    Owned(Box<Owned>),
}

struct Fixed {
    kind: ErrorKind,
    text: &'static str,
}

#[derive(Clone)]
struct Owned {
    kind: ErrorKind,
    text: Box<[u8]>,
}

impl PartialEq for Error {
    fn eq(&self, other: &Error) -> bool {
        self.kind() == other.kind() && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Error {}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, \"{}\")", self.kind(), self.as_bytes().escape_ascii())
    }
}

impl Error {
    /// An error of a program's own. By Redis's custom the first word is a code in capitals.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = redmoon::Error::new("LIMIT too many requests");
    /// assert_eq!(error.code(), "LIMIT");
    /// ```
    #[must_use]
    pub fn new(line: impl Into<Vec<u8>>) -> Error {
        Error::owned(ErrorKind::Other, line)
    }

    /// The broad sort of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &self.0 {
            Repr::Fixed(fixed) => fixed.kind,
            Repr::Owned(owned) => owned.kind,
        }
    }

    /// The first word of the line (`ERR`, `WRONGTYPE`, `NOSCRIPT` …); empty when that word is not UTF-8.
    #[must_use]
    pub fn code(&self) -> &str {
        let line = self.as_bytes();
        let end = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
        std::str::from_utf8(&line[..end]).unwrap_or("")
    }

    /// The whole line as bytes, for errors that quote binary data.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Fixed(fixed) => fixed.text.as_bytes(),
            Repr::Owned(owned) => &owned.text,
        }
    }

    const fn fixed(fixed: &'static Fixed) -> Error {
        Error(Repr::Fixed(fixed))
    }

    pub(crate) fn owned(kind: ErrorKind, line: impl Into<Vec<u8>>) -> Error {
        Error(Repr::Owned(Box::new(Owned { kind, text: line.into().into_boxed_slice() })))
    }
}

/// Texts without a variable part.
impl Error {
    #[allow(dead_code, reason = "strings are the only type so far")]
    pub(crate) const WRONG_TYPE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::WrongType,
        text: "WRONGTYPE Operation against a key holding the wrong kind of value",
    });
    pub(crate) const SYNTAX: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR syntax error" });
    pub(crate) const NOT_INTEGER: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR value is not an integer or out of range",
    });
    pub(crate) const NOT_FLOAT: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR value is not a valid float" });
    pub(crate) const OVERFLOW: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR increment or decrement would overflow",
    });
    pub(crate) const DECREMENT_OVERFLOW: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR decrement would overflow" });
    pub(crate) const NAN_OR_INFINITY: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR increment would produce NaN or Infinity",
    });
    pub(crate) const OFFSET_OUT_OF_RANGE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR offset is out of range" });
    pub(crate) const STRING_TOO_LARGE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::TooLarge,
        text: "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
    });
    pub(crate) const NO_SUCH_KEY: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NoSuchKey, text: "ERR no such key" });
    pub(crate) const INVALID_CURSOR: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR invalid cursor" });
    pub(crate) const BAD_EVENT_CLASS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
    });
    pub(crate) const READER_TOO_SLOW: Error = Error::fixed(&Fixed {
        kind: ErrorKind::Other,
        text: "ERR the reader was cut off: it left more messages unread than its buffer holds",
    });
    pub(crate) const READER_CLOSED: Error =
        Error::fixed(&Fixed { kind: ErrorKind::Other, text: "ERR the session was closed" });
    pub(crate) const SSUBSCRIBE_DENIED: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
    });
    pub(crate) const MONITOR_DENIED: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR MONITOR isn't allowed for DENY BLOCKING client",
    });
    pub(crate) const MONITOR_ONLY_WATCHES: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR Replica can't interact with the keyspace",
    });
    pub(crate) const DB_OUT_OF_RANGE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR DB index is out of range" });
    pub(crate) const SAME_OBJECT: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR source and destination objects are the same",
    });
    pub(crate) const INVALID_FIRST_DB: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR invalid first DB index" });
    pub(crate) const INVALID_SECOND_DB: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR invalid second DB index" });
    pub(crate) const NX_WITH_OTHERS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR NX and XX, GT or LT options at the same time are not compatible",
    });
    pub(crate) const GT_WITH_LT: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR GT and LT options at the same time are not compatible",
    });
    pub(crate) const LFU_NOT_SELECTED: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
         switching between policies at runtime LRU and LFU data will take some time to adjust.",
    });
    pub(crate) const LCS_IDX_AND_LEN: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR If you want both the length and indexes, please just use IDX.",
    });
    pub(crate) const LCS_NOT_STRINGS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::WrongType,
        text: "ERR The specified keys must contain string values",
    });
    pub(crate) const LCS_TOO_LONG: Error =
        Error::fixed(&Fixed { kind: ErrorKind::TooLarge, text: "ERR String too long for LCS" });
    pub(crate) const LCS_NO_MEMORY: Error = Error::fixed(&Fixed {
        kind: ErrorKind::TooLarge,
        text: "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    });
    pub(crate) const NO_KEY_ARGUMENTS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR The command has no key arguments",
    });
    pub(crate) const BAD_COMMAND_NAME: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR Invalid command specified" });
    pub(crate) const BAD_KEY_ARITY: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Invalid number of arguments specified for command",
    });
    pub(crate) const BAD_KEY_ARGUMENTS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Invalid arguments specified for command",
    });
    pub(crate) const NOT_POSITIVE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR value is out of range, must be positive",
    });
    pub(crate) const INDEX_OUT_OF_RANGE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR index out of range" });
    pub(crate) const NUMKEYS_NOT_POSITIVE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR numkeys should be greater than 0",
    });
    pub(crate) const COUNT_NOT_POSITIVE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR count should be greater than 0" });
    pub(crate) const TIMEOUT_NOT_FLOAT: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR timeout is not a float or out of range",
    });
    pub(crate) const TIMEOUT_NEGATIVE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR timeout is negative" });
    pub(crate) const LPOS_RANK_ZERO: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative \
         to start from the end of the list",
    });
    pub(crate) const LPOS_COUNT_NEGATIVE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR COUNT can't be negative" });
    pub(crate) const LPOS_MAXLEN_NEGATIVE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR MAXLEN can't be negative" });
    pub(crate) const ZADD_NX_WITH_XX: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR XX and NX options at the same time are not compatible",
    });
    pub(crate) const ZADD_COMPARISONS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR GT, LT, and/or NX options at the same time are not compatible",
    });
    pub(crate) const ZADD_INCR_PAIRS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR INCR option supports a single increment-element pair",
    });
    pub(crate) const SCORE_IS_NAN: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR resulting score is not a number (NaN)",
    });
    pub(crate) const BAD_SCORE_BOUND: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR min or max is not a float" });
    pub(crate) const BAD_LEX_BOUND: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR min or max not valid string range item",
    });
    pub(crate) const ZRANGE_LIMIT_BY_RANK: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
    });
    pub(crate) const ZRANGE_SCORES_BY_LEX: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
    });
    pub(crate) const BAD_WEIGHT: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR weight value is not a float" });
    pub(crate) const NEGATIVE_LIMIT: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR LIMIT can't be negative" });
    pub(crate) const OUT_OF_RANGE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR value is out of range" });
    pub(crate) const HASH_NOT_INTEGER: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR hash value is not an integer" });
    pub(crate) const HASH_NOT_FLOAT: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR hash value is not a float" });
    pub(crate) const IS_NAN_OR_INFINITY: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR value is NaN or Infinity" });
    pub(crate) const NEGATIVE_EXPIRE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR invalid expire time, must be >= 0",
    });
    pub(crate) const EXPIRE_MISSING: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR missing expire time" });
    pub(crate) const FIELDS_MISSING: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Mandatory argument FIELDS is missing or not at the right position",
    });
    pub(crate) const FIELDS_COUNT: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR The `numfields` parameter must match the number of arguments",
    });
    // Three texts for the same mistake, each of other commands.
    pub(crate) const FIELDS_NOT_POSITIVE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Parameter `numFields` should be greater than 0",
    });
    pub(crate) const FIELDS_NOT_INTEGER: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Number of fields must be a positive integer",
    });
    pub(crate) const FIELDS_INVALID: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR invalid number of fields" });
    pub(crate) const HSETEX_CONDITIONS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Only one of FXX or FNX arguments can be specified",
    });
    pub(crate) const HSETEX_TIMES: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
    });

    pub(crate) const SORT_NOT_NUMBERS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR One or more scores can't be converted into double",
    });

    pub(crate) const NO_SCRIPT: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NoScript,
        text: "NOSCRIPT No matching script. Please use EVAL.",
    });
    pub(crate) const TOO_MANY_KEYS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Number of keys can't be greater than number of args",
    });
    pub(crate) const NEGATIVE_KEYS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Number of keys can't be negative",
    });
    pub(crate) const BUSY: Error = Error::fixed(&Fixed {
        kind: ErrorKind::Busy,
        text: "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    });
    pub(crate) const BUSY_FUNCTION: Error = Error::fixed(&Fixed {
        kind: ErrorKind::Busy,
        text: "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
    });
    pub(crate) const NOT_BUSY: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotBusy, text: "NOTBUSY No scripts in execution right now." });
    pub(crate) const UNKILLABLE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::Unkillable,
        text: "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait \
         the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
    });
    pub(crate) const SCRIPT_TIMED_OUT: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptLimit, text: "BUSY Script exceeded time limit" });
    pub(crate) const DEBUG_ENDED: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptRuntime, text: "ERR The script has ended" });
    pub(crate) const SCRIPT_ABORTED: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptKilled, text: "ERR script aborted for user request" });
    pub(crate) const SCRIPT_REPLY_TOO_LARGE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptLimit, text: "ERR script output too large" });
    pub(crate) const SCRIPT_FLUSH_OPTION: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR SCRIPT FLUSH only support SYNC|ASYNC option",
    });
    pub(crate) const WRITE_SCRIPT_WITH_RO: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR Can not execute a script with write flag using *_ro command.",
    });
    pub(crate) const LUA_STACK_LIMIT: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptLimit, text: "ERR reached lua stack limit" });
    pub(crate) const INVALID_SHEBANG: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptCompile, text: "ERR Invalid script shebang" });
    pub(crate) const ROLLBACK_IN_PARTS: Error = Error::fixed(&Fixed {
        kind: ErrorKind::ScriptCompile,
        text: "ERR The script flags rollback and disable-atomicity exclude each other",
    });
    pub(crate) const INVALID_SHEBANG_ENGINE: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptCompile, text: "ERR Invalid engine in script shebang" });

    // Libraries of functions.
    pub(crate) const NO_LIBRARY_METADATA: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptCompile, text: "ERR Missing library metadata" });
    pub(crate) const INVALID_LIBRARY_METADATA: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptCompile, text: "ERR Invalid library metadata" });
    pub(crate) const LIBRARY_NAME_TWICE: Error = Error::fixed(&Fixed {
        kind: ErrorKind::ScriptCompile,
        text: "ERR Invalid metadata value, name argument was given multiple times",
    });
    pub(crate) const NO_LIBRARY_NAME: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptCompile, text: "ERR Library name was not given" });
    pub(crate) const BAD_LIBRARY_NAME: Error = Error::fixed(&Fixed {
        kind: ErrorKind::ScriptCompile,
        text: "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one \
         character long",
    });
    pub(crate) const NO_FUNCTIONS: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptCompile, text: "ERR No functions registered" });
    pub(crate) const NO_SUCH_FUNCTION: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NoScript, text: "ERR Function not found" });
    pub(crate) const NO_SUCH_LIBRARY: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NoScript, text: "ERR Library not found" });
    pub(crate) const BAD_NUMBER_OF_KEYS: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR Bad number of keys provided" });
    pub(crate) const NO_LIBRARY_PATTERN: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR library name argument was not given",
    });
    pub(crate) const FUNCTION_FLUSH_OPTION: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR FUNCTION FLUSH only supports SYNC|ASYNC option",
    });
    pub(crate) const RESTORE_POLICY: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
    });
    pub(crate) const BAD_PAYLOAD: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR DUMP payload version or checksum are wrong",
    });
    pub(crate) const NOT_A_FUNCTION: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR given type is not a function" });
    pub(crate) const BAD_LIBRARY_PAYLOAD: Error =
        Error::fixed(&Fixed { kind: ErrorKind::InvalidArgument, text: "ERR Failed loading library payload" });

    // What a script is told when one of its calls cannot run, on most servers; see also `ScriptTexts`.
    pub(crate) const CALL_UNKNOWN: Error = Error::fixed(&Fixed {
        kind: ErrorKind::UnknownCommand,
        text: "ERR Unknown Redis command called from script",
    });
    pub(crate) const CALL_ARITY: Error = Error::fixed(&Fixed {
        kind: ErrorKind::WrongArity,
        text: "ERR Wrong number of args calling Redis command from script",
    });
    pub(crate) const CALL_NOSCRIPT: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR This Redis command is not allowed from script",
    });

    pub(crate) const ENGINE_NEEDED: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR this command needs a script engine; run it in a session",
    });
    pub(crate) const BAD_PROTOCOL_VERSION: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "ERR Protocol version is not an integer or out of range",
    });
    pub(crate) const UNSUPPORTED_PROTOCOL: Error = Error::fixed(&Fixed {
        kind: ErrorKind::InvalidArgument,
        text: "NOPROTO unsupported protocol version",
    });
    pub(crate) const NESTED_MULTI: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotAllowed, text: "ERR MULTI calls can not be nested" });
    pub(crate) const EXEC_WITHOUT_MULTI: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotAllowed, text: "ERR EXEC without MULTI" });
    pub(crate) const DISCARD_WITHOUT_MULTI: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotAllowed, text: "ERR DISCARD without MULTI" });
    pub(crate) const WATCH_IN_MULTI: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotAllowed, text: "ERR WATCH inside MULTI is not allowed" });
    pub(crate) const NOT_IN_MULTI: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR Command not allowed inside a transaction",
    });
    pub(crate) const EXEC_ABORTED: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "EXECABORT Transaction discarded because of previous errors.",
    });
    pub(crate) const SESSION_NEEDED: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR this command belongs to a conversation; run it in a session",
    });
    pub(crate) const NOT_IN_TRANSACTION: Error = Error::fixed(&Fixed {
        kind: ErrorKind::NotAllowed,
        text: "ERR this command is not allowed in a transaction on declared keys",
    });
    pub(crate) const TRANSACTION_OVER: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotAllowed, text: "ERR this transaction is over" });
    pub(crate) const NESTED_TRANSACTION: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotAllowed, text: "ERR transactions can not be nested" });
    pub(crate) const VM_MEMORY: Error =
        Error::fixed(&Fixed { kind: ErrorKind::ScriptLimit, text: "ERR not enough memory for a Lua state" });
    pub(crate) const INTERNAL: Error = Error::fixed(&Fixed {
        kind: ErrorKind::Other,
        text: "ERR internal error: a command panicked; please report it",
    });
}

/// Texts that name what was wrong.
impl Error {
    pub(crate) fn wrong_arity(command: &str) -> Error {
        Error::owned(ErrorKind::WrongArity, format!("ERR wrong number of arguments for '{command}' command"))
    }

    /// Redis quotes at most 128 bytes of the name and of the arguments together.
    pub(crate) fn unknown_command(args: &[&[u8]]) -> Error {
        const QUOTED: usize = 128;
        let mut rest = Vec::new();
        for arg in args.iter().skip(1) {
            if rest.len() >= QUOTED {
                break;
            }
            let room = QUOTED - rest.len();
            rest.push(b'\'');
            rest.extend_from_slice(&c_string(arg)[..c_string(arg).len().min(room)]);
            rest.extend_from_slice(b"' ");
        }
        let name = c_string(args.first().copied().unwrap_or_default());
        let mut line = b"ERR unknown command '".to_vec();
        line.extend_from_slice(&name[..name.len().min(QUOTED)]);
        line.extend_from_slice(b"', with args beginning with: ");
        line.extend_from_slice(&rest);
        Error::owned(ErrorKind::UnknownCommand, one_line(line))
    }

    /// A command of a session that is subscribed, in RESP2.
    pub(crate) fn subscribed_only(command: &str) -> Error {
        let line = format!(
            "ERR Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
             this context"
        );
        Error::owned(ErrorKind::NotAllowed, line)
    }

    /// A subcommand with an argument too many, where the server does not tell the two mistakes apart.
    pub(crate) fn subcommand_or_arity(word: &[u8], container: &str) -> Error {
        let word = word.escape_ascii();
        let line = format!(
            "ERR unknown subcommand or wrong number of arguments for '{word}'. Try {container} HELP."
        );
        Error::owned(ErrorKind::WrongArity, line)
    }

    pub(crate) fn unknown_subcommand(subcommand: &[u8], container: &str) -> Error {
        let name = c_string(subcommand);
        let mut line = b"ERR unknown subcommand '".to_vec();
        line.extend_from_slice(&name[..name.len().min(128)]);
        line.extend_from_slice(format!("'. Try {} HELP.", container.to_ascii_uppercase()).as_bytes());
        Error::owned(ErrorKind::UnknownCommand, one_line(line))
    }

    pub(crate) fn invalid_expire(command: &str) -> Error {
        Error::owned(ErrorKind::InvalidArgument, format!("ERR invalid expire time in '{command}' command"))
    }

    pub(crate) fn no_input_key(command: &str) -> Error {
        Error::owned(
            ErrorKind::InvalidArgument,
            format!("ERR at least 1 input key is needed for '{command}' command"),
        )
    }

    pub(crate) fn unsupported_option(option: &[u8]) -> Error {
        let mut line = b"ERR Unsupported option ".to_vec();
        line.extend_from_slice(c_string(option));
        Error::owned(ErrorKind::InvalidArgument, one_line(line))
    }

    pub(crate) fn unknown_argument(argument: &[u8]) -> Error {
        let mut line = b"ERR unknown argument: ".to_vec();
        line.extend_from_slice(c_string(argument));
        Error::owned(ErrorKind::InvalidArgument, one_line(line))
    }

    pub(crate) fn hello_option(option: &[u8]) -> Error {
        let mut line = b"ERR Syntax error in HELLO option '".to_vec();
        line.extend_from_slice(c_string(option));
        line.push(b'\'');
        Error::owned(ErrorKind::InvalidArgument, one_line(line))
    }

    pub(crate) fn not_in_range(min: i64, max: i64) -> Error {
        Error::owned(
            ErrorKind::InvalidArgument,
            format!("ERR value is out of range, value must between {min} and {max}"),
        )
    }

    pub(crate) fn undeclared_key(key: &[u8]) -> Error {
        let mut line = b"ERR script tried accessing undeclared key, key: ".to_vec();
        line.extend_from_slice(key);
        Error::owned(ErrorKind::NotAllowed, one_line(line))
    }

    pub(crate) fn compile(message: &[u8]) -> Error {
        let mut line = b"ERR Error compiling script (new function): ".to_vec();
        line.extend_from_slice(message);
        Error::owned(ErrorKind::ScriptCompile, one_line(line))
    }

    pub(crate) fn shebang(what: &str, word: &[u8]) -> Error {
        let mut line = format!("ERR {what}: ").into_bytes();
        line.extend_from_slice(word);
        Error::owned(ErrorKind::ScriptCompile, one_line(line))
    }

    pub(crate) fn defined_already(name: &[u8]) -> Error {
        let mut line = b"ERR there is a command of the name ".to_vec();
        line.extend_from_slice(name);
        Error::owned(ErrorKind::NotAllowed, one_line(line))
    }

    pub(crate) fn invalid_flag(name: &[u8]) -> Error {
        let mut line = b"ERR Invalid flag: ".to_vec();
        line.extend_from_slice(name);
        Error::owned(ErrorKind::ScriptCompile, one_line(line))
    }

    pub(crate) fn invalid_metadata(word: &[u8]) -> Error {
        let line = [b"ERR Invalid metadata value given: ", word].concat();
        Error::owned(ErrorKind::ScriptCompile, one_line(line))
    }

    pub(crate) fn unknown_engine(name: &[u8]) -> Error {
        let line = [b"ERR Engine '", name, b"' not found"].concat();
        Error::owned(ErrorKind::ScriptCompile, one_line(line))
    }

    pub(crate) fn compile_library(message: &[u8]) -> Error {
        let line = [b"ERR Error compiling function: ", message].concat();
        Error::owned(ErrorKind::ScriptCompile, one_line(line))
    }

    pub(crate) fn register_functions(message: &[u8]) -> Error {
        let line = [b"ERR Error registering functions: ", c_string(message)].concat();
        Error::owned(ErrorKind::ScriptCompile, one_line(line))
    }

    /// FUNCTION LOAD quotes the name, FUNCTION RESTORE does not.
    pub(crate) fn library_exists(name: &str) -> Error {
        Error::owned(ErrorKind::InvalidArgument, format!("ERR Library {name} already exists"))
    }

    pub(crate) fn function_exists(name: &str) -> Error {
        Error::owned(ErrorKind::InvalidArgument, format!("ERR Function {name} already exists"))
    }

    pub(crate) fn unknown_option(option: &[u8]) -> Error {
        let line = [b"ERR Unknown option given: ", c_string(option).trim_ascii_end()].concat();
        Error::owned(ErrorKind::InvalidArgument, one_line(line))
    }

    pub(crate) fn unknown_list_argument(argument: &[u8]) -> Error {
        let line = [b"ERR Unknown argument ", c_string(argument)].concat();
        Error::owned(ErrorKind::InvalidArgument, one_line(line))
    }

    /// A subcommand with more arguments than it takes, where the table does not say how many those are.
    pub(crate) fn wrong_subcommand(subcommand: &[u8], container: &str) -> Error {
        let name = c_string(subcommand);
        let mut line = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
        line.extend_from_slice(&name[..name.len().min(128)]);
        line.extend_from_slice(format!("'. Try {container} HELP.").as_bytes());
        Error::owned(ErrorKind::WrongArity, one_line(line))
    }

    pub(crate) fn error_in_handler(sha: &str) -> Error {
        Error::owned(
            ErrorKind::ScriptRuntime,
            format!("ERR Error running script {sha}, error in error handling"),
        )
    }

    #[cfg(feature = "resp")]
    pub(crate) const MAX_CLIENTS: Error =
        Error::fixed(&Fixed { kind: ErrorKind::NotAllowed, text: "ERR max number of clients reached" });

    /// What is told a peer that breaks the serialization protocol.
    #[cfg(feature = "resp")]
    pub(crate) fn protocol(what: &str) -> Error {
        Error::owned(ErrorKind::InvalidArgument, format!("ERR Protocol error: {what}"))
    }

    #[cfg(feature = "resp")]
    pub(crate) fn protocol_byte(what: &str, byte: u8) -> Error {
        let line = [b"ERR Protocol error: ", what.as_bytes(), b" '", &[byte], b"'"].concat();
        Error::owned(ErrorKind::InvalidArgument, one_line(line))
    }

    /// An EXEC that could not be tried.
    pub(crate) fn exec_refused(error: &Error) -> Error {
        let line = error.as_bytes();
        let why = line.strip_prefix(b"ERR ").unwrap_or(line);
        let text = [b"EXECABORT Transaction discarded because of: ", why].concat();
        Error::owned(ErrorKind::NotAllowed, text)
    }

    pub(crate) fn conversion(found: &str, wanted: &str) -> Error {
        Error::owned(
            ErrorKind::Conversion,
            format!("ERR the reply is {found}, which does not convert to {wanted}"),
        )
    }
}

/// What C code would see of these bytes: all before the first NUL.
fn c_string(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// An error is one line: CR and LF become spaces.
pub(crate) fn one_line(mut line: Vec<u8>) -> Vec<u8> {
    for byte in &mut line {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    line
}
